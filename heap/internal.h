/*
 * What the files of the exchange heap offer each other. Nothing here is for other rooms.
 */
#ifndef FERRITE_HEAP_INTERNAL_H
#define FERRITE_HEAP_INTERNAL_H

#include "exchange.h"
#include "poison.h"
#include "span.h"
#include "spinlock.h"

/* Grants: metadata, the map, large blocks. Taken before the page allocator's lock, never after. */
struct fe_heap_grants {
    struct fe_spinlock lock;
    struct fe_span *large; /* all large blocks */
    uint64_t metadata_pages;
};
extern struct fe_heap_grants fe_heap_grants;

/* metadata.c: memory for spans and batches; under fe_heap_grants.lock. Contents undefined; NULL: no memory. */
#define FE_METADATA_MOST 1344
void *fe_metadata_alloc(size_t bytes);
void fe_metadata_free(void *metadata);

/* note.c: what a checked build knows of each slot. */
#ifdef FE_CHECKED
FE_MUST_CHECK bool fe_note_prepare(struct fe_span *span); /* under fe_heap_grants.lock; false: no memory */
void fe_note_release(struct fe_span *span);               /* likewise */
void *fe_note_allocated(void *block, const void *site);   /* block may be NULL; returns it */
const void *fe_note_site(const struct fe_span *span, uint32_t slot);
/* Puts a slot that this core has freed into its quarantine; false: too large for it. */
bool fe_quarantine_enter(struct fe_heap_core *heap, struct fe_slot slot);
/* Lets the oldest out if there are more than there should be, or in any case; false: there are none such. */
bool fe_quarantine_leave(struct fe_heap_core *heap, bool any, struct fe_slot *slot);
#else
static inline bool fe_quarantine_leave(struct fe_heap_core *heap, bool any, struct fe_slot *slot) {
    (void)heap, (void)any, (void)slot;
    return false;
}
static inline bool fe_note_prepare(struct fe_span *span) {
    (void)span;
    return true;
}
static inline void fe_note_release(struct fe_span *span) {
    (void)span;
}
static inline const void *fe_note_site(const struct fe_span *span, uint32_t slot) {
    (void)span, (void)slot;
    return NULL;
}
#endif

/* slab.c; all on the owner's core. */
/* Brings slots to an empty magazine; false when there is no memory. At most 400 instructions, a grant apart. */
bool fe_slab_refill(struct fe_heap_core *heap, unsigned size_class);
/* Makes room in a full magazine. */
void fe_magazine_full(struct fe_heap_core *heap, unsigned size_class);
/* Puts a batch with `count` slots of this core into the depot. */
void fe_depot_add(struct fe_heap_core *heap, struct fe_batch *batch, uint32_t count);
/* Gives back a batch of an overfull depot, and empty slabs. */
void fe_depot_relieve(struct fe_heap_core *heap, unsigned size_class);
/* Takes home the slots that other cores had to leave where they lay; returns how many. */
size_t fe_slab_sweep(struct fe_heap_core *heap);
/* All slots back to their slabs, and every slab without a slot out to the page allocator. */
void fe_slab_trim(struct fe_heap_core *heap);

/* remote.c */
/* Frees a block of another core: the slot is checked and poisoned, and its entry of gather is not for it yet. */
void fe_remote_begin(struct fe_heap_core *heap, struct fe_span *slab, struct fe_slot slot);
/* Hands the slab's entry of gather, which is full, to its owner. */
void fe_remote_post(struct fe_heap_core *heap, struct fe_span *slab);
/* Takes home at most `most` batches; returns the number of blocks. About 25 instructions a batch; up to 60 where it has
 * few blocks. */
#define FE_ACCEPT_MOST 4
size_t fe_remote_accept(struct fe_heap_core *heap, unsigned most);
/* An empty batch for the class; NULL: no memory. */
struct fe_batch *fe_batch_obtain(struct fe_heap_core *heap, unsigned size_class);
void fe_batch_recycle(struct fe_heap_core *heap, struct fe_batch *batch);
void fe_batch_release_spares(struct fe_heap_core *heap);

/* large.c; any core. */
void *fe_large_alloc(size_t bytes, size_t alignment);
void fe_large_free(void *block);

/* What `block` is to the heap. */
struct fe_heap_place {
    struct fe_span *span;
    uint8_t *state; /* of the slot or large block that it points to or into; NULL: neither */
    void *start;    /* of that */
    size_t size;
    bool live; /* it is the start of a live block */
};
static inline struct fe_heap_place fe_heap_find(const void *block) {
    struct fe_heap_place place = {.span = fe_span_at(block)};
    struct fe_span *span = place.span;
    if (span->kind == FE_SPAN_SLAB) {
        uint32_t slot = (uint32_t)(fe_span_slot((uint32_t)(uintptr_t)block - span->base_low, span->reciprocal) >> 32);
        if (slot < span->count) {
            place.state = &span->state[slot];
            place.start = (void *)(span->base + (uintptr_t)slot * span->size);
            place.size = span->size;
        }
    } else if (span->kind == FE_SPAN_LARGE && (uintptr_t)block - span->base < span->bytes) {
        place.state = span->state;
        place.start = (void *)span->base;
        place.size = span->bytes;
    }
    place.live = place.state != NULL && place.start == block;
#ifdef FE_HEAP_PLAIN
    place.live = place.live && (span->kind == FE_SPAN_SLAB || *place.state == FE_SLOT_LIVE);
#else
    place.live = place.live && fe_slot_state(place.state) == FE_SLOT_LIVE;
#endif
    return place;
}

/* misuse.c: fails the task, outside a task panics. */
FE_NORETURN void fe_heap_misuse(const char *function, const void *block);
FE_NORETURN void fe_heap_spoiled(const void *block, const struct fe_span *span);
FE_NORETURN void fe_heap_out_of_memory(const char *function, size_t bytes);
FE_NORETURN void fe_heap_bad_alignment(const char *function, size_t alignment);

/* core.c: what lies below each magazine, and below one that is not there: no slot. */
extern uint8_t fe_slot_none;
extern struct fe_slot fe_slot_nothing[1];

static inline void fe_slot_bottom(struct fe_slot *slot) {
    slot->block = NULL;
#ifndef FE_HEAP_PLAIN
    slot->state = &fe_slot_none;
#endif
}

static inline void fe_magazine_none(struct fe_magazine *magazine) {
    magazine->top = fe_slot_nothing + 1;
    magazine->limit = NULL;
}

static inline uint32_t fe_magazine_slots(const struct fe_heap_core *heap, unsigned size_class) {
    const struct fe_batch *batch = heap->store[size_class].magazine;
    return batch == NULL ? 0 : (uint32_t)(heap->magazine[size_class].top - &batch->slot[1]);
}

static inline void fe_slot_place(struct fe_slot *slot, struct fe_span *slab, uint32_t index) {
    slot->block = (void *)(slab->base + (uintptr_t)index * slab->size);
#ifndef FE_HEAP_PLAIN
    slot->state = &slab->state[index];
#endif
}

static inline uint32_t fe_slot_index(const struct fe_span *slab, const struct fe_slot *slot) {
#ifdef FE_HEAP_PLAIN
    return (uint32_t)(fe_span_slot((uint32_t)(uintptr_t)slot->block - slab->base_low, slab->reciprocal) >> 32);
#else
    return (uint32_t)(slot->state - slab->state);
#endif
}

#endif
