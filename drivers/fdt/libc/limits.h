/* What libfdt takes from <limits.h>; the compiler's own would go on to the host C library's. */
#ifndef FERRITE_LIBFDT_LIMITS_H
#define FERRITE_LIBFDT_LIMITS_H

#define INT_MAX __INT_MAX__
#define UINT_MAX (__INT_MAX__ * 2U + 1U)

#endif
