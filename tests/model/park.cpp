/*
 * sched/park.h: a task that waits for several wakers, each of which makes its own condition true. It is resumed by one
 * core at a time, on which its saved context is whole; it sees every condition, and finishes. A killer races with wakers for
 * it: exactly one of them gets it, and the kill is not lost.
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

/*
 * A killer beside the wakers, whose conditions never all come true: the task must see the kill, with the reason that the
 * killer wrote, however the wakers' notifications cross it. With ALL, they may come true: then either will do.
 */
template <int WAKERS, bool ALL> struct kill_suite : rl::test_suite<kill_suite<WAKERS, ALL>, WAKERS + 2> {
    fe_atomic_u32 word;
    FE_PLAIN(int) context;
    fe_atomic_u32 condition[WAKERS];
    fe_atomic_u32 reason; /* relaxed: only the word orders it */
    int finished, killed;

    void before() {
        fe_parking_init(&word);
        fe_plain_set(context, 0);
        for (int i = 0; i < WAKERS; i++)
            fe_store_relaxed(&condition[i], 0);
        fe_store_relaxed(&reason, 0);
        finished = killed = 0;
    }
    void run_task() {
        for (;;) {
            fe_plain_set(context, fe_plain_get(context) + 1);
            fe_parking_reset(&word);
            int seen = 0;
            for (int i = 0; i < WAKERS; i++)
                seen += (int)fe_load_relaxed(&condition[i]);
            if (ALL && seen == WAKERS) {
                finished++;
                return;
            }
            if (fe_parking_killed(&word)) {
                fe_parking_take_kill(&word);
                RL_ASSERT(fe_load_relaxed(&reason) == 1);
                killed++;
                return;
            }
            fe_plain_set(context, fe_plain_get(context) + 1);
            if (fe_parking_commit(&word))
                return;
        }
    }
    void thread(unsigned index) {
        if (index == WAKERS) {
            run_task();
        } else if (index == WAKERS + 1) {
            fe_store_relaxed(&reason, 1);
            if (fe_parking_kill(&word))
                run_task();
        } else {
            fe_store_relaxed(&condition[index], 1);
            if (fe_parking_notify(&word))
                run_task();
        }
    }
    void after() {
        RL_ASSERT(finished + killed == 1);
    }
};

typedef kill_suite<1, false> killer_and_waker;
typedef kill_suite<2, false> killer_and_two_wakers;
typedef kill_suite<1, true> killer_or_waker;

typedef park_suite<1> one_waker;
typedef park_suite<2> two_wakers;
typedef park_suite<3> three_wakers;

static const fe_model_case cases[] = {
    {"park::one waker", &rl::simulate<one_waker>, FE_MODEL_FULL, FE_MODEL_FULL},
    {"park::two wakers", &rl::simulate<two_wakers>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"park::three wakers", &rl::simulate<three_wakers>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"park::killer and waker", &rl::simulate<killer_and_waker>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"park::killer and two wakers", &rl::simulate<killer_and_two_wakers>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"park::killer or waker", &rl::simulate<killer_or_waker>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
};
FE_MODEL_MAIN(cases)
