/*
 * The scheduler of one core, and what its files share. See scheduler.c for how they work together.
 */
#ifndef FERRITE_SCHED_CORE_H
#define FERRITE_SCHED_CORE_H

#include "preempt.h"
#include "ring.h"
#include "scheduler.h"
#include "sleep.h"
#include "tcb.h"
#include "termination.h"

#include <ferrite/stats.h>
#include <heap/spinlock.h>

/* Switches between two looks at inbox, timers and heap, as in Go and tokio. */
#define FE_POLL_INTERVAL 61
/* In `lifo` while nothing waits for the core, so that what comes first takes the long way, which sets the clock going. */
#define FE_LIFO_CLOSED ((struct fe_tcb *)1)
/* Pages that the fault handler may take while the runtime's own code is interrupted. */
#define FE_STACK_RESERVE 16
#define FE_STACK_CLASSES 11

/* A FIFO of control blocks that only its core touches. */
struct fe_task_list {
    struct fe_tcb *head;
    struct fe_tcb **tail;
};

struct fe_stack_cache {
    struct fe_tcb *head;
    unsigned count;
};

/* Addresses granted to a core, of which no stack has been made yet. */
struct fe_stack_fresh {
    uintptr_t next, end;
};

/* What a core knows of the next one, which it watches while that is awake (watch.c). */
struct fe_guard {
    fe_nanoseconds due; /* when it looks; FE_FOREVER: it does not */
    uint64_t beat;      /* the other's, and interrupts that it had taken, at the last look */
    uint64_t interrupts, switches;
    unsigned strikes; /* looks that found it where it was */

    /* Any core. */
    fe_atomic_u32 kept;   /* this core is watched */
    fe_atomic_u32 called; /* it is to watch the next one */
    fe_atomic_u32 asked;  /* by its guard, whether it takes interrupts */
};

struct fe_scheduler {
    struct fe_core core; /* first: fe_arch_core() is also the scheduler */

    /* Owner's core only. */
    struct fe_tcb *current; /* NULL: scheduler context */
    struct fe_tcb *lifo;    /* made ready by the running task */
    struct fe_tcb *first;   /* made ready in scheduler context when nothing else was: runs next */
    int32_t ticks_left;     /* switches until the next poll; below zero: due */
    /* What keeps a switch from its short path, in bytes so that one load sees them all. */
    volatile union fe_unusual {
        uint64_t any;     /* keeps a yield from it */
        uint32_t leaving; /* keeps every switch from it: the first four */
        struct {
            uint8_t attention; /* set by interrupt handlers of this core too: poll at the next switch */
            uint8_t pinned;    /* a pinned task runs, or waits in `lifo` or `pinned` */
            uint8_t atomic;    /* the running task may not leave the core (kill.c) */
            uint8_t alone;     /* nothing waits: `lifo` is FE_LIFO_CLOSED (preempt.c) */
            uint8_t overflow;  /* `overflow` is not empty; each poll moves what it can to the ring */
            uint8_t kills;     /* set by any core: some task that was not waiting has been killed; see kill.c */
            uint8_t unused[2];
        };
    } unusual;
    bool several;           /* more than one core runs */
    struct fe_tcb *foreign; /* foreign.h: the stack of a foreign call made in scheduler context */
    struct fe_task_list pinned;
    bool pinned_turn;             /* `pinned` was asked before the ring the last time */
    struct fe_task_list overflow; /* what the ring had no room for; refills it */
    uint64_t next_id;
    uint64_t random;
    struct fe_stack_cache stacks[FE_STACK_CLASSES];
    struct fe_stack_fresh fresh[FE_STACK_CLASSES];
    uint64_t reserve[FE_STACK_RESERVE]; /* pages; only the fault handler pops */
    volatile uint32_t reserve_count;
    volatile bool memory_due; /* the reserve is to be filled again, or used stacks are to be retired; own core only */
    uint64_t polls;         /* only grows: with the switches it tells that the scheduler gets on (fe_scheduler_beat) */
    uint64_t ended_checked; /* ends counted when termination was last looked for */

    /* Written by the owner, read by all: statistics and termination. Each only grows. */
    struct fe_counts strong;
    struct fe_counts weak;
    struct fe_core_statistics statistics; /* its spawned and ended: the kernel's own tasks only */
    uint64_t idle_ticks;                  /* of the counter; statistics.idle is made of it when asked for */
    fe_atomic_u64 stack_pages; /* committed here less released here; the sum over cores is what stacks hold */

    /* Timers: owner's core only. */
    struct fe_wheel wheel;
    struct fe_event group_hint; /* posted by any core: look at the groups (group.c) */
    fe_nanoseconds armed;       /* what the one-shot timer is set to; FE_FOREVER: nothing */
    fe_nanoseconds soft;        /* the first instant of `clock` and `guard`, which are not in the wheel */

    struct fe_slice_clock clock; /* preempt.h */
    struct fe_guard guard;

    fe_atomic_u32 resting; /* it has looked a last time after it announced that it sleeps, and waits: see watch.c */

    /* Any core. */
    struct fe_inbox inbox __attribute__((aligned(FE_CACHE_LINE)));
    fe_atomic_u32 alone;   /* as unusual.alone: who posts must interrupt */
    fe_atomic_u32 flushed; /* the TLB generation that this core has flushed to */
    struct fe_ring ring __attribute__((aligned(FE_CACHE_LINE)));
};

/* Of the bytes only `kills` is written by other cores, under kills_lock; relaxed: a hint to look at what that guards. */
static inline uint64_t fe_unusual_any(const volatile union fe_unusual *unusual) {
    return __atomic_load_n(&unusual->any, __ATOMIC_RELAXED);
}
static inline bool fe_unusual_kills(const volatile union fe_unusual *unusual) {
    return __atomic_load_n(&unusual->kills, __ATOMIC_RELAXED) != 0;
}
static inline void fe_unusual_kills_set(volatile union fe_unusual *unusual, uint8_t kills) {
    __atomic_store_n(&unusual->kills, kills, __ATOMIC_RELAXED);
}

_Static_assert(offsetof(union fe_unusual, alone) < sizeof(uint32_t) &&
                   offsetof(union fe_unusual, overflow) == sizeof(uint32_t),
               "`leaving` sees the first four, and no more");

/* Groups of cores (group.c). */
#define FE_GROUP_BUCKETS 256
struct fe_groups {
    struct fe_spinlock lock;
    /* Under it. */
    struct fe_group *buckets[FE_GROUP_BUCKETS]; /* by id */
    struct fe_group *ready;                     /* those with ready tasks */
    struct fe_group **ready_tail;
    uint64_t made;
    /* Any core. */
    fe_atomic_u64 wanted; /* the cores of all in `ready`; written under the lock */
    fe_atomic_u32 next_core;
};

/*
 * What the schedulers share, field by field.
 */
struct fe_sched_state {
    /* Immutable once the schedulers run. */
    unsigned cores;
    struct fe_scheduler *schedulers[FE_CORES_MAX]; /* written by the boot core before the core starts; NULL: not there */
    const struct fe_loop_ops *loop;
    size_t default_stack;
    size_t max_stack;
    fe_nanoseconds slice; /* how long a task runs while others wait; 0: as long as it likes */
    bool started;

    /* Any core: who sleeps and who searches (sleep.h). */
    struct fe_sleep sleep __attribute__((aligned(FE_CACHE_LINE)));

    struct fe_groups groups;

    /* Who waits for the last task (termination.h). Written once or twice in a machine's life. */
    struct fe_termination termination;

    /* Under stacks_lock: growth of the stack arena and the depot of cached stacks; taken once per 32 stacks. */
    struct fe_spinlock stacks_lock;
    uintptr_t stacks_end[FE_STACK_CLASSES];    /* where each class's part of the arena has been granted to */
    fe_atomic_pointer depot[FE_STACK_CLASSES]; /* struct fe_tcb *; read without the lock as a hint only */
    fe_atomic_u64 retired[FE_STACK_CLASSES]; /* retire.c: the page with slots that have no memory, or 0; read as `depot` */

    /* Under kills_lock: tasks that were killed while they did not wait, first come first (kill.c). */
    struct fe_spinlock kills_lock;
    struct fe_tcb *kills, **kills_tail;

    uint64_t zeros;         /* retire.c: the page at the top of those slots; 0: there has been none yet */
    fe_atomic_u32 retiring; /* cores that are exchanging such pages: an access may fault */

    fe_atomic_u32 tlb_generation; /* any core that released stack pages; see fe_stack_shootdown */
};
extern struct fe_sched_state fe_sched;

/* The calling core's scheduler; never kept across a switch. */
static inline struct fe_scheduler *fe_scheduler_self(void) {
    return (struct fe_scheduler *)fe_arch_core();
}

/* Changes with every switch and every poll: as long as it does not, the same code has the core. */
static inline FE_GLANCE uint64_t fe_scheduler_beat(const volatile struct fe_scheduler *self) {
    return self->statistics.switches + (uint64_t)(FE_POLL_INTERVAL - self->ticks_left) + self->polls;
}

/* Event loop: how a core waits and is woken. See loop.c. */
struct fe_loop_ops {
    const char *name;
    /* Waits, in scheduler context, until an interrupt, a wake-up, or `deadline`. May return early. */
    void (*wait)(struct fe_scheduler *scheduler, fe_nanoseconds deadline);
    /* Makes core `index`, which announced itself asleep, return from wait. Any context. */
    void (*wake)(unsigned index);
    /* Asks for the timer interrupt at `deadline`; FE_FOREVER: none. */
    void (*arm)(fe_nanoseconds deadline);
    /* The timer interrupt comes to a core that does not wait, too: nobody need look at the clock. */
    bool interrupts;
};
extern const struct fe_loop_ops fe_loop_interrupts, fe_loop_basic;

/* scheduler.c */
void fe_scheduler_ready(struct fe_tcb *tcb);                       /* any context; the caller owns tcb's resumption */
void fe_scheduler_post(unsigned core, struct fe_message *message); /* any context: push and wake */
struct fe_tcb *fe_scheduler_take_unusual(struct fe_scheduler *scheduler);

/* The next task to run, off the queues; NULL: the scheduler has to look. */
static inline __attribute__((always_inline)) struct fe_tcb *fe_scheduler_take(struct fe_scheduler *self) {
    if (FE_UNLIKELY(--self->ticks_left < 0) || FE_UNLIKELY(self->unusual.leaving != 0))
        return fe_scheduler_take_unusual(self);
    struct fe_tcb *next = self->lifo;
    if (next)
        self->lifo = NULL;
    else
        next = fe_ring_pop(&self->ring);
    return next;
}

/*
 * What every resumed context does first with what the switch passed: publishes the task that was left, now that it is
 * saved. NULL: it yielded, and is in the ring already, or it was the scheduler.
 */
static inline void fe_scheduler_arrive(struct fe_tcb *previous) {
    if (previous)
        previous->after(previous);
    else
        fe_ring_finish(&fe_scheduler_self()->ring);
}

/* Leaves the running task for `next` (NULL: the scheduler), which is off all queues; `after` runs once the task is saved.
 * Returns when the task is resumed, maybe on another core. */
static inline __attribute__((always_inline)) void fe_scheduler_leave_for(struct fe_scheduler *self, struct fe_tcb *task,
                                                                         void (*after)(struct fe_tcb *task),
                                                                         struct fe_tcb *next) {
    task->after = after;
    self->current = next;
    fe_scheduler_arrive(fe_arch_switch(&task->context, next ? &next->context : &self->core.scheduler, task));
}

/* The same for a task that has ended: nothing of it is saved, and `after` comes when its stack is no longer in use. */
static inline __attribute__((always_inline)) FE_NORETURN void fe_scheduler_end_for(struct fe_scheduler *self,
                                                                                   struct fe_tcb *task,
                                                                                   void (*after)(struct fe_tcb *task),
                                                                                   struct fe_tcb *next) {
    task->after = after;
    self->current = next;
    fe_arch_resume(task, next ? &next->context : &self->core.scheduler);
}

/* Leaves the running task for the next one, or for the scheduler if there is none or it is due. */
static inline __attribute__((always_inline)) void fe_scheduler_leave(struct fe_scheduler *self, struct fe_tcb *task,
                                                                     void (*after)(struct fe_tcb *task)) {
    fe_scheduler_leave_for(self, task, after, fe_scheduler_take(self));
}

/* What fe_scheduler_ready does in the common case: a running task makes another ready, with nothing at the front yet. */
static inline __attribute__((always_inline)) void fe_scheduler_ready_front(struct fe_scheduler *self, struct fe_tcb *tcb) {
    if (FE_LIKELY(self->lifo == NULL) && FE_LIKELY(self->current != NULL) && FE_LIKELY(tcb->home == FE_ANY_CORE) &&
        FE_LIKELY(self->core.interrupt_depth == 0)) {
        tcb->core = self->core.index;
        self->lifo = tcb;
    } else {
        fe_scheduler_ready(tcb);
    }
}

/* The scheduler is about to run a task, and the clock stands: whether nothing else is ready here, nor anything due. */
static inline bool fe_alone_still(const struct fe_scheduler *self) {
    union fe_unusual seen = {.any = fe_unusual_any(&self->unusual)};
    return seen.alone && !seen.attention && !seen.kills;
}

/* task.c: what a parked task leaves to be done once it is saved. */
void fe_task_parked(struct fe_tcb *task);

void fe_scheduler_park_slowly(struct fe_scheduler *self, struct fe_tcb *task);

/* fe_park, of the running task `task`. */
static inline __attribute__((always_inline)) void fe_scheduler_park(struct fe_scheduler *self, struct fe_tcb *task) {
    if (FE_UNLIKELY(--self->ticks_left < 0) || FE_UNLIKELY(self->unusual.leaving != 0)) {
        fe_scheduler_park_slowly(self, task);
        return;
    }
    struct fe_tcb *next = self->lifo;
    if (next)
        self->lifo = NULL;
    else
        next = fe_ring_pop(&self->ring);
    fe_scheduler_leave_for(self, task, fe_task_parked, next);
    fe_parking_reset(&task->parking);
}

/* fe_park by the running task of `self`, with the common case (a task in `lifo`) straight through. Keeps nothing in a
 * register over the switch, so that its caller need not save any. */
static inline __attribute__((always_inline)) void fe_scheduler_park_short(struct fe_scheduler *self) {
    struct fe_tcb *next = self->lifo;
    if (FE_UNLIKELY(--self->ticks_left < 0) || FE_UNLIKELY(self->unusual.leaving != 0) || FE_UNLIKELY(next == NULL)) {
        self->ticks_left++;
        fe_park();
        return;
    }
    struct fe_tcb *task = self->current;
    self->lifo = NULL;
    task->after = fe_task_parked;
    self->current = next;
    fe_scheduler_arrive(fe_arch_switch(&task->context, &next->context, task));
    fe_parking_reset(&fe_scheduler_self()->current->parking);
}

/* fe_unpark from a task; true if the caller must still pass `tcb` to fe_scheduler_ready. */
static inline __attribute__((always_inline)) bool fe_scheduler_unpark_short(struct fe_tcb *tcb) {
    if (FE_UNLIKELY(!fe_parking_notify(&tcb->parking)))
        return false;
    struct fe_scheduler *self = fe_scheduler_self();
    if (FE_UNLIKELY(tcb->home != FE_ANY_CORE) || FE_UNLIKELY(self->lifo != NULL))
        return true;
    tcb->core = self->core.index;
    self->lifo = tcb;
    return false;
}

/* stack.c */
fe_status fe_stack_take(struct fe_scheduler *scheduler, size_t bytes, struct fe_tcb **tcb);
bool fe_stack_refill(struct fe_scheduler *scheduler); /* whether there were pages for all of it */
void fe_stack_flush_requested(struct fe_scheduler *scheduler);

/* What fe_heap_scarce is set to. */
void fe_scheduler_memory_scarce(void);

/* retire.c: gives back what some used stacks hold; false if that was all, or none can be retired now. Scheduler context. */
bool fe_stacks_retire(struct fe_scheduler *scheduler);

void fe_scheduler_put_last(struct fe_scheduler *scheduler, struct fe_tcb *tcb); /* at the end of this core's queue */
void fe_scheduler_drain(struct fe_scheduler *scheduler);                        /* handles what is in the inbox */

/* timer.c */
void fe_timers_arm(struct fe_scheduler *scheduler, fe_nanoseconds deadline);
void fe_timers_poll(struct fe_scheduler *scheduler);
bool fe_timers_tell(const struct fe_scheduler *scheduler); /* no poll is needed: an interrupt comes for what comes next */
fe_nanoseconds fe_timers_next(const struct fe_scheduler *scheduler);
/* Nothing runs on the core: its one-shot timer need not fire before the next deadline. Its core, interrupts masked. */
void fe_timers_put_off(struct fe_scheduler *scheduler);
fe_nanoseconds fe_timers_before_sleep(struct fe_scheduler *scheduler); /* answers the next deadline */

/* task.c */
/* How `task` ended, as far as is known now. */
void fe_task_result_of(const struct fe_tcb *task, struct fe_task_result *result);
void fe_task_timer_fired(struct fe_timer *timer);
/* The running task's outcome is set, and its code is at an end: on to the top of its stack, and out (ending.c). */
FE_NORETURN void fe_task_end(struct fe_tcb *task);
/* The same, with the cleanups of its frames first (unwind.c). */
FE_NORETURN void fe_task_unwind(struct fe_tcb *task);
/* Whether a task that was stopped at `pc`, between any two instructions, can be unwound from there and lose nothing. */
bool fe_task_may_unwind(uintptr_t pc);
/* Called by the unwinder when no frame is left. */
FE_NORETURN void fe_task_unwound(void);
/* fault.c: where fe_arch_return_overflowed goes on. */
uintptr_t fe_task_return_address(void);
FE_NORETURN void fe_task_overflowed(void);
/* fault.c */
void fe_task_unwind_interrupted(struct fe_scheduler *scheduler, struct fe_tcb *task, struct fe_trap_frame *frame);
/* Notes why the running task fails, and tells the rooms above; it must be made to end next. `pc` and `frame_pointer`: where. */
void fe_task_fails(struct fe_tcb *task, const struct fe_task_result *result, uintptr_t pc, uintptr_t frame_pointer);

#endif
