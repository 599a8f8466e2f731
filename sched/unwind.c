/*
 * A task that fails, is killed or exits runs the cleanups of its frames (ferrite/defer.h), innermost first, up to its own edge,
 * where its steps begin (ending.c).
 *
 * The unwinder (unwind/) is linked only into images that have cleanups at all: those refer to it. In the others there is
 * nothing to run, and the reference here is null.
 *
 * The unwinding ends early at a frame without a table: what the frames above it own is lost. A cleanup that fails ends it
 * early, too (fe_fail_at).
 *
 * Rejected: longjmp out of nested handlers (each entry would pay), a list of cleanups in the control block (likewise), C++
 * exceptions proper (two phases, and nothing here catches).
 */
#include "core.h"
#include "ending.h"

/* Unwinds from its caller. */
FE_NORETURN extern void fe_unwind(void) __attribute__((weak));
extern bool fe_unwind_may_begin(uintptr_t pc) __attribute__((weak));

bool fe_task_may_unwind(uintptr_t pc) {
    return !fe_unwind_may_begin || fe_unwind_may_begin(pc);
}

void fe_task_unwind(struct fe_tcb *task) {
    fe_ending_add(task, FE_ENDING_BEGUN);
    if (fe_unwind)
        fe_unwind();
    fe_task_end(task);
}

void fe_task_unwound(void) {
    fe_task_end(fe_scheduler_self()->current);
}
