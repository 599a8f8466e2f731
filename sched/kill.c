/*
 * Killing: asking a task to fail.
 *
 * The killer writes the task's id into its `kill` word, and then a bit into its parking word (park.h), where it races with
 * wakers. What waits makes the bit known at once; a task that is running or ready finds it at its next wait, whose commit
 * the bit makes fail, or at its next yield. The bit is only a hint to look at `kill`, so a killer that is late, and hits a
 * task that has the same memory by then, does that task no harm. A late killer does not wipe another's word either: it has
 * read the word before it saw its task alive, and swaps it only if it has not changed since.
 *
 *   nobody asked --1 fe_task_kill--> kill = id, bit --2 fe_kill_look--> doom --3 fe_kill_act--> fails (FE_KILLED)
 *                                                                       ^ |
 *                                              unkillable sections wait '-'
 *
 * A yield has no test to spare for a kill. So a killed task that did not wait is put into a list, and while there is any
 * such, yields on all cores go the long way, which looks. Polls take out of the list who has seen it or ended.
 *
 * Nobody is killed while he unwinds: his doom is known then, or of no interest.
 */
#include "kill.h"
#include "ending.h"

#include <ferrite/context.h>
#include <ferrite/panic.h>

/* Asking ---------------------------------------------------------------------------------------------------------- */

static bool is_running_on(fe_task task) {
    /* Pairs with the release in fe_task_try_spawn and the exchange in after_end. */
    return fe_load_acquire(&task.tcb->id) == task.id && !fe_join_ended(fe_load_acquire(&task.tcb->joiner));
}

/* Whether the task with this control block has been killed and has not seen it. */
static bool is_unseen(const struct fe_tcb *tcb) {
    uint64_t kill = fe_load_relaxed(&tcb->kill); /* a glance, as all of this: whoever is wrongly kept is looked at again */
    return kill != 0 && kill == fe_load_relaxed(&tcb->id) && !fe_join_ended(fe_load_relaxed(&tcb->joiner));
}

/* Makes yields look. Not for who has ended meanwhile: its control block may be on its way out of memory (retire.c). */
static void list_unseen(fe_task task) {
    struct fe_tcb *tcb = task.tcb;
    fe_spinlock_acquire(&fe_sched.kills_lock);
    if (is_running_on(task) && !tcb->kill_listed) {
        tcb->kill_listed = true;
        tcb->kill_next = NULL;
        if (!fe_sched.kills)
            fe_sched.kills_tail = &fe_sched.kills;
        *fe_sched.kills_tail = tcb;
        fe_sched.kills_tail = &tcb->kill_next;
    }
    for (unsigned i = 0; i < fe_sched.cores; i++)
        if (fe_sched.schedulers[i])
            fe_unusual_kills_set(&fe_sched.schedulers[i]->unusual, 1);
    fe_spinlock_release(&fe_sched.kills_lock);
}

void fe_kill_poll(struct fe_scheduler *self) {
    fe_spinlock_acquire(&fe_sched.kills_lock);
    struct fe_tcb *tcb;
    while ((tcb = fe_sched.kills) != NULL && !is_unseen(tcb)) {
        fe_sched.kills = tcb->kill_next;
        tcb->kill_listed = false;
    }
    if (!fe_sched.kills)
        fe_unusual_kills_set(&self->unusual, 0);
    fe_spinlock_release(&fe_sched.kills_lock);
}

fe_status fe_task_kill(fe_task task) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    struct fe_tcb *tcb = task.tcb;
    if (!tcb)
        return FE_ENOENT;
    struct fe_scheduler *self = fe_scheduler_self();
    /* Acquire: pairs with the swap below; read before is_running_on. */
    uint64_t seen = fe_load_acquire(&tcb->kill);
    do {
        if (!is_running_on(task))
            return FE_ENOENT;
        if (tcb == self->current)
            return FE_EINVAL;
        if (seen == task.id)
            return FE_OK; /* somebody has asked */
    } while (!fe_cas_acq_rel(&tcb->kill, &seen, task.id));
    if (fe_parking_kill(&tcb->parking)) {
        fe_scheduler_ready_front(self, tcb);
        return FE_OK;
    }
    list_unseen(task);
    for (unsigned i = 0; i < fe_sched.cores; i++) { /* whichever core runs it now may never yield */
        if (i != self->core.index && fe_sched.schedulers[i])
            fe_sched.loop->wake(i);
    }
    return FE_OK;
}

/* Seeing it ------------------------------------------------------------------------------------------------------- */

bool fe_kill_look(struct fe_tcb *task) {
    if (fe_parking_killed(&task->parking)) {
        fe_parking_take_kill(&task->parking);
        uint64_t id = fe_load_relaxed(&task->id); /* its own */
        uint64_t kill = id;
        /* Relaxed: fe_parking_take_kill has seen what the killers wrote. Fails if another task was meant. */
        if (fe_cas_relaxed(&task->kill, &kill, 0) && task->doom == FE_DOOM_NONE) {
            task->doom = FE_DOOM_KILLED;
            fe_ending_add(task, FE_ENDING_SECTIONS);
        }
    }
    if (task->doom == FE_DOOM_NONE || fe_ending_begun(task) ||
        (task->doom == FE_DOOM_KILLED && (task->unkillable || task->atomic)))
        return false; /* the end of the outermost section looks again */
    /* Until it acts on it, no wait may come to rest. Relaxed: only this task looks for what it has set itself. */
    fe_fetch_or_relaxed(&task->parking, FE_PARKING_KILLED);
    return true;
}

void fe_kill_for_leaving(struct fe_tcb *task) {
    task->doom = FE_DOOM_LEFT;
}

FE_NORETURN void fe_kill_act(struct fe_tcb *task) {
    if (task->doom == FE_DOOM_LEFT)
        fe_fail("waited or yielded inside an atomic section");
    struct fe_task_result result = {.outcome = FE_KILLED, .message = "killed"};
    fe_task_fails(task, &result, (uintptr_t)__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0));
    fe_task_unwind(task);
}

bool fe_park_killed(void) {
    return fe_kill_due(fe_park_self());
}

void fe_park_die(void) {
    fe_kill_act(fe_park_self());
}

/* Sections -------------------------------------------------------------------------------------------------------- */

void fe_unkillable_begin(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_tcb *task = fe_park_self();
    if (task->unkillable == UINT16_MAX)
        fe_fail("fe_unkillable_begin: 65,535 sections are open: they are never ended");
    task->unkillable++;
    fe_ending_add(task, FE_ENDING_SECTIONS);
}

void fe_unkillable_end(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_tcb *task = fe_park_self();
    if (task->unkillable == 0) {
        if (fe_ending_begun(task))
            return; /* it has left them all */
        fe_fail("fe_unkillable_end: no unkillable section is open");
    }
    task->unkillable--;
    if (fe_kill_due(task))
        fe_kill_act(task);
}

void fe_rekillable_begin(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_tcb *task = fe_park_self();
    if (task->unkillable == 0)
        fe_fail("fe_rekillable_begin: no unkillable section is open");
    task->rekillable++;
    fe_unkillable_end();
}

void fe_rekillable_end(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_tcb *task = fe_park_self();
    if (task->rekillable == 0) {
        if (fe_ending_begun(task))
            return;
        fe_fail("fe_rekillable_end: no rekillable section is open");
    }
    task->rekillable--;
    fe_unkillable_begin();
}

void fe_atomically_begin(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_scheduler *self = fe_scheduler_self();
    self->unusual.atomic = 1; /* the task stays here until it is cleared */
    if (++self->current->atomic == 0)
        fe_fail("fe_atomically_begin: 65,535 sections are open: they are never ended");
    fe_ending_add(self->current, FE_ENDING_SECTIONS);
}

void fe_atomically_end(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_scheduler *self = fe_scheduler_self();
    struct fe_tcb *task = self->current;
    if (task->atomic == 0) {
        if (fe_ending_begun(task))
            return;
        fe_fail("fe_atomically_end: no atomic section is open");
    }
    if (--task->atomic != 0)
        return;
    self->unusual.atomic = 0;
    if (fe_kill_due(task))
        fe_kill_act(task);
}

void fe_sections_end(struct fe_tcb *task) {
    if (task->atomic)
        fe_scheduler_self()->unusual.atomic = 0;
    task->unkillable = task->rekillable = task->atomic = 0;
    task->sections = 0;
    task->preempt_wanted = false;
}
