/* Groups of cores; see group.c. For sched/ only. */
#ifndef FERRITE_SCHED_GROUP_H
#define FERRITE_SCHED_GROUP_H

#include "core.h"

#include <ferrite/scheduler.h>

/* In fe_tcb.home: the task belongs to a group, tcb->group. */
#define FE_IN_GROUP (-2)

/* Whether this core is in a group that has ready tasks. A glance; before sleeping it comes after fe_sleep_announce's fence. */
static inline bool fe_group_wants(const struct fe_scheduler *self) {
    return fe_load_relaxed(&fe_sched.groups.wanted) >> self->core.index & 1;
}

/* Whether the core of `self` may run `tcb`, which is in a group. */
bool fe_group_has(const struct fe_scheduler *self, const struct fe_tcb *tcb);
/* Puts a ready task, which is in a group, at the end of the group's queue, and sees to it that a core looks. */
void fe_group_queue(struct fe_scheduler *self, struct fe_tcb *tcb);
/* The first ready task of a group that this core is in; groups take turns. NULL: there is none. */
struct fe_tcb *fe_group_take(struct fe_scheduler *self);
/* Finds where a task with these options belongs: *home, and *group if that is FE_IN_GROUP, in which the task counts from now on.
 * FE_EINVAL, FE_ENOENT. */
fe_status fe_group_place(const struct fe_task_options *options, int *home, struct fe_group **group);
/* A task that was counted is not, or no longer, in the group. */
void fe_group_leave(struct fe_group *group);
void fe_group_init_core(struct fe_scheduler *scheduler);

#endif
