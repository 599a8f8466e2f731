/*
 * Contexts: where code is running, and what it may therefore do.
 *
 *   global     early boot, interrupt handlers, panics, and code that a foreign call runs without a task.
 *              No task, no blocking. Interrupt handlers additionally never allocate.
 *   scheduler  event-loop callbacks, on the core's own stack. May allocate, spawn and post; never blocks.
 *   task       everything else. May do anything.
 *
 * Each public function's documentation names the contexts in which it may be called; a checked build (BUILD=checked)
 * stops with the function's name, the context and the caller when it is called in another.
 */
#ifndef FERRITE_CONTEXT_H
#define FERRITE_CONTEXT_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum fe_context_kind {
    FE_CONTEXT_GLOBAL,
    FE_CONTEXT_SCHEDULER,
    FE_CONTEXT_TASK,
};

/* The context of the caller. Any context; about five instructions. */
enum fe_context_kind fe_context(void);

/* "global", "scheduler" or "task". Any context. */
const char *fe_context_name(enum fe_context_kind kind);

/* The index (from 0) of the core that runs the caller; may be out of date by the time it is used in task context. */
unsigned fe_core_index(void);

/* How many cores run schedulers. Any context after boot. */
unsigned fe_core_count(void);

#ifdef __cplusplus
}
#endif
#endif
