/* Part of Criterion's interface that <ferrite/test.h> offers whole. */
#include <criterion/criterion.h>
