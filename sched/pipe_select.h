/*
 * Whether a pipe's node is in its selector's queue of ready ports: at most once, put there by the sender that marks it.
 *
 * A sender that finds the mark set need not do anything: the selector clears it after it has taken the node and before
 * it looks at the pipe, so that look sees what the sender published.
 */
#ifndef FERRITE_SCHED_PIPE_SELECT_H
#define FERRITE_SCHED_PIPE_SELECT_H

#include <arch/atomic.h>

/* After a value was published. True if the caller must push the pipe's node. */
static inline bool fe_selected_mark(fe_atomic_u32 *selected) {
    /* Release; pairs with fe_selected_clear: our value, if the mark was set. Acquire; pairs with it too: the selector
     * is done with the node, if it was not. */
    return fe_exchange_acq_rel(selected, 1) == 0;
}

/* The node has been taken; the look at the pipe must follow. The selecting task. */
static inline void fe_selected_clear(fe_atomic_u32 *selected) {
    (void)fe_exchange_acq_rel(selected, 0); /* pairs with fe_selected_mark, both ways */
}

#endif
