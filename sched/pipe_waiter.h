/*
 * How a pipe's receiver is found by those who send to it: one word in the pipe that holds the waiting task, or the
 * selector that the port is in (tagged).
 *
 * The receiver announces itself, looks at the queue once more, and parks. A sender publishes its value, looks here, and
 * claims the receiver: exactly one claims each announcement, and a claimed receiver looks at the queue at least once more
 * before it returns. That is what lets the sender of a rendezvous go on at once: its value is as good as received.
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
    if (fe_load_relaxed(word) == FE_WAITER_NONE) /* ours until it is claimed; a claim comes with a notification */
        return false;
    /* seq_cst: before the look at the queue that follows, as if announcing. */
    return fe_exchange_seq_cst(word, FE_WAITER_NONE) != FE_WAITER_NONE;
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

#endif
