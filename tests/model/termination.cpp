/*
 * sched/termination.h: tasks that end on other cores than they were spawned on, each after having spawned another or not, and
 * a waiter that must be told of the last one's end, and not before it. What a task wrote is seen by the waiter.
 */
#define FE_TERMINATION_CORES 2
#include "model.h"
#include <sched/termination.h>

/* CORES cores, and a waiter. The main task is on core 0. It puts a second one where core 1 finds it. */
struct termination_suite : rl::test_suite<termination_suite, 3> {
    fe_counts strong[2], weak[2];
    fe_termination termination;
    fe_atomic_u32 handed;  /* the second task is in a queue that core 1 looks at */
    fe_atomic_u32 joined;  /* main's result */
    fe_atomic_u32 woken;   /* the waiter */
    FE_PLAIN(int) work[2]; /* what each task did */

    void before() {
        for (int i = 0; i < 2; i++) {
            fe_store_relaxed(&strong[i].spawned, 0);
            fe_store_relaxed(&strong[i].ended, 0);
            fe_store_relaxed(&weak[i].spawned, 0);
            fe_store_relaxed(&weak[i].ended, 0);
            termination.strong[i] = &strong[i];
            termination.weak[i] = &weak[i];
            fe_plain_set(work[i], 0);
        }
        termination.cores = 2;
        fe_store_relaxed(&termination.waiter, (void *)0);
        fe_store_relaxed(&termination.weak_too, 0);
        fe_store_relaxed(&handed, 0);
        fe_store_relaxed(&joined, 0);
        fe_store_relaxed(&woken, 0);
        fe_count(&strong[0].spawned); /* main */
        fe_count(&weak[1].spawned);   /* one that lives on */
    }
    void look() {
        if (fe_termination_look(&termination))
            fe_store_release(&woken, 1); /* as fe_unpark does */
    }
    void thread(unsigned index) {
        if (index == 0) { /* core 0: main spawns one, and ends */
            fe_count(&strong[0].spawned);
            fe_store_release(&handed, 1); /* as the ring does */
            fe_plain_set(work[0], 1);
            fe_store_release(&joined, 1); /* as the join does */
            fe_count(&strong[0].ended);
            look();
        } else if (index == 1) { /* core 1: runs it */
            while (!fe_load_acquire(&handed))
                rl::yield(1, $);
            fe_plain_set(work[1], 1);
            fe_count(&strong[1].ended);
            look();
        } else {
            while (!fe_load_acquire(&joined))
                rl::yield(1, $);
            fe_termination_announce(&termination, this, false);
            while (!fe_termination_reached(&termination))
                while (!fe_exchange_acquire(&woken, 0)) /* for ever, if nobody tells */
                    rl::yield(1, $);
            RL_ASSERT(fe_plain_get(work[0]) == 1 && fe_plain_get(work[1]) == 1);
        }
    }
};

/* The second phase: the waiter waits for the weak task, too, which has seen a flag that is set before. */
struct weak_suite : rl::test_suite<weak_suite, 2> {
    fe_counts strong[2], weak[2];
    fe_termination termination;
    fe_atomic_u32 woken;

    void before() {
        for (int i = 0; i < 2; i++) {
            fe_store_relaxed(&strong[i].spawned, 0);
            fe_store_relaxed(&strong[i].ended, 0);
            fe_store_relaxed(&weak[i].spawned, 0);
            fe_store_relaxed(&weak[i].ended, 0);
            termination.strong[i] = &strong[i];
            termination.weak[i] = &weak[i];
        }
        termination.cores = 2;
        fe_store_relaxed(&termination.waiter, (void *)0);
        fe_store_relaxed(&termination.weak_too, 0);
        fe_store_relaxed(&woken, 0);
        fe_count(&weak[0].spawned);
    }
    void thread(unsigned index) {
        if (index == 0) {
            fe_count(&weak[0].ended);
            if (fe_termination_look(&termination))
                fe_store_release(&woken, 1); /* as fe_unpark does */
            return;
        }
        fe_termination_announce(&termination, this, true);
        while (!fe_termination_reached(&termination))
            while (!fe_exchange_acquire(&woken, 0))
                rl::yield(1, $);
    }
};

static const fe_model_case cases[] = {
    {"termination::the last of two on two cores", &rl::simulate<termination_suite>, FE_MODEL_RANDOM(60000),
     FE_MODEL_RANDOM(3000000)},
    {"termination::a weak one", &rl::simulate<weak_suite>, FE_MODEL_RANDOM(20000), FE_MODEL_RANDOM(1000000)},
};
FE_MODEL_MAIN(cases)
