/* The monotonic clock over fe_arch_counter. */
#ifndef FERRITE_SCHED_CLOCK_H
#define FERRITE_SCHED_CLOCK_H

#include <ferrite/base.h>

/* Starts the clock: `counter` is the instant that counts as 0, `hz` the counter's rate. */
void fe_clock_init(uint64_t counter, uint64_t hz);
/* Whether it has been started. */
bool fe_clock_runs(void);
/* Corrects the rate without a step. One core, before others run. */
void fe_clock_refine(uint64_t hz);
/* The length of `ticks` of the counter. */
fe_nanoseconds fe_clock_length(uint64_t ticks);
/* The counter's value at or just after `instant`. */
uint64_t fe_clock_counter(fe_nanoseconds instant);

#endif
