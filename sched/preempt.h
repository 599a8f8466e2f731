/*
 * The slice clock: what takes the core from a task that runs on while others wait. See preempt.c. For sched/ only.
 */
#ifndef FERRITE_SCHED_PREEMPT_H
#define FERRITE_SCHED_PREEMPT_H

#include <arch/arch.h>
#include <arch/atomic.h>

struct fe_scheduler;
struct fe_tcb;

/* In fe_slice_clock.due: there are no slices. */
#define FE_SLICE_OFF (FE_FOREVER - 1)

/* A page in which a preempted task is saved. It is free again when the task is about to go on, and yet to be read. */
struct fe_saved_page {
    unsigned char area[FE_ARCH_SAVED_BYTES];
    struct fe_saved_page *next;
};

/* Its core's only: the scheduler and its interrupt handlers, the latter where neither can be in the middle of a change. */
struct fe_slice_clock {
    fe_nanoseconds due;  /* when the running task is looked at; FE_FOREVER: nothing waits for the core */
    uint64_t beat;       /* fe_scheduler_beat when `due` was set: unchanged, it is the same task in one run */
    fe_nanoseconds held; /* since when the running task could not be preempted; 0: it could */
    bool told;           /* that has been reported */
    bool fired;          /* `due` has passed, and the interrupt's exit has to act */
    unsigned page_count;
    struct fe_saved_page *pages;
    struct fe_arch_preemption preemption; /* of the running interrupt exit */
};

/* The core will run tasks. */
void fe_slice_prepare(struct fe_scheduler *scheduler);
/* The scheduler is about to run a task, and the clock stands, though something may wait: sets it, or finds that nothing does. */
void fe_slice_begin(struct fe_scheduler *scheduler);
/* Nothing waits for the core: closes `lifo`. In scheduler context, or in a handler that interrupted the program. Whoever is
 * to rely on it looks at the inbox after this. */
void fe_alone_begin(struct fe_scheduler *scheduler);
/* A task is queued: `lifo` is empty and open. */
void fe_alone_end(struct fe_scheduler *scheduler);
/* The running task, which was alone, makes another ready: the same, and the clock is set. */
void fe_alone_no_more(struct fe_scheduler *scheduler);

/* The calling core is about to rely on being told by whoever posts to its inbox; it looks at the inbox after this. */
static inline void fe_alone_announce(fe_atomic_u32 *alone) {
    fe_store_relaxed(alone, 1);
    fe_fence_seq_cst(); /* pairs with that of fe_sleep_wake_core: our announcement before our look at the inbox */
}

/* Whether a core whose inbox was empty must be interrupted though it is awake; after the push and fe_sleep_wake_core. */
static inline bool fe_alone_to_be_told(const fe_atomic_u32 *alone) {
    return fe_load_relaxed(alone) != 0; /* the fence of fe_sleep_wake_core orders it */
}

/* The one-shot timer's interrupt came, which was set to `due`, and there is more than the wheel that it may be for. */
void fe_slice_due(struct fe_scheduler *scheduler, fe_nanoseconds due);
/* Leaving an interrupt handler while a task runs: what to do with it; NULL: it goes on. */
const struct fe_arch_preemption *fe_slice_check(struct fe_scheduler *scheduler, struct fe_trap_frame *frame);
/* The running task has gone one instruction further; false: nobody asked it to. */
bool fe_slice_stepped(struct fe_scheduler *scheduler, struct fe_trap_frame *frame);
/* The core goes to sleep: no task runs. */
void fe_slice_stop(struct fe_scheduler *scheduler);
/* Whether another core may have sent the wake-up interrupt that is being handled to get something done here. */
bool fe_slice_is_called(struct fe_scheduler *scheduler);
/* `clock.due` or `guard.due` has changed. */
void fe_slice_changed(struct fe_scheduler *scheduler);

#endif
