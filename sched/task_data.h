/* A task's table of task-local data; see task_data.c. */
#ifndef FERRITE_SCHED_TASK_DATA_H
#define FERRITE_SCHED_TASK_DATA_H

#include <ferrite/task_data.h>

struct fe_task_data {
    void *value[FE_TASK_DATA_KEYS + 1]; /* by the key's number; 0 is nobody's */
    uint32_t round, next;               /* at the task's end: how far it is */
    bool found;                         /* a value, in this round */
};

/* What tasks without values have. All NULL, never written. */
extern struct fe_task_data fe_task_data_none;

#endif
