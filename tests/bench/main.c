/* Runs the benchmarks named on the command line after `--`, in that order. */
#include "bench.h"

uint64_t bench_main_began;

static const struct {
    const char *name;
    void (*run)(void);
} benchmarks[] = {
    {"switch", bench_switch},
    {"yield", bench_yield},
    {"spawn_join", bench_spawn_join},
    {"fib", bench_fib},
    {"preempt", bench_preempt},
    {"roundtrip", bench_roundtrip},
    {"stream", bench_stream},
    {"shared4", bench_shared4},
    {"handoff", bench_handoff},
    {"select8", bench_select8},
    {"ring503", bench_ring503},
    {"skynet", bench_skynet},
    {"timer", bench_timer},
    {"timers", bench_timers},
    {"irq_to_task", bench_irq_to_task},
    {"malloc64", bench_malloc64},
    {"malloc64_plain", bench_malloc64_plain},
    {"malloc4k", bench_malloc4k},
    {"malloc_mixed", bench_malloc_mixed},
    {"tld_get", bench_tld_get},
    {"local_alloc", bench_local_alloc},
    {"local_churn", bench_local_churn},
    {"local_pause", bench_local_pause},
    {"collect", bench_collect},
    {"foreign", bench_foreign},
    {"fail_unwind", bench_fail_unwind},
    {"kill", bench_kill},
    {"restart", bench_restart},
    {"boot", bench_boot},
    {"idle_task_bytes", bench_idle_task_bytes},
};

void bench_report(const char *name, uint64_t total, uint64_t count, const char *unit) {
    fe_print("bench %s %llu %llu %s\n", name, (unsigned long long)total, (unsigned long long)count, unit);
}

static bool same(const char *one, const char *other) {
    while (*one != '\0' && *one == *other)
        one++, other++;
    return *one == *other;
}

uint64_t bench_read_cost(void) {
    volatile uint64_t first = fe_arch_instructions();
    volatile uint64_t second = fe_arch_instructions();
    return second - first;
}

int fe_main(int argc, char **argv) {
    bench_main_began = fe_arch_instructions();
    if (fe_core_count() != 1)
        fe_print("bench: %u cores share one clock under -icount; figures hold for one\n", fe_core_count());
    for (int i = 1; i < argc; i++) {
        size_t at = 0;
        while (at < FE_ARRAY_LENGTH(benchmarks) && !same(benchmarks[at].name, argv[i]))
            at++;
        if (at == FE_ARRAY_LENGTH(benchmarks)) {
            fe_print("bench: no benchmark is called %s\n", argv[i]);
            return 2;
        }
        benchmarks[at].run();
    }
    return 0;
}
