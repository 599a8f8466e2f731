/*
 * How those who wait at a pipe are found by the other side. Each wait follows one pattern: announce; look at the queue
 * once more; park. Each change of the queue is followed by a look at who waits. The change, the announcement and both
 * looks are sequentially consistent, so at least one of the two sees the other.
 *
 *   waiter   the receiver's task, or the selector that the port is in (tagged)
 *   crowded  whether senders wait for room; they stand in a list under the pipe's lock
 *
 * Exactly one sender claims each announcement of the receiver.
 */
#ifndef FERRITE_SCHED_PIPE_WAITER_H
#define FERRITE_SCHED_PIPE_WAITER_H

#include <arch/atomic.h>

#define FE_WAITER_NONE ((uintptr_t)0)
#define FE_WAITER_SELECTOR ((uintptr_t)1) /* tag: the rest is a selector, and stays until it is removed */

/* The receiver is about to wait; it must look at the queue once more (..._ready_after_announcing). */
static inline void fe_waiter_announce(fe_atomic_uptr *word, uintptr_t who) {
    fe_store_seq_cst(word, who); /* before that look; pairs with the publishing exchange before fe_waiter_find */
}

/* The receiver no longer waits. False if a sender has claimed it meanwhile. */
static inline bool fe_waiter_retract(fe_atomic_uptr *word) {
    /* Relaxed, both: a claim says only that somebody looked; the look at the queue that follows has orders of its own, and a
     * value that it misses stays queued. Nobody but us puts anything but NONE there. */
    if (fe_load_relaxed(word) == FE_WAITER_NONE)
        return false;
    return fe_exchange_relaxed(word, FE_WAITER_NONE) != FE_WAITER_NONE;
}

/* Who waits; after a value was published, or the pipe closed. Senders. */
static inline uintptr_t fe_waiter_find(const fe_atomic_uptr *word) {
    return fe_load_seq_cst(word); /* pairs with fe_waiter_announce */
}

/* Claims the task `who` that fe_waiter_find saw. */
static inline bool fe_waiter_claim(fe_atomic_uptr *word, uintptr_t who) {
    /* Relaxed: the notification that follows orders what must be. */
    return fe_cas_relaxed(word, &who, FE_WAITER_NONE);
}

/* A sender is about to wait for room; it must look at the queue once more (..._has_room). Under the pipe's lock. */
static inline void fe_crowd_announce(fe_atomic_u32 *crowded) {
    fe_store_seq_cst(crowded, 1); /* before that look; pairs with fe_crowd_waits */
}

/* No sender waits any more. Under the pipe's lock. */
static inline void fe_crowd_disperse(fe_atomic_u32 *crowded) {
    fe_store_relaxed(crowded, 0); /* the lock orders it against announcements; outside it is a hint */
}

/* Whether senders wait; after room was made, by whoever made it. */
static inline bool fe_crowd_waits(const fe_atomic_u32 *crowded) {
    return fe_load_seq_cst(crowded) != 0; /* pairs with fe_crowd_announce */
}

/* A waiting sender's node has been taken out of the list, which its owner may now forget. Under the pipe's lock. */
static inline void fe_crowd_release(fe_atomic_u32 *queued) {
    fe_store_release(queued, 0); /* pairs with fe_crowd_held: we are done with the node */
}

/* Whether a waiting sender's node is in the list. Its owner, without the lock. */
static inline bool fe_crowd_held(const fe_atomic_u32 *queued) {
    return fe_load_acquire(queued) != 0; /* pairs with fe_crowd_release */
}

#endif
