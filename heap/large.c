/*
 * Blocks above 32 KiB: runs of pages, with a span each. They go straight to and from the page allocator, on whichever
 * core frees them, so nothing large waits in a batch.
 *
 * A run is longer than 8 pages and so begins at a multiple of 64 KiB: no two blocks begin in one chunk of the map, and
 * only the chunk where a block begins is entered, whatever its length.
 *
 * Known cost: what a run leaves of its power of two serves only shorter runs, so a memory full of blocks of 40,000
 * bytes holds five eighths of what it could. Blocks of a power of two, or many sizes mixed, fill it.
 */
#include "internal.h"
#include "page.h"

#include <ferrite/panic.h>

void *fe_large_alloc(size_t bytes, size_t alignment) {
    struct fe_heap_core *heap = fe_heap_core();
    size_t pages = bytes / FE_PAGE_SIZE + (bytes % FE_PAGE_SIZE != 0);
    if (alignment < FE_CHUNK_SIZE)
        alignment = FE_CHUNK_SIZE;
    unsigned order = (unsigned)__builtin_ctzll(alignment) - FE_PAGE_SHIFT;

    fe_spinlock_acquire(&fe_heap_grants.lock);
    struct fe_span *span = fe_metadata_alloc(sizeof(*span));
    uint64_t run = span != NULL ? fe_page_alloc_run_aligned(pages, order) : 0;
    if (run != 0) {
        *span = (struct fe_span){
            .kind = FE_SPAN_LARGE,
            .base = (uintptr_t)fe_direct(run),
            .bytes = pages * FE_PAGE_SIZE,
            .core = heap->index,
            .next = fe_heap_grants.large,
            .large_state = FE_SLOT_LIVE,
        };
        span->state = &span->large_state;
#ifdef FE_CHECKED
        span->note = &span->own_note;
#endif
        if (fe_span_publish(span->base, 1, span) != FE_OK) {
            fe_page_free_run(run, pages);
            run = 0;
        }
    }
    if (run != 0) {
        if (span->next != NULL)
            span->next->previous = span;
        fe_heap_grants.large = span;
    } else if (span != NULL) {
        fe_metadata_free(span);
    }
    fe_spinlock_release(&fe_heap_grants.lock);
    if (run == 0)
        return NULL;
    heap->large_allocations++;
    heap->large_allocated_bytes += pages * FE_PAGE_SIZE;
    return fe_direct(run);
}

void fe_large_free(void *block) {
    struct fe_heap_core *heap = fe_heap_core();
    fe_spinlock_acquire(&fe_heap_grants.lock);
    struct fe_span *span = fe_span_at(block);
    if (FE_UNLIKELY(span->kind != FE_SPAN_LARGE || span->base != (uintptr_t)block)) {
        fe_spinlock_release(&fe_heap_grants.lock);
        fe_heap_misuse("fe_heap_free", block);
    }
    size_t bytes = span->bytes;
    unsigned core = span->core;
    /* The entry exists, so this cannot fail. */
    fe_status published = fe_span_publish(span->base, 1, &fe_span_freed);
    fe_check(published == FE_OK);
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        fe_heap_grants.large = span->next;
    if (span->next != NULL)
        span->next->previous = span->previous;
    fe_metadata_free(span);
    fe_spinlock_release(&fe_heap_grants.lock);
    fe_page_free_run(fe_direct_physical(block), bytes / FE_PAGE_SIZE);
    if (core == heap->index) {
        heap->large_frees++;
        heap->large_freed_bytes += bytes;
    } else {
        heap->freed[core].large_blocks++;
        heap->freed[core].large_bytes += bytes;
    }
}
