/*
 * Foreign calls: a stack slot of a large class, with the same guard and the same growth as a task's own, is the call's until
 * it returns. Its control block is no task: only its stack_ fields and foreign_left are in use, and its id is 0.
 *
 * Who made the call points to the slot (fe_foreign_of), so that the fault handler knows whose pages they are, and the
 * collector where to look. A call from within stays where it is: one stack is enough, since what called is below.
 *
 * If the task fails in the call, the unwinder crosses fe_arch_call_on; the stack goes back as the last step of the task's
 * end, which runs on the task's own.
 *
 * Rejected: one large stack per core, lent out (a callback that blocks would keep it, or alias it); segments (every function
 * called would have to look for room).
 */
#include "foreign.h"

#include "ending.h"

#include <ferrite/context.h>
#include <ferrite/foreign.h>
#include <ferrite/panic.h>

/* The step FE_ENDING_FOREIGN. */
static void give_back(struct fe_tcb *task) {
    while (task->foreign) {
        struct fe_tcb *stack = task->foreign;
        task->foreign = stack->next;
        fe_stack_recycle(stack);
    }
}

fe_status fe_foreign_try(intptr_t (*function)(void *argument), void *argument, intptr_t *value) {
    struct fe_scheduler *self = fe_scheduler_self();
    if (!fe_sched.started || self->core.interrupt_depth != 0)
        return FE_ECONTEXT;
    struct fe_tcb **foreign = fe_foreign_of(self);
    intptr_t result;
    if (*foreign != NULL && fe_stack_holds(*foreign, (uintptr_t)__builtin_frame_address(0))) {
        result = function(argument);
    } else {
        struct fe_tcb *stack;
        fe_status status = fe_stack_take(self, FE_FOREIGN_STACK_BYTES, &stack);
        if (status != FE_OK)
            return status == FE_EINVAL ? FE_ENOMEM : status; /* max_stack= is below it */
        stack->next = *foreign; /* mostly none: this may be a cleanup of a task that failed in a foreign call */
        *foreign = stack;
        if (self->current)
            fe_ending_add_by(self->current, FE_ENDING_FOREIGN, give_back);
        result = fe_arch_call_on(stack, function, argument, &stack->foreign_left);
        /* A task may be on another core now; its control block is where it was, and so is a scheduler. */
        *foreign = stack->next;
        fe_stack_recycle(stack);
    }
    if (value)
        *value = result;
    return FE_OK;
}

intptr_t fe_foreign(intptr_t (*function)(void *argument), void *argument) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    intptr_t value;
    fe_status status = fe_foreign_try(function, argument, &value);
    if (status != FE_OK)
        fe_fail("fe_foreign: no stack: %s", fe_status_string(status));
    return value;
}
