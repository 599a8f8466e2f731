/*
 * The inbox on real threads, and with pushes cut short as an interrupt cuts them: order, and that nothing is lost. What
 * orders of memory it rests on is the models' business (tests/model/inbox.cpp).
 */
#include "support.h"

#include <sched/inbox.h>

#include <pthread.h>
#include <stdlib.h>

#define PRODUCERS 3
#define EACH 100000u

struct letter {
    struct fe_inbox_node node;
    unsigned producer, number;
};

static struct fe_inbox inbox;

Test(sched_inbox, first_in_first_out) {
    static struct letter letters[5];
    fe_inbox_init(&inbox);
    cr_assert(fe_inbox_empty(&inbox));
    cr_assert_null(fe_inbox_pop(&inbox));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5; i++)
            cr_assert_eq(fe_inbox_push(&inbox, &letters[i].node), i == 0, "only the first says that it was empty");
        cr_assert_not(fe_inbox_empty(&inbox));
        for (unsigned i = 0; i < 5; i++)
            cr_assert_eq(fe_inbox_pop(&inbox), &letters[i].node);
        cr_assert_null(fe_inbox_pop(&inbox));
        cr_assert(fe_inbox_empty(&inbox));
    }
}

Test(sched_inbox, a_node_can_be_pushed_again_at_once) {
    static struct letter letter;
    fe_inbox_init(&inbox);
    for (unsigned i = 0; i < 10; i++) {
        cr_assert(fe_inbox_push(&inbox, &letter.node));
        cr_assert_eq(fe_inbox_pop(&inbox), &letter.node);
    }
    cr_assert(fe_inbox_empty(&inbox));
}

/* The two halves of fe_inbox_push, which an interrupt may part. */
static struct fe_inbox_node *first_half(struct fe_inbox_node *node) {
    fe_store_relaxed(&node->next, NULL);
    return fe_exchange_acq_rel(&inbox.head, node);
}
static void second_half(struct fe_inbox_node *before, struct fe_inbox_node *node) {
    fe_store_release(&before->next, node);
}

Test(sched_inbox, a_push_within_a_push) {
    static struct letter early, cut, inner;
    fe_inbox_init(&inbox);
    for (unsigned round = 0; round < 2; round++) {
        bool with_early = round == 1; /* the half-done push is the first, or behind another node */
        if (with_early)
            cr_assert(fe_inbox_push(&inbox, &early.node));
        struct fe_inbox_node *before = first_half(&cut.node);
        cr_assert_not(fe_inbox_push(&inbox, &inner.node), "a handler's push, on the core that was interrupted");
        cr_assert_null(fe_inbox_pop(&inbox), "half done, and what is behind it");
        cr_assert_not(fe_inbox_empty(&inbox), "so the consumer does not sleep");
        second_half(before, &cut.node);
        if (with_early)
            cr_assert_eq(fe_inbox_pop(&inbox), &early.node);
        cr_assert_eq(fe_inbox_pop(&inbox), &cut.node);
        cr_assert_eq(fe_inbox_pop(&inbox), &inner.node);
        cr_assert(fe_inbox_empty(&inbox));
    }
}

static void *produce(void *argument) {
    unsigned producer = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < EACH; i++) {
        struct letter *letter = malloc(sizeof *letter);
        cr_assert_not_null(letter);
        *letter = (struct letter){.producer = producer, .number = i};
        fe_inbox_push(&inbox, &letter->node);
    }
    return NULL;
}

Test(sched_inbox, three_producers_in_order, .timeout = 120) {
    pthread_t threads[PRODUCERS];
    unsigned next[PRODUCERS] = {0};
    fe_inbox_init(&inbox);
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, produce, (void *)i), 0);
    for (unsigned left = PRODUCERS * EACH; left > 0;) {
        struct fe_inbox_node *node = fe_inbox_pop(&inbox);
        if (!node)
            continue;
        struct letter *letter = FE_CONTAINER_OF(node, struct letter, node);
        cr_assert_eq(letter->number, next[letter->producer], "out of order");
        next[letter->producer]++;
        free(letter); /* the address sanitizer tells of a producer that still touches it */
        left--;
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_null(fe_inbox_pop(&inbox));
    cr_assert(fe_inbox_empty(&inbox));
}
