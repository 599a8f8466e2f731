/*
 * Which ends of a pipe are closed. What was sent before the sending end closed is received; after that, one more look
 * at the queue is the last.
 */
#ifndef FERRITE_SCHED_PIPE_ENDS_H
#define FERRITE_SCHED_PIPE_ENDS_H

#include <arch/atomic.h>

#define FE_SENDER_CLOSED 1u
#define FE_PORT_CLOSED 2u

/* Closes an end. Whoever waits at the other must be looked for after this. */
static inline void fe_ends_close(fe_atomic_u32 *closed, uint32_t end) {
    /* seq_cst: before that look; pairs with fe_ends_closed_after_announcing. With it release, to fe_ends_closed_last.
     * */
    (void)fe_fetch_or_seq_cst(closed, end);
}

/* Which are closed, at a glance. Relaxed: closing orders nothing against a send; a value may still slip in. */
static inline uint32_t fe_ends_closed(const fe_atomic_u32 *closed) {
    return fe_load_relaxed(closed);
}

/* The same, by a task that has just announced that it waits. */
static inline uint32_t fe_ends_closed_after_announcing(const fe_atomic_u32 *closed) {
    return fe_load_seq_cst(closed); /* pairs with fe_ends_close */
}

/* Whether the sending end is closed, by a receiver that found the queue empty: if so, its next look is the last. */
static inline bool fe_ends_closed_last(const fe_atomic_u32 *closed) {
    /* Acquire; pairs with fe_ends_close: what was sent before is seen. */
    return (fe_load_acquire(closed) & FE_SENDER_CLOSED) != 0;
}

/* One of `count` users (copies of the sending end, or ends of the pipe) goes. True for the last. */
static inline bool fe_ends_drop(fe_atomic_u32 *count) {
    /* Release: what this one did is done. Acquire, for the last: so is what the others did. */
    return fe_fetch_sub_acq_rel(count, 1) == 1;
}

#endif
