/* Event loops; see loop.c. */
#ifndef FERRITE_SCHED_LOOP_H
#define FERRITE_SCHED_LOOP_H

#include "core.h"

/* The machine's own loop, or that of interrupts. */
const struct fe_loop_ops *fe_loop_default(void);
/* The loop called `name` (`loop=` on the command line): the default one, or "basic". NULL: there is none. */
const struct fe_loop_ops *fe_loop_find(const char *name);

#endif
