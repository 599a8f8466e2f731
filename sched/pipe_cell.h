/*
 * The queue of a pipe that holds at most one value: one-slot pipes, oneshots and rendezvous. Several senders, one
 * receiver.
 *
 * One word says what the cell holds; the value lies beside it. The word carries a version, which grows each time the
 * cell becomes empty, so that a sender can tell its own value from a later one.
 *
 *      EMPTY v ──1 reserve──▶ WRITING v ──2 publish──▶ FULL v ──3 claim──▶ TAKING v ──4 empty──▶ EMPTY v+1
 *                                                       │                                          ▲
 *                                                       └───────────────5 withdraw─────────────────┘
 *
 * With one sender (`shared` false) edge 1 is skipped: nobody else writes. Edge 5 exists for rendezvous only, where a
 * sender may give up; there the receiver claims by compare-and-swap, and elsewhere edge 3 is skipped.
 *
 * Edges 2, 3 (of a rendezvous) and 4 are sequentially consistent: each is followed by a look at who waits for it, who
 * has announced himself before his last look at the word.
 */
#ifndef FERRITE_SCHED_PIPE_CELL_H
#define FERRITE_SCHED_PIPE_CELL_H

#include <arch/atomic.h>

#define FE_CELL_EMPTY 0u
#define FE_CELL_WRITING 1u
#define FE_CELL_FULL 2u
#define FE_CELL_TAKING 3u
#define FE_CELL_STATE 3u
#define FE_CELL_VERSION 4u

/* Edge 1: the right to write the value; false if the cell is not empty. *version is for the calls that follow. */
static inline bool fe_cell_reserve(fe_atomic_u32 *word, bool shared, uint32_t *version) {
    /* Acquire; pairs with fe_cell_empty: the last value has been read before we write. */
    uint32_t seen = fe_load_acquire(word);
    if ((seen & FE_CELL_STATE) != FE_CELL_EMPTY)
        return false;
    *version = seen;
    /* Relaxed: had another sender's value come and gone since, the version would differ. */
    return !shared || fe_cas_relaxed(word, &seen, seen | FE_CELL_WRITING);
}

/* Edge 2. Whoever waits for a value must be looked for after this. */
static inline void fe_cell_publish(fe_atomic_u32 *word, uint32_t version) {
    /* Pairs with the loads in fe_cell_ready and fe_cell_claim: the value is visible. seq_cst: before the look at the
     * waiting receiver, which pairs with its announcement before fe_cell_ready_after_announcing. */
    (void)fe_exchange_seq_cst(word, version | FE_CELL_FULL);
}

/* Whether there is a value, by a receiver that has just announced that it waits. */
static inline bool fe_cell_ready_after_announcing(const fe_atomic_u32 *word) {
    return (fe_load_seq_cst(word) & FE_CELL_STATE) == FE_CELL_FULL; /* pairs with fe_cell_publish */
}

/* Edge 3, rendezvous: false if there is no value (any more). The sender that waits must be looked for after this. */
static inline bool fe_cell_claim(fe_atomic_u32 *word, uint32_t *version) {
    uint32_t seen = fe_load_relaxed(word); /* the swap decides */
    if ((seen & FE_CELL_STATE) != FE_CELL_FULL)
        return false;
    *version = seen & ~FE_CELL_STATE;
    /* Pairs with fe_cell_publish. seq_cst: before the look at the waiting sender; pairs with fe_cell_pending. */
    return fe_cas_seq_cst(word, &seen, *version | FE_CELL_TAKING);
}

/* Edge 3 where nobody withdraws: whether there is a value, which is then the caller's to read. */
static inline bool fe_cell_take(const fe_atomic_u32 *word, uint32_t *version) {
    uint32_t seen = fe_load_acquire(word); /* pairs with fe_cell_publish */
    *version = seen & ~FE_CELL_STATE;
    return (seen & FE_CELL_STATE) == FE_CELL_FULL;
}

/* Edge 4: the value has been read. Senders that wait for room must be looked for after this. */
static inline void fe_cell_empty(fe_atomic_u32 *word, uint32_t version) {
    /* Pairs with fe_cell_reserve. seq_cst: before the look at the waiting senders; pairs with fe_cell_has_room. */
    (void)fe_exchange_seq_cst(word, version + FE_CELL_VERSION);
}

/* Whether the value of `version` lies there untaken, by its sender that has just announced that it waits. */
static inline bool fe_cell_pending(const fe_atomic_u32 *word, uint32_t version) {
    return fe_load_seq_cst(word) == (version | FE_CELL_FULL); /* pairs with fe_cell_claim */
}

/* Edge 5: takes the value of `version` back; false if it has been taken. Senders that wait must be looked for after. */
static inline bool fe_cell_withdraw(fe_atomic_u32 *word, uint32_t version) {
    uint32_t full = version | FE_CELL_FULL;
    /* Relaxed: that we wrote the value before the next sender writes it anew, fe_cell_publish released, and a
     * read-modify-write hands that on. Waiting senders are found under the lock under which they announce themselves. */
    return fe_cas_relaxed(word, &full, version + FE_CELL_VERSION);
}

/* Whether the cell is empty, by a sender that has just announced that it waits for room. */
static inline bool fe_cell_has_room(const fe_atomic_u32 *word) {
    return (fe_load_seq_cst(word) & FE_CELL_STATE) == FE_CELL_EMPTY; /* pairs with fe_cell_empty */
}

#endif
