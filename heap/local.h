/*
 * A local heap, for the rooms above: sched/ gives each task that wants one its own (sched/local.c). Nothing here knows of
 * tasks. One user at a time, no atomics.
 *
 *   local.c      pages, pools, allocation, the end
 *   collector.c  mark, finalize, sweep
 *
 * Boxes lie in pages, which are blocks of the exchange heap: pages of 4 KiB for boxes of one size, and one of its own for
 * each box above FE_LOCAL_SMALL. Each box has two words in front: its type (NULL: the slot is free), and its state:
 *
 *   EVEN or ODD  a colour: the heap's `colour` if it is new or known to live, the other if it was not reached yet
 *   an address   of the next box to be traced (or FE_LOCAL_GRAY_END): it is grey, known to live, not traced yet
 *   DOOMED       dead, and its finalizer has been called
 *   anything     the slot is free: the next free slot
 *
 * The two colours change places at each collection, so nothing is ever unmarked; and grey boxes are linked through
 * themselves, so marking needs no memory, however deep the structure.
 */
#ifndef FERRITE_HEAP_LOCAL_H
#define FERRITE_HEAP_LOCAL_H

#include <arch/arch.h>
#include <ferrite/local.h>

#define FE_LOCAL_EVEN ((uintptr_t)1)
#define FE_LOCAL_ODD ((uintptr_t)3)
#define FE_LOCAL_DOOMED ((uintptr_t)5)
#define FE_LOCAL_GRAY_END ((uintptr_t)2)
#define FE_LOCAL_NO_COLOUR ((uintptr_t)7) /* no box has it */

struct fe_local_box {
    const struct fe_local_type *type;
    uintptr_t state;
};
_Static_assert(sizeof(struct fe_local_box) == 16, "what follows is aligned to 16 bytes");

/* The head of a page; slots follow. */
struct fe_local_page {
    struct fe_local *heap;
    uintptr_t mark;                 /* FE_LOCAL_MARK ^ its own address: no other block begins so */
    struct fe_local_page *next;     /* of all the heap's */
    struct fe_local_page *open;     /* the next of its pool's that have free slots... */
    struct fe_local_page **entered; /* ...and what points to it there; NULL: it is not among them */
    struct fe_local_box *free;      /* slots that were swept, linked by `state` */
    uint32_t slot_bytes;
    uint16_t slots;
    uint16_t carved; /* slots from here on have never been used */
    uint16_t used;   /* slots out: boxes, and those at hand in the pool */
    uint16_t pool;   /* its offset */
    bool finalized;  /* its boxes have finalizers */
};
_Static_assert(sizeof(struct fe_local_page) == 64, "slots are aligned to 16 bytes");

#define FE_LOCAL_MARK UINT64_C(0x626f786564706167) /* "boxedpag" */
#define FE_LOCAL_PAGE ((size_t)4096)

struct fe_local_pool {
    struct fe_local_box *free;  /* slots at hand, linked by `state` */
    struct fe_local_page *open; /* pages with further ones */
};
_Static_assert(sizeof(struct fe_local_pool) == 16, "FE_LOCAL_POOL counts on it");

/*
 *     IDLE --1 enough was allocated--> MARK --2 nothing is grey--> FINALIZE --3 all pages seen--> SWEEP --4 likewise--> IDLE
 */
enum fe_local_phase { FE_LOCAL_IDLE, FE_LOCAL_MARKING, FE_LOCAL_FINALIZING, FE_LOCAL_SWEEPING };

struct fe_local {
    struct fe_local_pool pools[2 * FE_LOCAL_POOLS]; /* first: types say where */
    uintptr_t colour;                               /* of new boxes, and of those that are known to live */
    uintptr_t white;                                /* while marking, of those that were not reached; else no colour */
    uintptr_t dead;                                 /* after marking, of those that were not */
    uintptr_t gray;                                 /* the first grey box, or FE_LOCAL_GRAY_END */
    enum fe_local_phase phase;
    bool busy;                     /* a trace function or a finalizer runs */
    bool ended;                    /* no more boxes are made */
    bool has_finalizers;           /* some box has had one */
    struct fe_local_box *tracing;  /* to be traced again, if its trace function did not return */
    struct fe_local_page *pages;   /* all */
    struct fe_local_page **cursor; /* finalizing, sweeping: what points to the page that is next */
    unsigned cursor_slot;          /* finalizing: the slot of it that is next */
    uintptr_t lowest, highest;     /* pages lie between these */
    uint64_t since;                /* bytes given out since the last collection began */
    uint64_t threshold;            /* when the next one begins */
    uint64_t surviving;            /* sweeping: bytes out in the pages seen */
    uint64_t visits;               /* pointers that trace functions have shown; wraps */
    uint64_t handed;               /* slots ever given to pools */
    uint64_t frees, finalized, collections, held;
    /* Calls fe_local_scan for each range of memory that may hold pointers to boxes. */
    void (*roots)(struct fe_local *heap, void *argument);
    void *argument;
};

/* A heap that has nothing and can have nothing: all allocation takes the slow path. Never written. */
extern struct fe_local fe_local_none;

/* NULL: no memory. */
struct fe_local *fe_local_create(void (*roots)(struct fe_local *heap, void *argument), void *argument);

/* Finalizes every box, then frees every box, then the heap. If a finalizer does not return, it may be called again, and
 * goes on with the next box. */
void fe_local_annihilate(struct fe_local *heap);

/* A box of any size, zeroed; NULL: no memory, or the size is out of range. May collect. */
void *fe_local_make(struct fe_local *heap, const struct fe_local_type *type, size_t bytes);

/* The same for the type's own size, if a slot is at hand; else NULL. */
static inline __attribute__((always_inline)) void *fe_local_make_short(struct fe_local *heap,
                                                                       const struct fe_local_type *type) {
    struct fe_local_pool *pool = (struct fe_local_pool *)(void *)((char *)heap + type->pool);
    struct fe_local_box *box = pool->free;
    if (FE_UNLIKELY(box == NULL))
        return NULL;
    pool->free = (struct fe_local_box *)box->state;
    box->type = type;
    box->state = heap->colour;
    uint64_t *word = (uint64_t *)(box + 1);
    size_t size = type->size;
    word[0] = word[1] = 0;
    if (FE_LIKELY(size > 16))
        word[2] = word[3] = 0;
    for (size_t at = 32; FE_UNLIKELY(at < size); at += 16)
        word[at / 8] = word[at / 8 + 1] = 0;
    return word;
}

/* Everything in [low, high) that looks like a pointer to a box keeps it: both are aligned to 8. For `roots`. */
void fe_local_scan(struct fe_local *heap, uintptr_t low, uintptr_t high);

/* Barrier: `box` is about to lose a pointer to it. NULL is allowed. */
static inline void fe_local_keep(struct fe_local *heap, const void *box) {
    if (box == NULL)
        return;
    struct fe_local_box *header = (struct fe_local_box *)(uintptr_t)box - 1;
    if (FE_UNLIKELY(header->state == heap->white)) {
        header->state = heap->gray;
        heap->gray = (uintptr_t)header;
    }
}

/* Finishes the collection that is under way, and does a whole one. Returns how many boxes were freed. */
uint64_t fe_local_collect_all(struct fe_local *heap);
void fe_local_figures(const struct fe_local *heap, struct fe_local_statistics *statistics);

/* The box whose slot `address` points into, of `heap` (NULL: of any); NULL: none, or a free slot. */
struct fe_local_box *fe_local_find(const struct fe_local *heap, uintptr_t address);

/* Between local.c and collector.c. */
#define FE_LOCAL_THRESHOLD_LEAST ((uint64_t)64 << 10)
void fe_local_step(struct fe_local *heap);
void fe_local_open(struct fe_local *heap, struct fe_local_page *page);
void fe_local_close(struct fe_local_page *page);
void fe_local_page_free(struct fe_local *heap, struct fe_local_page **link);
static inline struct fe_local_box *fe_local_slot(struct fe_local_page *page, unsigned index) {
    return (struct fe_local_box *)(void *)((char *)(page + 1) + (size_t)index * page->slot_bytes);
}

#endif
