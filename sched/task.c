/*
 * Tasks: making, ending, joining. See tcb.h for the states.
 *
 * A task and whoever joins it meet in one word, tcb->joiner: the joiner puts itself there if it comes first, the end of
 * the task puts FE_JOIN_ENDED there, and whoever comes second acts. The end is published by `after_end`, on the next
 * context, so that a joiner may recycle the stack at once.
 */
#define FE_LOG_MODULE "sched"
#include "core.h"
#include "ending.h"
#include "group.h"
#include "kill.h"
#include "result.h"
#include "stack.h"

#include <ferrite/context.h>
#include <ferrite/io.h>
#include <ferrite/panic.h>
#include <ferrite/time.h>

/* Making ---------------------------------------------------------------------------------------------------------- */

static void task_entry(void *passed);

static inline void copy_name(char *to, const char *from) {
    if (!from) {
        __builtin_memcpy(to, "task", 5);
        return;
    }
    size_t i = 0;
    for (; i < FE_TASK_NAME_MAX - 1 && from[i]; i++)
        to[i] = from[i];
    to[i] = 0;
}

static const struct fe_task_options defaults = {.core = FE_ANY_CORE};

/* A call at the end of the short way, which then need not save what it returns. */
static __attribute__((noinline)) fe_task ready_slowly(struct fe_tcb *tcb, uint64_t id) {
    fe_scheduler_ready(tcb);
    return (fe_task){tcb, id};
}

/* Sets a task going whose stack has been taken. Inline, since for the defaults most of it is known to the compiler. */
static inline __attribute__((always_inline)) fe_task start(struct fe_scheduler *self, struct fe_tcb *tcb,
                                                           fe_task_function function, void *argument,
                                                           const struct fe_task_options *options,
                                                           enum fe_task_kind kind, int home, struct fe_group *group) {
    tcb->function = function;
    tcb->argument = argument;
    tcb->home = home;
    if (FE_UNLIKELY(group != NULL)) {
        tcb->group = group;
        fe_ending_add(tcb, FE_ENDING_GROUP);
    }
    tcb->kind = (uint8_t)kind;
    copy_name(tcb->name, options->name);
    fe_store_relaxed(&tcb->parking, FE_PARKING_EMPTY); /* published with the task */
    uint64_t id = self->next_id += FE_CORES_MAX;
    fe_store_relaxed(&tcb->joiner, options->detached ? FE_JOIN_DETACHED : id);
    /* Pairs with the acquire in is_live: who sees the id sees the task that it names. */
    fe_store_release(&tcb->id, id);
    fe_arch_context_make(&tcb->context, tcb, task_entry);
    if (kind == FE_TASK_STRONG)
        fe_count(&self->strong.spawned);
    else if (kind == FE_TASK_WEAK)
        fe_count(&self->weak.spawned);
    else
        self->statistics.spawned++;
    if (options->quiet)
        fe_ending_add(tcb, FE_ENDING_QUIET);
    if (options->notify)
        fe_result_ask(tcb, options->notify, options->tag);
    if (FE_UNLIKELY(self->lifo != NULL) || FE_UNLIKELY(self->current == NULL) || home != FE_ANY_CORE ||
        FE_UNLIKELY(self->core.interrupt_depth != 0))
        return ready_slowly(tcb, id);
    tcb->core = self->core.index;
    self->lifo = tcb; /* as fe_scheduler_ready */
    return (fe_task){tcb, id};
}

static inline __attribute__((always_inline)) fe_status try_spawn(fe_task_function function, void *argument,
                                                                 const struct fe_task_options *options,
                                                                 enum fe_task_kind kind, fe_task *task) {
    struct fe_scheduler *self = fe_scheduler_self();
    if (FE_UNLIKELY(!function || options->core < FE_ANY_CORE || options->core >= (int)fe_sched.cores ||
                    (options->core >= 0 && !fe_sched.schedulers[options->core]) ||
                    (options->notify && !fe_result_may_ask(options->notify))))
        return FE_EINVAL;
    int home = options->core;
    struct fe_group *group = NULL;
    if (FE_UNLIKELY(options->scheduler != 0)) {
        fe_status status = fe_group_place(options, &home, &group);
        if (status != FE_OK)
            return status;
    }
    struct fe_tcb *tcb = fe_stack_take_cached(self, options->stack_bytes);
    if (FE_UNLIKELY(!tcb)) {
        fe_status status = fe_stack_take(self, options->stack_bytes, &tcb);
        if (status != FE_OK) {
            if (group)
                fe_group_leave(group);
            return status;
        }
    }
    *task = start(self, tcb, function, argument, options, kind, home, group);
    return FE_OK;
}

fe_status fe_task_try_spawn(fe_task_function function, void *argument, const struct fe_task_options *options,
                            fe_task *task) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    if (!options)
        options = &defaults;
    return try_spawn(function, argument, options, options->weak ? FE_TASK_WEAK : FE_TASK_STRONG, task);
}

fe_status fe_task_spawn_service(fe_task_function function, void *argument, const char *name, fe_task *task) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = name;
    return try_spawn(function, argument, &options, FE_TASK_SERVICE, task);
}

static __attribute__((noinline)) fe_task spawn_or_fail(fe_task_function function, void *argument,
                                                       const struct fe_task_options *options) {
    fe_task task;
    fe_status status = fe_task_try_spawn(function, argument, options, &task);
    if (FE_UNLIKELY(status == FE_ENOENT))
        fe_fail("cannot spawn task '%s': scheduler %llu is gone, or never was", options->name ? options->name : "task",
                (unsigned long long)options->scheduler);
    if (FE_UNLIKELY(status != FE_OK))
        fe_fail("cannot spawn task '%s': %s", options && options->name ? options->name : "task", fe_status_string(status));
    return task;
}

fe_task fe_task_spawn(fe_task_function function, void *argument, const struct fe_task_options *options) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    struct fe_scheduler *self = fe_scheduler_self();
    struct fe_tcb *tcb;
    if (FE_UNLIKELY(options || !function) || FE_UNLIKELY(!(tcb = fe_stack_take_cached(self, 0))))
        return spawn_or_fail(function, argument, options);
    return start(self, tcb, function, argument, &defaults, FE_TASK_STRONG, FE_ANY_CORE, NULL);
}

/* Ending ---------------------------------------------------------------------------------------------------------- */

static inline void release(struct fe_tcb *task) {
    fe_store_relaxed(&task->id, 0); /* stale handles now miss; the memory stays */
    fe_stack_recycle(task);
}

/* What after_end has to do unless the joiner runs next. */
static __attribute__((noinline)) void tell_joiner(struct fe_tcb *task, uint64_t joiner) {
    if (joiner == FE_JOIN_DETACHED) {
        fe_store_relaxed(&task->joiner, FE_JOIN_TAKEN); /* nobody else can reach it: the handle may not be joined */
        release(task);
    } else if (fe_join_waits(joiner)) {
        fe_unpark(fe_join_waiter(joiner));
    }
}

static void after_end(struct fe_tcb *task) {
    enum fe_task_kind kind = task->kind;
    struct fe_scheduler *self = fe_scheduler_self();
    /* Pairs with the acquire loads and exchanges of the join: the result is visible, and the stack is no longer in use. */
    uint64_t ended = fe_load_relaxed(&task->id) | FE_JOIN_ENDED; /* written by its spawn */
    uint64_t joiner = fe_exchange_acq_rel(&task->joiner, ended);
    /* Before anybody who may act on the end runs: told below, or on this core after this. */
    if (FE_LIKELY(kind == FE_TASK_STRONG))
        fe_count(&self->strong.ended);
    else if (kind == FE_TASK_WEAK)
        fe_count(&self->weak.ended);
    else
        self->statistics.ended++;
    /* The current one is about to go on, on this very context, and looks at the word again when it does. */
    if (FE_UNLIKELY(joiner != fe_join_by(self->current)))
        tell_joiner(task, joiner);
}

/*
 * Who waits for `task` to end, if this core can go straight on with it: then it is the caller's to run. It finds the task
 * still running if it looks before after_end has come, which only the core that runs it next could make happen: this one.
 */
static inline __attribute__((always_inline)) struct fe_tcb *claim_joiner(struct fe_scheduler *self, struct fe_tcb *task) {
    /* Acquire: pairs with the swap in the join. Stale values do no harm: a control block stays one, and whoever waits may
     * be woken for nothing. Only who was notified is looked at: until then it may be made anew, as another task. */
    uint64_t joiner = fe_load_acquire(&task->joiner);
    if (!fe_join_waits(joiner) || FE_UNLIKELY(self->unusual.leaving != 0) || FE_UNLIKELY(self->ticks_left <= 0))
        return NULL;
    struct fe_tcb *tcb = fe_join_waiter(joiner);
    if (!fe_parking_notify(&tcb->parking))
        return NULL;
    if (FE_UNLIKELY(tcb->home != FE_ANY_CORE)) {
        fe_scheduler_ready(tcb);
        return NULL;
    }
    self->ticks_left--;
    tcb->core = self->core.index;
    return tcb;
}

/* Gives the core to the next task, for good. Nothing is left to be done for this one but to tell of it. */
static inline __attribute__((always_inline)) FE_NORETURN void leave(struct fe_scheduler *self, struct fe_tcb *task) {
    struct fe_tcb *next = claim_joiner(self, task);
    if (!next)
        next = fe_scheduler_take(self);
    fe_scheduler_end_for(self, task, after_end, next);
}

static __attribute__((noinline)) FE_NORETURN void leave_by_steps(struct fe_tcb *task) {
    fe_ending_run(task);
    leave(fe_scheduler_self(), task);
}

static void task_entry(void *passed) {
    fe_scheduler_arrive(passed);
    struct fe_tcb *task = fe_scheduler_self()->current;
    intptr_t value = task->function(task->argument);
    struct fe_scheduler *self = fe_scheduler_self();
    task = self->current;
    task->outcome = FE_RETURNED;
    task->value = value;
    if (FE_UNLIKELY(task->ending != 0))
        leave_by_steps(task);
    leave(self, task);
}

static void end_entry(void *task) {
    leave_by_steps(task);
}

void fe_task_end(struct fe_tcb *task) {
    fe_arch_restart(task, end_entry, task);
}

void fe_task_exit(intptr_t value) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_tcb *task = fe_scheduler_self()->current;
    task->outcome = FE_RETURNED;
    task->value = value;
    fe_sections_end(task);
    fe_task_unwind(task);
}

void fe_task_result_of(const struct fe_tcb *task, struct fe_task_result *result) {
    result->outcome = task->outcome;
    result->value = task->value;
    if (FE_LIKELY(task->outcome == FE_RETURNED)) {
        result->fault = FE_FAULT_NONE;
        result->fault_address = 0;
        result->fault_pc = 0;
        result->message[0] = 0;
        return;
    }
    result->fault = task->outcome == FE_FAULTED ? task->fault : FE_FAULT_NONE;
    result->fault_address = task->fault_address;
    result->fault_pc = task->fault_pc;
    __builtin_memcpy(result->message, task->message, sizeof result->message);
}

/* Tells the rooms above that the running task fails. */
static void report(struct fe_tcb *task, const struct fe_task_result *result, uintptr_t pc, uintptr_t frame_pointer) {
    fe_task handle = {task, fe_load_relaxed(&task->id)}; /* the task is the caller, or stopped */
    if (fe_sched_hooks.task_failed && !(task->ending & 1u << FE_ENDING_QUIET))
        fe_sched_hooks.task_failed(handle, task->name, result, pc, frame_pointer);
}

void fe_task_fails(struct fe_tcb *task, const struct fe_task_result *result, uintptr_t pc, uintptr_t frame_pointer) {
    fe_sections_end(task);
    report(task, result, pc, frame_pointer);
    if (fe_ending_begun(task) && task->outcome != FE_RETURNED)
        return; /* what happened first is its result */
    task->outcome = result->outcome;
    task->fault = result->fault;
    task->fault_address = result->fault_address;
    task->fault_pc = result->fault_pc;
    __builtin_memcpy(task->message, result->message, sizeof task->message);
}

void fe_fail_at(const char *file, int line, const char *format, ...) {
    struct fe_scheduler *self = fe_scheduler_self();
    struct fe_task_result result = {.outcome = FE_FAILED};
    va_list arguments;
    va_start(arguments, format);
    int length = fe_format_v(result.message, sizeof result.message, format, arguments);
    va_end(arguments);
    if (!self->current || self->core.interrupt_depth)
        fe_panic_at(file, line, "failure outside a task: %s", result.message);
    struct fe_tcb *task = self->current;
    bool again = fe_ending_begun(task);
    if (length >= 0 && (size_t)length < sizeof result.message)
        fe_format(result.message + length, sizeof result.message - (size_t)length,
                  again ? ", while it ended (%s:%d)" : " (%s:%d)", file, line);
    fe_task_fails(task, &result, (uintptr_t)__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0));
    if (again)
        fe_task_end(task); /* what cleanups are left are given up */
    fe_task_unwind(task);
}

/* Joining --------------------------------------------------------------------------------------------------------- */

/* Whether `task`, which is not NULL, has its memory still. A glance: what must be sure of it swaps its `joiner`. */
static bool is_live(fe_task task) {
    return fe_load_acquire(&task.tcb->id) == task.id; /* pairs with the release in fe_task_try_spawn */
}

static inline bool take_ended(fe_task task) {
    uint64_t expected = task.id | FE_JOIN_ENDED;
    /* Acquire: pairs with after_end. Only one of several joiners gets it. */
    return fe_cas_acquire(&task.tcb->joiner, &expected, FE_JOIN_TAKEN);
}

/* Why `task` cannot be joined, whose `joiner` was `seen`. */
static __attribute__((noinline)) fe_status refusal(fe_task task, uint64_t seen) {
    if (!is_live(task) || (seen != FE_JOIN_DETACHED && !fe_join_waits(seen)))
        return FE_ENOENT;
    return seen == FE_JOIN_DETACHED ? FE_EINVAL : FE_EBUSY;
}

/* Waits on, for a joiner that has put itself into `joiner` and has been resumed for another reason. */
static __attribute__((noinline)) fe_status wait_on(fe_task task, fe_nanoseconds deadline) {
    struct fe_tcb *self = fe_park_self();
    uint64_t seen;
    /* Pairs with the exchange in after_end. */
    while ((seen = fe_load_acquire(&task.tcb->joiner)) == fe_join_by(self)) {
        bool killed = fe_kill_due(self);
        if (killed || (deadline != FE_FOREVER && fe_time_now() >= deadline)) {
            /* Release: as the swap that put us there; gives the word back. Fails if the task has just ended. */
            if (!fe_cas_acq_rel(&task.tcb->joiner, &seen, task.id))
                break;
            if (killed)
                fe_kill_act(self);
            return FE_ETIMEDOUT;
        }
        fe_park_until(deadline);
    }
    return FE_OK;
}

/* Takes what is left of a task that has ended, or says why that is not the caller's. */
static inline __attribute__((always_inline)) fe_status collect(fe_task task, struct fe_task_result *result, uint64_t seen) {
    if (FE_UNLIKELY(!take_ended(task)))
        return refusal(task, seen);
    if (result)
        fe_task_result_of(task.tcb, result);
    release(task.tcb);
    return FE_OK;
}

/* A join that did not wait: it was not the first to come, or there is nothing to join. */
static __attribute__((noinline)) fe_status join_at_once(fe_task task, struct fe_task_result *result, uint64_t seen) {
    if (!task.tcb)
        return FE_ENOENT;
    if (task.tcb == fe_park_self())
        return is_live(task) ? FE_EINVAL : FE_ENOENT;
    return seen == (task.id | FE_JOIN_ENDED) ? collect(task, result, seen) : refusal(task, seen);
}

/* Puts the caller into `joiner`; false if it cannot wait there. */
static inline __attribute__((always_inline)) bool come_first(fe_task task, struct fe_tcb *self, uint64_t *seen) {
    *seen = task.id;
    /* Release: the task that ends reads this task's control block. Acquire: it may have ended. Pairs with after_end. */
    return FE_LIKELY(task.tcb != NULL) && FE_LIKELY(task.tcb != self) &&
           fe_cas_acq_rel(&task.tcb->joiner, seen, fe_join_by(self));
}

fe_status fe_task_join_until(fe_task task, struct fe_task_result *result, fe_nanoseconds deadline) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    uint64_t seen;
    if (!come_first(task, fe_park_self(), &seen))
        return join_at_once(task, result, seen);
    fe_status status = wait_on(task, deadline);
    return status == FE_OK ? collect(task, result, task.id | FE_JOIN_ENDED) : status;
}

fe_status fe_task_join(fe_task task, struct fe_task_result *result) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_scheduler *scheduler = fe_scheduler_self();
    uint64_t seen;
    if (FE_UNLIKELY(!come_first(task, scheduler->current, &seen)))
        return join_at_once(task, result, seen);
    fe_scheduler_park_short(scheduler);
    /* Pairs with the exchange in after_end. */
    if (FE_UNLIKELY(fe_load_acquire(&task.tcb->joiner) == fe_join_by(fe_park_self())))
        wait_on(task, FE_FOREVER);
    return collect(task, result, task.id | FE_JOIN_ENDED);
}

fe_status fe_task_detach(fe_task task) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    if (!task.tcb)
        return FE_ENOENT;
    uint64_t seen = task.id;
    if (fe_cas_acq_rel(&task.tcb->joiner, &seen, FE_JOIN_DETACHED)) /* pairs with after_end */
        return FE_OK;
    if (seen == (task.id | FE_JOIN_ENDED) && take_ended(task)) {
        release(task.tcb);
        return FE_OK;
    }
    return fe_join_waits(seen) && is_live(task) ? FE_EBUSY : FE_ENOENT;
}

/* Waiting --------------------------------------------------------------------------------------------------------- */

struct fe_tcb *fe_park_self(void) {
    return fe_scheduler_self()->current;
}

void fe_task_parked(struct fe_tcb *task) {
    if (!fe_parking_commit(&task->parking))
        fe_scheduler_ready(task); /* it was unparked while it left */
}

/* The short way counted it, and was not to be taken. */
void fe_scheduler_park_slowly(struct fe_scheduler *self, struct fe_tcb *task) {
    if (FE_UNLIKELY(self->unusual.atomic)) {
        fe_kill_for_leaving(task);
        return;
    }
    fe_scheduler_leave_for(self, task, fe_task_parked, fe_scheduler_take_unusual(self));
    fe_parking_reset(&task->parking);
}

void fe_park(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    fe_scheduler_park(self, self->current);
}

bool fe_park_until(fe_nanoseconds deadline) {
    if (FE_LIKELY(deadline == FE_FOREVER)) {
        fe_park();
        return false;
    }
    struct fe_tcb *task = fe_park_self();
    fe_timer_set(&task->timer, deadline);
    fe_park();
    if (fe_timer_fired(&task->timer))
        return true;
    fe_timer_set(&task->timer, FE_FOREVER);
    return false;
}

void fe_unpark(struct fe_tcb *tcb) {
    if (fe_parking_notify(&tcb->parking))
        fe_scheduler_ready_front(fe_scheduler_self(), tcb);
}

void fe_task_timer_fired(struct fe_timer *timer) {
    fe_unpark(FE_CONTAINER_OF(timer, struct fe_tcb, timer));
}

void fe_task_sleep_until(fe_nanoseconds deadline) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    if (fe_time_now() >= deadline)
        return;
    while (!fe_park_until(deadline)) {
        if (fe_kill_due(fe_park_self()))
            fe_kill_act(fe_park_self());
    }
}

void fe_task_sleep(fe_nanoseconds length) {
    fe_nanoseconds now = fe_time_now();
    fe_task_sleep_until(length > FE_FOREVER - now ? FE_FOREVER : now + length);
}

/* Who runs -------------------------------------------------------------------------------------------------------- */

fe_task fe_task_self(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    if (!self->current || self->core.interrupt_depth)
        return (fe_task){NULL, 0};
    return (fe_task){self->current, fe_load_relaxed(&self->current->id)}; /* written by its spawn, long ago */
}

bool fe_task_failing(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    return self->current && !self->core.interrupt_depth && fe_ending_begun(self->current) &&
           self->current->outcome != FE_RETURNED;
}

enum fe_context_kind fe_context(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    if (!self || self->core.interrupt_depth || !fe_sched.started)
        return FE_CONTEXT_GLOBAL;
    return self->current ? FE_CONTEXT_TASK : FE_CONTEXT_SCHEDULER;
}

const char *fe_context_name(enum fe_context_kind kind) {
    static const char *const names[] = {"global", "scheduler", "task"};
    return (unsigned)kind < FE_ARRAY_LENGTH(names) ? names[kind] : "unknown";
}

const char *fe_task_name(void) {
    enum fe_context_kind kind = fe_context();
    return kind == FE_CONTEXT_TASK ? fe_scheduler_self()->current->name : fe_context_name(kind);
}

unsigned fe_core_index(void) {
    return fe_scheduler_self()->core.index;
}

unsigned fe_core_count(void) {
    return fe_sched.cores;
}

#ifdef FE_CHECKED
void fe_context_require(unsigned allowed, const char *function, void *caller) {
    enum fe_context_kind kind = fe_context();
    struct fe_scheduler *self = fe_scheduler_self();
    bool handler = self && self->core.interrupt_depth != 0;
    if (FE_LIKELY(allowed & (handler ? FE_IN_HANDLER : 1u << kind)))
        return;
    fe_fail("%s may not be called in %s context (called from %p)", function,
            handler ? "an interrupt handler's" : fe_context_name(kind), caller);
}
#endif
