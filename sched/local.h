/* A task's local heap; see local.c. */
#ifndef FERRITE_SCHED_LOCAL_H
#define FERRITE_SCHED_LOCAL_H

struct fe_tcb;
void fe_local_end(struct fe_tcb *task); /* the step FE_ENDING_LOCAL */

#endif
