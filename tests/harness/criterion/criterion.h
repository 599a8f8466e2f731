/* Criterion's header, as guest builds see it. <ferrite/test.h> says what is offered. */
#ifndef FE_HARNESS_CRITERION_H
#define FE_HARNESS_CRITERION_H

#include <criterion/alloc.h>
#include <ferrite/test.h>

#endif
