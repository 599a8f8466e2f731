/*
 * The scheduler's interface to kernel/ (composition). Programs use include/ferrite/.
 */
#ifndef FERRITE_SCHED_SCHEDULER_H
#define FERRITE_SCHED_SCHEDULER_H

#include "inbox.h"

#include <arch/atomic.h>
#include <arch/machine.h>
#include <ferrite/stats.h>

struct fe_scheduler; /* one per core; begins with its struct fe_core */

/* What the rooms above want to be told. Set before the first scheduler runs. */
struct fe_sched_hooks {
    /* A task ended otherwise than by returning: print it. `pc`, `frame_pointer`: where, for a backtrace (fe_arch_probe).
     * Runs on the task's or an exception stack; any context. */
    void (*task_failed)(fe_task task, const char *name, const struct fe_task_result *result, uintptr_t pc,
                        uintptr_t frame_pointer);
    /* Whether some task waits for a device, which may wake it at any time. */
    bool (*awaits_device)(void);
    /* Nothing can ever run again though tasks live. In scheduler context; does not return. */
    FE_NORETURN void (*deadlocked)(void);
    /* A task has kept its core from others for `length`, in a section or (not `section`) in the runtime. Once for each time, in an
     * interrupt handler on its core. */
    void (*held)(fe_task task, const char *name, bool section, struct fe_arch_place place, fe_nanoseconds length);
    /* Core `core` does not get on: it takes no interrupts, or (`interrupts`) its scheduler's context or handlers do not end. `place`
     * is where it is; pc 0: unknown. Once for each time, in an interrupt handler on another. */
    void (*stuck)(unsigned core, fe_task task, const char *name, bool interrupts, struct fe_arch_place place);
};
extern struct fe_sched_hooks fe_sched_hooks;

/* The boot core's scheduler; usable as fe_core from the first C instruction (fe_scheduler_boot_core makes it so: sets
 * fe_arch_core). */
struct fe_core *fe_scheduler_boot_core(void);

/* Sets up everything global: stacks, groups. After pages and heap work. `cores`: how many will run. */
FE_MUST_CHECK fe_status fe_scheduler_init(unsigned cores);
/* Makes the scheduler of core `index` (1 and up). Boot core only. */
FE_MUST_CHECK fe_status fe_scheduler_create(unsigned index, uint32_t hardware_id, struct fe_core **core);
/* Makes a created scheduler known to the others: from here on work may be posted to it. By the boot
 * core, before any scheduler runs. */
void fe_scheduler_publish(struct fe_core *core);
/*
 * The kernel's own tasks: they are not counted, and shutdown neither waits for them nor kills them. As fe_task_try_spawn, with
 * the default stack.
 */
FE_MUST_CHECK fe_status fe_task_spawn_service(fe_task_function function, void *argument, const char *name, fe_task *task);
/* Waits until no task is left that is not weak, nor, with `weak_too`, any that is; false: `deadline` came first. For one service
 * task, which may ask again; once for the weak ones, it does so for good. */
bool fe_tasks_wait(bool weak_too, fe_nanoseconds deadline);
/* Calls visit for each task that exists. A glance: tasks come and go meanwhile. `visit` may not spawn. */
void fe_tasks_each(void (*visit)(const struct fe_task_information *task, void *argument), void *argument);
/* Gives a task up that does not end though it was killed: the next time that it is preempted it is not resumed, ever, and counts as
 * ended. Does nothing to one that waits. For shutdown. */
void fe_task_leave_behind(fe_task task);
/*
 * Tasks keep the machine running, and so does a hold: for an event's handler that will have a task to spawn, but not yet. Each
 * hold is released once, on any core. Scheduler or task context.
 */
void fe_scheduler_hold(void);
void fe_scheduler_release(void);

/* Runs the calling core's scheduler for ever: enables interrupts, runs tasks, sleeps. fe_arch_core is set. */
FE_NORETURN void fe_scheduler_run(void);

/* Interrupt side; set into fe_machine_hooks by kernel/. */
void fe_scheduler_timer_interrupt(void);
void fe_scheduler_wake_interrupt(void);
/* The port's hook for interrupts (fe_arch_hooks.interrupt). */
const struct fe_arch_preemption *fe_scheduler_interrupt(unsigned vector, struct fe_trap_frame *frame);
/* A preempted task goes on: the port's hook (fe_arch_hooks.resumed). */
void fe_scheduler_resumed(void *passed, void *area);

/* A fault: grows the task's stack, or makes the task fail, and returns true; false if it did not happen in a task's own
 * code, and is thus a bug in the kernel. */
bool fe_scheduler_fault(const struct fe_fault *fault);

/*
 * Events: how interrupt handlers and other cores reach a core's event loop. Posting coalesces: one or more posts mean at
 * least one call of `handler` in scheduler context on the event's home core, after the last post.
 */
/* What a core's inbox holds: handled in scheduler context on the core it was posted to. */
struct fe_message {
    struct fe_inbox_node node;
    void (*handle)(struct fe_message *message);
};

struct fe_event {
    struct fe_message message;
    fe_atomic_u32 pending;
    unsigned home; /* core index */
    void (*handler)(struct fe_event *event);
};
void fe_event_init(struct fe_event *event, unsigned home, void (*handler)(struct fe_event *event));
void fe_event_post(struct fe_event *event); /* any context */

/*
 * Parking: how a task waits for something that no pipe carries (a device, say). The waiter stores fe_park_self()
 * where the waker will find it, checks its condition, and parks; it must loop, since parks end early at times. The waker
 * makes the condition true, then unparks. A park whose condition does not hold yet may have ended because the task was
 * killed: if fe_park_killed() says so, the waiter undoes what it has announced and calls fe_park_die().
 */
struct fe_tcb *fe_park_self(void);
void fe_park(void);                          /* task context; blocks unless unparked since the last park */
bool fe_park_until(fe_nanoseconds deadline); /* the same; true: the deadline has passed. false: it may have */
bool fe_park_killed(void);
FE_NORETURN void fe_park_die(void);
void fe_unpark(struct fe_tcb *tcb); /* any context but interrupt handlers: those post an event */

#endif
