/*
 * The inbox: what other cores, and interrupt handlers, hand to a core. An intrusive first-in, first-out queue with many
 * producers and one consumer; a push is one exchange and never waits, a pop in the common case no atomic
 * read-modify-write at all.
 *
 *      tail                                   head       Nodes are linked from the oldest (tail, the consumer's end) to
 *       v                                      v         the newest (head, the producers' end). The inbox owns one node
 *      [A] --next--> [B] --next--> [stub] --> [C]        of its own, the stub, so that the list is never without one.
 *
 * A push first makes its node the head (one exchange: the order of pushes) and then links it from the node before.
 * Between the two it is *half done*: the consumer cannot reach that node, nor those pushed behind it. fe_inbox_pop then
 * returns NULL, and fe_inbox_empty says false, so a consumer must not sleep on a NULL alone: it asks fe_inbox_empty. An
 * interrupt handler that pushes while a push on its own core is half done only queues behind it, and returns; nobody
 * waits. A node becomes poppable only when all pushes before it are done, and each pusher tells the consumer after it
 * has linked.
 *
 * Invariants: from the moment of its push to that of its pop a node belongs to the inbox; after the pop no producer
 * touches it, so it may be freed or pushed again at once.
 *
 * Rejected: a stack taken whole by exchange and reversed (a retry loop for pushers under contention, and a batch held
 * in hand that other code cannot see); one queue per pair of cores (memory grows with the square, and handlers need
 * more).
 *
 * Source: Dmitry Vyukov's intrusive MPSC node-based queue.
 */
#ifndef FERRITE_SCHED_INBOX_H
#define FERRITE_SCHED_INBOX_H

#include <arch/atomic.h>

struct fe_inbox_node {
    fe_atomic_pointer next; /* struct fe_inbox_node *; this file's only. Needs no initialization. */
};

struct fe_inbox {
    /* Producers. */
    FE_CACHE_ALIGNED fe_atomic_pointer head; /* struct fe_inbox_node *; never NULL */
    /* The consumer. */
    FE_CACHE_ALIGNED FE_PLAIN(struct fe_inbox_node *) tail;
    struct fe_inbox_node stub;
};

/* Makes *inbox empty. Before any other core knows of it. */
static inline void fe_inbox_init(struct fe_inbox *inbox) {
    fe_store_private(&inbox->stub.next, NULL);
    fe_store_relaxed(&inbox->head, &inbox->stub);
    fe_plain_set(inbox->tail, &inbox->stub);
}

/*
 * Appends `node`, which must be in no inbox. Any core, any context, interrupt handlers included; never waits.
 * True if the inbox may have been empty: the caller must then see to it that the consumer looks (fe_sleep_wake_core).
 * False if there is something before it that the consumer has not taken yet: it cannot find its inbox empty before it
 * gets to this node, so nobody needs to be told.
 */
static inline bool fe_inbox_push(struct fe_inbox *inbox, struct fe_inbox_node *node) {
    fe_store_private(&node->next, NULL);
    /* Release, to the acquire of the next push's exchange: it stores our `next` after the store above. What the node
     * carries is published by the store below. */
    void *exchanged = fe_exchange_acq_rel(&inbox->head, node);
    struct fe_inbox_node *before = (struct fe_inbox_node *)exchanged;
    bool was_empty = before == &inbox->stub; /* `before` may be gone once we have linked it */
    /* Pairs with the loads of next in fe_inbox_pop. */
    fe_store_release(&before->next, node);
    return was_empty;
}

/*
 * Takes the oldest node; NULL if there is none, or if a push at this place is half done (fe_inbox_empty tells). The
 * consumer only.
 */
static inline struct fe_inbox_node *fe_inbox_pop(struct fe_inbox *inbox) {
    struct fe_inbox_node *tail = fe_plain_get(inbox->tail);
    /* This and the loads below pair with the link in fe_inbox_push: what the next node carries, and that the pusher is
     * done with the one we return. */
    struct fe_inbox_node *next = (struct fe_inbox_node *)fe_load_acquire(&tail->next);
    if (tail == &inbox->stub) {
        if (next == NULL)
            return NULL;
        fe_plain_set(inbox->tail, next);
        tail = next;
        next = (struct fe_inbox_node *)fe_load_acquire(&tail->next);
    }
    if (next == NULL) {
        /* The last node can go only when another is behind it: push the stub. Relaxed: if head is `tail` still, then
         * nobody has got hold of it, and who does from now on exchanges with the stub's push. */
        if (fe_load_relaxed(&inbox->head) != (void *)tail)
            return NULL; /* half done */
        (void)fe_inbox_push(inbox, &inbox->stub);
        next = (struct fe_inbox_node *)fe_load_acquire(&tail->next);
        if (next == NULL)
            return NULL; /* half done: a push came between the load and ours */
    }
    fe_plain_set(inbox->tail, next);
    return tail;
}

/*
 * False if there is anything to pop or a push is half done. The consumer only. Before it sleeps it announces that,
 * fences (fe_sleep_announce), and asks this; the pusher fences and looks for the announcement after its push.
 */
static inline bool fe_inbox_empty(struct fe_inbox *inbox) {
    /* Relaxed: the caller's fence pairs with that of fe_sleep_wake_core; nothing is read through the pointer. Both are
     * compared: the stub may be the newest with nodes before it. */
    return fe_plain_get(inbox->tail) == &inbox->stub && fe_load_relaxed(&inbox->head) == (void *)&inbox->stub;
}

#endif
