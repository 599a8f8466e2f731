/*
 * sched/ring.h: each item is taken exactly once, by someone who sees what its maker wrote, and a slot is written again
 * only after it was read.
 */
#define FE_RING_CAPACITY 4u
#include "model.h"
#include <sched/ring.h>

/* Items that count how often they were run. The count is plain: who takes an item must have been handed it in order. */
template <int COUNT> struct items {
    FE_PLAIN(int) runs[COUNT];

    void make(int index) {
        fe_plain_set(runs[index], 0);
    }
    void *address(int index) {
        return &runs[index];
    }
    static void run(void *item) {
        rl::var<int> *runs_of = (rl::var<int> *)item;
        fe_plain_set(*runs_of, fe_plain_get(*runs_of) + 1);
    }
};

/* Steals once, runs what came, or what others left of it. */
static void steal_and_run(fe_ring *victim, fe_ring *own) {
    void *first;
    unsigned run = 0, count = fe_ring_steal(victim, own, &first);
    for (void *item = first; item != NULL; item = fe_ring_pop(own)) {
        items<1>::run(item);
        run++;
    }
    RL_ASSERT(run <= count);
}

/* The owner fills its ring over and over, so that slots come round, and takes; two thieves steal. */
struct owner_and_thieves : rl::test_suite<owner_and_thieves, 3> {
    enum { COUNT = 6 };
    fe_ring ring, own[2];
    items<COUNT> all;

    void before() {
        fe_ring_init(&ring);
        fe_ring_init(&own[0]);
        fe_ring_init(&own[1]);
    }
    void thread(unsigned index) {
        if (index > 0) {
            steal_and_run(&ring, &own[index - 1]);
            return;
        }
        for (int i = 0; i < COUNT; i++) {
            all.make(i);
            while (!fe_ring_push(&ring, all.address(i)))
                if (void *item = fe_ring_pop(&ring))
                    all.run(item);
        }
        while (void *item = fe_ring_pop(&ring))
            all.run(item);
    }
    void after() {
        for (int i = 0; i < COUNT; i++)
            RL_ASSERT(fe_plain_get(all.runs[i]) == 1);
    }
};

/* Owner and thief both take from two items, for a full search. */
struct both_take : rl::test_suite<both_take, 2> {
    enum { COUNT = 2 };
    fe_ring ring, own;
    items<COUNT> all;

    void before() {
        fe_ring_init(&ring);
        fe_ring_init(&own);
        for (int i = 0; i < COUNT; i++) {
            all.make(i);
            (void)fe_ring_push(&ring, all.address(i));
        }
    }
    void thread(unsigned index) {
        if (index > 0) {
            steal_and_run(&ring, &own);
            return;
        }
        while (void *item = fe_ring_pop(&ring))
            all.run(item);
    }
    void after() {
        for (int i = 0; i < COUNT; i++)
            RL_ASSERT(fe_plain_get(all.runs[i]) == 1);
    }
};

/* Core 0 is stolen from by core 1, which is stolen from by core 2, before and after its slots come round: what a thief
 * passes on, and the slots that a thief writes. */
struct chain_of_thieves : rl::test_suite<chain_of_thieves, 3> {
    enum { COUNT = 8 };
    fe_ring ring[3];
    items<COUNT> all;

    void before() {
        for (int i = 0; i < 3; i++)
            fe_ring_init(&ring[i]);
        for (int i = 0; i < 4; i++) {
            all.make(i);
            (void)fe_ring_push(&ring[1], all.address(i));
        }
    }
    void thread(unsigned index) {
        if (index == 0) {
            for (int i = 4; i < COUNT; i++) {
                all.make(i);
                (void)fe_ring_push(&ring[0], all.address(i));
            }
            while (void *item = fe_ring_pop(&ring[0]))
                all.run(item);
        } else if (index == 1) {
            while (void *item = fe_ring_pop(&ring[1]))
                all.run(item);
            steal_and_run(&ring[0], &ring[1]);
        } else {
            steal_and_run(&ring[1], &ring[2]);
            steal_and_run(&ring[1], &ring[2]);
        }
    }
    void after() {
        for (int i = 0; i < COUNT; i++)
            RL_ASSERT(fe_plain_get(all.runs[i]) == 1);
    }
};

/* Items take turns on the owner, each saved only after the other has been taken up, as tasks that yield do. A thief that
 * gets one finds it saved, and so does one that steals it from the first. */
struct taking_turns : rl::test_suite<taking_turns, 3> {
    enum { COUNT = 3, TURNS = 4 };
    fe_ring ring[3];
    items<COUNT> saved;

    void before() {
        for (int i = 0; i < 3; i++)
            fe_ring_init(&ring[i]);
        for (int i = 0; i < COUNT; i++)
            saved.make(i);
        for (int i = 1; i < COUNT; i++)
            (void)fe_ring_push(&ring[0], saved.address(i));
    }
    void thread(unsigned index) {
        if (index > 0) {
            steal_and_run(&ring[index - 1], &ring[index]);
            return;
        }
        void *current = saved.address(0);
        for (int turn = 0; turn < TURNS; turn++) {
            void *next = fe_ring_rotate(&ring[0], current);
            if (next == NULL)
                break;
            saved.run(current); /* the switch */
            fe_ring_finish(&ring[0]);
            current = next;
        }
    }
    void after() {
    }
};

/* The same in a full ring, where the slot that is written is the one just taken, or stolen. */
struct taking_turns_when_full : rl::test_suite<taking_turns_when_full, 3> {
    enum { COUNT = FE_RING_CAPACITY + 1, TURNS = 6 };
    fe_ring ring, own[2];
    items<COUNT> saved;

    void before() {
        fe_ring_init(&ring);
        fe_ring_init(&own[0]);
        fe_ring_init(&own[1]);
        for (int i = 0; i < COUNT; i++)
            saved.make(i);
        for (int i = 1; i < COUNT; i++)
            (void)fe_ring_push(&ring, saved.address(i));
    }
    void thread(unsigned index) {
        if (index > 0) {
            steal_and_run(&ring, &own[index - 1]);
            return;
        }
        void *current = saved.address(0);
        for (int turn = 0; turn < TURNS; turn++) {
            void *next = fe_ring_rotate(&ring, current);
            if (next == NULL)
                break;
            saved.run(current);
            fe_ring_finish(&ring);
            current = next;
        }
    }
    void after() {
    }
};

static const fe_model_case cases[] = {
    {"ring::owner and thief take each item once", &rl::simulate<both_take>, FE_MODEL_BOUND(2), FE_MODEL_FULL},
    {"ring::an item that takes turns is found saved", &rl::simulate<taking_turns>, FE_MODEL_RANDOM(100000),
     FE_MODEL_RANDOM(5000000)},
    {"ring::items take turns in a full ring under two thieves", &rl::simulate<taking_turns_when_full>,
     FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"ring::slots come round under two thieves", &rl::simulate<owner_and_thieves>, FE_MODEL_RANDOM(100000),
     FE_MODEL_RANDOM(5000000)},
    {"ring::what was stolen is stolen again", &rl::simulate<chain_of_thieves>, FE_MODEL_RANDOM(100000),
     FE_MODEL_RANDOM(5000000)},
};
FE_MODEL_MAIN(cases)
