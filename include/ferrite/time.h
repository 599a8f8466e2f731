/*
 * Time: the monotonic clock, sleeping, and timers.
 *
 * Timers live on their core's hierarchical timing wheel (Varghese and Lauck, 1987), in ticks of 1,024 ns; arming and
 * cancelling take constant time. The machine's one-shot timer is armed for the earliest deadline only: no periodic tick.
 */
#ifndef FERRITE_TIME_H
#define FERRITE_TIME_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds since boot; never goes back, the same on every core. Any context; about 10 instructions. */
fe_nanoseconds fe_time_now(void);

/* Blocks the calling task for at least `length`. Task context. */
void fe_task_sleep(fe_nanoseconds length);

/* Blocks the calling task until `deadline` has passed. Task context. */
void fe_task_sleep_until(fe_nanoseconds deadline);

#ifdef __cplusplus
}
#endif
#endif
