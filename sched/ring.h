/*
 * The run queue's ring: a bounded first-in, first-out queue of ready tasks. Its owner appends at the tail and takes
 * from the head; any other core may steal half of it from the head at once.
 *
 *      head                 tail         Indices only grow; index i lives in slot i % FE_RING_CAPACITY.
 *       v                    v           head: next to be taken; moved by compare-and-swap, by the owner and thieves.
 *   ... | t1 | t2 | t3 | t4 |  ...       tail: next free slot; written by the owner only.
 *
 * Invariants: head <= tail <= head + FE_RING_CAPACITY at every instant; who moves head from i to i + n alone has taken
 * items i .. i + n - 1.
 *
 * A thief copies the slots first and claims them after. Had the owner overwritten one of them meanwhile, it had first
 * seen head beyond it; then the claim fails, since head never returns to a value, and the copy is thrown away. So
 * indices have 64 bits: 32 come round in about a minute, and a stopped virtual CPU sleeps longer than that.
 *
 * An item may be appended before its owner is done with it: a task that yields is, to spare a call on the other side of
 * the switch. It is named in `unfinished` until then, and is always the newest; thieves leave it. They look after they have
 * read the tail, so that the item just below it is either named there, or finished and seen to be; and the items before
 * it were finished before it was appended.
 *
 * Rejected: Chase and Lev's deque (the owner takes the newest first, which starves the oldest, and half of it can't be
 * stolen in one step); tokio's second head for steals in progress (slots become plain, but a stopped thief then keeps
 * the owner from using them, and the owner's take is longer); head and tail on lines of their own (owner and thief
 * each touch both in every operation, so one line is one transfer fewer).
 *
 * Source: Go's runqput, runqget, runqgrab (runtime/proc.go), with the owner's side relaxed where Go cannot say so.
 */
#ifndef FERRITE_SCHED_RING_H
#define FERRITE_SCHED_RING_H

#include <arch/atomic.h>

/* A power of two. The model checks it at 2 and 4; 256 is what Go and tokio settled on. */
#ifndef FE_RING_CAPACITY
#define FE_RING_CAPACITY 256u
#endif

struct fe_ring {
    FE_CACHE_ALIGNED fe_speculative_pointer slots[FE_RING_CAPACITY]; /* first: a slot's address is one sum */
    /* Claims: the owner and thieves. */
    FE_CACHE_ALIGNED fe_atomic_u64 head;
    /* Written by the owner. */
    fe_atomic_u64 tail;
    fe_atomic_pointer unfinished; /* pushed, but not to be used yet */
};

/* Makes *ring empty. Before any other core knows of it. */
static inline void fe_ring_init(struct fe_ring *ring) {
    fe_store_relaxed(&ring->head, 0);
    fe_store_relaxed(&ring->tail, 0);
    fe_store_relaxed(&ring->unfinished, NULL);
}

/* Appends `item`; false if the ring is full. Owner only. */
static inline bool fe_ring_push(struct fe_ring *ring, void *item) {
    uint64_t tail = fe_load_relaxed(&ring->tail); /* our own */
    /* Pairs with the claim in fe_ring_steal: what the slot held was read before we write it anew. */
    uint64_t head = fe_load_acquire(&ring->head);
    if (tail - head >= FE_RING_CAPACITY)
        return false;
    fe_speculative_write(&ring->slots[tail % FE_RING_CAPACITY], item);
    /* Pairs with the load of tail in fe_ring_steal: the thief sees the slot, and what the item points to. */
    fe_store_release(&ring->tail, tail + 1);
    return true;
}

/*
 * Takes the oldest item and appends `item`, which nobody may use before fe_ring_finish; NULL, and nothing is appended, if
 * there is none. What fe_ring_pop and fe_ring_push do together: after the one there is room for the other. Owner only.
 */
static inline void *fe_ring_rotate(struct fe_ring *ring, void *item) {
    uint64_t tail = fe_load_relaxed(&ring->tail); /* our own */
    uint64_t head = fe_load_relaxed(&ring->head); /* as in fe_ring_pop */
    while (head != tail) {
        void *oldest = fe_speculative_read(&ring->slots[head % FE_RING_CAPACITY]);
        /* Pairs with the claim in fe_ring_steal: what the slot held that we write below has been read. */
        if (fe_cas_acquire(&ring->head, &head, head + 1)) {
            fe_speculative_confirm(&ring->slots[head % FE_RING_CAPACITY]);
            fe_store_relaxed(&ring->unfinished, item); /* released by the store of tail: who sees the item sees this */
            fe_speculative_write(&ring->slots[tail % FE_RING_CAPACITY], item);
            fe_store_release(&ring->tail, tail + 1); /* as in fe_ring_push */
            if (oldest == NULL)
                __builtin_unreachable(); /* NULL is never pushed */
            return oldest;
        }
    }
    return NULL;
}

/* The item appended by fe_ring_rotate, if any, may be used. Owner only. */
static inline void fe_ring_finish(struct fe_ring *ring) {
    fe_store_release(&ring->unfinished, NULL); /* pairs with the load in fe_ring_steal */
}

/* Takes the oldest item; NULL if there is none. Owner only. */
static inline void *fe_ring_pop(struct fe_ring *ring) {
    uint64_t tail = fe_load_relaxed(&ring->tail); /* our own */
    /* Relaxed: the slots and what they point to were written by this core, or acquired when it stole them. A value that
     * is behind makes the claim fail and be tried again. */
    uint64_t head = fe_load_relaxed(&ring->head);
    while (head != tail) {
        void *item = fe_speculative_read(&ring->slots[head % FE_RING_CAPACITY]);
        /* Relaxed: it hands nothing on. Only this core writes the slot again, later in its own order. */
        if (fe_cas_relaxed(&ring->head, &head, head + 1)) {
            fe_speculative_confirm(&ring->slots[head % FE_RING_CAPACITY]);
            return item;
        }
    }
    return NULL;
}

/*
 * Takes half of the victim's items, rounded up, oldest first: *first is the oldest, for the caller to run at once; the
 * others are appended to `own` in order. Returns how many were taken; 0, with *first NULL, if there was nothing to
 * steal. Any core but the victim's owner; `own` is the caller's ring. Takes no more than fit, so an empty `own` takes
 * all.
 */
static inline unsigned fe_ring_steal(struct fe_ring *victim, struct fe_ring *own, void **first) {
    uint64_t own_tail = fe_load_relaxed(&own->tail); /* our own */
    /* Pairs with the claim below by those who stole from us: they have read the slots that we write. */
    uint64_t room = FE_RING_CAPACITY - (own_tail - fe_load_acquire(&own->head));
    *first = NULL;
    /* Relaxed: a value that is behind makes the claim fail, one that is ahead of the tail read next is seen to be. */
    uint64_t head = fe_load_relaxed(&victim->head);
    for (;;) {
        /* Pairs with the stores of tail in fe_ring_push and below: the slots up to it, and what they point to. */
        uint64_t queued = fe_load_acquire(&victim->tail) - head;
        if ((int64_t)queued <= 0)
            return 0;
        if (queued > FE_RING_CAPACITY) { /* the owner took and appended since we read head */
            head = fe_load_relaxed(&victim->head);
            continue;
        }
        /* Pairs with fe_ring_finish: what the owner did to the newest item. */
        if (fe_load_acquire(&victim->unfinished) != NULL && --queued == 0)
            return 0;
        uint64_t count = queued - queued / 2;
        if (count > room + 1)
            count = room + 1;

        void *oldest = fe_speculative_read(&victim->slots[head % FE_RING_CAPACITY]);
        for (uint64_t i = 1; i < count; i++)
            fe_speculative_write(&own->slots[(own_tail + i - 1) % FE_RING_CAPACITY],
                                 fe_speculative_read(&victim->slots[(head + i) % FE_RING_CAPACITY]));
        /* Pairs with the loads of head in fe_ring_push and above: our reads of the slots come before the owner's next
         * writes of them. */
        if (!fe_cas_release(&victim->head, &head, head + count))
            continue;
        for (uint64_t i = 0; i < count; i++)
            fe_speculative_confirm(&victim->slots[(head + i) % FE_RING_CAPACITY]);
        *first = oldest;
        if (count > 1)
            fe_store_release(&own->tail, own_tail + count - 1); /* as in fe_ring_push */
        return (unsigned)count;
    }
}

/* How many items there are: exact for the owner if nobody steals, else a moment old. Any core. */
static inline unsigned fe_ring_length(const struct fe_ring *ring) {
    /* Relaxed: only a number. The two may be of different moments, either way round. */
    uint64_t head = fe_load_relaxed(&ring->head);
    uint64_t queued = fe_load_relaxed(&ring->tail) - head;
    if ((int64_t)queued <= 0)
        return 0;
    return queued < FE_RING_CAPACITY ? (unsigned)queued : FE_RING_CAPACITY;
}

#endif
