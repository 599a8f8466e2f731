/*
 * Base types, attributes and status codes that every Ferrite header uses.
 *
 * Nothing here allocates, blocks or reads per-core state; all of it may be used in any context.
 */
#ifndef FERRITE_BASE_H
#define FERRITE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FE_PRINTF(fmt_index, args_index) __attribute__((format(printf, fmt_index, args_index)))
#define FE_NORETURN __attribute__((noreturn))
#define FE_MUST_CHECK __attribute__((warn_unused_result))
#define FE_LIKELY(x) __builtin_expect(!!(x), 1)
#define FE_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define FE_ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* The object of type `type` whose member `member` is at `pointer`. */
#define FE_CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* The most cores that one image can run. A machine with more uses the first FE_CORES_MAX of them. */
#ifndef FE_CORES_MAX
#define FE_CORES_MAX 64
#endif

/* Status of an operation: zero for success, negative for an error. */
typedef enum fe_status {
    FE_OK = 0,
    FE_ENOMEM = -1,    /* no memory (heap, pages or address space) */
    FE_EINVAL = -2,    /* an argument is outside its documented range */
    FE_ECLOSED = -3,   /* the pipe is closed and (for a receive) drained */
    FE_EAGAIN = -4,    /* the operation would block, and was asked not to */
    FE_ETIMEDOUT = -5, /* the deadline passed first */
    FE_ENOENT = -6,    /* no such name, id or device */
    FE_ECONTEXT = -7,  /* not allowed in the calling context */
    FE_EIO = -8,       /* a device reported an error or broke its protocol */
    FE_ENOTSUP = -9,   /* the machine or the build lacks it */
    FE_EBUSY = -10,    /* somebody else holds it */
    FE_EKILLED = -11,  /* the task was asked to fail while it waited */
    FE_EPARSE = -12,   /* malformed input */
} fe_status;

/* A constant string for `status`, such as "out of memory". Any context; never NULL. */
const char *fe_status_string(fe_status status);

/* Time in nanoseconds: an instant since boot, or a length. */
typedef uint64_t fe_nanoseconds;

#define FE_MICROSECOND ((fe_nanoseconds)1000)
#define FE_MILLISECOND ((fe_nanoseconds)1000000)
#define FE_SECOND ((fe_nanoseconds)1000000000)

/* A deadline that never comes. */
#define FE_FOREVER UINT64_MAX

#ifdef __cplusplus
}
#endif
#endif
