/* Telling a task's end to a pipe; see result.c. */
#ifndef FERRITE_SCHED_RESULT_H
#define FERRITE_SCHED_RESULT_H

#include "tcb.h"

#include <ferrite/pipe.h>

/* Whether `sender` is a sending end that a task can tell its end by. */
bool fe_result_may_ask(const fe_sender *sender);
/* The new task `tcb` will. */
void fe_result_ask(struct fe_tcb *tcb, const fe_sender *sender, uintptr_t tag);
/* Step FE_ENDING_RESULT. */
void fe_result_tell(struct fe_tcb *task);

#endif
