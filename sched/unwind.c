/*
 * Unwinding: a task that fails, is killed or exits runs the cleanups of its frames (ferrite/defer.h), innermost first, up to
 * its own edge, where its steps begin (ending.c). libgcc's forced unwinding does it, by the tables of .eh_frame.
 *
 * It is linked only into images that have cleanups at all: those refer to the personality function for C, which comes with
 * the unwinder. In the others there is nothing to run, and the references here are null.
 *
 * The unwinding ends early at a frame without a table: what the frames above it own is lost. A cleanup that fails ends it
 * early, too (fe_fail_at).
 *
 * Rejected: longjmp out of nested handlers (each entry would pay), a list of cleanups in the control block (likewise), C++
 * exceptions proper (two phases, and nothing here catches).
 */
#include "core.h"
#include "ending.h"

/* The part of the Itanium C++ ABI that is used here; unwind.h is not freestanding everywhere. */
struct unwind_context;
struct unwind_exception;
typedef int (*unwind_stop)(int version, int actions, uint64_t class, struct unwind_exception *exception,
                           struct unwind_context *context, void *argument);
#define UNWIND_CONTINUE 0
#define UNWIND_END_OF_STACK 16
struct unwind_exception {
    uint64_t class;
    void (*cleanup)(int reason, struct unwind_exception *exception);
    uint64_t private[2];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct unwind_exception) <= sizeof(((struct fe_tcb *)0)->exception), "tcb.h leaves room for it");

extern int _Unwind_ForcedUnwind(struct unwind_exception *exception, unwind_stop stop, void *argument)
    __attribute__((weak));

static int stop(int version, int actions, uint64_t class, struct unwind_exception *exception,
                struct unwind_context *context, void *task) {
    (void)version, (void)class, (void)exception, (void)context;
    if (actions & UNWIND_END_OF_STACK)
        fe_task_end(task);
    return UNWIND_CONTINUE;
}

void fe_task_unwind(struct fe_tcb *task) {
    fe_ending_add(task, FE_ENDING_BEGUN);
    if (_Unwind_ForcedUnwind) {
        struct unwind_exception *exception = (struct unwind_exception *)(void *)task->exception;
        *exception = (struct unwind_exception){.class = 0};
        _Unwind_ForcedUnwind(exception, stop, task); /* returns if it can't go on */
    }
    fe_task_end(task);
}
