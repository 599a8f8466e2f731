/* Who waits on what, and whether anything can still happen. See watch.c. */
#ifndef FERRITE_SCHED_WATCH_H
#define FERRITE_SCHED_WATCH_H

#include "core.h"

/* The calling core is about to sleep, and has announced it. Ends the machine by a hook if nothing can ever run again. */
void fe_watch_before_sleep(struct fe_scheduler *scheduler);

/* Writes what `task`, which waits, waits for: "receives from pipe 0x...", "joins NAME (7)". For reports: it looks at memory
 * that may change, and finds nothing then. Any context. */
void fe_watch_describe(const struct fe_tcb *task, char *text, size_t bytes);

/* The calling core is awake, and nobody watches it. */
void fe_guard_call(struct fe_scheduler *scheduler);
/* The wake-up interrupt came: does what guards use it for. False: it was not for that. Interrupt handler. */
bool fe_guard_interrupted(struct fe_scheduler *scheduler);
/* It is time to look at it. Interrupt handler. */
void fe_guard_look(struct fe_scheduler *scheduler);

#endif
