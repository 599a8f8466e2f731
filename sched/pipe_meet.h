/*
 * The queue of a rendezvous, which holds no value: a sender and the receiver meet in one word, and the one who comes second
 * copies the value straight from or to the memory of the one who came first, who waits.
 *
 *                  2 claim, copy, finish
 *        ┌─────────────────────────────────────┐
 *        ▼             1 offer                 │
 *     NOBODY ─────────────────────────▶ record of a waiting sender, or of the waiting receiver (tagged)
 *        ▲                                     │
 *        └─────────────────────────────────────┘
 *                  3 withdraw (deadline, closing)
 *
 * The record lies on the waiter's stack. Who takes it out of the word, by compare-and-swap, alone may touch it; and the
 * waiter, if that is not itself, must stay until the other has finished.
 *
 * Rejected: a slot with states for writing, full and taken (a second exchange for the receiver, a word to find the sender
 * by, and a way to tell one's own value from the next).
 */
#ifndef FERRITE_SCHED_PIPE_MEET_H
#define FERRITE_SCHED_PIPE_MEET_H

#include <arch/atomic.h>

#define FE_MEET_NOBODY ((uintptr_t)0)
#define FE_MEET_SENDER ((uintptr_t)1)
#define FE_MEET_RECEIVER ((uintptr_t)2)
#define FE_MEET_TAG ((uintptr_t)3)

/* What became of a waiter. */
#define FE_MEET_WAITING 0u
#define FE_MEET_DONE 1u
#define FE_MEET_CLOSED 2u

/* Who is there, at a glance: fe_meet_claim and fe_meet_offer decide. */
static inline uintptr_t fe_meet_look(const fe_atomic_uptr *word) {
    return fe_load_relaxed(word);
}

/* The same, by a selecting task or a sender that has announced that it waits, or by who has just closed an end. */
static inline uintptr_t fe_meet_look_after_announcing(const fe_atomic_uptr *word) {
    return fe_load_seq_cst(word); /* pairs with fe_meet_offer, fe_meet_claim and fe_meet_withdraw */
}

/* Edge 1: the record `mine` (tagged) waits. Whether an end is closed, and for a sender who selects, must be looked at
 * after this. */
static inline bool fe_meet_offer(fe_atomic_uptr *word, uintptr_t mine) {
    uintptr_t nobody = FE_MEET_NOBODY;
    /* Release; pairs with fe_meet_claim: the record is visible. seq_cst: before those looks. */
    return fe_cas_seq_cst(word, &nobody, mine);
}

/* Edge 2: the record that was seen is the caller's, who must finish it. Senders that wait for their turn must be looked
 * for after this. */
static inline bool fe_meet_claim(fe_atomic_uptr *word, uintptr_t seen) {
    /* Acquire; pairs with fe_meet_offer. seq_cst: before that look. */
    return fe_cas_seq_cst(word, &seen, FE_MEET_NOBODY);
}

/* Edge 3: takes the caller's own record back; false if it has been claimed. As fe_meet_claim, of senders. */
static inline bool fe_meet_withdraw(fe_atomic_uptr *word, uintptr_t mine) {
    return fe_cas_seq_cst(word, &mine, FE_MEET_NOBODY);
}

/* The claimed record is done with; its waiter may forget it at once. */
static inline void fe_meet_finish(fe_atomic_u32 *outcome, uint32_t how) {
    fe_store_release(outcome, how); /* pairs with fe_meet_outcome: the value is copied */
}

/* What became of the caller's record. */
static inline uint32_t fe_meet_outcome(const fe_atomic_u32 *outcome) {
    return fe_load_acquire(outcome); /* pairs with fe_meet_finish */
}

#endif
