/*
 * Statistics and leaks. Each figure is kept by the core that causes it, with plain increments; whoever asks adds them
 * up. Aligned words do not tear on the machines that we run on, so a reader sees a figure that was true a moment ago,
 * and an exact one when nobody allocates: a core that sorts what it has meanwhile, as those do that fall idle, is waited for.
 *
 * A block belongs, in figures as in fact, to the core that allocated it. What other cores free of it is counted by
 * them, by owner, so that a core's live blocks are exact without anybody writing to another's counters.
 */
#include "internal.h"

#include <arch/atomic.h>
#include <ferrite/task.h>

/* How often the books are added up anew. Far more than needed, unless a core was stopped in the middle. */
#define ATTEMPTS 10000

/* Relaxed: a figure, no order. */
#define READ(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* Blocks of `owner` that `other` has freed and not posted yet, by size. */
FE_GLANCE static void add_gathered(const struct fe_heap_core *other, unsigned owner, uint64_t *blocks, uint64_t *bytes) {
    for (unsigned n = 0; n < FE_GATHERS; n++) {
        const struct fe_gather *gather = &other->gather[n];
        uint32_t key = READ(gather->key);
        if (key == 0 || (key - 1) / FE_CLASSES != owner)
            continue;
        uint64_t count = (uint64_t)(READ(gather->top) - &READ(gather->batch)->slot[1]);
        if (count > FE_BATCH_SLOTS) /* it has just been posted, or begun */
            continue;
        *blocks += count;
        *bytes += count * fe_class_size((key - 1) % FE_CLASSES);
    }
}

/* Slots of the class that the core has at hand, in its magazine and depot. */
FE_GLANCE static uint64_t at_hand(const struct fe_heap_core *heap, unsigned size_class) {
    const struct fe_slot *limit = READ(heap->magazine[size_class].limit);
    if (limit == NULL)
        return READ(heap->store[size_class].quarantined);
    uint64_t slots = (uint64_t)(READ(heap->magazine[size_class].top) - (limit - fe_class_magazine(size_class)));
    return (slots <= FE_BATCH_SLOTS ? slots : 0) + READ(heap->store[size_class].slots) +
           READ(heap->store[size_class].quarantined);
}

FE_GLANCE static void add_small(const struct fe_heap_core *heap, struct fe_heap_statistics *sum) {
    uint64_t slab_bytes = 0, live_bytes = 0;
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        const struct fe_store *store = &heap->store[size_class];
        uint64_t frees = READ(heap->magazine[size_class].frees);
        uint64_t allocations = frees + READ(store->supplied) - READ(store->returned) - at_hand(heap, size_class);
        uint64_t slabs = READ(store->slabs);
        sum->allocations += allocations;
        sum->frees += frees;
        live_bytes += (allocations - frees) * fe_class_size(size_class);
        slab_bytes += slabs * fe_class_count(size_class) * fe_class_size(size_class);
        sum->pages += slabs << fe_class_slab_order(size_class);
    }
    for (unsigned core = 0; core < FE_CORES_MAX; core++) {
        const struct fe_heap_core *other = fe_heap_core_at(core);
        if (other == NULL || other == heap)
            continue;
        uint64_t blocks = READ(other->freed[heap->index].blocks), bytes = READ(other->freed[heap->index].bytes);
        add_gathered(other, heap->index, &blocks, &bytes);
        sum->remote_frees += blocks;
        sum->frees += blocks;
        live_bytes -= bytes;
    }
    if ((int64_t)live_bytes < 0) /* a free seen before the allocation that it undoes */
        live_bytes = 0;
    sum->live_bytes += live_bytes;
    sum->cached_bytes += slab_bytes > live_bytes ? slab_bytes - live_bytes : 0;
}

FE_GLANCE static void add_large(const struct fe_heap_core *heap, struct fe_heap_statistics *sum) {
    uint64_t bytes = READ(heap->large_allocated_bytes) - READ(heap->large_freed_bytes);
    sum->allocations += READ(heap->large_allocations);
    sum->frees += READ(heap->large_frees);
    for (unsigned core = 0; core < FE_CORES_MAX; core++) {
        const struct fe_heap_core *other = fe_heap_core_at(core);
        if (other == NULL)
            continue;
        const struct fe_freed *freed = &other->freed[heap->index];
        sum->remote_frees += READ(freed->large_blocks);
        sum->frees += READ(freed->large_blocks);
        bytes -= READ(freed->large_bytes);
    }
    if ((int64_t)bytes < 0) /* as above */
        bytes = 0;
    sum->live_bytes += bytes;
    sum->pages += bytes / FE_PAGE_SIZE;
}

/* How often any core has moved blocks between its books; false: one does just now. */
FE_GLANCE static bool books_at_rest(uint64_t *moves) {
    *moves = 0;
    bool at_rest = true;
    for (unsigned index = 0; index < FE_CORES_MAX; index++) {
        const struct fe_heap_core *heap = fe_heap_core_at(index);
        if (heap == NULL)
            continue;
        /* Acquire, both: pair with fe_books_close. */
        at_rest &= __atomic_load_n(&heap->moving, __ATOMIC_ACQUIRE) == 0;
        *moves += __atomic_load_n(&heap->moves, __ATOMIC_ACQUIRE);
    }
    return at_rest;
}

FE_GLANCE static void sum_up(int core, struct fe_heap_statistics *statistics) {
    struct fe_heap_statistics sum = {0};
    for (unsigned index = 0; index < FE_CORES_MAX; index++) {
        const struct fe_heap_core *heap = fe_heap_core_at(index);
        if (heap == NULL || (core != FE_ANY_CORE && core != (int)index))
            continue;
        add_small(heap, &sum);
        add_large(heap, &sum);
    }
    if (core == FE_ANY_CORE)
        sum.pages += READ(fe_heap_grants.metadata_pages) + READ(fe_heap_map.pages);
    sum.live_blocks = sum.allocations > sum.frees ? sum.allocations - sum.frees : 0;
    *statistics = sum;
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* before the books are looked at again; pairs with fe_books_open */
}

void fe_heap_statistics(int core, struct fe_heap_statistics *statistics) {
    uint64_t before, after;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        bool at_rest = books_at_rest(&before);
        sum_up(core, statistics);
        if (at_rest && books_at_rest(&after) && after == before)
            return;
        fe_arch_relax();
    }
}

static size_t leaks_of_slab(const struct fe_span *slab, void (*report)(const struct fe_heap_leak *, void *),
                            void *argument) {
    size_t found = 0;
    for (uint32_t slot = 0; slot < slab->count; slot++) {
        if (fe_slot_state(&slab->state[slot]) != FE_SLOT_LIVE)
            continue;
        found++;
        struct fe_heap_leak leak = {(void *)(slab->base + (uintptr_t)slot * slab->size), slab->size, slab->core,
                                    fe_note_site(slab, slot)};
        if (report != NULL)
            report(&leak, argument);
    }
    return found;
}

size_t fe_heap_leaks(void (*report)(const struct fe_heap_leak *leak, void *argument), void *argument) {
    size_t found = 0;
    for (unsigned index = 0; index < FE_CORES_MAX; index++) {
        const struct fe_heap_core *heap = fe_heap_core_at(index);
        for (unsigned size_class = 0; heap != NULL && size_class < FE_CLASSES; size_class++) {
            for (const struct fe_span *slab = heap->store[size_class].partial; slab != NULL; slab = slab->next)
                found += leaks_of_slab(slab, report, argument);
            for (const struct fe_span *slab = heap->store[size_class].full; slab != NULL; slab = slab->next)
                found += leaks_of_slab(slab, report, argument);
        }
    }
    for (const struct fe_span *span = fe_heap_grants.large; span != NULL; span = span->next) {
        struct fe_heap_leak leak = {(void *)span->base, span->bytes, span->core, fe_note_site(span, 0)};
        found++;
        if (report != NULL)
            report(&leak, argument);
    }
    return found;
}
