/*
 * Task-local data: a value of its own for each task, under a key.
 *
 * A key is a static variable; its address names it. Values are not inherited: a new task has none. When a task ends, by
 * whatever way, the destructors of its values run in it, before its local heap goes. A destructor may use task-local data,
 * and so leave values again; those are destroyed in further rounds, FE_TASK_DATA_ROUNDS in all, and what is left then is
 * dropped with a warning.
 *
 *     static struct fe_task_key buffer_key = FE_TASK_KEY("buffer", fe_heap_free);
 *
 *     char *buffer = fe_task_data_get(&buffer_key);
 *     if (!buffer)
 *         fe_task_data_set(&buffer_key, buffer = fe_heap_alloc(4096));
 *
 * A value may be a pointer to a box of the task's local heap (local.h), and keeps it alive.
 *
 * After: POSIX thread-specific data; the old Rust runtime's, whose keys were addresses as well.
 */
#ifndef FERRITE_TASK_DATA_H
#define FERRITE_TASK_DATA_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FE_TASK_DATA_KEYS 127 /* that an image may use */
#define FE_TASK_DATA_ROUNDS 4

struct fe_task_key {
    uint32_t index;               /* the runtime's: given at the first set, by any task; 0 before */
    const char *name;             /* in messages */
    void (*destroy)(void *value); /* NULL: nothing to be done. Never called with NULL */
};
#define FE_TASK_KEY(name_, destroy_)                                                                                   \
    { 0, (name_), (destroy_) }

/* The calling task's value; NULL if there is none. Task context. About 7 instructions. */
void *fe_task_data_get(const struct fe_task_key *key);

/*
 * Gives the calling task the value `value` (NULL: none); the old one is destroyed, unless it is the same. Task context; the
 * task's first set allocates a block of 1 KiB. About 20 instructions, and the destructor's.
 * Plain form: fails the task when memory is out, or FE_TASK_DATA_KEYS are in use. try form: FE_ENOMEM; the old value stays.
 */
void fe_task_data_set(struct fe_task_key *key, void *value);
FE_MUST_CHECK fe_status fe_task_data_try_set(struct fe_task_key *key, void *value);

/* Takes the calling task's value out, undestroyed: it is the caller's. NULL if there is none. Task context. */
void *fe_task_data_take(struct fe_task_key *key);

#ifdef __cplusplus
}
#endif
#endif
