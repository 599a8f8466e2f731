/*
 * What a machine tells of itself: that nothing can happen any more, and that a core does not get on; and who waits on what.
 *
 * Deadlock: tasks live, none is ready, and nothing is left that could make one so. The last core to rest looks. All cores have
 * announced that they sleep, and looked once more after that; no inbox or ring holds anything, no wheel holds a timer, and no
 * device has been asked for anything (fe_sched_hooks.awaits_device). It looks twice, and if no scheduler got on in between, all of
 * that was so at one moment. Then nothing but a device's interrupt can change it, and nobody waits for one. So no core is woken
 * to look, and nothing is counted on the way.
 *
 * Stuck cores: each core is watched by the one before it, its guard, by a slow clock that runs while the ward is awake and stops
 * when it is found to have run nothing between two looks. A core that is about to run a task unwatched calls its guard by an
 * interrupt, at most once in two looks. The guard compares the ward's beat. If it stands, it sends an interrupt once: a task that
 * computes takes it and goes on. If it is not taken, or a handler or the scheduler's own context does not end, the guard reports
 * it, with the place that a non-maskable interrupt finds, where there is one. A task that keeps its core from others is told by
 * that core's own clock (preempt.c).
 *
 * What a task waits for is written down nowhere in one piece: that would cost a store in each wait. But a task that waits at a
 * pipe has it on its stack, and the pipe, or the pipe's word, names the task: so each word of the upper part of its stack that
 * may be a pipe's address is asked whether it does. A task that joins another is named in that one's control block.
 */
#include "watch.h"
#include "kill.h"
#include "pipe.h"

#include <ferrite/io.h>
#include <ferrite/time.h>

/* A guard looks so often, and reports what has not moved for so many looks: after 1.0 to 1.2 s. The interrupt that it sends at
 * the first has had 0.8 s to be taken by then, for under emulation the host may keep a core waiting for long. */
#define FE_GUARD_LOOKS (200 * FE_MILLISECOND)
#define FE_GUARD_STRIKES 5u
/* How much of a waiting task's stack is looked through, in words. Waits are a few frames deep. */
#define FE_WATCH_WORDS 160u

/* Deadlock -------------------------------------------------------------------------------------------------------- */

/* Whether all sleep with nothing to wake for; *beats is the sum of what they did so far. */
FE_GLANCE static bool all_at_rest(uint64_t *beats) {
    *beats = 0;
    for (unsigned i = 0; i < fe_sched.cores; i++) {
        const struct fe_scheduler *one = fe_sched.schedulers[i];
        if (!one || !fe_load_acquire(&one->resting))
            return false;
        /* Its consumer has emptied it before it slept; so the newest node is the stub, or somebody has pushed since. */
        if (fe_load_relaxed(&one->inbox.head) != (void *)&one->inbox.stub || fe_ring_length(&one->ring) ||
            *(const volatile uint32_t *)&one->wheel.levels ||
            ((const volatile struct fe_scheduler *)one)->unusual.attention)
            return false;
        *beats += fe_scheduler_beat(one);
    }
    return true;
}

void fe_watch_before_sleep(struct fe_scheduler *self) {
    uint64_t first, second;
    fe_fence_seq_cst(); /* of two cores that begin to rest at once, one sees the other's mark */
    if (self->wheel.levels || !fe_sched_hooks.deadlocked || !all_at_rest(&first))
        return;
    struct fe_counts *const *strong = fe_sched.termination.strong;
    if (fe_counts_even(strong, fe_sched.cores) || (fe_sched_hooks.awaits_device && fe_sched_hooks.awaits_device()))
        return;
    fe_fence_seq_cst();
    if (!all_at_rest(&second) || first != second)
        return;
    fe_sched_hooks.deadlocked();
}

/* Guards ---------------------------------------------------------------------------------------------------------- */

static struct fe_scheduler *ward_of(const struct fe_scheduler *self) {
    return fe_sched.schedulers[(self->core.index + 1) % fe_sched.cores];
}

static void note(struct fe_scheduler *self, const struct fe_scheduler *ward, uint64_t beat) {
    self->guard.beat = beat;
    self->guard.switches = ward->statistics.switches;
    self->guard.interrupts = ward->statistics.interrupts;
    self->guard.strikes = 0;
}

static void look_again(struct fe_scheduler *self) {
    self->guard.due = fe_time_now() + FE_GUARD_LOOKS;
    fe_slice_changed(self);
    fe_timers_arm(self, self->guard.due);
}

void fe_guard_call(struct fe_scheduler *self) {
    if (fe_sched.loop != &fe_loop_interrupts)
        return;
    unsigned index = (self->core.index + fe_sched.cores - 1) % fe_sched.cores;
    struct fe_scheduler *guard = fe_sched.schedulers[index];
    if (!guard)
        return;
    fe_store_relaxed(&self->guard.kept, 1);
    fe_store_seq_cst(&guard->guard.called, 1); /* before the interrupt that makes it look */
    fe_sched.loop->wake(index);
}

FE_GLANCE static void begin(struct fe_scheduler *self) {
    const struct fe_scheduler *ward = ward_of(self);
    note(self, ward, fe_scheduler_beat(ward));
    look_again(self);
}

bool fe_guard_interrupted(struct fe_scheduler *self) {
    bool called = fe_load_relaxed(&self->guard.called), asked = fe_load_relaxed(&self->guard.asked);
    if (FE_LIKELY(!called && !asked))
        return false;
    fe_store_relaxed(&self->guard.asked, 0);
    fe_store_relaxed(&self->guard.called, 0); /* the next call comes once we have let the ward go (fe_guard_look) */
    if (called)
        begin(self);
    return true;
}

/* The ward has been where it is for FE_GUARD_STRIKES looks. */
FE_GLANCE static void report(const struct fe_scheduler *ward, bool interrupts) {
    struct fe_arch_place place = {0};
    unsigned index = ward->core.index;
    if (fe_machine.sample && !fe_machine.sample(index, &place))
        place = (struct fe_arch_place){0};
    const struct fe_tcb *task = *(struct fe_tcb *const volatile *)&ward->current;
    fe_task handle = {(struct fe_tcb *)(uintptr_t)task, task ? fe_load_relaxed(&task->id) : 0}; /* for a report */
    if (fe_sched_hooks.stuck)
        fe_sched_hooks.stuck(index, handle, task ? task->name : "the scheduler", interrupts, place);
}

FE_GLANCE void fe_guard_look(struct fe_scheduler *self) {
    struct fe_scheduler *ward = ward_of(self);
    uint64_t beat = fe_scheduler_beat(ward);
    bool asleep = fe_sleep_is_asleep(&fe_sched.sleep, ward->core.index);
    if (asleep && ward->statistics.switches == self->guard.switches) {
        /* It ran no task since the last look: leaves it. One that does so just now calls again. */
        self->guard.due = FE_FOREVER;
        fe_slice_changed(self);
        fe_store_relaxed(&ward->guard.kept, 0);
        return;
    }
    if (asleep || beat != self->guard.beat) {
        note(self, ward, beat);
    } else if (self->guard.strikes < FE_GUARD_STRIKES) {
        if (++self->guard.strikes == 1) {
            self->guard.interrupts = ward->statistics.interrupts;
            fe_store_seq_cst(&ward->guard.asked, 1); /* before the interrupt */
            fe_sched.loop->wake(ward->core.index);
        } else if (self->guard.strikes == FE_GUARD_STRIKES) {
            bool interrupts = ward->statistics.interrupts != self->guard.interrupts;
            if (!interrupts || !ward->current) /* else a task that its own core tells of */
                report(ward, interrupts);
        }
    }
    look_again(self);
}

/* Who waits on what ----------------------------------------------------------------------------------------------- */

static bool on_stack_of(const struct fe_tcb *task, uintptr_t address) {
    return address >= task->stack_slot && address < (uintptr_t)task;
}

static bool read(uintptr_t address, uint64_t *value) {
    return fe_arch_probe(address, value);
}

/* Whether a sender's node on the stack of `task` is in the pipe's list. */
static bool waits_for_room(const struct fe_tcb *task, const struct fe_pipe *pipe) {
    uint64_t node = (uintptr_t)pipe->waiting, named;
    for (unsigned i = 0; node && i < 1000; i++) {
        if (on_stack_of(task, node) && read(node + offsetof(struct fe_pipe_sender, task), &named) && named == (uintptr_t)task)
            return true;
        if (!read(node + offsetof(struct fe_pipe_sender, next), &node))
            return false;
    }
    return false;
}

/* What `task` does at what may be a pipe; NULL: nothing, or it is none. */
FE_GLANCE static const char *at_pipe(const struct fe_tcb *task, uintptr_t address) {
    uint64_t unused, physical;
    if (address % FE_CACHE_LINE || address < FE_DIRECT_BASE || !fe_arch_translate(address, &physical) ||
        fe_direct(physical) != (void *)address || !read(address + sizeof(struct fe_pipe) - 8, &unused))
        return NULL;
    const struct fe_pipe *pipe = (const struct fe_pipe *)address;
    if (pipe->kind > FE_PIPE_MEETING_WORD || pipe->value_bytes == 0 || pipe->value_bytes > FE_PIPE_VALUE_MAX)
        return NULL;
    if (fe_load_relaxed(&pipe->waiter) == (uintptr_t)task)
        return "receives from";
    uintptr_t meeting = fe_load_relaxed(&pipe->meeting);
    if (fe_pipe_is_meeting(pipe) && on_stack_of(task, meeting & ~FE_MEET_TAG))
        return meeting & FE_MEET_SENDER ? "sends to" : "receives from";
    return fe_load_relaxed(&pipe->crowded) && waits_for_room(task, pipe) ? "waits for room in" : NULL;
}

/* Likewise for a selector: how many ports it has. */
FE_GLANCE static bool at_selector(const struct fe_tcb *task, uintptr_t address, unsigned *ports) {
    uint64_t owner, physical;
    if (address % 8 || address < FE_DIRECT_BASE || !fe_arch_translate(address, &physical) ||
        fe_direct(physical) != (void *)address || !read(address + offsetof(struct fe_selector_state, owner), &owner) ||
        owner != (uintptr_t)task)
        return false;
    *ports = ((const struct fe_selector_state *)address)->ports;
    return true;
}

struct joined {
    const struct fe_tcb *by;
    struct fe_task_information task;
};

static void find_joined(const struct fe_task_information *task, void *argument) {
    struct joined *joined = argument;
    if (fe_load_relaxed(&task->task.tcb->joiner) == (uint64_t)(uintptr_t)joined->by)
        joined->task = *task;
}

FE_GLANCE void fe_watch_describe(const struct fe_tcb *task, char *text, size_t bytes) {
    struct joined joined = {.by = task};
    fe_tasks_each(find_joined, &joined);
    if (joined.task.task.tcb) {
        fe_format(text, bytes, "joins %s (%llu)", joined.task.name, (unsigned long long)joined.task.task.id);
        return;
    }
    uintptr_t stack = (uintptr_t)task->context.stack_pointer;
    for (unsigned i = 0; i < FE_WATCH_WORDS && on_stack_of(task, stack + 8 * i); i++) {
        uint64_t word;
        unsigned ports;
        const char *does;
        if (!read(stack + 8 * i, &word))
            break;
        if ((does = at_pipe(task, word)) != NULL) {
            fe_format(text, bytes, "%s pipe %#llx", does, (unsigned long long)word);
            return;
        }
        if (at_selector(task, word, &ports)) {
            fe_format(text, bytes, "selects from %u ports", ports);
            return;
        }
    }
    fe_format(text, bytes, "%s", fe_load_relaxed(&task->timer.state) == FE_TIMER_IDLE ? "waits" : "sleeps");
}
