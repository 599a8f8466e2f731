/*
 * sched/inbox.h: every node comes out once, in the order of its producer, with what the producer wrote; after its pop
 * nobody else touches it. A producer here may stand for an interrupt handler on the consumer's or another producer's
 * core: a handler's push falls into some moment of what it interrupts, and so does, among others, another thread's.
 */
#include "model.h"
#include <sched/inbox.h>

struct letter {
    fe_inbox_node node; /* first, so that a node's address is its letter's */
    FE_PLAIN(int) value;
};

/* PRODUCERS of EACH letters. The consumer pushes the first letter that it gets once more, then destroys what it gets. */
template <int PRODUCERS, int EACH, bool AGAIN>
struct inbox_suite : rl::test_suite<inbox_suite<PRODUCERS, EACH, AGAIN>, PRODUCERS + 1> {
    fe_inbox inbox;
    letter letters[PRODUCERS * EACH];

    void before() {
        fe_inbox_init(&inbox);
    }
    void produce(int producer) {
        for (int i = 0; i < EACH; i++) {
            letter *l = &letters[producer * EACH + i];
            fe_plain_set(l->value, i);
            (void)fe_inbox_push(&inbox, &l->node);
        }
    }
    void consume() {
        int next[PRODUCERS] = {0};
        bool again = AGAIN;
        for (int left = PRODUCERS * EACH; left > 0;) {
            letter *l = (letter *)fe_inbox_pop(&inbox);
            if (l == NULL) {
                rl::yield(1, RL_INFO);
                continue;
            }
            RL_ASSERT(again || fe_plain_get(l->value) >= 0);
            if (again) {
                again = false;
                (void)fe_inbox_push(&inbox, &l->node);
                next[(l - letters) / EACH] = -1; /* its order is lost */
                continue;
            }
            int &expected = next[(l - letters) / EACH];
            RL_ASSERT(expected < 0 || fe_plain_get(l->value) == expected++);
            fe_plain_set(l->value, -1);
            fe_store_private(&l->node.next, NULL); /* as one would who frees it */
            left--;
        }
        RL_ASSERT(fe_inbox_pop(&inbox) == NULL && fe_inbox_empty(&inbox));
    }
    void thread(unsigned index) {
        if (index == PRODUCERS)
            consume();
        else
            produce((int)index);
    }
};

/* What the result of a push promises: the consumer, which sleeps for good when it finds the inbox empty, gets all that was
 * pushed before the last push that said "may have been empty". */
struct told_when_empty : rl::test_suite<told_when_empty, 3> {
    fe_inbox inbox;
    letter letters[2];
    fe_atomic_u32 told;
    int got;

    void before() {
        fe_inbox_init(&inbox);
        fe_store_relaxed(&told, 0);
        got = 0;
    }
    void thread(unsigned index) {
        if (index < 2) {
            if (fe_inbox_push(&inbox, &letters[index].node))
                (void)fe_fetch_add_release(&told, 1);
            return;
        }
        for (uint32_t seen = 0; got < 2;) {
            uint32_t told_now = fe_load_acquire(&told);
            while (fe_inbox_pop(&inbox) != NULL)
                got++;
            if (!fe_inbox_empty(&inbox) || got == 2 || told_now != seen) {
                seen = told_now;
                rl::yield(1, RL_INFO);
                continue;
            }
            /* Asleep until told: it spins, and a telling that never comes is a livelock. */
            while (fe_load_acquire(&told) == seen)
                rl::yield(1, RL_INFO);
        }
    }
    void after() {
        RL_ASSERT(got == 2);
    }
};

typedef inbox_suite<1, 2, false> one_producer;
typedef inbox_suite<2, 2, false> two_producers;
typedef inbox_suite<3, 1, true> three_producers;

static const fe_model_case cases[] = {
    {"inbox::one producer", &rl::simulate<one_producer>, FE_MODEL_FULL, FE_MODEL_FULL},
    {"inbox::two producers, in order", &rl::simulate<two_producers>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"inbox::three producers, and a node pushed again", &rl::simulate<three_producers>, FE_MODEL_RANDOM(100000),
     FE_MODEL_RANDOM(5000000)},
    {"inbox::a consumer that slept is told", &rl::simulate<told_when_empty>, FE_MODEL_RANDOM(50000),
     FE_MODEL_RANDOM(2000000)},
};
FE_MODEL_MAIN(cases)
