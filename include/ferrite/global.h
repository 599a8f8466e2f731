/*
 * Global data: values of which the machine has one each, made when they are first asked for.
 *
 *     static fe_status make_table(void **value) {
 *         *value = fe_heap_try_alloc_zeroed(1000, sizeof(struct entry));
 *         return *value ? FE_OK : FE_ENOMEM;
 *     }
 *     static struct fe_global table = FE_GLOBAL("table", make_table, fe_heap_free);
 *
 *     struct entry *entries = fe_global_get(&table);
 *
 * The descriptor is a static variable, and its address is the key. However many tasks on however many cores ask at once,
 * one of them constructs the value, and the others wait as tasks do. When the machine shuts down, after what was
 * registered with at_exit has run, all values are destroyed, the youngest first.
 *
 * A constructor may use other global data. One that comes to ask for the value that it is making, by whatever detour
 * and across tasks, could only wait for ever: the task that closes the circle fails, with the value's name. If a
 * constructor returns an error, or its task fails in it, the value is as if nobody had asked; who waits tries next.
 */
#ifndef FERRITE_GLOBAL_H
#define FERRITE_GLOBAL_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fe_global {
    void *value; /* the runtime's: NULL until it has been constructed */
    const char *name;
    fe_status (*construct)(void **value); /* FE_OK and a value that is not NULL, or an error. May block in a task */
    void (*destroy)(void *value);         /* NULL: nothing to be done */

    /* The runtime's, under its lock. */
    uint64_t builder;        /* who constructs it; 0: nobody */
    struct fe_global *outer; /* while it is constructed: what its builder was constructing before */
    struct fe_global *older; /* afterwards: constructed before it */
    bool destroyed;
};
#define FE_GLOBAL(name_, construct_, destroy_)                                                                         \
    { .name = (name_), .construct = (construct_), .destroy = (destroy_) }

/*
 * The value, constructed if need be. Task context; blocks while another task constructs it. Scheduler context, and global
 * context but interrupt handlers: never blocks. About 8 instructions once it is there.
 *
 * Plain form: fails the task (outside a task: panics) if it cannot be had. try form: FE_OK; what the constructor returned;
 * FE_ENOMEM; FE_EBUSY: outside a task, and somebody else is constructing it; FE_ECLOSED: it has been destroyed.
 */
void *fe_global_get(struct fe_global *global);
FE_MUST_CHECK fe_status fe_global_try_get(struct fe_global *global, void **value);

#ifdef __cplusplus
}
#endif
#endif
