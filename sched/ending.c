/*
 * The end of a task, in order:
 *
 *   1 cleanups           the task's frames are unwound
 *   2 the steps below    task-local data, local heap, result ports
 *   3 the result         to whoever joins it (task.c, after_end), on the next context
 *   4 its stack          recycled by the joiner, or in 3 if there will be none
 *
 * Steps 1 and 2 run in the task, which may block and use every service; it can no longer be killed. Step 2 runs at the top
 * of its stack, so there is room whatever the task did. A step that fails is given up with a message (fe_fail_at), and the
 * task goes on with the next: each clears what it asked for before it begins, and keeps its own list of what is left to do.
 *
 * Most tasks ask for nothing, so their end pays for one test of tcb->ending (task.c).
 */
#include "ending.h"
#include "kill.h"
#include "result.h"
#include "preempt.h"

static void overflow(struct fe_tcb *task) {
    task->outcome = FE_FAULTED; /* its message was written when it happened (fault.c) */
}

/* A task that fails has left its sections when it did; one that returns inside one is wrong. */
static void sections(struct fe_tcb *task) {
    const char *missing = task->atomic                           ? "fe_atomically_end"
                          : task->unkillable || task->rekillable ? "fe_unkillable_end"
                          : task->sections                       ? "fe_preempt_enable"
                                                                 : NULL;
    fe_sections_end(task);
    if (missing)
        fe_fail("the task's function returned inside a section: %s is missing", missing);
}

/* By the order of enum fe_ending_step. Those of services that not every program uses are filled in when one is used first, by
 * whatever core, so that an image holds what its program needs. */
void (*fe_ending_steps[FE_ENDING_STEPS])(struct fe_tcb *task) = {
    [FE_ENDING_OVERFLOW] = overflow,
    [FE_ENDING_SECTIONS] = sections,
    [FE_ENDING_RESULT] = fe_result_tell,
};

void fe_ending_run(struct fe_tcb *task) {
    task->ending |= 1u << FE_ENDING_BEGUN;
    uint32_t wanted;
    while ((wanted = task->ending & ((1u << FE_ENDING_STEPS) - 1)) != 0) {
        unsigned step = (unsigned)__builtin_ctz(wanted); /* the first: a step may use what an earlier one takes care of */
        task->ending &= ~(1u << step);
        /* Relaxed: see fe_ending_know. */
        void (*function)(struct fe_tcb *) = __atomic_load_n(&fe_ending_steps[step], __ATOMIC_RELAXED);
        if (function)
            function(task);
    }
    task->doom = FE_DOOM_NONE;
    task->put_off = 0;
    task->ending = 0;
}
