/*
 * sched/sleep.h: work that was announced never waits while a core that could do it sleeps.
 *
 * A piece of work is a flag, raised with a relaxed store and seen with a relaxed load (no order but what the protocol
 * makes). A worker goes round as a scheduler does; an interrupt is a semaphore; a core that sleeps and is never
 * interrupted is a deadlock, which Relacy reports. A worker keeps what it took and leaves, as a core does that runs a
 * long task.
 */
#include "model.h"
#include <sched/inbox.h>
#include <sched/sleep.h>

#include <relacy/stdlib/pthread.hpp>

/* DEVICE: each worker's sleep is ended once by another interrupt, perhaps. GONE: the first maker's work was done by
 * somebody else before it came to announce it. */
template <int WORKERS, int MAKERS, int CORES, bool DEVICE, bool GONE>
struct sleep_suite : rl::test_suite<sleep_suite<WORKERS, MAKERS, CORES, DEVICE, GONE>, WORKERS + MAKERS> {
    fe_sleep sleep;
    fe_atomic_u32 work[MAKERS];
    rl::rl_sem_t interrupt[WORKERS];

    void before() {
        fe_sleep_init(&sleep, CORES);
        for (int i = 0; i < MAKERS; i++)
            fe_store_relaxed(&work[i], 0);
        for (int i = 0; i < WORKERS; i++)
            rl::rl_sem_init(&interrupt[i], 0, 0, RL_INFO);
    }
    void after() {
        for (int i = 0; i < WORKERS; i++)
            rl::rl_sem_destroy(&interrupt[i], RL_INFO);
    }
    void wake(int core) {
        if (core >= 0)
            rl::rl_sem_post(&interrupt[core], RL_INFO);
    }
    bool work_anywhere() {
        for (int i = 0; i < MAKERS; i++)
            if (fe_load_relaxed(&work[i]) != 0)
                return true;
        return false;
    }
    bool take() {
        for (int i = 0; i < MAKERS; i++) {
            uint32_t there = 1;
            if (fe_load_relaxed(&work[i]) != 0 && fe_cas_relaxed(&work[i], &there, 0))
                return true;
        }
        return false;
    }
    /* As fe_scheduler_run and what it calls. */
    void worker(unsigned core) {
        bool searching = false, device = DEVICE;
        for (;;) {
            if (searching || fe_sleep_search_begin(&sleep)) {
                bool found = take();
                wake(fe_sleep_search_end(&sleep, found));
                if (found)
                    return;
            }
            fe_sleep_announce(&sleep, core);
            if (work_anywhere()) {
                fe_sleep_cancel_to_search(&sleep, core);
                searching = true;
                continue;
            }
            if (device && rl::rand(2) == 0) {
                device = false; /* some other interrupt ends the sleep */
            } else {
                while (rl::rl_sem_wait(&interrupt[core], RL_INFO) != 0)
                    ;
            }
            searching = fe_sleep_cancel(&sleep, core);
        }
    }
    void thread(unsigned index) {
        if (index < WORKERS) {
            worker(index);
        } else {
            if (!GONE || index > WORKERS)
                fe_store_relaxed(&work[index - WORKERS], 1);
            wake(fe_sleep_wake_one(&sleep));
        }
    }
};

/*
 * Thieves that take two pieces at once and keep one for others to steal, as from a ring: what is left waits in the ring of a core
 * that is busy, and whoever searches, or is woken, finds it.
 */
template <int WORKERS> struct split_suite : rl::test_suite<split_suite<WORKERS>, WORKERS + 1> {
    fe_sleep sleep;
    fe_atomic_u32 work, rest;
    rl::rl_sem_t interrupt[WORKERS];

    void before() {
        fe_sleep_init(&sleep, 2 * WORKERS);
        fe_store_relaxed(&work, 0);
        fe_store_relaxed(&rest, 0);
        for (int i = 0; i < WORKERS; i++)
            rl::rl_sem_init(&interrupt[i], 0, 0, RL_INFO);
    }
    void after() {
        for (int i = 0; i < WORKERS; i++)
            rl::rl_sem_destroy(&interrupt[i], RL_INFO);
    }
    void wake(int core) {
        if (core >= 0)
            rl::rl_sem_post(&interrupt[core], RL_INFO);
    }
    bool take() {
        uint32_t there = 1;
        if (fe_load_relaxed(&work) != 0 && fe_cas_relaxed(&work, &there, 0)) {
            fe_store_release(&rest, WORKERS - 1); /* as the tail of its ring */
            return true;
        }
        uint32_t left = fe_load_relaxed(&rest);
        while (left != 0)
            if (fe_cas_relaxed(&rest, &left, left - 1))
                return true;
        return false;
    }
    void thread(unsigned index) {
        if (index == WORKERS) {
            fe_store_relaxed(&work, 1);
            wake(fe_sleep_wake_one(&sleep));
            return;
        }
        for (bool searching = false;;) {
            if (searching || fe_sleep_search_begin(&sleep)) {
                bool found = take();
                wake(fe_sleep_search_end(&sleep, found));
                if (found)
                    return; /* busy */
            }
            fe_sleep_announce(&sleep, index);
            if (fe_load_relaxed(&work) != 0 || fe_load_relaxed(&rest) != 0) {
                fe_sleep_cancel_to_search(&sleep, index);
                searching = true;
                continue;
            }
            while (rl::rl_sem_wait(&interrupt[index], RL_INFO) != 0)
                ;
            searching = fe_sleep_cancel(&sleep, index);
        }
    }
};

/* A core whose inbox is pushed to by two others. */
struct inbox_suite : rl::test_suite<inbox_suite, 3> {
    fe_sleep sleep;
    fe_inbox inbox;
    fe_inbox_node nodes[2];
    rl::rl_sem_t interrupt;

    void before() {
        fe_sleep_init(&sleep, 3);
        fe_inbox_init(&inbox);
        rl::rl_sem_init(&interrupt, 0, 0, RL_INFO);
    }
    void after() {
        rl::rl_sem_destroy(&interrupt, RL_INFO);
    }
    void thread(unsigned index) {
        if (index > 0) {
            if (fe_inbox_push(&inbox, &nodes[index - 1]) && fe_sleep_wake_core(&sleep, 0))
                rl::rl_sem_post(&interrupt, RL_INFO);
            return;
        }
        for (int got = 0;;) {
            while (fe_inbox_pop(&inbox) != NULL)
                got++;
            if (got == 2)
                return;
            fe_sleep_announce(&sleep, 0);
            if (!fe_inbox_empty(&inbox))
                rl::yield(1, RL_INFO);
            else
                while (rl::rl_sem_wait(&interrupt, RL_INFO) != 0)
                    ;
            RL_ASSERT(!fe_sleep_cancel(&sleep, 0));
        }
    }
};

typedef sleep_suite<1, 1, 2, false, false> one_sleeper;
typedef sleep_suite<1, 1, 2, true, false> one_disturbed;
typedef sleep_suite<2, 2, 4, false, false> two_sleepers;
typedef sleep_suite<2, 2, 2, false, false> one_may_search;
typedef sleep_suite<2, 2, 4, true, false> two_disturbed;
typedef sleep_suite<1, 2, 4, true, true> vain_waker;
typedef split_suite<2> two_thieves;
typedef split_suite<3> three_thieves;

static const fe_model_case cases[] = {
    {"sleep::one sleeper, one maker", &rl::simulate<one_sleeper>, FE_MODEL_RANDOM(50000), FE_MODEL_FULL},
    {"sleep::one sleeper, interrupted by a device", &rl::simulate<one_disturbed>, FE_MODEL_RANDOM(50000),
     FE_MODEL_RANDOM(5000000)},
    {"sleep::two sleepers, two makers", &rl::simulate<two_sleepers>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"sleep::two sleepers of which one may search", &rl::simulate<one_may_search>, FE_MODEL_RANDOM(100000),
     FE_MODEL_RANDOM(5000000)},
    {"sleep::two sleepers, interrupted by a device", &rl::simulate<two_disturbed>, FE_MODEL_RANDOM(200000),
     FE_MODEL_RANDOM(10000000)},
    {"sleep::a waker finds its sleeper gone", &rl::simulate<vain_waker>, FE_MODEL_BOUND(1), FE_MODEL_BOUND(2)},
    {"sleep::a thief leaves half to another", &rl::simulate<two_thieves>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"sleep::a thief leaves the rest to two others", &rl::simulate<three_thieves>, FE_MODEL_RANDOM(400000),
     FE_MODEL_RANDOM(10000000)},
    {"sleep::an inbox wakes its core", &rl::simulate<inbox_suite>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
};
FE_MODEL_MAIN(cases)
