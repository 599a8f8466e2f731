/*
 * Spans and the map that finds them: what the exchange heap knows of each piece of memory that it holds. All of it lies
 * out of line, in metadata pages; a block holds nothing of ours but poison while it is free.
 *
 * A span is a slab of equal slots or one large block. The map has an entry for each 16 KiB chunk of RAM; a chunk that
 * the heap does not hold points to fe_span_none, or to fe_span_freed if it once did. The map is filled up to its limit
 * only, which grows with the highest chunk ever taken, so that boot pays for what is used.
 *
 * States of a slot, one byte each, so that cores that free neighbours do not write the same word:
 *
 *               (1) allocate                    (2) free on its own core
 *        FREE --------------> LIVE --------------> FREE
 *                               | (3) free on another core
 *                               v
 *                             REMOTE ----(4) drained by its core----> FREE
 *                               or STRANDED (5), when there was no memory for a message ----(6) swept----> FREE
 *
 * Edges 1, 2, 4 and 6 are the owner's; 3 and 5 belong to whoever owns the block, which is one task. Everything else is
 * a misuse and is caught: locally at once; two cores freeing the same block at the same moment, when its core drains
 * the second message.
 */
#ifndef FERRITE_HEAP_SPAN_H
#define FERRITE_HEAP_SPAN_H

#include "core.h"

enum { FE_SLOT_FREE, FE_SLOT_LIVE, FE_SLOT_REMOTE, FE_SLOT_STRANDED, FE_SLOT_RETIRED };

enum fe_span_kind { FE_SPAN_NONE, FE_SPAN_FREED, FE_SPAN_SLAB, FE_SPAN_LARGE };

struct fe_span {
    /* Immutable while the span is in the map; what fe_heap_free reads, in one line. */
    struct fe_heap_core *owner; /* slabs: whose magazines serve it; else NULL, so that one test finds the common case */
    uint32_t base_low;          /* low half of base */
    uint32_t reciprocal;        /* of size: see fe_span_slot */
    uint32_t size;              /* slabs: bytes of a slot */
    uint16_t magazine;          /* slabs: offset of the class's magazine in struct fe_heap_core */
    uint8_t kind;               /* enum fe_span_kind */
    bool tiny;                  /* slabs: size is less than 64 */
    uintptr_t base;
    size_t bytes;
    unsigned size_class;
    unsigned core; /* index of the owner; for a large block, of the core that allocated it */

    /* Slabs: owner's core only. Large blocks: under the heap's lock. */
    uint32_t used;   /* slots out: at hand, live, or on their way home */
    uint32_t count;  /* slots */
    uint32_t carved; /* slots from here on have never been out */
    struct fe_span *next, *previous;
    uint64_t *returned; /* slabs: bit per slot: below `carved`, and in the slab */
#ifdef FE_CHECKED
    const void **site; /* slabs: where each slot was allocated; large: site_of_large */
    const void *site_of_large;
#endif

    uint8_t state[]; /* a slot's, or a large block's; a tail that is no slot is FREE for ever */
};

/* Lock-free to read; written under the heap's lock. */
struct fe_heap_map {
    uintptr_t origin; /* the address of chunk 0 */
    size_t limit;     /* entries that are filled */
    struct fe_span **span;
    size_t capacity; /* entries that there is memory for */
    size_t pages;    /* that the map takes */
};
extern struct fe_heap_map fe_heap_map;
extern struct fe_span fe_span_none, fe_span_freed;

/* The span at `address`; &fe_span_none for memory that is none of ours. */
static inline struct fe_span *fe_span_at(const void *address) {
    size_t chunk = ((uintptr_t)address - fe_heap_map.origin) >> FE_CHUNK_SHIFT;
    return chunk < fe_heap_map.limit ? fe_heap_map.span[chunk] : &fe_span_none;
}

/* Makes the chunks of [base, base + bytes) point to `span`. Under the heap's lock; FE_ENOMEM: the map cannot hold it. */
FE_MUST_CHECK fe_status fe_span_publish(uintptr_t base, size_t bytes, struct fe_span *span);

/*
 * The number of the slot at `offset` into a slab, multiplied by 2^32, plus a fraction that is less than `reciprocal`
 * exactly if the slot begins there. Exact for offsets and sizes of all classes (tests/unit/heap_size.c tries each):
 * reciprocal = floor((2^32 - 1) / size) + 1, after Lemire, Kaser and Kurz, "Faster remainder by direct computation",
 * 2019.
 */
static inline uint64_t fe_span_slot(uint32_t offset, uint32_t reciprocal) {
    return (uint64_t)offset * reciprocal;
}

static inline uint32_t fe_span_reciprocal(uint32_t size) {
    return UINT32_MAX / size + 1;
}

static inline uint8_t fe_slot_state(const uint8_t *state) {
    /* Relaxed: the block came to us by a hand-over that orders what its last owner did; a race on it is a misuse. */
    return __atomic_load_n(state, __ATOMIC_RELAXED);
}

static inline void fe_slot_set(uint8_t *state, uint8_t to) {
    __atomic_store_n(state, to, __ATOMIC_RELAXED); /* as fe_slot_state */
}

#endif
