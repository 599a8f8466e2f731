/*
 * The test that is running: what its tasks' assertions and the runner tell each other.
 */
#ifndef FE_HARNESS_RUN_H
#define FE_HARNESS_RUN_H

#include <ferrite/ferrite.h>
#include <ferrite/test.h>
#include <stdatomic.h>

struct fe_test_run {
    _Atomic(struct fe_tcb *) tcb; /* the test's own task: its control block and, written last, its id */
    _Atomic uint64_t task;
    _Atomic unsigned failures; /* assertions that failed, in any of its tasks */
    _Atomic bool aborted;      /* an assertion, or skipping, has ended it */
    _Atomic bool skipped;
    char skip_reason[FE_TASK_MESSAGE_MAX]; /* written before `skipped` is set, by the task that sets it first */
};
extern struct fe_test_run fe_test_run;

/* Prints TAP diagnostics: every line of the formatted text begins with "# ". */
void fe_test_diagnose(const char *format, ...) FE_PRINTF(1, 2);

#endif
