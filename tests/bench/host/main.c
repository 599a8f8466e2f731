/*
 * The benchmarks on a real CPU: runs those named on the command line after `--`, each some times, and prints `NAME
 * NANOSECONDS` of the best, or `NAME BYTES`. The benchmarks themselves are the guest's (tests/bench), which count ticks here
 * where they count instructions there, and cross.c's.
 */
#define _GNU_SOURCE
#include "host.h"

#include <time.h>

enum { REPETITIONS = 3 };

static const struct {
    const char *name;
    void (*run)(void);
    unsigned repetitions;
} benchmarks[] = {
    {"switch", bench_switch, REPETITIONS},
    {"yield", bench_yield, REPETITIONS},
    {"spawn_join", bench_spawn_join, REPETITIONS},
    {"fib", bench_fib, REPETITIONS},
    {"roundtrip", bench_roundtrip, REPETITIONS},
    {"roundtrip_cross", bench_roundtrip_cross, REPETITIONS},
    {"stream", bench_stream, REPETITIONS},
    {"stream_cross", bench_stream_cross, REPETITIONS},
    {"shared4", bench_shared4, REPETITIONS},
    {"handoff", bench_handoff, REPETITIONS},
    {"handoff_cross", bench_handoff_cross, REPETITIONS},
    {"ring503", bench_ring503, REPETITIONS},
    {"skynet", bench_skynet, REPETITIONS},
    {"timers", bench_timers_host, 1},
    {"idle_task_bytes", bench_idle_bytes, 1},
    {"idle_million_bytes", bench_idle_million_bytes, 1},
};

static uint64_t best_total, best_count;

/* Processor time where one core runs and never waits, so that it does not matter who else uses the machine; else real time. */
uint64_t bench_now(void) {
    struct timespec time;
    clock_gettime(fe_core_count() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * FE_SECOND + (uint64_t)time.tv_nsec;
}

/* Of the figures that a benchmark reports, the first is the one that its name stands for. */
void bench_report(const char *name, uint64_t total, uint64_t count, const char *unit) {
    (void)name;
    if (best_count != 0 && total * best_count >= best_total * count)
        return;
    if (unit[0] == 'B' && best_count != 0)
        return; /* what comes with it, such as skynet_bytes */
    best_total = total;
    best_count = count;
}

static bool same(const char *one, const char *other) {
    while (*one != '\0' && *one == *other)
        one++, other++;
    return *one == *other;
}

static void run(const char *name) {
    size_t at = 0;
    while (at < FE_ARRAY_LENGTH(benchmarks) && !same(benchmarks[at].name, name))
        at++;
    if (at == FE_ARRAY_LENGTH(benchmarks)) {
        fe_print("%s -\n", name);
        return;
    }
    best_count = 0;
    for (unsigned i = 0; i < benchmarks[at].repetitions; i++)
        benchmarks[at].run();
    /* Hundredths: formatting knows no fractions. */
    uint64_t hundredths = best_total * 100 / best_count;
    fe_print("%s %llu.%02llu\n", name, (unsigned long long)(hundredths / 100), (unsigned long long)(hundredths % 100));
}

int fe_main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    return 0;
}
