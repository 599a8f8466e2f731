/*
 * Blocks freed on another core than their own. The freeing core poisons the block, marks its slot and gathers its
 * address in a batch for the owner; a full batch is posted with one atomic exchange, and drained by the owner without
 * touching the blocks.
 *
 * The inbox is a stack of batches (batch.h), of which the owner takes all at once and drains as much as it needs.
 *
 * When there is no memory for a batch, the slot is marked as stranded instead, and the owner told to sweep: freeing
 * never fails, and never writes into a block.
 *
 * Rejected: links through the freed blocks (they would have to be read to be drained, and could not stay poisoned); a
 * remote list per slab, as in mimalloc (an atomic per block).
 */
#include "internal.h"
#include "page.h"

_Static_assert(sizeof(struct fe_batch) == 512, "a batch is one metadata item");

/* Batches are taken from metadata memory, and given back to it, by half of what a core keeps. */
#define BATCHES_AT_ONCE (FE_HEAP_SPARE_BATCHES / 2)

static struct fe_batch *take_batch(struct fe_heap_core *heap) {
    if (heap->spare_count == 0) {
        fe_spinlock_acquire(&fe_heap_grants.lock);
        while (heap->spare_count < BATCHES_AT_ONCE) {
            struct fe_batch *batch = fe_metadata_alloc(sizeof(*batch));
            if (batch == NULL)
                break;
            heap->spare[heap->spare_count++] = batch;
        }
        fe_spinlock_release(&fe_heap_grants.lock);
        if (heap->spare_count == 0)
            return NULL;
    }
    struct fe_batch *batch = heap->spare[--heap->spare_count];
    batch->count = 0;
    return batch;
}

static void release_spares(struct fe_heap_core *heap, uint32_t down_to) {
    fe_spinlock_acquire(&fe_heap_grants.lock);
    while (heap->spare_count > down_to)
        fe_metadata_free(heap->spare[--heap->spare_count]);
    fe_spinlock_release(&fe_heap_grants.lock);
}

void fe_remote_release_spares(struct fe_heap_core *heap) {
    if (heap->spare_count != 0)
        release_spares(heap, 0);
}

static void recycle(struct fe_heap_core *heap, struct fe_batch *batch) {
    if (heap->spare_count == FE_HEAP_SPARE_BATCHES)
        release_spares(heap, BATCHES_AT_ONCE);
    heap->spare[heap->spare_count++] = batch;
}

/* Sends what is gathered for core `index` home. */
static void post(struct fe_heap_core *heap, unsigned index) {
    struct fe_batch *batch = heap->gather[index].batch;
    struct fe_heap_core *owner = fe_heap_core_at(index);
    heap->gather[index].batch = NULL;
    heap->gathered &= ~(UINT64_C(1) << index);
    fe_batch_push(&owner->inbox, batch);
}

void fe_remote_free(struct fe_heap_core *heap, struct fe_span *slab, void *block, uint8_t *state) {
    struct fe_gather *gather = &heap->gather[slab->core];
    gather->blocks++;
    gather->bytes += slab->size;
    fe_poison_fill(block, slab->size);
    if (gather->batch == NULL)
        gather->batch = take_batch(heap);
    struct fe_batch *batch = gather->batch;
    if (FE_UNLIKELY(batch == NULL)) {
        struct fe_heap_core *owner = slab->owner;
        /* Release, both: pair with the acquires in fe_slab_sweep and fe_remote_drain; the state comes before the flag,
         * so a sweep that follows the flag sees it. */
        __atomic_store_n(state, FE_SLOT_STRANDED, __ATOMIC_RELEASE);
        __atomic_store_n(&owner->stranded, 1, __ATOMIC_RELEASE);
        return;
    }
    fe_slot_set(state, FE_SLOT_REMOTE);
    batch->block[batch->count++] = block;
    heap->gathered |= UINT64_C(1) << slab->core;
    if (batch->count == FE_BATCH_BLOCKS)
        post(heap, slab->core);
}

/* One block that came home: into its magazine while there is room, else into its slab. */
static void welcome(struct fe_heap_core *heap, void *block) {
    struct fe_span *slab = fe_span_at(block);
    uint32_t slot = (uint32_t)(fe_span_slot((uint32_t)(uintptr_t)block - slab->base_low, slab->reciprocal) >> 32);
    if (FE_UNLIKELY(slab->owner != heap || fe_slot_state(&slab->state[slot]) != FE_SLOT_REMOTE))
        fe_heap_misuse("fe_heap_free", block); /* two cores freed it at once */
    fe_slot_set(&slab->state[slot], FE_SLOT_FREE);
    struct fe_magazine *magazine = &heap->magazine[slab->size_class];
    if (magazine->top + 1 < magazine->limit) {
        *magazine->top++ = (struct fe_slot){block, &slab->state[slot]};
        magazine->supplied++;
    } else {
        fe_slab_return(heap, slab, slot);
    }
}

size_t fe_remote_drain(struct fe_heap_core *heap, size_t most) {
    size_t done = 0;
    /* Relaxed: a hint; what is posted after it is found the next time. */
    if (FE_UNLIKELY(__atomic_load_n(&heap->stranded, __ATOMIC_RELAXED) != 0)) {
        /* Acquire: pairs with the release in fe_remote_free. Cleared first, so that what is stranded from now on is
         * swept again. */
        __atomic_exchange_n(&heap->stranded, 0, __ATOMIC_ACQUIRE);
        done = fe_slab_sweep(heap);
    }
    while (done < most) {
        struct fe_batch *batch = heap->incoming;
        if (batch == NULL) {
            if (!fe_batch_waiting(&heap->inbox))
                break;
            batch = heap->incoming = fe_batch_take(&heap->inbox);
            heap->incoming_next = 0;
        }
        while (heap->incoming_next < batch->count && done < most) {
            done++;
            welcome(heap, batch->block[heap->incoming_next++]);
        }
        if (heap->incoming_next < batch->count)
            break;
        struct fe_batch *next;
        if (!fe_batch_next(batch, &next))
            break;
        heap->incoming = next;
        heap->incoming_next = 0;
        recycle(heap, batch);
    }
    return done;
}

size_t fe_heap_poll(void) {
    struct fe_heap_core *heap = fe_heap_core();
    /* Relaxed: hints, as in fe_remote_drain. */
    if (FE_LIKELY(heap->incoming == NULL) && FE_LIKELY(!fe_batch_waiting(&heap->inbox)) &&
        FE_LIKELY(__atomic_load_n(&heap->stranded, __ATOMIC_RELAXED) == 0))
        return 0;
    return fe_remote_drain(heap, SIZE_MAX);
}

void fe_heap_flush(void) {
    struct fe_heap_core *heap = fe_heap_core();
    while (heap->gathered != 0)
        post(heap, (unsigned)__builtin_ctzll(heap->gathered));
}

void fe_heap_trim(void) {
    struct fe_heap_core *heap = fe_heap_core();
    fe_heap_flush();
    fe_heap_poll();
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        struct fe_magazine *magazine = &heap->magazine[size_class];
        fe_slab_spill(heap, magazine, (size_t)(magazine->top - magazine->base));
    }
    fe_slab_release_empty(heap);
    fe_remote_release_spares(heap);
    fe_page_trim();
}
