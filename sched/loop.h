/* Event loops; see loop.c. */
#ifndef FERRITE_SCHED_LOOP_H
#define FERRITE_SCHED_LOOP_H

#include "core.h"

/* The loop called `name` (`loop=` on the command line: "interrupts" or "basic"); NULL: there is none. */
const struct fe_loop_ops *fe_loop_find(const char *name);

#endif
