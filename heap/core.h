/*
 * What this room keeps for each core: struct fe_core's `heap` points to it. Found afresh through fe_arch_core in each
 * operation, and never kept over a possible switch; nothing in this room switches.
 */
#ifndef FERRITE_HEAP_CORE_H
#define FERRITE_HEAP_CORE_H

#include "batch.h"
#include "size.h"

#include <arch/arch.h>

/* Single pages. 32 pages are 128 KiB, at most 4 MiB over 32 cores; a batch is half, so that a core that allocates and
 * frees in turn at the edge does not take the lock each time. */
#define FE_PAGE_CACHE_SIZE 32
#define FE_PAGE_CACHE_BATCH_ORDER 4
#define FE_PAGE_CACHE_BATCH (1u << FE_PAGE_CACHE_BATCH_ORDER)

struct fe_page_cache {
    unsigned count; /* written by the owner, read by fe_page_statistics */
    uint64_t page[FE_PAGE_CACHE_SIZE];
};

/* A free slot: the block, and the byte that says so (see slab.h). */
struct fe_slot {
    void *block;
    uint8_t *state;
};

/*
 * A magazine: the free slots of one class that a core has at hand, a stack [base, top) of them that must stay below
 * limit. Owner's core only.
 */
struct fe_magazine {
    struct fe_slot *top;
    struct fe_slot *base;
    struct fe_slot *limit;
    uint64_t frees;    /* pushed by fe_heap_free, ever */
    uint64_t supplied; /* brought from slabs and inbox, ever... */
    uint64_t returned; /* ...and taken back to slabs, ever: allocations = frees + supplied - returned - at hand */
    uint32_t slabs;    /* of this class, owned by this core */
    uint32_t size_class;
    uint64_t unused; /* 64 bytes: a magazine is found by a shift */
};
_Static_assert(sizeof(struct fe_magazine) == FE_CACHE_LINE, "one magazine, one line");

struct fe_span;

/* The slabs of one class. Owner's core only. */
struct fe_slab_lists {
    struct fe_span *partial; /* with slots to give */
    struct fe_span *full;    /* all of them out */
};

/* What this core has freed that belongs to another, not posted yet. Owner's core only; the counters are read by all. */
struct fe_gather {
    struct fe_batch *batch;
    uint64_t blocks; /* small blocks freed, ever */
    uint64_t bytes;
    uint64_t large_blocks;
    uint64_t large_bytes;
};

#define FE_HEAP_SPARE_BATCHES 8

struct fe_heap_core {
    struct fe_magazine magazine[FE_CLASSES];
    unsigned index; /* the core's; immutable */

    /* Owner's core only. */
    struct fe_page_cache pages;
    struct fe_slab_lists slabs[FE_CLASSES];
    struct fe_batch *incoming; /* taken from the inbox, being drained */
    uint32_t incoming_next;    /* the next block of it */
    uint32_t spare_count;
    struct fe_batch *spare[FE_HEAP_SPARE_BATCHES]; /* empty batches for reuse */
    uint64_t gathered;                             /* bit per core: gather[core].batch has blocks */
    uint64_t large_allocations, large_frees;       /* large blocks of this core: made, and freed here; ever */
    uint64_t large_allocated_bytes, large_freed_bytes;
    struct fe_gather gather[FE_CORES_MAX];
    struct fe_slot slots[FE_MAGAZINE_SLOTS]; /* the magazines' */

    /* Written by other cores. */
    FE_CACHE_ALIGNED struct fe_batch_stack inbox;
    uint32_t stranded; /* some slot of ours has the state FE_SLOT_STRANDED */
};

/* The heaps of all cores, by index; an entry is set once, before its core allocates. */
struct fe_heap_state {
    struct fe_heap_core *core[FE_CORES_MAX];
};
extern struct fe_heap_state fe_heap_state;

static inline struct fe_heap_core *fe_heap_core(void) {
    return fe_arch_core()->heap;
}

static inline struct fe_heap_core *fe_heap_core_at(unsigned index) {
    /* Acquire: pairs with the release in fe_heap_register, so that the heap is seen initialised. */
    return __atomic_load_n(&fe_heap_state.core[index], __ATOMIC_ACQUIRE);
}

/* Prepares the calling (boot) core with *heap, which is zero. */
void fe_heap_boot_core_init(struct fe_heap_core *heap);

#endif
