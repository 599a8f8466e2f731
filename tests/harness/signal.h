/* The signals that tests name; <ferrite/test.h> says what they mean in the guest. */
#ifndef FE_HARNESS_SIGNAL_H
#define FE_HARNESS_SIGNAL_H
#include <ferrite/test.h>
#endif
