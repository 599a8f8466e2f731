/* The few functions of <stdlib.h> that tests use; guest builds have no libc yet. See libc.c. */
#ifndef FE_HARNESS_STDLIB_H
#define FE_HARNESS_STDLIB_H
#include <stddef.h>
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
/* Ends the calling task with `status`; abort() fails it, which counts as SIGABRT. */
_Noreturn void exit(int status);
_Noreturn void abort(void);
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *block, size_t bytes);
void free(void *block);
int abs(int value);
#endif
