/*
 * What happens between the end of a task's code and the delivery of its result; see ending.c.
 */
#ifndef FERRITE_SCHED_ENDING_H
#define FERRITE_SCHED_ENDING_H

#include "tcb.h"

/*
 * The steps, in the order in which they are taken. A step is taken by those tasks only that have asked for it (fe_ending_add);
 * each is one function in ending.c's table.
 */
enum fe_ending_step {
    FE_ENDING_OVERFLOW, /* the runtime used the task's emergency pages: it fails, though its code may have returned */
    FE_ENDING_SECTIONS, /* it was in a section (kill.c, preempt.c), or was killed */
    FE_ENDING_DATA,     /* task-local data: destructors */
    FE_ENDING_LOCAL,    /* the local heap: finalizers, then its memory */
    FE_ENDING_FOREIGN,  /* the stack of a foreign call that did not return */
    FE_ENDING_RESULT,   /* who asked to be told, other than by joining, is told */
    FE_ENDING_GROUP,    /* it leaves its group (group.c) */
    FE_ENDING_QUIET,    /* nothing to be done: the console is not told if it fails */
    FE_ENDING_STEPS,
    FE_ENDING_BEGUN = 31, /* not a step: the task's code has ended, and the steps are being taken */
};

/* The calling task, or its fault handler, will need `step` when the task ends. One instruction or two; any number of times.
 * A step may ask for itself or another again: all are looked at again, in order, until none is asked for. */
static inline void fe_ending_add(struct fe_tcb *task, enum fe_ending_step step) {
    task->ending |= 1u << step;
}

/* The same, for a step that ending.c's table need not know of before somebody asks for it. */
extern void (*fe_ending_steps[FE_ENDING_STEPS])(struct fe_tcb *task);
static inline void fe_ending_know(enum fe_ending_step step, void (*function)(struct fe_tcb *task)) {
    /* Relaxed: every core writes the same, and each reads it only after it has itself, or the task whose step it is. */
    __atomic_store_n(&fe_ending_steps[step], function, __ATOMIC_RELAXED);
}
static inline void fe_ending_add_by(struct fe_tcb *task, enum fe_ending_step step, void (*function)(struct fe_tcb *task)) {
    fe_ending_know(step, function);
    fe_ending_add(task, step);
}

/* Whether `task`, which is the caller, has ended its own code. Nobody can kill it any more. */
static inline bool fe_ending_begun(const struct fe_tcb *task) {
    return task->ending >> FE_ENDING_BEGUN;
}

/* Takes the steps of `task`, the caller, whose outcome is set. Blocks as they do. */
void fe_ending_run(struct fe_tcb *task);

#endif
