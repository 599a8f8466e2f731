/*
 * What this room keeps for each core: struct fe_core's `heap` points to it. Found afresh through fe_arch_core_heap in
 * each operation, and never kept over a possible switch; nothing in this room switches.
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
    bool busy;      /* this core is in an operation of the page allocator; read by its fault handler */
    uint64_t page[FE_PAGE_CACHE_SIZE];
};

struct fe_span;

/*
 * The magazine of a class: the next free slot is top[-1], and top stays below limit. The slots lie in a batch; beside
 * what the fast paths need, the rest is in struct fe_store. Owner's core only; figures are read by all.
 */
struct fe_magazine {
    struct fe_slot *top;
    struct fe_slot *limit; /* NULL: no batch, and top[-1] is no slot */
    uint64_t frees;        /* on this core, ever */
    bool common;           /* the poison of a slot is exactly its first 64 bytes */
};
/* The fast paths find a magazine by a byte, its offset in words, which costs no multiplication. */
#define FE_MAGAZINE_WORDS 4
_Static_assert(sizeof(struct fe_magazine) == FE_MAGAZINE_WORDS * sizeof(uint64_t) &&
                   (FE_CLASSES - 1) * FE_MAGAZINE_WORDS <= UINT8_MAX,
               "a magazine's offset in words is a byte");

/*
 * What a core holds of one class behind its magazine. Owner's core only; figures are read by all.
 *
 *      magazine (a batch) <--full-- depot (batches, newest and oldest) <--> slabs <--> pages
 *
 * Invariant: who has a slab of the class has a batch as magazine, so that a free finds room.
 */
struct fe_store {
    struct fe_batch *magazine;        /* NULL: none yet */
    struct fe_batch *newest, *oldest; /* the depot: batches with at least one slot */
    uint32_t batches;                 /* in the depot */
    uint32_t slots;                   /* in the depot */
    uint64_t supplied;                /* slots brought from slabs and inbox, ever... */
    uint64_t returned;       /* ...and taken back to slabs, ever: allocations = frees + supplied - returned - at hand */
    struct fe_span *partial; /* slabs with some slots out and some to give */
    struct fe_span *full;    /* all of them out */
    struct fe_span *empty;   /* none */
    uint32_t empties;
    uint32_t slabs;       /* in all */
    uint32_t quarantined; /* slots */
};

/* What this core has freed that belongs to another, of one class, and not posted yet: a batch being filled. Owner's core
 * only, but top, first and key are read for figures. Slots are found by a hash of owner and class (struct fe_span). */
struct fe_gather {
    struct fe_slot *top, *limit;
    struct fe_batch *batch;
    uint32_t key; /* of the spans whose blocks are in it; 0: no batch */
    uint32_t unused;
};
#define FE_GATHERS 128

/* What this core has freed of another's blocks and handed over; large blocks are freed where they are. */
struct fe_freed {
    uint64_t blocks, bytes;
    uint64_t large_blocks, large_bytes;
};

/* In `overfull`: this core has found pages to be scarce. */
#define FE_PAGES_SCARCE (UINT64_C(1) << 63)
_Static_assert(FE_CLASSES < 63, "a bit per class");

#define FE_HEAP_SPARE_BATCHES 8

#ifdef FE_CHECKED
/*
 * Checked builds: the blocks that this core has freed last, first in, first out. They are free, poisoned and not to be
 * had yet, so that a stale pointer finds poison, and a write through it is found, for longer. Owner's core only.
 */
#define FE_QUARANTINE_SLOTS 256
#define FE_QUARANTINE_DEFAULT ((size_t)64 << 10)
struct fe_quarantine {
    struct fe_slot slot[FE_QUARANTINE_SLOTS];
    uint32_t head, tail; /* ever taken out, ever put in */
    size_t bytes;
};
#else
#define FE_QUARANTINE_DEFAULT ((size_t)0)
#endif

/* The map from chunks to spans, as the core knows it: a copy of fe_heap_map, which is read with the heap's address alone.
 * An older limit is only too low: who meets it looks at fe_heap_map itself. */
struct fe_map_view {
    uintptr_t origin;
    size_t limit;
    struct fe_span **span;
};

struct fe_heap_core {
    struct fe_magazine magazine[FE_CLASSES]; /* first: see FE_MAGAZINE_WORDS */
    struct fe_map_view map;
    unsigned index; /* the core's; immutable */

    /* Owner's core only. */
    struct fe_page_cache pages;
    struct fe_store store[FE_CLASSES];
    struct fe_batch *incoming; /* taken from the inbox, not looked at yet */
    struct fe_batch *spare;    /* empty batches for reuse, linked by `older` */
    uint32_t spare_count;
    uint32_t moving, moves;             /* see fe_books_open */
    uint64_t overfull;                  /* bit per class: its depot holds more than it should; and FE_PAGES_SCARCE */
    uint64_t gathered[FE_GATHERS / 64]; /* bit per entry of gather: it has a batch */
    uint64_t random;                    /* xorshift64 */
    uint64_t large_allocations, large_frees; /* large blocks of this core: made, and freed here; ever */
    uint64_t large_allocated_bytes, large_freed_bytes;
    struct fe_gather gather[FE_GATHERS];
#ifdef FE_CHECKED
    struct fe_quarantine quarantine;
#endif
    struct fe_freed freed[FE_CORES_MAX]; /* by owner */

    /* Written by other cores. */
    FE_CACHE_ALIGNED struct fe_batch_stack inbox;
    uint32_t stranded; /* some slot of ours has the state FE_SLOT_STRANDED */
};

/* The heaps of all cores, by index; an entry is set once, before its core allocates. */
struct fe_heap_state {
    struct fe_heap_core *core[FE_CORES_MAX];
    /* Set by fe_heap_configure, before fe_page_init. */
    uint64_t seed;
#ifdef FE_CHECKED
    size_t quarantine; /* bytes a core */
#endif
};
extern struct fe_heap_state fe_heap_state;

static inline struct fe_heap_core *fe_heap_core(void) {
    return fe_arch_core_heap();
}

/*
 * Around what moves blocks between a core's books (magazines, depots, batches) while it allocates and frees nothing, which is
 * when it falls idle or polls: in between they are in two of them, or in none. Who adds the books up (account.c) sees that,
 * and does so again. Owner's core.
 */
static inline void fe_books_open(struct fe_heap_core *heap) {
    __atomic_store_n(&heap->moving, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* before the first change; pairs with the acquire fence in sum_up */
}
static inline void fe_books_close(struct fe_heap_core *heap) {
    /* Release, both: after the last change; pair with the acquires in books_at_rest. */
    __atomic_store_n(&heap->moves, heap->moves + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&heap->moving, 0, __ATOMIC_RELEASE);
}

static inline struct fe_heap_core *fe_heap_core_at(unsigned index) {
    /* Acquire: pairs with the release in fe_heap_register, so that the heap is seen initialised. */
    return __atomic_load_n(&fe_heap_state.core[index], __ATOMIC_ACQUIRE);
}

static inline uint64_t fe_heap_random(struct fe_heap_core *heap) {
    uint64_t x = heap->random; /* xorshift64 (Marsaglia, 2003) */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return heap->random = x;
}

/* Prepares the calling (boot) core with *heap, which is zero. */
void fe_heap_boot_core_init(struct fe_heap_core *heap);

#endif
