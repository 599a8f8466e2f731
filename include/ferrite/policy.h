/*
 * Policies of failure: try, links and supervisors. They are made of what tasks and pipes already do (fe_task_options.notify,
 * fe_task_kill, cleanups), and the scheduler knows nothing of them: a program can write others.
 *
 * All of this is for task context, and may wait.
 */
#ifndef FERRITE_POLICY_H
#define FERRITE_POLICY_H

#include <ferrite/pipe.h>
#include <ferrite/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ends of tasks: what fe_task_options.notify takes is `&sender.end` of such a pipe, opened with FE_PIPE_SHARED. */
FE_PIPE_TYPE(fe_exits, struct fe_task_exit);

/*
 * Runs function(argument) in a task of its own and waits for its end, which the caller survives: how it came is returned, and
 * stored in *result (may be NULL). If the caller fails or is killed meanwhile, so is that task, and it has ended before the
 * caller's further cleanups run. `options`: as for fe_task_spawn; NULL: the defaults. Fails if there is no memory for a task.
 */
enum fe_outcome fe_try(fe_task_function function, void *argument, const struct fe_task_options *options,
                       struct fe_task_result *result);

/*
 * Links: groups of tasks tied to each other, so that the failure of one (FE_FAILED, FE_FAULTED or FE_KILLED) kills others. Whoever
 * opens a group is its owner, and can spawn into it; so can whoever is given a copy.
 *
 *   a member spawned as   if it fails                            if the owner or a linked member fails
 *   FE_LINKED             owner and all but unlinked are killed  it is killed
 *   FE_SUPERVISED         nothing                                it is killed
 *   FE_UNLINKED           nothing                                nothing
 *
 * A member that owns a group of its own passes on both ways what happens to it. Each member's end is told once to `exits`, if
 * given, also if the group had failed before and its function never ran (then the task is {NULL, 0}, and FE_KILLED).
 *
 * A group has a task of its own, to which all that happens is a message; spawning through it costs about 3,000 instructions.
 */
typedef struct fe_links {
    fe_sender requests;
} fe_links;

enum fe_link {
    FE_UNLINKED,
    FE_SUPERVISED,
    FE_LINKED,
};

/* Opens a group that the caller owns. `linked`: the failure of a linked member kills the owner; else the owner only supervises.
 * The owner must close it, by a cleanup if its own failure is to be felt: FE_OWNED_LINKS does. */
void fe_links_open(fe_links *group, bool linked);
#define FE_OWNED_LINKS __attribute__((cleanup(fe_links_close_owned))) fe_links
/* Closes the owner's end: if the calling task is failing, so does the group; else the members go on without an owner. */
void fe_links_close(fe_links group);
void fe_links_close_owned(fe_links *group);

/* Another handle of the group for spawning, to be closed by fe_links_drop. */
fe_links fe_links_copy(fe_links group);
void fe_links_drop(fe_links group);

/* Spawns a member. `exits` may be {NULL}: nobody is told. `options` (NULL: the defaults) as for fe_task_spawn, save notify, tag
 * and detached; `tag` goes with the exit. {NULL, 0}: the group has failed, or there is no memory (FE_FAILED). */
fe_task fe_links_spawn(fe_links group, enum fe_link link, fe_task_function function, void *argument,
                       const struct fe_task_options *options, fe_exits_sender exits, uintptr_t tag);

/*
 * Supervisors, after Erlang/OTP: keep children running.
 *
 * fe_supervise starts the children in order and stays in the calling task until none is left to run (all have ended for good:
 * FE_OK). A child that ends is started again as its `restart` says; what happens to the others is the strategy's matter. More
 * than `intensity` restarts within `period` are too many: then all children are ended, in reverse order, and the supervisor
 * fails, which escalates to its own supervisor. If the supervisor is killed, its children are ended in reverse order first.
 */
enum fe_restart {
    FE_PERMANENT, /* always */
    FE_TRANSIENT, /* unless it returned */
    FE_TEMPORARY, /* never */
};

enum fe_strategy {
    FE_ONE_FOR_ONE,  /* that child alone is restarted */
    FE_ONE_FOR_ALL,  /* all others are killed, and all restarted */
    FE_REST_FOR_ONE, /* those started after it are killed, and it and they restarted */
};

struct fe_child {
    const char *name;
    fe_task_function function;
    void *argument;
    enum fe_restart restart;
    const struct fe_task_options *options; /* NULL: the defaults; save name, notify, tag and detached */
};

struct fe_supervision {
    enum fe_strategy strategy;
    unsigned intensity;    /* restarts, at most ... */
    fe_nanoseconds period; /* ... within this time */
};

#define FE_CHILDREN_MAX 256u
#define FE_INTENSITY_MAX 256u

/* FE_OK; FE_EINVAL: more than FE_CHILDREN_MAX children, or an intensity above FE_INTENSITY_MAX; FE_ENOMEM. A restart costs about
 * 3,000 instructions. */
FE_MUST_CHECK fe_status fe_supervise(const struct fe_supervision *supervision, const struct fe_child *children,
                                     size_t count);

#ifdef __cplusplus
}
#endif
#endif
