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
 *                 (1) allocate            (2) free, on any core
 *      FRESH, FREE -----------> LIVE -------------------------> FREE
 *                                 | (3) on another core, when there was no memory for a batch
 *                                 v
 *                              STRANDED ----(4) swept by its core----> FREE
 *
 * Edges 1 and 4 are the owner's; 2 and 3 belong to whoever owns the block, which is one task. Everything else is a misuse
 * and is caught: at once, save two cores freeing the same block at the same moment, which is found when the second of its
 * two entries is about to be given out. A FRESH slot has never been out, and holds no poison.
 */
#ifndef FERRITE_HEAP_SPAN_H
#define FERRITE_HEAP_SPAN_H

#include "core.h"

enum { FE_SLOT_FREE, FE_SLOT_FRESH, FE_SLOT_LIVE, FE_SLOT_STRANDED, FE_SLOT_RETIRED, FE_SLOT_NONE };

enum fe_span_kind { FE_SPAN_NONE, FE_SPAN_FREED, FE_SPAN_SLAB, FE_SPAN_LARGE };

#ifdef FE_CHECKED
/* What a checked build knows of a live block. */
struct fe_note {
    const void *site; /* where it was allocated */
};
#endif

struct fe_span {
    /* Immutable while the span is in the map: what fe_heap_free reads, on whichever core, in one line. */
    struct fe_heap_core *owner; /* slabs: whose slots they are; else NULL */
    uint8_t *state;             /* a slot's, or the large block's; a tail that is no slot is FRESH for ever */
    uint32_t base_low;          /* low half of base */
    uint32_t reciprocal;        /* of size: see fe_span_slot. 0 in what is no slab, which so has no slots */
    uint32_t size;              /* slabs: bytes of a slot */
    uint32_t key;               /* slabs: owner and class, never 0 */
    uint16_t gather;            /* slabs: index in struct fe_heap_core's gather */
    uint8_t magazine;           /* slabs: its class's, in words of struct fe_heap_core */
    uint8_t size_class;
    uint8_t kind;  /* enum fe_span_kind */
    bool common;   /* slabs: the poison of a slot is exactly its first 64 bytes */
    unsigned core; /* index of the owner; for a large block, of the core that allocated it */
    uintptr_t base;
    size_t bytes;

    /* Slabs: owner's core only. Large blocks: under the heap's lock. */
    FE_CACHE_ALIGNED uint32_t used; /* slots out: in batches, live, or on their way home */
    uint32_t count;                 /* slots */
    uint32_t cursor;                /* word of `available` to look at first */
    uint8_t large_state;
    struct fe_span *next, *previous;
#ifdef FE_CHECKED
    struct fe_note *note;    /* of each slot, or of the large block */
    struct fe_note own_note; /* large blocks */
#endif
    uint64_t available[]; /* slabs: bit per slot: in the slab. Behind it, on lines of their own, the states */
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
    /* Relaxed: see fe_span_publish. */
    return chunk < __atomic_load_n(&fe_heap_map.limit, __ATOMIC_RELAXED) ? fe_heap_map.span[chunk] : &fe_span_none;
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
