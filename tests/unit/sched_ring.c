/*
 * The run queue's ring on real threads: order, bounds, and that each item is taken exactly once. What orders of memory it
 * rests on is the models' business (tests/model/ring.cpp).
 */
#include "support.h"

#include <sched/ring.h>

#include <pthread.h>
#include <stdlib.h>

#define THIEVES 3
#define ITEMS 200000u /* enough for some hundred turns of the ring; a second under sanitizers */

static struct fe_ring ring, own[THIEVES];
static unsigned char taken[ITEMS + 1];
static fe_atomic_u32 done;

static void *item(uintptr_t number) {
    return (void *)number;
}

Test(sched_ring, first_in_first_out_and_bounded) {
    fe_ring_init(&ring);
    cr_assert_null(fe_ring_pop(&ring));
    for (unsigned round = 0; round < 3; round++) {
        for (uintptr_t i = 1; i <= FE_RING_CAPACITY; i++)
            cr_assert(fe_ring_push(&ring, item(i)));
        cr_assert_not(fe_ring_push(&ring, item(1)), "a full ring takes no more");
        cr_assert_eq(fe_ring_length(&ring), FE_RING_CAPACITY);
        for (uintptr_t i = 1; i <= FE_RING_CAPACITY; i++)
            cr_assert_eq(fe_ring_pop(&ring), item(i));
        cr_assert_null(fe_ring_pop(&ring));
        cr_assert_eq(fe_ring_length(&ring), 0);
    }
}

Test(sched_ring, a_thief_takes_half_rounded_up) {
    for (unsigned queued = 0; queued <= FE_RING_CAPACITY; queued++) {
        fe_ring_init(&ring);
        fe_ring_init(&own[0]);
        for (uintptr_t i = 1; i <= queued; i++)
            cr_assert(fe_ring_push(&ring, item(i)));
        void *first = item(99);
        unsigned count = fe_ring_steal(&ring, &own[0], &first);
        cr_assert_eq(count, (queued + 1) / 2);
        cr_assert_eq(fe_ring_length(&ring), queued / 2);
        if (queued == 0) {
            cr_assert_null(first);
            continue;
        }
        cr_assert_eq(first, item(1), "the oldest runs at once");
        for (uintptr_t i = 2; i <= count; i++)
            cr_assert_eq(fe_ring_pop(&own[0]), item(i));
        cr_assert_null(fe_ring_pop(&own[0]));
        for (uintptr_t i = count + 1; i <= queued; i++)
            cr_assert_eq(fe_ring_pop(&ring), item(i));
    }
}

Test(sched_ring, a_thief_takes_no_more_than_fit) {
    fe_ring_init(&ring);
    fe_ring_init(&own[0]);
    for (uintptr_t i = 1; i <= FE_RING_CAPACITY; i++)
        cr_assert(fe_ring_push(&ring, item(i)));
    for (uintptr_t i = 0; i < FE_RING_CAPACITY - 2; i++)
        cr_assert(fe_ring_push(&own[0], item(1000)));
    void *first;
    cr_assert_eq(fe_ring_steal(&ring, &own[0], &first), 3, "two fit, and one is run");
    cr_assert_eq(fe_ring_length(&own[0]), FE_RING_CAPACITY);
    cr_assert_eq(fe_ring_length(&ring), FE_RING_CAPACITY - 3);
}

static void take(void *taken_item) {
    uintptr_t number = (uintptr_t)taken_item;
    cr_assert(number >= 1 && number <= ITEMS);
    cr_assert_eq(__atomic_fetch_add(&taken[number], 1, __ATOMIC_RELAXED), 0, "item %zu was taken twice", (size_t)number);
}

static void *thief(void *argument) {
    struct fe_ring *mine = argument;
    struct fe_ring *victims[] = {&ring, &own[(mine - own + 1) % THIEVES]};
    unsigned turn = 0;
    for (;;) {
        bool last = fe_load_acquire(&done) != 0;
        void *got;
        unsigned count = fe_ring_steal(victims[turn++ % 2], mine, &got);
        for (; got; got = fe_ring_pop(mine))
            take(got);
        if (count == 0 && last)
            return NULL;
    }
}

Test(sched_ring, three_thieves_and_nothing_is_lost, .timeout = 120) {
    pthread_t threads[THIEVES];
    fe_ring_init(&ring);
    for (unsigned i = 0; i < THIEVES; i++)
        fe_ring_init(&own[i]);
    for (unsigned i = 0; i < THIEVES; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, thief, &own[i]), 0);
    for (uintptr_t i = 1; i <= ITEMS; i++) {
        while (!fe_ring_push(&ring, item(i))) {
            void *got = fe_ring_pop(&ring);
            if (got)
                take(got);
        }
        if (i % 7 == 0) {
            void *got = fe_ring_pop(&ring);
            if (got)
                take(got);
        }
    }
    for (void *got; (got = fe_ring_pop(&ring)) != NULL;)
        take(got);
    fe_store_release(&done, 1);
    for (unsigned i = 0; i < THIEVES; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 1; i <= ITEMS; i++)
        cr_assert_eq(taken[i], 1, "item %u was lost", i);
}
