/*
 * Global data: constructed once under race, destroyed in reverse order.
 *
 *     absent --1 somebody asks--> building --2 constructed--> present --4 shutdown--> destroyed
 *            <--3 error, or the builder's task fails--'
 *
 * One lock guards it all, and is held for a few instructions and the walk over those that wait; a value that is present is
 * read without. Who waits is parked, and is listed on its own stack with what it waits for: so a circle, in which each
 * waits for what the next one builds, is seen by the task that would close it.
 *
 * What a task builds hangs off its task-local data. That is how a value becomes absent again if the task fails: its
 * destructor runs at every end of a task.
 */
#include "global.h"

#include "state.h"

#include <ferrite/context.h>
#include <ferrite/global.h>
#include <ferrite/panic.h>
#include <ferrite/task_data.h>
#include <sched/scheduler.h>

struct fe_global_waiter {
    struct fe_global_waiter *next;
    struct fe_global *global;
    struct fe_tcb *tcb;
    uint64_t task;
    _Atomic bool done; /* it is off the list */
};

static void lock(void) {
    fe_lock_take(&fe_kernel_state.globals_lock);
}

static void unlock(void) {
    fe_lock_release(&fe_kernel_state.globals_lock);
}

/* Who asks: a task by its id; outside tasks, the core. */
static uint64_t asker(void) {
    uint64_t task = fe_task_self().id;
    return task != 0 ? task : UINT64_MAX - fe_core_index();
}

/* Waiting --------------------------------------------------------------------------------------------------------- */

/* Wakes all who wait for `global`. Under the lock. */
static void wake_waiters(struct fe_global *global) {
    struct fe_global_waiter **link = &fe_kernel_state.global_waiters;
    while (*link != NULL) {
        struct fe_global_waiter *waiter = *link;
        if (waiter->global != global) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        struct fe_tcb *tcb = waiter->tcb;
        /* Release pairs with the acquire in wait_for; from here on the waiter may be gone. */
        atomic_store_explicit(&waiter->done, true, memory_order_release);
        fe_unpark(tcb);
    }
}

/* Whether whoever builds `global` waits, by whatever detour, for what `task` builds. Under the lock. */
static bool closes_circle(const struct fe_global *global, uint64_t task) {
    uint64_t builder = global->builder;
    while (builder != task) {
        const struct fe_global_waiter *waiter = fe_kernel_state.global_waiters;
        while (waiter != NULL && waiter->task != builder)
            waiter = waiter->next;
        if (waiter == NULL)
            return false;
        builder = waiter->global->builder;
    }
    return true;
}

/* Takes `waiter` off the list if it is there still. */
static void forget(struct fe_global_waiter *waiter) {
    lock();
    struct fe_global_waiter **link = &fe_kernel_state.global_waiters;
    while (*link != NULL && *link != waiter)
        link = &(*link)->next;
    if (*link != NULL)
        *link = waiter->next;
    unlock();
}

/* Waits until somebody has finished with `global`, which another task builds. Called with the lock held; returns without. */
static void wait_for(struct fe_global *global, uint64_t task) {
    struct fe_global_waiter waiter = {
        .next = fe_kernel_state.global_waiters, .global = global, .tcb = fe_park_self(), .task = task};
    fe_kernel_state.global_waiters = &waiter;
    unlock();
    for (;;) {
        fe_park();
        if (atomic_load_explicit(&waiter.done, memory_order_acquire)) /* pairs with wake_waiters */
            return;
        if (FE_UNLIKELY(fe_park_killed())) {
            forget(&waiter);
            fe_park_die();
        }
    }
}

/* Building -------------------------------------------------------------------------------------------------------- */

static void abandon(void *first);
static struct fe_task_key building_key = FE_TASK_KEY("global data under construction", abandon);

/* Edge 3. */
static void give_up(struct fe_global *global) {
    lock();
    global->builder = 0;
    wake_waiters(global);
    unlock();
}

/* The task has failed while it built `first`, and maybe others that asked for it. */
static void abandon(void *first) {
    struct fe_global *global = first;
    while (global != NULL) {
        struct fe_global *outer = global->outer; /* before somebody else builds it */
        give_up(global);
        global = outer;
    }
}

/* Edge 2. */
static void publish(struct fe_global *global, void *value) {
    lock();
    global->builder = 0;
    global->older = fe_kernel_state.globals;
    fe_kernel_state.globals = global;
    __atomic_store_n(&global->value, value, __ATOMIC_RELEASE); /* pairs with the acquire in present */
    wake_waiters(global);
    unlock();
}

/* The caller is the builder. */
static fe_status build(struct fe_global *global) {
    bool in_task = fe_context() == FE_CONTEXT_TASK;
    if (in_task) {
        global->outer = fe_task_data_get(&building_key);
        fe_task_data_take(&building_key); /* so that setting it destroys nothing */
        if (fe_task_data_try_set(&building_key, global) != FE_OK) {
            give_up(global);
            return FE_ENOMEM;
        }
    }
    void *value = NULL;
    fe_status status = global->construct(&value);
    if (in_task) {
        fe_task_data_take(&building_key);
        fe_status restored = fe_task_data_try_set(&building_key, global->outer); /* the table exists */
        fe_check(restored == FE_OK);
    }
    if (status == FE_OK && value == NULL)
        status = FE_ENOMEM;
    if (status == FE_OK)
        publish(global, value);
    else
        give_up(global);
    return status;
}

/* Asking ---------------------------------------------------------------------------------------------------------- */

static inline void *present(struct fe_global *global) {
    return __atomic_load_n(&global->value, __ATOMIC_ACQUIRE); /* pairs with publish */
}

static __attribute__((noinline)) fe_status get_slowly(struct fe_global *global, void **value) {
    uint64_t self = asker();
    for (;;) {
        lock();
        *value = global->value;
        if (*value != NULL || global->destroyed) {
            unlock();
            return *value != NULL ? FE_OK : FE_ECLOSED;
        }
        if (global->builder == 0) {
            global->builder = self; /* edge 1 */
            unlock();
            fe_status status = build(global);
            *value = status == FE_OK ? global->value : NULL;
            return status;
        }
        if (closes_circle(global, self)) {
            unlock();
            fe_fail("global data '%s' is asked for by its own construction", global->name);
        }
        if (fe_context() != FE_CONTEXT_TASK) {
            unlock();
            return FE_EBUSY;
        }
        wait_for(global, self);
    }
}

fe_status fe_global_try_get(struct fe_global *global, void **value) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    *value = present(global);
    return FE_LIKELY(*value != NULL) ? FE_OK : get_slowly(global, value);
}

void *fe_global_get(struct fe_global *global) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    void *value = present(global);
    if (FE_LIKELY(value != NULL))
        return value;
    fe_status status = get_slowly(global, &value);
    if (FE_UNLIKELY(status != FE_OK))
        fe_fail("global data '%s' cannot be had: %s", global->name, fe_status_string(status));
    return value;
}

/* Edge 4. */
void fe_global_data_destroy_all(void) {
    for (;;) {
        lock();
        struct fe_global *global = fe_kernel_state.globals;
        void *value = NULL;
        if (global != NULL) {
            fe_kernel_state.globals = global->older;
            value = global->value;
            global->destroyed = true;
            __atomic_store_n(&global->value, NULL, __ATOMIC_RELAXED); /* nobody else uses it: see global.h */
        }
        unlock();
        if (global == NULL)
            return;
        if (global->destroy != NULL)
            global->destroy(value);
    }
}
