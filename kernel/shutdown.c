/*
 * Shutdown: telling, killing, at_exit. The steps are in ferrite/shutdown.h; one task takes them in a row (main.c).
 *
 * Who registers races with the beginning of shutdown under one lock: what is in the lists then is told or run, and what comes
 * later is told at once, or refused. Nothing is both or neither (tests/model/shutdown.pml).
 *
 * A listener that closes its port stays in the list until as many have come as were left when it was last looked through, so
 * the list is at most twice as long as needed. Rejected: leaving the list when the port closes (a task that is killed would
 * have to come here, too); waiting for each listener to answer (one that is deaf would do harm that a time limit does not mend).
 */
#define FE_LOG_MODULE "shutdown"
#include "shutdown.h"

#include "global.h"
#include "log.h"
#include "state.h"

#include <ferrite/context.h>
#include <ferrite/env.h>
#include <ferrite/heap.h>
#include <ferrite/panic.h>
#include <ferrite/time.h>
#include <sched/scheduler.h>

#define LEAVE_AGAIN (20 * FE_MILLISECOND) /* some slices */
enum { GRACE_MS = 1000, GRACE_MS_MAX = 3600000, LISTENERS_LEAST = 16 };

struct fe_listener {
    struct fe_listener *next;
    fe_shutdown_sender sender;
};

struct fe_at_exit {
    struct fe_at_exit *next;
    void (*function)(void *argument);
    void *argument;
};

/* Listening -----------------------------------------------------------------------------------------------------------
 */

/* Takes those out of the list whose ports are closed; under the lock. */
static struct fe_listener *take_closed(void) {
    struct fe_listener *closed = NULL, **link = &fe_kernel_state.listeners, *one;
    fe_kernel_state.listeners_left = LISTENERS_LEAST;
    fe_kernel_state.listeners_added = 0;
    while ((one = *link) != NULL) {
        if (fe_sender_is_closed(one->sender.end)) {
            *link = one->next;
            one->next = closed;
            closed = one;
        } else {
            link = &one->next;
            fe_kernel_state.listeners_left++;
        }
    }
    return closed;
}

/* Frees a list of listeners, and tells them, if there is a reason. */
static void dismiss(struct fe_listener *list, unsigned reason) {
    while (list != NULL) {
        struct fe_listener *next = list->next;
        if (reason != 0)
            (void)fe_shutdown_try_send(list->sender, reason); /* fails if nobody listens any more */
        fe_shutdown_close_sender(list->sender);
        fe_heap_free(list);
        list = next;
    }
}

fe_status fe_shutdown_try_listen(fe_shutdown_port *port) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_listener *listener = fe_heap_try_alloc(sizeof(*listener));
    if (listener == NULL)
        return FE_ENOMEM;
    fe_status status = fe_pipe_try_open(&listener->sender.end, &port->end, sizeof(uint64_t), 1, FE_PIPE_ONESHOT);
    if (status != FE_OK) {
        fe_heap_free(listener);
        return status;
    }
    struct fe_listener *closed = NULL;
    fe_lock_take(&fe_kernel_state.shutdown_lock);
    unsigned begun = atomic_load_explicit(&fe_kernel_state.shutdown, memory_order_relaxed); /* under the lock */
    if (begun == 0) {
        if (fe_kernel_state.listeners_added++ >= fe_kernel_state.listeners_left)
            closed = take_closed();
        listener->next = fe_kernel_state.listeners;
        fe_kernel_state.listeners = listener;
    }
    fe_lock_release(&fe_kernel_state.shutdown_lock);
    dismiss(closed, 0);
    if (begun != 0) {
        listener->next = NULL;
        dismiss(listener, begun);
    }
    return FE_OK;
}

fe_shutdown_port fe_shutdown_listen(void) {
    fe_shutdown_port port;
    fe_status status = fe_shutdown_try_listen(&port);
    if (status != FE_OK)
        fe_fail("cannot listen for shutdown: %s", fe_status_string(status));
    return port;
}

bool fe_shutdown_begun(void) {
    return atomic_load_explicit(&fe_kernel_state.shutdown, memory_order_relaxed) != 0;
}

/* at_exit -------------------------------------------------------------------------------------------------------------
 */

fe_status fe_try_at_exit(void (*function)(void *argument), void *argument) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    if (function == NULL)
        return FE_EINVAL;
    struct fe_at_exit *entry = fe_heap_try_alloc(sizeof(*entry));
    if (entry == NULL)
        return FE_ENOMEM;
    *entry = (struct fe_at_exit){.function = function, .argument = argument};
    fe_lock_take(&fe_kernel_state.shutdown_lock);
    bool begun = fe_shutdown_begun();
    if (!begun) {
        entry->next = fe_kernel_state.at_exit;
        fe_kernel_state.at_exit = entry;
    }
    fe_lock_release(&fe_kernel_state.shutdown_lock);
    if (!begun)
        return FE_OK;
    fe_heap_free(entry);
    return FE_ECLOSED;
}

void fe_at_exit(void (*function)(void *argument), void *argument) {
    fe_status status = fe_try_at_exit(function, argument);
    if (status == FE_ECLOSED)
        fe_fail("fe_at_exit: shutdown has begun, so nothing more can be registered");
    if (status != FE_OK)
        fe_fail("fe_at_exit: %s", fe_status_string(status));
}

static intptr_t run_entry(void *argument) {
    struct fe_at_exit entry = *(struct fe_at_exit *)argument;
    fe_heap_free(argument); /* before: a function that never returns leaks nothing of ours */
    entry.function(entry.argument);
    return 0;
}

static void run_at_exit(struct fe_at_exit *list) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = "at_exit";
    while (list != NULL) {
        struct fe_at_exit *next = list->next;
        struct fe_task_result result;
        fe_task_join(fe_task_spawn(run_entry, list, &options), &result);
        list = next;
    }
}

static intptr_t destroy_global_data(void *unused) {
    (void)unused;
    fe_global_data_destroy_all();
    return 0;
}

/* A destructor that fails takes its task with it; another goes on with the next value. */
static void end_global_data(void) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    struct fe_task_result result;
    options.name = "global data";
    do
        fe_task_join(fe_task_spawn(destroy_global_data, NULL, &options), &result);
    while (result.outcome != FE_RETURNED);
}

/* Ending what runs ----------------------------------------------------------------------------------------------------
 */

static void kill_strong(const struct fe_task_information *task, void *unused) {
    (void)unused;
    if (task->kind == FE_TASK_STRONG && task->state != FE_TASK_ENDED)
        (void)fe_task_kill(task->task); /* it may have ended meanwhile */
}

static void kill_any(const struct fe_task_information *task, void *unused) {
    (void)unused;
    if (task->kind != FE_TASK_SERVICE && task->state != FE_TASK_ENDED)
        (void)fe_task_kill(task->task);
}

static void name(const struct fe_task_information *task, void *unused) {
    (void)unused;
    if (task->kind != FE_TASK_SERVICE && task->state != FE_TASK_ENDED)
        fe_error("task '%s' (%llu) does not end: left behind", task->name, (unsigned long long)task->task.id);
}

static void leave(const struct fe_task_information *task, void *unused) {
    (void)unused;
    if (task->kind != FE_TASK_SERVICE && task->state != FE_TASK_ENDED)
        fe_task_leave_behind(task->task);
}

/* Has those that spin stopped for good. Again and again, since one that was ready when it was asked may have a core to itself
 * after that; and not for ever, since there are those that wait, which need no stopping. */
static void leave_all(fe_nanoseconds deadline) {
    do
        fe_tasks_each(leave, NULL);
    while (!fe_tasks_wait(true, fe_time_now() + LEAVE_AGAIN) && fe_time_now() < deadline);
}

/* Until no task is left: waits, kills, waits, names, stops. */
static void end_all(fe_nanoseconds grace) {
    if (fe_tasks_wait(true, fe_time_now() + grace))
        return;
    fe_tasks_each(kill_any, NULL);
    if (fe_tasks_wait(true, fe_time_now() + grace))
        return;
    fe_tasks_each(name, NULL);
    leave_all(fe_time_now() + grace);
}

void fe_shutdown(enum fe_shutdown_reason reason) {
    fe_lock_take(&fe_kernel_state.shutdown_lock);
    atomic_store_explicit(&fe_kernel_state.shutdown, reason, memory_order_relaxed); /* the lock orders it */
    struct fe_listener *listeners = fe_kernel_state.listeners;
    struct fe_at_exit *at_exit = fe_kernel_state.at_exit;
    fe_lock_release(&fe_kernel_state.shutdown_lock);
    fe_nanoseconds grace = fe_env_number("grace", GRACE_MS, 0, GRACE_MS_MAX) * FE_MILLISECOND;
    dismiss(listeners, reason);
    if (reason == FE_SHUTDOWN_FAILED)
        fe_tasks_each(kill_strong, NULL);
    end_all(grace);
    run_at_exit(at_exit);
    end_all(grace);
    if (fe_kernel_state.globals != NULL) { /* nobody is left to race with */
        end_global_data();
        end_all(grace);
    }
}
