/*
 * Blocks freed on another core than their own. The freeing core has checked and poisoned the block and set its slot's
 * state by the time it comes here; the slot goes into a batch for its owner and class. A full batch is posted by one
 * atomic exchange. Its owner takes it as it is: as a magazine, or into its depot, without a look at blocks or slots.
 *
 * A core gathers for FE_GATHERS owners and classes at a time, found by a hash; where two meet, the first is posted early.
 * What is gathered is posted when the core goes idle.
 *
 * When there is no memory for a batch, the slot is marked as stranded instead, and the owner told to sweep: freeing
 * never fails, and never writes a link into a block.
 *
 * Rejected: links through the freed blocks (they would have to be read to be drained, and could not stay poisoned); a
 * remote list per slab, as in mimalloc (an atomic per block).
 */
#include "internal.h"
#include "page.h"

_Static_assert(sizeof(struct fe_batch) <= 576, "seven batches to a page of metadata");

/* Batches are taken from metadata memory, and given back to it, by so many. */
#define BATCHES_AT_ONCE 2

/* Fewer slots than this are poured from a posted batch into the magazine, so that batches of one or two, which cores post
 * that are often idle, do not fill the depot. */
#define POUR_MOST 8

struct fe_batch *fe_batch_obtain(struct fe_heap_core *heap, unsigned size_class) {
    if (heap->spare_count == 0) {
        fe_spinlock_acquire(&fe_heap_grants.lock);
        while (heap->spare_count < BATCHES_AT_ONCE) {
            struct fe_batch *batch = fe_metadata_alloc(sizeof(*batch));
            if (batch == NULL)
                break;
            fe_slot_bottom(&batch->slot[0]);
            batch->older = heap->spare;
            heap->spare = batch;
            heap->spare_count++;
        }
        fe_spinlock_release(&fe_heap_grants.lock);
        if (heap->spare_count == 0)
            return NULL;
    }
    struct fe_batch *batch = heap->spare;
    heap->spare = batch->older;
    heap->spare_count--;
    batch->size_class = size_class;
    return batch;
}

static void release_spares(struct fe_heap_core *heap, uint32_t down_to) {
    fe_spinlock_acquire(&fe_heap_grants.lock);
    while (heap->spare_count > down_to) {
        struct fe_batch *batch = heap->spare;
        heap->spare = batch->older;
        heap->spare_count--;
        fe_metadata_free(batch);
    }
    fe_spinlock_release(&fe_heap_grants.lock);
}

void fe_batch_release_spares(struct fe_heap_core *heap) {
    if (heap->spare_count != 0)
        release_spares(heap, 0);
}

void fe_batch_recycle(struct fe_heap_core *heap, struct fe_batch *batch) {
    if (heap->spare_count == FE_HEAP_SPARE_BATCHES)
        release_spares(heap, FE_HEAP_SPARE_BATCHES - BATCHES_AT_ONCE);
    batch->older = heap->spare;
    heap->spare = batch;
    heap->spare_count++;
}

/* Sends what entry `index` holds home. */
static void post(struct fe_heap_core *heap, unsigned index) {
    struct fe_gather *gather = &heap->gather[index];
    struct fe_batch *batch = gather->batch;
    unsigned owner = (gather->key - 1) / FE_CLASSES;
    uint32_t count = (uint32_t)(gather->top - &batch->slot[1]);
    batch->count = count;
    gather->key = 0;
    heap->gathered[index / 64] &= ~(UINT64_C(1) << index % 64);
    heap->freed[owner].blocks += count;
    heap->freed[owner].bytes += (uint64_t)count * fe_class_size(batch->size_class);
    fe_batch_push(&fe_heap_core_at(owner)->inbox, batch);
}

static void strand(struct fe_heap_core *heap, struct fe_span *slab, const struct fe_slot *slot) {
    struct fe_heap_core *owner = slab->owner;
    heap->freed[slab->core].blocks++;
    heap->freed[slab->core].bytes += slab->size;
    /* Release, both: pair with the acquires in fe_slab_sweep and fe_remote_accept; the state comes before the flag,
     * so a sweep that follows the flag sees it. */
    __atomic_store_n(&slab->state[fe_slot_index(slab, slot)], FE_SLOT_STRANDED, __ATOMIC_RELEASE);
    __atomic_store_n(&owner->stranded, 1, __ATOMIC_RELEASE);
}

/* Makes the slab's entry of gather ready to take its slots; false if there is no memory. */
static bool begin(struct fe_heap_core *heap, struct fe_span *slab) {
    struct fe_gather *gather = &heap->gather[slab->gather];
    if (gather->key != 0)
        post(heap, slab->gather);
    struct fe_batch *batch = fe_batch_obtain(heap, slab->size_class);
    if (batch == NULL)
        return false;
    gather->batch = batch;
    gather->top = &batch->slot[1];
    gather->limit = &batch->slot[1 + fe_class_magazine(slab->size_class)];
    gather->key = slab->key;
    heap->gathered[slab->gather / 64] |= UINT64_C(1) << slab->gather % 64;
    return true;
}

void fe_remote_begin(struct fe_heap_core *heap, struct fe_span *slab, struct fe_slot slot) {
    if (!begin(heap, slab)) {
        strand(heap, slab, &slot);
        return;
    }
    *heap->gather[slab->gather].top++ = slot;
}

void fe_remote_post(struct fe_heap_core *heap, struct fe_span *slab) {
    post(heap, slab->gather);
}

/* A batch that came home. */
static void welcome(struct fe_heap_core *heap, struct fe_batch *batch) {
    unsigned size_class = batch->size_class;
    struct fe_magazine *magazine = &heap->magazine[size_class];
    struct fe_slot *top = magazine->top;
    heap->store[size_class].supplied += batch->count;
    if (batch->count > POUR_MOST || magazine->limit - top <= (ptrdiff_t)batch->count) {
        fe_depot_add(heap, batch, batch->count);
        return;
    }
    for (uint32_t n = 1; n <= batch->count; n++)
        *top++ = batch->slot[n];
    magazine->top = top;
    fe_batch_recycle(heap, batch);
}

size_t fe_remote_accept(struct fe_heap_core *heap, unsigned most) {
    size_t done = 0;
    /* Relaxed: a hint; what is posted after it is found the next time. */
    if (FE_UNLIKELY(__atomic_load_n(&heap->stranded, __ATOMIC_RELAXED) != 0)) {
        /* Acquire: pairs with the release in strand. Cleared first, so that what is stranded from now on is swept
         * again. */
        __atomic_exchange_n(&heap->stranded, 0, __ATOMIC_ACQUIRE);
        done = fe_slab_sweep(heap);
    }
    for (unsigned n = 0; n < most; n++) {
        struct fe_batch *batch = heap->incoming, *next;
        if (batch == NULL) {
            if (!fe_batch_waiting(&heap->inbox))
                break;
            batch = heap->incoming = fe_batch_take(&heap->inbox);
        }
        if (!fe_batch_next(batch, &next))
            break;
        heap->incoming = next;
        done += batch->count;
        welcome(heap, batch);
    }
    return done;
}

/* Relaxed: hints, as in fe_remote_accept. */
static inline bool has_nothing_due(struct fe_heap_core *heap) {
    return FE_LIKELY(heap->incoming == NULL) && FE_LIKELY(heap->overfull == 0) &&
           FE_LIKELY(!fe_batch_waiting(&heap->inbox));
}

void (*fe_heap_scarce)(void);

size_t fe_heap_poll(void) {
    struct fe_heap_core *heap = fe_heap_core();
    if (has_nothing_due(heap) && FE_LIKELY(__atomic_load_n(&heap->stranded, __ATOMIC_RELAXED) == 0)) /* as above */
        return 0;
    if (FE_UNLIKELY(heap->overfull & FE_PAGES_SCARCE)) {
        heap->overfull &= ~FE_PAGES_SCARCE;
        if (fe_heap_scarce)
            fe_heap_scarce();
    }
    fe_books_open(heap);
    size_t done = fe_remote_accept(heap, FE_ACCEPT_MOST);
    if (heap->overfull != 0)
        fe_depot_relieve(heap, (unsigned)__builtin_ctzll(heap->overfull));
    fe_books_close(heap);
    return done;
}

bool fe_heap_flush(void) {
    struct fe_heap_core *heap = fe_heap_core();
    uint64_t any = 0;
    for (unsigned word = 0; word < FE_GATHERS / 64; word++)
        any |= heap->gathered[word];
    if (FE_UNLIKELY(any != 0)) {
        fe_books_open(heap);
        for (unsigned word = 0; word < FE_GATHERS / 64; word++)
            while (heap->gathered[word] != 0)
                post(heap, word * 64 + (unsigned)__builtin_ctzll(heap->gathered[word]));
        fe_books_close(heap);
    }
    return has_nothing_due(heap);
}

void fe_heap_trim(void) {
    struct fe_heap_core *heap = fe_heap_core();
    fe_heap_flush();
    fe_remote_accept(heap, UINT32_MAX);
    fe_slab_trim(heap);
    fe_batch_release_spares(heap);
    fe_page_trim();
}
