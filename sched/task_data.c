/*
 * Task-local data. A key gets a small number when it is first set, and a task that sets anything gets a table by number;
 * others share one that is empty. So a read is two loads more than finding the task, with nothing to test: number 0 is
 * nobody's, and NULL in every table.
 *
 * Rejected: a list or a hash per task by the key's address (as the old runtime had: its cost was one of the complaints); a
 * table that grows (a bound to test at each read).
 */
#define FE_LOG_MODULE "sched"
#define FE_LENIENT_UNIT "task_data"
#include "task_data.h"

#include "core.h"
#include "ending.h"

#include <arch/lenient.h>
#include <ferrite/context.h>
#include <ferrite/heap.h>
#include <ferrite/log.h>
#include <ferrite/panic.h>
#include <ferrite/task_data.h>

struct fe_task_data fe_task_data_none;

/* Under the lock; an entry, once written, stays. */
static struct {
    struct fe_spinlock lock;
    uint32_t count;
    struct fe_task_key *key[FE_TASK_DATA_KEYS + 1];
} keys;

/* The number of `key`, given now if need be; 0: there are no more. */
static uint32_t number(struct fe_task_key *key) {
    uint32_t index = __atomic_load_n(&key->index, __ATOMIC_RELAXED); /* it is all there is to see */
    if (FE_LIKELY(index != 0))
        return index;
    fe_spinlock_acquire(&keys.lock);
    if (key->index == 0 && keys.count < FE_TASK_DATA_KEYS) {
        keys.key[++keys.count] = key;
        __atomic_store_n(&key->index, keys.count, __ATOMIC_RELAXED);
    }
    index = key->index;
    fe_spinlock_release(&keys.lock);
    return index;
}

/* The destructors of one round; what they set anew at a place that was passed is for the next. */
static void destroy_round(struct fe_task_data *data) {
    while (data->next <= FE_TASK_DATA_KEYS) {
        uint32_t index = data->next++;
        void *value = data->value[index];
        struct fe_task_key *key = keys.key[index]; /* written long ago, if there is a value */
        if (value == NULL)
            continue;
        data->value[index] = NULL;
        data->found = true;
        if (key->destroy != NULL)
            key->destroy(value); /* it may not return: then the step is taken again, and goes on from here */
    }
}

/* The step FE_ENDING_DATA. */
static void end_data(struct fe_tcb *task) {
    struct fe_task_data *data = task->data;
    fe_ending_add(task, FE_ENDING_DATA);
    while (data->round < FE_TASK_DATA_ROUNDS) {
        destroy_round(data);
        bool found = data->found;
        data->round++;
        data->next = 0;
        data->found = false;
        if (!found)
            break;
    }
    for (uint32_t i = 1; i <= FE_TASK_DATA_KEYS; i++) {
        if (data->value[i] != NULL)
            fe_warn("%s: task-local data '%s' was set again in each of %d rounds of destructors, and is dropped",
                    task->name, keys.key[i]->name, FE_TASK_DATA_ROUNDS);
    }
    task->data = &fe_task_data_none;
    fe_heap_free(data);
    task->ending &= ~(1u << FE_ENDING_DATA);
}

/* A table for `task`, the caller, which has none; false: no memory. */
static bool make_table(struct fe_tcb *task) {
    struct fe_task_data *data = fe_heap_try_alloc_zeroed(1, sizeof(*data));
    if (data == NULL)
        return false;
    task->data = data;
    fe_ending_add_by(task, FE_ENDING_DATA, end_data);
    return true;
}

FE_LENIENT void *fe_task_data_get(const struct fe_task_key *key) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    return fe_scheduler_self()->current->data->value[__atomic_load_n(&key->index, __ATOMIC_RELAXED)];
}

FE_LENIENT void *fe_task_data_take(struct fe_task_key *key) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    void **place = &fe_scheduler_self()->current->data->value[__atomic_load_n(&key->index, __ATOMIC_RELAXED)];
    void *value = *place;
    if (value != NULL)
        *place = NULL; /* and so not in the table that all share */
    return value;
}

FE_LENIENT fe_status fe_task_data_try_set(struct fe_task_key *key, void *value) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    uint32_t index = number(key);
    struct fe_tcb *task = fe_scheduler_self()->current;
    if (FE_UNLIKELY(index == 0) || (FE_UNLIKELY(task->data == &fe_task_data_none) && !make_table(task)))
        return FE_ENOMEM;
    void *old = task->data->value[index];
    task->data->value[index] = value; /* first: the destructor may look */
    if (old != NULL && old != value && key->destroy != NULL)
        key->destroy(old);
    return FE_OK;
}

void fe_task_data_set(struct fe_task_key *key, void *value) {
    if (FE_UNLIKELY(fe_task_data_try_set(key, value) != FE_OK))
        fe_fail("cannot set task-local data '%s': no memory, or more than %d keys", key->name, FE_TASK_DATA_KEYS);
}
