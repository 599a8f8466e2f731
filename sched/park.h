/*
 * One word by which a task waits and others wake it, so that no wake-up is lost and each wait ends once.
 *
 *               (1) commit                  1  fe_parking_commit, by the core that the task ran on, after the switch
 *               away
 *      EMPTY ---------------> PARKED           from it: only now may anybody resume it
 *       ^  |                    |           2  fe_parking_notify: the task is ready; the notifier has it and queues it
 *    (4)|  |(3) notify          |(2) notify 3  fe_parking_notify before the commit, or again: remembered, once
 *       |  v                    |           4  fe_parking_reset, by the task itself
 *      NOTIFIED <---------------+
 *
 * Use. The waiter: until its condition holds { fe_parking_reset; check; switch away; commit, and if that fails ready
 * the task again }. The waker: makes the condition true, then notifies, and readies the task if told to. A reset comes
 * between a notification and the check that it is for, so what the notifier wrote before is seen by that check; a
 * notification that comes later makes the commit fail. Waits end early (a notification left over), so the waiter must
 * loop.
 *
 * A kill is a flag of its own that the task checks after each wait, made true as a condition is, and then a
 * notification: waker and killer race for this word, and exactly one gets the task.
 *
 * Rejected: fetch_or of bits in this word (on x86_64 a loop around cmpxchg, where the exchange is one instruction); a
 * store in fe_parking_reset (a second notification would be overwritten unseen, and with it the condition it stands
 * for).
 *
 * Source: the park/unpark token of java.util.concurrent and of Rust's thread parker (futex variant).
 */
#ifndef FERRITE_SCHED_PARK_H
#define FERRITE_SCHED_PARK_H

#include <arch/atomic.h>

#define FE_PARKING_EMPTY 0u
#define FE_PARKING_PARKED 1u
#define FE_PARKING_NOTIFIED 2u

/* A new task's word. Before any other core knows of it. */
static inline void fe_parking_init(fe_atomic_u32 *word) {
    fe_store_relaxed(word, FE_PARKING_EMPTY);
}

/* Whether there is a notification, so that parking now would be in vain. A hint: the task itself only. */
static inline bool fe_parking_notified(const fe_atomic_u32 *word) {
    /* Relaxed: what it says true of is then taken by fe_parking_reset, which acquires. */
    return fe_load_relaxed(word) == FE_PARKING_NOTIFIED;
}

/* Edge 4. Takes a notification, if any. The task itself, before it checks what it waits for. */
static inline void fe_parking_reset(fe_atomic_u32 *word) {
    /* Acquire; pairs with fe_parking_notify: the check that follows sees what every notifier so far had written. */
    (void)fe_exchange_acquire(word, FE_PARKING_EMPTY);
}

/* Edge 1. The task's context is saved whole. False if it has been notified: the caller readies it again. If true, the
 * caller must not touch the task any more. */
static inline bool fe_parking_commit(fe_atomic_u32 *word) {
    uint32_t expected = FE_PARKING_EMPTY;
    /* Release; pairs with the exchange in fe_parking_notify: who resumes the task sees its saved context. */
    return fe_cas_release(word, &expected, FE_PARKING_PARKED);
}

/* Edges 2 and 3. True if the task was parked: it is the caller's now, who must make it ready. Any core, any context. */
static inline bool fe_parking_notify(fe_atomic_u32 *word) {
    /* Release; pairs with fe_parking_reset. Acquire; pairs with fe_parking_commit. */
    return fe_exchange_acq_rel(word, FE_PARKING_NOTIFIED) == FE_PARKING_PARKED;
}

#endif
