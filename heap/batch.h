/*
 * Batches: arrays of free slots of one class, the currency of the exchange heap. A core allocates from one and frees into
 * it, keeps full ones for later, and gathers in others what belongs elsewhere. A full one is handed to its owner as it is,
 * by one exchange, and allocated from there without a look at its slots.
 *
 * On its way home a batch is in a stack to which any core pushes and which its owner takes whole. Memory orders are in
 * this file alone, and it is in the common subset of C and C++98, to be model-checked.
 *
 *      newest --> [B3] --next--> [B2] --next--> [B1] --> NULL
 *
 * A push makes its batch the newest by one exchange, and then links the one before. Between the two its link is
 * `unset`, and the owner, who may have taken the stack by then, stops there until it has been written; it never waits
 * for it. No batch is lost: what was below is reachable only by that link, and the pusher writes it.
 *
 * Rejected: sched/inbox.h (first in, first out, which nobody needs here, at two more operations on the owner's side;
 * and a room may not look up); compare-and-swap (pushers retry under contention); one batch for all classes of an owner
 * (each block must be looked up again when it comes home: 35 instructions a block).
 */
#ifndef FERRITE_HEAP_BATCH_H
#define FERRITE_HEAP_BATCH_H

#include <arch/atomic.h>

/* Blocks that a batch carries at most. One atomic exchange for as many; with its header 576 bytes, 7 to a page. */
#ifndef FE_BATCH_SLOTS
#define FE_BATCH_SLOTS 33
#endif

/* A free slot: the block, and the byte that says so (see span.h). */
struct fe_slot {
    FE_PLAIN(void *) block;
#ifndef FE_HEAP_PLAIN
    FE_PLAIN(uint8_t *) state;
#endif
};

struct fe_batch {
    fe_atomic_pointer next;            /* struct fe_batch *; this file's only */
    FE_PLAIN(struct fe_batch *) older; /* its owner's lists: slab.c, remote.c */
    FE_PLAIN(struct fe_batch *) newer;
    FE_PLAIN(uint32_t) count; /* slots in it, while it is not in use as a magazine */
    FE_PLAIN(uint32_t) size_class;
    struct fe_slot slot[1 + FE_BATCH_SLOTS]; /* the first is no slot, and says "empty" to who takes it: see exchange.c */
};

struct fe_batch_stack {
    fe_atomic_pointer newest; /* struct fe_batch *; NULL if empty: zeroed memory is an empty stack */
};

/* What a link says until it is set: no address of a batch, since those are aligned. */
#define FE_BATCH_UNSET ((void *)(uintptr_t)1)

/* Hands `batch` to the owner of *stack. Any core. */
static inline void fe_batch_push(struct fe_batch_stack *stack, struct fe_batch *batch) {
    void *before;
    /* Nobody else knows of it; published by the exchange. */
    fe_store_private(&batch->next, FE_BATCH_UNSET);
    /* Release: pairs with the acquire in fe_batch_take, so that the owner sees the blocks' addresses, states and
     * poison. No acquire: `before` is only passed on, and what it holds reaches the owner through the chain of
     * exchanges, which is one release sequence. */
    before = fe_exchange_release(&stack->newest, batch);
    /* Relaxed would do for what the batch before holds; release, to the acquire in fe_batch_next, keeps our write of
     * this link ahead of the owner's reuse of the batch. */
    fe_store_release(&batch->next, before);
}

/* False if there is nothing to take. A hint: what is pushed now is seen by the next look. */
static inline bool fe_batch_waiting(struct fe_batch_stack *stack) {
    return fe_load_relaxed(&stack->newest) != NULL;
}

/* Takes all that was pushed; returns the newest, or NULL. The owner only. */
static inline struct fe_batch *fe_batch_take(struct fe_batch_stack *stack) {
    void *newest = fe_exchange_acquire(&stack->newest, NULL); /* acquire: pairs with the release in fe_batch_push */
    return (struct fe_batch *)newest;
}

/* The batch below a taken one in *next, NULL if it was the last; false if its pusher has not said yet. The owner only.
 * After true the batch is the owner's to reuse. */
static inline bool fe_batch_next(struct fe_batch *batch, struct fe_batch **next) {
    void *below = fe_load_acquire(&batch->next); /* acquire: pairs with the release in fe_batch_push */
    *next = (struct fe_batch *)below;
    return below != FE_BATCH_UNSET;
}

#endif
