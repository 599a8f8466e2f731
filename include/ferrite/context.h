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

/*
 * What the caller may use, where it is and as far as the machine has come: a set of these. A function that is to work in
 * every context asks, and does with less where there is less.
 */
enum fe_service {
    FE_SERVICE_LOG = 1 << 0,         /* fe_log, fe_panic */
    FE_SERVICE_TIME = 1 << 1,        /* fe_time_now */
    FE_SERVICE_HEAP = 1 << 2,        /* the exchange heap (out of memory, the plain forms panic outside a task) */
    FE_SERVICE_PIPES = 1 << 3,       /* fe_pipe_try_send, fe_pipe_try_receive; in a handler on bounded pipes only */
    FE_SERVICE_TASKS = 1 << 4,       /* fe_task_spawn, fe_pipe_open, closing ends */
    FE_SERVICE_GLOBAL_DATA = 1 << 5, /* fe_global_get */
    FE_SERVICE_FOREIGN = 1 << 6,     /* fe_foreign */
    FE_SERVICE_WAIT = 1 << 7,        /* whatever blocks: receive, select, join, sleep, yield */
    FE_SERVICE_OWN = 1 << 8, /* what is the task's own: task-local data, local heap; and fe_fail fails only the task */
};

/* A set of enum fe_service. Any context, from the first instruction of C; about 15 instructions. */
unsigned fe_services(void);

/* The index (from 0) of the core that runs the caller; may be out of date by the time it is used in task context. */
unsigned fe_core_index(void);

/* How many cores run schedulers. Any context after boot. */
unsigned fe_core_count(void);

#ifdef __cplusplus
}
#endif
#endif
