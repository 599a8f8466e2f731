/*
 * What the files of the exchange heap offer each other. Nothing here is for other rooms.
 */
#ifndef FERRITE_HEAP_INTERNAL_H
#define FERRITE_HEAP_INTERNAL_H

#include "exchange.h"
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
#define FE_METADATA_MOST 1280
void *fe_metadata_alloc(size_t bytes);
void fe_metadata_free(void *metadata);

/* site.c: in a checked build, where each live block was allocated, for the leak report. */
#ifdef FE_CHECKED
FE_MUST_CHECK bool fe_site_prepare(struct fe_span *span); /* under fe_heap_grants.lock; false: no memory */
void fe_site_release(struct fe_span *span);               /* likewise */
void *fe_site_note(void *block, const void *site);        /* block may be NULL; returns it */
const void *fe_site_of(const struct fe_span *span, uint32_t slot);
#else
static inline bool fe_site_prepare(struct fe_span *span) {
    (void)span;
    return true;
}
static inline void fe_site_release(struct fe_span *span) {
    (void)span;
}
static inline void *fe_site_note(void *block, const void *site) {
    (void)site;
    return block;
}
static inline const void *fe_site_of(const struct fe_span *span, uint32_t slot) {
    (void)span, (void)slot;
    return NULL;
}
#endif

/* slab.c; all on the owner's core. */
/* Brings slots of its class to an empty magazine; false when there is no memory. */
bool fe_slab_refill(struct fe_heap_core *heap, struct fe_magazine *magazine);
/* Takes `count` slots from the magazine to their slabs, those that have lain there longest. */
void fe_slab_spill(struct fe_heap_core *heap, struct fe_magazine *magazine, size_t count);
/* Takes one slot back into its slab. It must not be in a magazine. */
void fe_slab_return(struct fe_heap_core *heap, struct fe_span *slab, uint32_t slot);
/* Takes home the slots that other cores had to leave where they lay; returns how many. */
size_t fe_slab_sweep(struct fe_heap_core *heap);
/* Gives back every slab without a slot out. */
void fe_slab_release_empty(struct fe_heap_core *heap);

/* remote.c */
/* Frees a block of another core's slab: the slot is checked and its state LIVE. */
void fe_remote_free(struct fe_heap_core *heap, struct fe_span *slab, void *block, uint8_t *state);
/* Takes home at most `most` blocks; returns how many. */
size_t fe_remote_drain(struct fe_heap_core *heap, size_t most);
void fe_remote_release_spares(struct fe_heap_core *heap);

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
        uint32_t slot = (uint32_t)(((uintptr_t)block - span->base) / span->size);
        if (slot < span->count) {
            place.state = &span->state[slot];
            place.start = (void *)(span->base + (uintptr_t)slot * span->size);
            place.size = span->size;
        }
    } else if (span->kind == FE_SPAN_LARGE && (uintptr_t)block - span->base < span->bytes) {
        place.state = &span->state[0];
        place.start = (void *)span->base;
        place.size = span->bytes;
    }
    place.live = place.state != NULL && place.start == block && fe_slot_state(place.state) == FE_SLOT_LIVE;
    return place;
}

/* misuse.c: fails the task, outside a task panics. */
FE_NORETURN void fe_heap_misuse(const char *function, const void *block);
FE_NORETURN void fe_heap_spoiled(const void *block, const struct fe_span *span);
FE_NORETURN void fe_heap_out_of_memory(const char *function, size_t bytes);
FE_NORETURN void fe_heap_bad_alignment(const char *function, size_t alignment);

/*
 * Poison: all bits set, so that checking it is one AND a word, and following it as a pointer faults (the last page of
 * the address space and the first are never mapped). The first 64 bytes of a free block are covered, in a checked build
 * all.
 */
#define FE_POISON UINT64_MAX
#ifdef FE_CHECKED
#define FE_POISON_MOST ((uint32_t)FE_SLAB_MOST)
#else
#define FE_POISON_MOST ((uint32_t)64)
#endif

static inline void fe_poison_fill(void *block, uint32_t size) {
    uint64_t *word = block;
    if (FE_LIKELY(size >= 64)) {
        word[0] = word[1] = word[2] = word[3] = word[4] = word[5] = word[6] = word[7] = FE_POISON;
        if (FE_POISON_MOST == 64)
            return;
    }
    uint32_t words = (size < FE_POISON_MOST ? size : FE_POISON_MOST) / 8;
    for (uint32_t n = 0; n < words; n++)
        word[n] = FE_POISON;
}

static inline bool fe_poison_whole(const void *block, uint32_t size) {
    const uint64_t *word = block;
    uint64_t all = FE_POISON;
    if (FE_LIKELY(size >= 64)) {
        all = word[0] & word[1] & word[2] & word[3] & word[4] & word[5] & word[6] & word[7];
        if (FE_POISON_MOST == 64)
            return all == FE_POISON;
    }
    uint32_t words = (size < FE_POISON_MOST ? size : FE_POISON_MOST) / 8;
    for (uint32_t n = 0; n < words; n++)
        all &= word[n];
    return all == FE_POISON;
}

#endif
