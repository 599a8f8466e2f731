/*
 * Slabs: spans of equal slots, owned by one core; and the depot of full magazines before them.
 *
 * A slab is in one of its class's lists: `partial`, `full` (nothing to give) or `empty` (nothing out). A slot that is in
 * its slab has its bit in `available`. A few slots at a time go from a slab to an empty magazine, beginning at a random
 * one of 64 and in shuffled order, so that what lies behind a block cannot be foretold; all of the same 64, so that
 * cores that free them write the same line of states. Nothing is written to a slot on its way, so a grant does not touch
 * the slab's memory.
 *
 * An overfull depot gives its oldest batch back, slot by slot. Empty slabs beyond one a class (none where they are
 * large) go back to the page allocator, at most RELEASE_MOST in one call, the rest when the core polls: so that each
 * call is short.
 */
#include "bitset.h"
#include "internal.h"
#include "page.h"

#define RELEASE_MOST 1
/* A quarter of a magazine in one call: what keeps a refill at 400 instructions. */
#define FILL_SHARE 4

static void list_add(struct fe_span **head, struct fe_span *slab) {
    slab->previous = NULL;
    slab->next = *head;
    if (*head != NULL)
        (*head)->previous = slab;
    *head = slab;
}

static void list_remove(struct fe_span **head, struct fe_span *slab) {
    if (slab->previous != NULL)
        slab->previous->next = slab->next;
    else
        *head = slab->next;
    if (slab->next != NULL)
        slab->next->previous = slab->previous;
}

/* Slabs --------------------------------------------------------------------------------------------------------- */

/* Where the states begin: on a line of their own, behind the bits. */
static size_t states_at(unsigned size_class) {
    size_t bits = (fe_class_count(size_class) + 63) / 64 * sizeof(uint64_t);
    return (sizeof(struct fe_span) + bits + FE_CACHE_LINE - 1) & ~(size_t)(FE_CACHE_LINE - 1);
}

/* One for each slot, and one for a tail that is too short to be a slot. */
static size_t states_of(unsigned size_class) {
    return (fe_class_slab_bytes(size_class) / fe_class_size(size_class) + 1 + 7) & ~(size_t)7;
}

static void describe(struct fe_span *slab, struct fe_heap_core *heap, unsigned size_class, uintptr_t base) {
    uint32_t size = fe_class_size(size_class), count = fe_class_count(size_class);
    *slab = (struct fe_span){
        .owner = heap,
        .state = (uint8_t *)slab + states_at(size_class),
        .base_low = (uint32_t)base,
        .reciprocal = fe_span_reciprocal(size),
        .size = size,
        .key = FE_CLASSES * heap->index + size_class + 1,
        .gather = (uint16_t)((FE_CLASSES * heap->index + size_class) % FE_GATHERS),
        .magazine = (uint8_t)(size_class * FE_MAGAZINE_WORDS),
        .size_class = (uint8_t)size_class,
        .kind = FE_SPAN_SLAB,
        .common = size_class >= fe_poison.common_from,
        .core = heap->index,
        .base = base,
        .bytes = fe_class_slab_bytes(size_class),
        .count = count,
        .cursor = (uint32_t)(fe_heap_random(heap) % ((count + 63) / 64)),
    };
    for (uint32_t word = 0; word < count / 64; word++)
        slab->available[word] = UINT64_MAX;
    if (count % 64 != 0)
        slab->available[count / 64] = (UINT64_C(1) << count % 64) - 1;
    __builtin_memset(slab->state, FE_SLOT_FRESH, states_of(size_class));
}

/* A slab of its own for the class; NULL when there is no memory. */
static struct fe_span *grant(struct fe_heap_core *heap, unsigned size_class) {
    unsigned order = fe_class_slab_order(size_class);
    fe_spinlock_acquire(&fe_heap_grants.lock);
    struct fe_span *slab = fe_metadata_alloc(states_at(size_class) + states_of(size_class));
    uint64_t pages = slab != NULL ? fe_page_alloc(order) : 0;
    if (pages != 0) {
        describe(slab, heap, size_class, (uintptr_t)fe_direct(pages));
        bool notes = fe_note_prepare(slab);
        if (!notes || fe_span_publish(slab->base, slab->bytes, slab) != FE_OK) {
            if (notes)
                fe_note_release(slab);
            fe_page_free(pages, order);
            pages = 0;
        }
    }
    if (pages == 0 && slab != NULL) {
        fe_metadata_free(slab);
        slab = NULL;
    }
    fe_spinlock_release(&fe_heap_grants.lock);
    if (slab != NULL)
        heap->store[size_class].slabs++;
    return slab;
}

/* Gives an empty slab, which is in no list, back to the page allocator. */
static void release(struct fe_heap_core *heap, struct fe_span *slab) {
    unsigned order = fe_class_slab_order(slab->size_class);
    heap->store[slab->size_class].slabs--;
    fe_spinlock_acquire(&fe_heap_grants.lock);
    if (fe_span_publish(slab->base, slab->bytes, &fe_span_freed) == FE_OK)
        fe_page_free(fe_direct_physical((void *)slab->base), order);
    fe_note_release(slab);
    fe_metadata_free(slab);
    fe_spinlock_release(&fe_heap_grants.lock);
}

/* Releases at most `most` empty slabs of the class and keeps `keep`. */
static void release_empty(struct fe_heap_core *heap, unsigned size_class, unsigned most, unsigned keep) {
    struct fe_store *store = &heap->store[size_class];
    for (unsigned n = 0; n < most && store->empties > keep; n++) {
        struct fe_span *slab = store->empty;
        list_remove(&store->empty, slab);
        store->empties--;
        release(heap, slab);
    }
}

static unsigned empties_kept(unsigned size_class) {
    return size_class <= FE_CLASS_SMALL_LAST ? 1 : 0;
}

/* After slots came back: moves the slab to the list where it belongs now. */
static void settle(struct fe_store *store, struct fe_span *slab, bool was_full) {
    if (was_full) {
        list_remove(&store->full, slab);
        list_add(&store->partial, slab);
    }
    if (slab->used == 0) {
        list_remove(&store->partial, slab);
        list_add(&store->empty, slab);
        store->empties++;
    }
}

static void return_slot(struct fe_heap_core *heap, const struct fe_slot *slot) {
    struct fe_span *slab = fe_span_at(slot->block);
    uint32_t index = fe_slot_index(slab, slot);
    uint64_t bit = UINT64_C(1) << index % 64, *word = &slab->available[index / 64];
    if (FE_UNLIKELY(slab->owner != heap || (*word & bit) != 0))
        fe_heap_misuse("fe_heap_free", slot->block); /* two cores freed it at once */
    *word |= bit;
    bool was_full = slab->used-- == slab->count;
    if (was_full || slab->used == 0)
        settle(&heap->store[slab->size_class], slab, was_full);
}

/* Batches and the depot ------------------------------------------------------------------------------------------ */

void fe_depot_add(struct fe_heap_core *heap, struct fe_batch *batch, uint32_t count) {
    struct fe_store *store = &heap->store[batch->size_class];
    batch->count = count;
    batch->older = store->newest;
    batch->newer = NULL;
    if (store->newest != NULL)
        store->newest->newer = batch;
    else
        store->oldest = batch;
    store->newest = batch;
    store->slots += count;
    if (++store->batches > fe_class_depot(batch->size_class))
        heap->overfull |= UINT64_C(1) << batch->size_class;
}

static struct fe_batch *take_newest(struct fe_store *store) {
    struct fe_batch *batch = store->newest;
    store->newest = batch->older;
    if (store->newest != NULL)
        store->newest->newer = NULL;
    else
        store->oldest = NULL;
    store->batches--;
    store->slots -= batch->count;
    return batch;
}

static struct fe_batch *take_oldest(struct fe_store *store) {
    struct fe_batch *batch = store->oldest;
    store->oldest = batch->newer;
    if (store->oldest != NULL)
        store->oldest->older = NULL;
    else
        store->newest = NULL;
    store->batches--;
    store->slots -= batch->count;
    return batch;
}

/* Makes `batch`, with `count` slots, the magazine of its class. */
static void load(struct fe_heap_core *heap, struct fe_batch *batch, uint32_t count) {
    unsigned size_class = batch->size_class;
    heap->store[size_class].magazine = batch;
    heap->magazine[size_class].top = &batch->slot[1 + count];
    heap->magazine[size_class].limit = &batch->slot[1 + fe_class_magazine(size_class)];
}

static void give_back_oldest(struct fe_heap_core *heap, unsigned size_class) {
    struct fe_store *store = &heap->store[size_class];
    struct fe_batch *batch = take_oldest(store);
    store->returned += batch->count;
    for (uint32_t n = 1; n <= batch->count; n++)
        return_slot(heap, &batch->slot[n]);
    fe_batch_recycle(heap, batch);
}

void fe_depot_relieve(struct fe_heap_core *heap, unsigned size_class) {
    struct fe_store *store = &heap->store[size_class];
    if (store->batches > fe_class_depot(size_class))
        give_back_oldest(heap, size_class);
    release_empty(heap, size_class, RELEASE_MOST, empties_kept(size_class));
    if (store->batches <= fe_class_depot(size_class) && store->empties <= empties_kept(size_class))
        heap->overfull &= ~(UINT64_C(1) << size_class);
    else
        heap->overfull |= UINT64_C(1) << size_class;
}

/* Refill ----------------------------------------------------------------------------------------------------------- */

/* Takes up to `want` slots, all of the same 64, from a slab that has some to one end of an empty magazine; returns how
 * many: a power of two, so that they can be shuffled by a multiplication. */
static uint32_t take(struct fe_heap_core *heap, struct fe_slot *to, struct fe_span *slab, uint32_t want) {
    uint32_t words = (slab->count + 63) / 64, at = slab->cursor;
    while (slab->available[at] == 0)
        at = at + 1 < words ? at + 1 : 0;
    slab->cursor = at;
    uint64_t bits = slab->available[at];
    uint32_t have = fe_bits_count(bits);
    want = want < have ? want : have;
    want = UINT32_C(1) << (31 - __builtin_clz(want));

    uint64_t random = fe_heap_random(heap);
    uint32_t turn = random % 64, step = (uint32_t)(random >> 6) | 1, place = (uint32_t)(random >> 32);
    uint64_t turned = bits >> turn | bits << (-turn % 64);
    uint32_t first = at * 64;
    for (uint32_t n = 0; n < want; n++, place += step) {
        uint32_t index = first + ((uint32_t)__builtin_ctzll(turned) + turn) % 64;
        turned &= turned - 1;
        fe_slot_place(&to[place & (want - 1)], slab, index);
    }
    slab->available[at] = turned << turn | turned >> (-turn % 64);
    slab->used += want;
    return want;
}

static bool fill(struct fe_heap_core *heap, unsigned size_class) {
    struct fe_store *store = &heap->store[size_class];
    if (store->magazine == NULL) {
        struct fe_batch *batch = fe_batch_obtain(heap, size_class);
        if (batch == NULL)
            return false;
        load(heap, batch, 0);
    }
    struct fe_span *slab = store->partial;
    bool was_partial = slab != NULL;
    if (slab == NULL && store->empty != NULL) {
        slab = store->empty;
        list_remove(&store->empty, slab);
        store->empties--;
    } else if (slab == NULL) {
        slab = grant(heap, size_class);
        if (slab == NULL)
            return false;
    }
    uint32_t got = take(heap, heap->magazine[size_class].top, slab, fe_class_magazine(size_class) / FILL_SHARE);
    heap->magazine[size_class].top += got;
    store->supplied += got;
    if (was_partial && slab->used < slab->count)
        return true;
    if (was_partial)
        list_remove(&store->partial, slab);
    list_add(slab->used == slab->count ? &store->full : &store->partial, slab);
    return true;
}

/* The next batch of the depot in place of the empty magazine. */
static bool load_newest(struct fe_heap_core *heap, unsigned size_class) {
    struct fe_store *store = &heap->store[size_class];
    if (store->newest == NULL)
        return false;
    struct fe_batch *old = store->magazine, *batch = take_newest(store);
    load(heap, batch, batch->count);
    if (old != NULL)
        fe_batch_recycle(heap, old);
    return true;
}

bool fe_slab_refill(struct fe_heap_core *heap, unsigned size_class) {
    /* First, and each time: more batches come home than go out, so that none stays in the inbox for long. */
    fe_remote_accept(heap, FE_ACCEPT_MOST);
    if (fe_magazine_slots(heap, size_class) != 0 || load_newest(heap, size_class) || fill(heap, size_class))
        return true;
    /* No memory: what this core holds free in other classes may be enough. */
    fe_heap_trim();
    return fe_magazine_slots(heap, size_class) != 0 || fill(heap, size_class);
}

/* Fewer go back to the slabs than lie in the magazine: those that have lain there longest. */
static void shed(struct fe_heap_core *heap, unsigned size_class, uint32_t count) {
    struct fe_store *store = &heap->store[size_class];
    struct fe_slot *slot = store->magazine->slot + 1, *top = heap->magazine[size_class].top;
    store->returned += count;
    for (uint32_t n = 0; n < count; n++)
        return_slot(heap, &slot[n]);
    for (struct fe_slot *from = slot + count; from < top; from++, slot++)
        *slot = *from;
    heap->magazine[size_class].top = slot;
}

/*
 * A quarter of the slots, those freed last, moves to the new magazine, so that who allocates and frees at the edge does
 * not come here each time.
 */
void fe_magazine_full(struct fe_heap_core *heap, unsigned size_class) {
    struct fe_store *store = &heap->store[size_class];
    /* First, since what it empties is what we need next. */
    if (FE_UNLIKELY(store->batches >= fe_class_depot(size_class))) {
        give_back_oldest(heap, size_class);
        release_empty(heap, size_class, RELEASE_MOST, empties_kept(size_class));
    }
    struct fe_batch *full = store->magazine, *fresh = fe_batch_obtain(heap, size_class);
    uint32_t most = fe_class_magazine(size_class), keep = most / 4;
    if (FE_UNLIKELY(fresh == NULL)) {
        shed(heap, size_class, most / 2);
        release_empty(heap, size_class, RELEASE_MOST, 0);
        return;
    }
    for (uint32_t n = 1; n <= keep; n++)
        fresh->slot[n] = full->slot[most - keep + n];
    load(heap, fresh, keep);
    fe_depot_add(heap, full, most - keep);
}

void fe_slab_trim(struct fe_heap_core *heap) {
    for (struct fe_slot slot; fe_quarantine_leave(heap, true, &slot);) {
        heap->store[fe_span_at(slot.block)->size_class].returned++;
        return_slot(heap, &slot);
    }
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        struct fe_store *store = &heap->store[size_class];
        while (store->oldest != NULL)
            give_back_oldest(heap, size_class);
        if (store->magazine != NULL)
            shed(heap, size_class, fe_magazine_slots(heap, size_class));
        release_empty(heap, size_class, UINT32_MAX, 0);
        if (store->slabs == 0 && store->magazine != NULL) {
            fe_batch_recycle(heap, store->magazine);
            store->magazine = NULL;
            fe_magazine_none(&heap->magazine[size_class]);
        }
    }
    heap->overfull = 0;
}

/* Sweeping --------------------------------------------------------------------------------------------------------- */

/* Takes the slab's stranded slots back; returns how many there were. */
static uint32_t sweep(struct fe_span *slab) {
    uint32_t found = 0;
    for (uint32_t slot = 0; slot < slab->count; slot++) {
        /* Acquire: pairs with the release in fe_remote_free, so that the slot's poison is seen. */
        if (__atomic_load_n(&slab->state[slot], __ATOMIC_ACQUIRE) != FE_SLOT_STRANDED)
            continue;
        fe_slot_set(&slab->state[slot], FE_SLOT_FREE);
        slab->available[slot / 64] |= UINT64_C(1) << (slot % 64);
        found++;
    }
    slab->used -= found;
    return found;
}

size_t fe_slab_sweep(struct fe_heap_core *heap) {
    size_t total = 0;
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        struct fe_store *store = &heap->store[size_class];
        /* Full slabs that get slots back move to the partial list, so that one goes first. */
        for (unsigned full = 0; full < 2; full++)
            for (struct fe_span *slab = full ? store->full : store->partial, *next; slab != NULL; slab = next) {
                next = slab->next;
                uint32_t found = sweep(slab);
                if (found != 0)
                    settle(store, slab, full != 0);
                total += found;
            }
    }
    return total;
}
