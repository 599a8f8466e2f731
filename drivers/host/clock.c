/*
 * The clock: the processor's time-stamp counter, read without a system call, against Linux's monotonic clock for its rate. A
 * machine whose counter Linux itself does not trust would want another counter; no x86_64 of the last fifteen years does.
 */
#define _GNU_SOURCE
#include "host.h"

#include <time.h>

#define MEASURE_FOR (2 * FE_MILLISECOND)

static uint64_t first_counter;
static fe_nanoseconds first_time;

static fe_nanoseconds monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (fe_nanoseconds)now.tv_sec * FE_SECOND + (fe_nanoseconds)now.tv_nsec;
}

/* A pair of readings that belong together: the best of some, since a thread may be put aside between the two. */
static void read_both(uint64_t *counter, fe_nanoseconds *time) {
    uint64_t shortest = UINT64_MAX;
    for (int i = 0; i < 16; i++) {
        uint64_t before = fe_arch_counter();
        fe_nanoseconds now = monotonic();
        uint64_t taken = fe_arch_counter() - before;
        if (taken < shortest) {
            shortest = taken;
            *counter = before + taken / 2;
            *time = now;
        }
    }
}

static uint64_t rate(void) {
    uint64_t counter;
    fe_nanoseconds time;
    read_both(&counter, &time);
    return (uint64_t)((unsigned __int128)(counter - first_counter) * FE_SECOND / (time - first_time));
}

void fe_host_clock_init(struct fe_machine *machine) {
    read_both(&first_counter, &first_time);
    while (monotonic() - first_time < MEASURE_FOR)
        fe_arch_relax();
    machine->counter_hz = rate();
    machine->counter_hz_refined = rate;
}
