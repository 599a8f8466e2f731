/*
 * Killing: what waits look at when they have ended without cause; see kill.c.
 */
#ifndef FERRITE_SCHED_KILL_H
#define FERRITE_SCHED_KILL_H

#include "core.h"

/* fe_tcb.doom */
enum fe_doom {
    FE_DOOM_NONE,
    FE_DOOM_KILLED, /* it has seen that it is to be killed */
    FE_DOOM_LEFT,   /* it would have left the core inside an atomic section */
};

bool fe_kill_look(struct fe_tcb *task);

/* Whether the running task `task` must fail now, by fe_kill_act. For where a wait has ended and what it waited for has not
 * come, and for who preempts it. It may go on instead; it is then asked again. */
static inline bool fe_kill_due(struct fe_tcb *task) {
    if (FE_LIKELY(!fe_parking_killed(&task->parking)) && FE_LIKELY(task->doom == FE_DOOM_NONE))
        return false;
    return fe_kill_look(task);
}

/* Ends the running task, which holds nothing of the runtime's, because fe_kill_due said so. */
FE_NORETURN void fe_kill_act(struct fe_tcb *task);

/* The running task wants to leave the core inside an atomic section: it must fail, and is made to look whether. */
void fe_kill_for_leaving(struct fe_tcb *task);

/* The running task's own code is at an end: its sections are, too. */
void fe_sections_end(struct fe_tcb *task);

/* Has a poll of a core that was told of kills look whether they have been seen. */
void fe_kill_poll(struct fe_scheduler *scheduler);

#endif
