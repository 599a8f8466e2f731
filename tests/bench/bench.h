/*
 * The guest's side of `make bench`: what its files share.
 *
 * A benchmark warms up, measures once and reports a total and a count; tests/bench/run divides, compares and prints. Counts
 * are of instructions (fe_arch_instructions, exact under -icount), so there is no noise to average. Each benchmark is run
 * in a machine of its own, so that adding one does not change another's figure.
 *
 * Loop overhead (two or three instructions a round) is part of the figure unless a benchmark's definition says otherwise.
 */
#ifndef FERRITE_BENCH_H
#define FERRITE_BENCH_H

#include <arch/arch.h>
#include <ferrite/ferrite.h>

FE_PIPE_TYPE(numbers, uint64_t);

/* Prints the line that the runner reads: `bench NAME TOTAL COUNT UNIT`. */
void bench_report(const char *name, uint64_t total, uint64_t count, const char *unit);

/* What the benchmarks of tasks and pipes count: instructions; in bench-host (tests/bench/host/main.c) nanoseconds. */
#ifdef BENCH_HOST
uint64_t bench_now(void);
#else
static inline uint64_t bench_now(void) {
    return fe_arch_instructions();
}
#endif

/* The instruction counter when fe_main began. */
extern uint64_t bench_main_began;

/* What a read of the counter and keeping its value costs, as seen by the next read. */
uint64_t bench_read_cost(void);

/* idle.c: idle time that costs nothing. */
struct bench_idle {
    uint64_t skipped; /* instructions spent in place of sleeping: to be subtracted */
    uint64_t waited;  /* the counter just before the core last began to wait */
};
extern volatile struct bench_idle bench_idle;
void bench_idle_begin(void);
void bench_idle_end(void);
/* Instructions between the read of bench_idle.waited and the first one of the interrupt vector. */
uint64_t bench_idle_wait_cost(void);

void bench_switch(void);
void bench_yield(void);
void bench_spawn_join(void);
void bench_fib(void);
void bench_preempt(void);
void bench_roundtrip(void);
void bench_stream(void);
void bench_shared4(void);
void bench_handoff(void);
void bench_select8(void);
void bench_ring503(void);
void bench_skynet(void);
void bench_timer(void);
void bench_timers(void);
void bench_irq_to_task(void);
void bench_fail_unwind(void);
void bench_kill(void);
void bench_restart(void);
void bench_malloc64(void);
void bench_malloc64_plain(void);
void bench_malloc4k(void);
void bench_malloc_mixed(void);
void bench_tld_get(void);
void bench_local_alloc(void);
void bench_local_churn(void);
void bench_local_pause(void);
void bench_collect(void);
void bench_foreign(void);
void bench_boot(void);
void bench_idle_task_bytes(void);

#endif
