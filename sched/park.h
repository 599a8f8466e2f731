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
 * A kill (kill.c) is a bit beside these, which stays until the task itself takes it away:
 *
 *   5 fe_parking_kill: as 2 and 3, and sets the bit, so that every commit fails from then on. A notifier that wipes the bit
 *     by its exchange finds it in what it got back, and sets it again. So waker and killer race for this word, exactly one
 *     gets the task, and a wait costs what it cost without kills: the task looks for the bit only when a wait has ended and
 *     its condition does not hold.
 *   6 fe_parking_take_kill, by the task itself, which looks then whether it is really meant.
 *
 * Rejected: fetch_or in fe_parking_notify (on x86_64 a loop around cmpxchg, where the exchange is one instruction); a store in
 * fe_parking_reset (a second notification would be overwritten unseen, and with it the condition it stands for); a flag
 * beside the word that the task looks at before each commit (two instructions in each wait).
 *
 * Source: the park/unpark token of java.util.concurrent and of Rust's thread parker (futex variant).
 */
#ifndef FERRITE_SCHED_PARK_H
#define FERRITE_SCHED_PARK_H

#include <arch/atomic.h>

#define FE_PARKING_EMPTY 0u
#define FE_PARKING_PARKED 1u
#define FE_PARKING_NOTIFIED 2u
#define FE_PARKING_KILLED 4u /* a bit: alone, or with NOTIFIED */

/* A new task's word. Before any other core knows of it. */
static inline void fe_parking_init(fe_atomic_u32 *word) {
    fe_store_relaxed(word, FE_PARKING_EMPTY);
}

/* Edge 4. Takes a notification, if any. The task itself, before it checks what it waits for. */
static inline void fe_parking_reset(fe_atomic_u32 *word) {
    /* Acquire; pairs with fe_parking_notify: the check that follows sees what every notifier so far had written. */
    (void)fe_fetch_and_acquire(word, ~FE_PARKING_NOTIFIED);
}

/* Edge 1. The task's context is saved whole. False if it has been notified: the caller readies it again. If true, the
 * caller must not touch the task any more. */
static inline bool fe_parking_commit(fe_atomic_u32 *word) {
    uint32_t expected = FE_PARKING_EMPTY;
    /* Release; pairs with the exchange in fe_parking_notify: who resumes the task sees its saved context. */
    return fe_cas_release(word, &expected, FE_PARKING_PARKED);
}

/* Edge 5. True if the task was parked, as for fe_parking_notify. Any core, any context. */
static inline bool fe_parking_kill(fe_atomic_u32 *word) {
    /* Release; pairs with fe_parking_take_kill: why it is killed. Acquire; pairs with fe_parking_commit. */
    return fe_exchange_acq_rel(word, FE_PARKING_KILLED | FE_PARKING_NOTIFIED) == FE_PARKING_PARKED;
}

/* Edges 2 and 3. True if the task was parked: it is the caller's now, who must make it ready. Any core, any context. */
static inline __attribute__((always_inline)) bool fe_parking_notify(fe_atomic_u32 *word) {
    /* Release; pairs with fe_parking_reset. Acquire; pairs with fe_parking_commit, and with fe_parking_kill whose bit is
     * passed on. */
    uint32_t was = fe_exchange_acq_rel(word, FE_PARKING_NOTIFIED);
    if (__builtin_expect(was == FE_PARKING_PARKED, 1))
        return true;
    return __builtin_expect((was & FE_PARKING_KILLED) != 0, 0) && fe_parking_kill(word);
}

/* Whether edge 5 was taken since the last edge 6. A hint that comes true at the latest when a wait has ended by edge 5. The
 * task itself only. */
static inline bool fe_parking_killed(const fe_atomic_u32 *word) {
    return (fe_load_relaxed(word) & FE_PARKING_KILLED) != 0; /* fe_parking_take_kill has the order */
}

/* Edge 6. */
static inline void fe_parking_take_kill(fe_atomic_u32 *word) {
    /* Acquire; pairs with fe_parking_kill: what each killer so far had written is seen. */
    (void)fe_fetch_and_acquire(word, ~FE_PARKING_KILLED);
}

#endif
