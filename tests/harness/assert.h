/* assert() in the guest: fails the task. */
#include <ferrite/task.h>
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) fe_assert(condition)
#endif
#ifndef static_assert
#define static_assert _Static_assert
#endif
