/*
 * The queue of a pipe that holds at most one value: one-slot pipes and oneshots. Several senders, one receiver.
 *
 * One word says what the cell holds; the value lies beside it. The word carries a version, which grows each time the
 * cell becomes empty, so that a sender that is late cannot take one emptiness for another.
 *
 *      EMPTY v ──1 reserve──▶ WRITING v ──2 publish──▶ FULL v ──3 empty──▶ EMPTY v+1
 *
 * With one sender (`shared` false) edge 1 is skipped: nobody else writes.
 *
 * Edges 2 and 3 are sequentially consistent: each is followed by a look at who waits for it, who has announced himself
 * before his last look at the word.
 */
#ifndef FERRITE_SCHED_PIPE_CELL_H
#define FERRITE_SCHED_PIPE_CELL_H

#include <arch/atomic.h>

#define FE_CELL_EMPTY 0u
#define FE_CELL_WRITING 1u
#define FE_CELL_FULL 2u
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
    /* Pairs with the loads in fe_cell_take and the look below: the value is visible. seq_cst: before the look at the
     * waiting receiver, which pairs with its announcement before fe_cell_ready_after_announcing. */
    (void)fe_exchange_seq_cst(word, version | FE_CELL_FULL);
}

/* Whether there is a value, by a receiver that has just announced that it waits. */
static inline bool fe_cell_ready_after_announcing(const fe_atomic_u32 *word) {
    return (fe_load_seq_cst(word) & FE_CELL_STATE) == FE_CELL_FULL; /* pairs with fe_cell_publish */
}

/* Whether there is a value, which is then the caller's to read. */
static inline bool fe_cell_take(const fe_atomic_u32 *word, uint32_t *version) {
    uint32_t seen = fe_load_acquire(word); /* pairs with fe_cell_publish */
    *version = seen & ~FE_CELL_STATE;
    return (seen & FE_CELL_STATE) == FE_CELL_FULL;
}

/* Edge 3: the value has been read. Senders that wait for room must be looked for after this. */
static inline void fe_cell_empty(fe_atomic_u32 *word, uint32_t version) {
    /* Pairs with fe_cell_reserve. seq_cst: before the look at the waiting senders; pairs with fe_cell_has_room. */
    (void)fe_exchange_seq_cst(word, version + FE_CELL_VERSION);
}

/* Whether the cell is empty, by a sender that has just announced that it waits for room. */
static inline bool fe_cell_has_room(const fe_atomic_u32 *word) {
    return (fe_load_seq_cst(word) & FE_CELL_STATE) == FE_CELL_EMPTY; /* pairs with fe_cell_empty */
}

#endif
