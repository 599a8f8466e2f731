/*
 * sched/park.h: a task that waits for several wakers, each of which makes its own condition true. It is resumed by one
 * core at a time, on which its saved context is whole; it sees every condition, and finishes.
 */
#include "model.h"
#include <sched/park.h>

template <int WAKERS> struct park_suite : rl::test_suite<park_suite<WAKERS>, WAKERS + 1> {
    fe_atomic_u32 word;
    FE_PLAIN(int) context;           /* what the switch saves: whoever runs the task has it alone */
    fe_atomic_u32 condition[WAKERS]; /* relaxed: only the word orders them */
    int finished;

    void before() {
        fe_parking_init(&word);
        fe_plain_set(context, 0);
        for (int i = 0; i < WAKERS; i++)
            fe_store_relaxed(&condition[i], 0);
        finished = 0;
    }
    /* Runs the task on the calling core until it has parked or finished. */
    void run_task() {
        for (;;) {
            fe_plain_set(context, fe_plain_get(context) + 1);
            fe_parking_reset(&word);
            int seen = 0;
            for (int i = 0; i < WAKERS; i++)
                seen += (int)fe_load_relaxed(&condition[i]);
            if (seen == WAKERS) {
                finished++;
                return;
            }
            fe_plain_set(context, fe_plain_get(context) + 1);
            if (fe_parking_commit(&word))
                return; /* the task may run elsewhere by now */
        }
    }
    void thread(unsigned index) {
        if (index == WAKERS) {
            run_task();
            return;
        }
        fe_store_relaxed(&condition[index], 1);
        if (fe_parking_notify(&word))
            run_task();
    }
    void after() {
        RL_ASSERT(finished == 1);
    }
};

typedef park_suite<1> one_waker;
typedef park_suite<2> two_wakers;
typedef park_suite<3> three_wakers;

static const fe_model_case cases[] = {
    {"park::one waker", &rl::simulate<one_waker>, FE_MODEL_FULL, FE_MODEL_FULL},
    {"park::two wakers", &rl::simulate<two_wakers>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"park::three wakers", &rl::simulate<three_wakers>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
};
FE_MODEL_MAIN(cases)
