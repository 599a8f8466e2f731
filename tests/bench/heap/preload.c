/*
 * The C library's allocation functions over the exchange heap: libferrite-heap.so, for LD_PRELOAD. The heap's fast paths are
 * compiled into them, so that they cost what they cost in the kernel.
 */
#define _GNU_SOURCE
#include "../../../heap/exchange.c"

#include "host.h"

#include <errno.h>
#include <ferrite/context.h>
#include <ferrite/task.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

static FE_NORETURN void stop(const char *format, va_list arguments) {
    char line[256];
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        _exit(127);
    abort();
}

void fe_panic_at(const char *file, int line, const char *format, ...) {
    (void)file, (void)line;
    va_list arguments;
    va_start(arguments, format);
    stop(format, arguments);
}

void fe_fail_at(const char *file, int line, const char *format, ...) {
    (void)file, (void)line;
    va_list arguments;
    va_start(arguments, format);
    stop(format, arguments);
}

enum fe_context_kind fe_context(void) {
    return FE_CONTEXT_TASK;
}

void fe_arch_memory_is_out(void) {
    errno = ENOMEM;
}

static void *allocate_visiting(size_t alignment, size_t bytes) {
    if (!fe_host_visit())
        return NULL;
    void *block = allocate_aligned(alignment, bytes, NULL);
    fe_host_leave();
    return block;
}

void *fe_arch_alloc_heapless(size_t bytes) {
    return fe_host_attach() ? malloc(bytes) : allocate_visiting(1, bytes);
}

PUBLIC void *malloc(size_t bytes) {
    return allocate(bytes, NULL);
}

PUBLIC void free(void *block) __attribute__((alias("fe_heap_free")));

PUBLIC void *calloc(size_t count, size_t bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = malloc(total);
    /* A volatile pointer, so that this is not made into a call of calloc. */
    void *volatile zeroed = block;
    if (block != NULL)
        memset(zeroed, 0, total);
    return block;
}

PUBLIC void *realloc(void *block, size_t bytes) {
    if (block == NULL)
        return malloc(bytes);
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    struct fe_heap_place place = fe_heap_find(block);
    if (FE_UNLIKELY(!place.live))
        fe_heap_misuse("realloc", block);
    if (bytes <= place.size && (bytes > place.size / 2 || place.size == 16))
        return block;
    void *moved = malloc(bytes);
    if (moved != NULL) {
        memcpy(moved, block, bytes < place.size ? bytes : place.size);
        free(block);
    }
    return moved;
}

PUBLIC void *reallocarray(void *block, size_t count, size_t bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, total);
}

PUBLIC void *aligned_alloc(size_t alignment, size_t bytes) {
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        errno = EINVAL;
        return NULL;
    }
    if (fe_arch_core_heapless() && !fe_host_attach())
        return allocate_visiting(alignment, bytes);
    void *block = allocate_aligned(alignment, bytes, NULL);
    if (block == NULL)
        errno = ENOMEM;
    return block;
}

PUBLIC void *memalign(size_t alignment, size_t bytes) {
    return aligned_alloc(alignment, bytes);
}

PUBLIC int posix_memalign(void **block, size_t alignment, size_t bytes) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    int before = errno;
    void *made = aligned_alloc(alignment, bytes);
    errno = before;
    if (made == NULL)
        return ENOMEM;
    *block = made;
    return 0;
}

PUBLIC void *valloc(size_t bytes) {
    return aligned_alloc(FE_PAGE_SIZE, bytes);
}

PUBLIC void *pvalloc(size_t bytes) {
    return aligned_alloc(FE_PAGE_SIZE, (bytes + FE_PAGE_SIZE - 1) & ~(size_t)(FE_PAGE_SIZE - 1));
}

PUBLIC size_t malloc_usable_size(void *block) {
    return block == NULL ? 0 : fe_heap_usable_size(block);
}
