/*
 * The exchange heap: the global allocator. A block has one owner at a time and moves between tasks by pointer.
 *
 * Works in every context but interrupt handlers, and before the schedulers run. Blocks are aligned to 16 bytes.
 * Allocation and freeing take no lock and touch no line that another core writes; a block freed on another core than the
 * one that allocated it is sent home by message, in batches.
 */
#ifndef FERRITE_HEAP_H
#define FERRITE_HEAP_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A block of at least `bytes` bytes (0 is taken as 1), contents undefined. Not in interrupt handlers; does not block.
 * Plain form: fails the calling task (outside a task: panics) when memory is out. try form: NULL.
 */
void *fe_heap_alloc(size_t bytes) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *fe_heap_try_alloc(size_t bytes) __attribute__((malloc, alloc_size(1)));

/* The same, zeroed, for `count` elements of `bytes` bytes; an overflowing product counts as out of memory. */
void *fe_heap_alloc_zeroed(size_t count, size_t bytes) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *fe_heap_try_alloc_zeroed(size_t count, size_t bytes) __attribute__((malloc, alloc_size(1, 2)));

/* The same, aligned to `alignment`, a power of two of at most 2 MiB (else FE_EINVAL: plain form fails, try form NULL). */
void *fe_heap_alloc_aligned(size_t alignment, size_t bytes) __attribute__((malloc, alloc_size(2), returns_nonnull));
void *fe_heap_try_alloc_aligned(size_t alignment, size_t bytes) __attribute__((malloc, alloc_size(2)));

/*
 * Grows or shrinks `block` to `bytes`, moving it if needed; NULL allocates. On failure of the try form the old block is
 * untouched and NULL is returned.
 */
void *fe_heap_realloc(void *block, size_t bytes) __attribute__((alloc_size(2), returns_nonnull));
void *fe_heap_try_realloc(void *block, size_t bytes) __attribute__((alloc_size(2)));

/*
 * Frees `block`, which any core may have allocated; NULL is allowed. A pointer that is not the start of a live block
 * (freed twice, foreign, interior) is a failure of the calling task (outside a task: a panic) that names it.
 */
void fe_heap_free(void *block);

/* The bytes that may be used at `block`, at least what was asked for. */
size_t fe_heap_usable_size(const void *block);

struct fe_heap_statistics {
    uint64_t allocations;  /* blocks ever allocated */
    uint64_t frees;        /* blocks ever freed */
    uint64_t remote_frees; /* of these, freed on another core than their own */
    uint64_t live_blocks;
    uint64_t live_bytes;   /* by usable size */
    uint64_t cached_bytes; /* free, held for reuse */
    uint64_t pages;        /* 4 KiB pages held from the page allocator */
};

/* Statistics of core `core`'s heap, or the sum over cores if `core` is FE_ANY_CORE (-1). Any context. Exact while
 * nobody allocates or frees; else each figure is true of some moment just past. Waits for cores that fall idle just then. */
void fe_heap_statistics(int core, struct fe_heap_statistics *statistics);

#ifdef __cplusplus
}
#endif
#endif
