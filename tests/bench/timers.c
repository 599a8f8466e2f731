/* timer, timers, irq_to_task. */
#include "bench.h"

#include <sched/scheduler.h>
#include <sched/timer.h>

static uint64_t random_state;

static uint64_t next_random(void) {
    uint64_t x = random_state; /* xorshift64 (Marsaglia, 2003) */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return random_state = x;
}

/* timer: one of 10,000 armed timers is cancelled and armed again for another instant -------------------------------- */

#define TIMERS 10000u
#define PAIRS 100000u

static void never(struct fe_timer *timer) {
    (void)timer;
    fe_fail("a timer fired during the benchmark of arming and cancelling");
}

static fe_nanoseconds far_ahead(void) {
    return 100 * FE_SECOND + next_random() % (100 * FE_SECOND);
}

void bench_timer(void) {
    struct fe_timer *timers = fe_heap_alloc(TIMERS * sizeof *timers);
    struct pair {
        struct fe_timer *timer;
        fe_nanoseconds deadline;
    } *pairs = fe_heap_alloc(PAIRS * sizeof *pairs);
    random_state = 42;
    for (unsigned i = 0; i < TIMERS; i++) {
        fe_timer_init(&timers[i], never);
        fe_timer_set(&timers[i], far_ahead());
    }
    for (unsigned i = 0; i < PAIRS; i++)
        pairs[i] = (struct pair){&timers[next_random() % TIMERS], far_ahead()};
    uint64_t taken = 0;
    for (int warm = 1; warm >= 0; warm--) {
        uint64_t began = fe_arch_instructions();
        for (unsigned i = 0; i < PAIRS; i++) {
            fe_timer_set(pairs[i].timer, FE_FOREVER);
            fe_timer_set(pairs[i].timer, pairs[i].deadline);
        }
        taken = fe_arch_instructions() - began;
    }
    for (unsigned i = 0; i < TIMERS; i++)
        fe_timer_set(&timers[i], FE_FOREVER);
    bench_report("timer", taken, PAIRS, "insn");
    fe_heap_free(pairs);
    fe_heap_free(timers);
}

/* timers: 100,000 tasks sleep, each to a random instant within a second --------------------------------------------- */

#define SLEEPERS 100000u

static struct {
    fe_nanoseconds base;
    uint64_t began, ended, skipped;
    unsigned started, woken;
    struct fe_tcb *waiter;
} sleepers;

/*
 * Parks before and after, so that neither spawning nor ending is counted: the measurement begins when all are parked and
 * ends when the last has woken. What a task does then to leave (a park) is part of running the next one.
 */
static intptr_t sleeper_task(void *offset) {
    unsigned all = SLEEPERS;
    if (++sleepers.started == all)
        fe_unpark(sleepers.waiter);
    fe_park();
    fe_task_sleep_until(sleepers.base + (uintptr_t)offset);
    if (++sleepers.woken == all) {
        sleepers.ended = fe_arch_instructions();
        sleepers.skipped = bench_idle.skipped;
        fe_unpark(sleepers.waiter);
    }
    fe_park();
    return 0;
}

void bench_timers(void) {
    fe_task *tasks = fe_heap_alloc(SLEEPERS * sizeof *tasks);
    random_state = 42;
    sleepers.waiter = fe_park_self();
    for (unsigned i = 0; i < SLEEPERS; i++)
        tasks[i] = fe_task_spawn(sleeper_task, (void *)(next_random() % FE_SECOND), NULL);
    while (sleepers.started != SLEEPERS)
        fe_park();
    bench_idle_begin();
    /* Far enough that all sleep before the first is due. */
    sleepers.base = fe_time_now() + FE_SECOND;
    sleepers.began = fe_arch_instructions();
    for (unsigned i = 0; i < SLEEPERS; i++)
        fe_unpark(tasks[i].tcb);
    while (sleepers.woken != SLEEPERS)
        fe_park();
    bench_idle_end();
    bench_report("timers", sleepers.ended - sleepers.began - sleepers.skipped, SLEEPERS, "insn");
    for (unsigned i = 0; i < SLEEPERS; i++) {
        fe_unpark(tasks[i].tcb);
        fe_task_join(tasks[i], NULL);
    }
    fe_heap_free(tasks);
}

/* irq_to_task: from the first instruction of the vector to the first after the sleep that it ends -------------------- */

#define SLEEPS 1000u

static uint64_t sleeps(unsigned count) {
    uint64_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        fe_task_sleep(FE_MILLISECOND + i * FE_MICROSECOND);
        total += fe_arch_instructions() - bench_idle.waited;
    }
    return total - count * bench_idle_wait_cost();
}

void bench_irq_to_task(void) {
    bench_idle_begin();
    sleeps(10);
    uint64_t taken = sleeps(SLEEPS);
    bench_idle_end();
    bench_report("irq_to_task", taken, SLEEPS, "insn");
}
