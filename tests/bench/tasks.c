/* switch, yield, spawn_join, fib. */
#include "bench.h"

#include <sched/core.h>

/* switch ---------------------------------------------------------------------------------------------------------- */

#define SWITCH_STACK ((size_t)16 << 10)
#define SWITCH_ROUNDS 100000u

static struct fe_arch_context here, there;

static void switch_back(void *passed) {
    (void)passed;
    for (;;)
        fe_arch_switch(&there, &here, NULL);
}

static uint64_t switch_rounds(uint64_t rounds) {
    uint64_t began = bench_now();
    for (uint64_t i = 0; i < rounds; i++)
        fe_arch_switch(&here, &there, NULL);
    return bench_now() - began;
}

void bench_switch(void) {
    char *stack = fe_heap_alloc_aligned(16, SWITCH_STACK);
    fe_arch_context_make(&there, stack + SWITCH_STACK, switch_back);
    switch_rounds(100);
    bench_report("switch", switch_rounds(SWITCH_ROUNDS), 2 * SWITCH_ROUNDS, "insn");
    fe_heap_free(stack);
}

/* yield ----------------------------------------------------------------------------------------------------------- */

#define YIELD_WARM 1000u
#define YIELDS 100000u

/* Not inlined: as in the peers, both tasks run the same code, so that a return is where the CPU expects it. */
static __attribute__((noinline)) void yields(uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        fe_task_yield();
}

static intptr_t yield_partner(void *unused) {
    (void)unused;
    yields(YIELD_WARM + YIELDS);
    return 0;
}

static intptr_t yield_measurer(void *taken) {
    yields(YIELD_WARM);
    uint64_t began = bench_now();
    yields(YIELDS);
    *(uint64_t *)taken = bench_now() - began;
    return 0;
}

void bench_yield(void) {
    uint64_t taken = 0;
    fe_task measurer = fe_task_spawn(yield_measurer, &taken, NULL);
    fe_task partner = fe_task_spawn(yield_partner, NULL, NULL);
    fe_task_join(measurer, NULL);
    fe_task_join(partner, NULL);
    bench_report("yield", taken, 2 * YIELDS, "insn");
}

/* spawn_join ------------------------------------------------------------------------------------------------------ */

#define SPAWNS 100000u

static intptr_t empty(void *unused) {
    (void)unused;
    return 0;
}

static uint64_t spawn_joins(uint64_t count) {
    uint64_t began = bench_now();
    for (uint64_t i = 0; i < count; i++)
        fe_task_join(fe_task_spawn(empty, NULL, NULL), NULL);
    return bench_now() - began;
}

void bench_spawn_join(void) {
    spawn_joins(1000);
    bench_report("spawn_join", spawn_joins(SPAWNS), SPAWNS, "insn");
}

/* fib ------------------------------------------------------------------------------------------------------------- */

#define FIB 25
#define FIB_VALUE 75025
#define FIB_FORKS 121392u

static intptr_t fib(intptr_t n);

static intptr_t fib_task(void *n) {
    return fib((intptr_t)n);
}

static intptr_t fib(intptr_t n) {
    if (n < 2)
        return n;
    fe_task forked = fe_task_spawn(fib_task, (void *)(n - 1), NULL);
    intptr_t called = fib(n - 2);
    struct fe_task_result result;
    fe_assert(fe_task_join(forked, &result) == FE_OK);
    return called + result.value;
}

void bench_fib(void) {
    fib(15);
    uint64_t began = bench_now();
    intptr_t value = fib(FIB);
    uint64_t taken = bench_now() - began;
    fe_assert(value == FIB_VALUE);
    bench_report("fib", taken, FIB_FORKS, "insn");
}

/* preempt: two tasks of one core compute, and are stopped by turns; what that takes beyond the computing ---------------- */

#define PREEMPT_SLICE (100 * FE_MICROSECOND)
#define PREEMPT_ROUNDS 5000000u /* some 150 slices, of two instructions a round or three */

static intptr_t compute(void *unused) {
    (void)unused;
    for (uint64_t left = PREEMPT_ROUNDS; left != 0; left--)
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return 0;
}

static uint64_t preemptions_so_far(void) {
    struct fe_core_statistics statistics;
    fe_core_statistics(0, &statistics);
    return statistics.preemptions;
}

/* What `count` tasks take that compute at once. */
static uint64_t compute_at_once(unsigned count) {
    fe_task tasks[2];
    uint64_t began = fe_arch_instructions();
    for (unsigned i = 0; i < count; i++)
        tasks[i] = fe_task_spawn(compute, NULL, NULL);
    for (unsigned i = 0; i < count; i++)
        fe_task_join(tasks[i], NULL);
    return fe_arch_instructions() - began;
}

void bench_preempt(void) {
    fe_nanoseconds slice = fe_sched.slice;
    fe_sched.slice = PREEMPT_SLICE;
    compute_at_once(2);
    uint64_t alone = compute_at_once(1), before = preemptions_so_far();
    uint64_t both = compute_at_once(2), stops = preemptions_so_far() - before;
    fe_sched.slice = slice;
    fe_assert(stops > PREEMPT_ROUNDS / 100000);
    bench_report("preempt", both - 2 * alone, stops, "insn");
}
