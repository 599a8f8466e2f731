/*
 * What the stress programs share. Each is a function of a few hundred to a few thousand steps, which fails by SIM_CHECK, by a task
 * that fails, by hanging, or by leaving blocks or tasks behind: main.c looks for those when it has returned.
 */
#ifndef FERRITE_TESTS_SIM_H
#define FERRITE_TESTS_SIM_H

#include <arch/atomic.h>
#include <arch/sim/sim.h>
#include <ferrite/ferrite.h>

struct sim_program {
    const char *name;
    void (*run)(void);
    unsigned flags;
};

enum {
    SIM_TASKS_FAIL = 1, /* tasks of it fail, and are meant to */
    SIM_LEAVES = 2,     /* tasks of it run on when it returns */
};

#define SIM_CHECK(condition, ...)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            char sim_text_[200];                                                                                       \
            fe_format(sim_text_, sizeof sim_text_, " " __VA_ARGS__);                                                   \
            fe_sim_fail("%s:%d: not so: %s %s", __FILE__, __LINE__, #condition, sim_text_);                            \
        }                                                                                                              \
    } while (0)

/* A number below `bound` that the run's seed decides. Not a choice: it stays when a run is shrunk. */
uint32_t sim_random(uint32_t bound);

static inline fe_task sim_spawn_on(fe_task_function function, void *argument, int core) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.core = core;
    return fe_task_spawn(function, argument, &options);
}

/* A core, or FE_ANY_CORE half of the time. */
static inline int sim_core(void) {
    return sim_random(2) ? FE_ANY_CORE : (int)sim_random(fe_core_count());
}

static inline fe_task sim_spawn(fe_task_function function, void *argument) {
    return sim_spawn_on(function, argument, sim_core());
}

/* Joins a task that must return. */
static inline intptr_t sim_join(fe_task task) {
    struct fe_task_result result;
    fe_status status = fe_task_join(task, &result);
    SIM_CHECK(status == FE_OK, "%s", fe_status_string(status));
    SIM_CHECK(result.outcome == FE_RETURNED, "%s", result.message);
    return result.value;
}

#define SIM_NUMBER(value) ((void *)(uintptr_t)(value))

extern const struct sim_program sim_tasks[], sim_pipes[], sim_selects[], sim_heaps[], sim_timers[], sim_stacks[],
    sim_failures[], sim_kills[];

#endif
