/*
 * The queue of an unbounded pipe: an inbox (inbox.h) of nodes that hold a value each, and one spare node, which the
 * receiver leaves for the next send, so that a steady exchange allocates nothing.
 */
#ifndef FERRITE_SCHED_PIPE_LIST_H
#define FERRITE_SCHED_PIPE_LIST_H

#include "inbox.h"

/* Takes the spare node for a send; NULL if there is none. Senders. */
static inline void *fe_spare_take(fe_atomic_pointer *spare) {
    return fe_exchange_acquire(spare, NULL); /* pairs with fe_spare_leave: the receiver has read its value */
}

/* Leaves a node whose value has been read; returns the one that lay there, now the caller's, or NULL. Receiver. */
static inline void *fe_spare_leave(fe_atomic_pointer *spare, void *node) {
    /* Release; pairs with fe_spare_take. What comes back was left by this receiver, or by one that handed the port on.
     * */
    return fe_exchange_release(spare, node);
}

/* Appends a node. Whoever waits for a value must be looked for after this. */
static inline void fe_list_push(struct fe_inbox *inbox, struct fe_inbox_node *node) {
    (void)fe_inbox_push(inbox, node);
    fe_fence_seq_cst(); /* before that look; pairs with the fence in fe_list_ready_after_announcing */
}

/* Whether there is a value, or will be at once, by a receiver that has just announced that it waits. */
static inline bool fe_list_ready_after_announcing(struct fe_inbox *inbox) {
    fe_fence_seq_cst(); /* the announcement before the look; pairs with fe_list_push */
    return !fe_inbox_empty(inbox);
}

#endif
