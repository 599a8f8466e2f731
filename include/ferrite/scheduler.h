/*
 * Schedulers by id: where a task is spawned, and which cores may run it.
 *
 *   default    all cores; where tasks go unless their options say otherwise
 *   core's     one core: tasks spawned there are pinned to it. That of the boot core is the platform scheduler
 *   group      some cores: tasks spawned there run on any of these, and move between them as those have time
 *
 * Cores are not taken away from the default scheduler by being in a group; a core may be in many. Ids start at 1 and are never
 * used again: an operation on one whose group is gone answers FE_ENOENT, and a plain spawn on it fails the task.
 *
 *     fe_scheduler_id pair = fe_scheduler_group(2);
 *     struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
 *     options.scheduler = pair;
 *     fe_task_spawn(work, NULL, &options);
 *     fe_scheduler_join(pair);
 */
#ifndef FERRITE_SCHEDULER_H
#define FERRITE_SCHEDULER_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t fe_scheduler_id; /* 0: none; in options: the default scheduler */

/* Any context after boot. A few instructions. */
fe_scheduler_id fe_scheduler_default(void);
fe_scheduler_id fe_scheduler_platform(void);
/* That of one core; 0: there is no such core. `options.core` is the same by another name. */
fe_scheduler_id fe_scheduler_of_core(unsigned core);
/* The one that the calling task was spawned on; outside a task, that of the core. */
fe_scheduler_id fe_scheduler_current(void);

/*
 * Makes a group of `cores` cores (1 to fe_core_count()); groups are spread over the machine by turns. Task, scheduler or global
 * context; never blocks, allocates one block. The try form answers FE_EINVAL or FE_ENOMEM; the plain form fails the task then.
 * _of: of the cores whose bits are set in `cores`.
 */
fe_scheduler_id fe_scheduler_group(unsigned cores);
FE_MUST_CHECK fe_status fe_scheduler_try_group(unsigned cores, fe_scheduler_id *id);
FE_MUST_CHECK fe_status fe_scheduler_try_group_of(uint64_t cores, fe_scheduler_id *id);

/* The cores of a scheduler, as bits in *cores (may be NULL). FE_OK, or FE_ENOENT: there is none with this id, or no more. Any
 * context but interrupt handlers. */
fe_status fe_scheduler_find(fe_scheduler_id id, uint64_t *cores);

/*
 * Waits until no task is left in a group, and removes it: the id is stale then. Tasks may be spawned on it until it is empty.
 * Task context; blocks. FE_OK; FE_ENOENT: stale; FE_EBUSY: somebody else joins it; FE_EINVAL: the default scheduler or a core's,
 * which stay, or the group that the caller is in.
 */
fe_status fe_scheduler_join(fe_scheduler_id id);

#ifdef __cplusplus
}
#endif
#endif
