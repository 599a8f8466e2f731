/* Stacks that grow, are given back, and are used again on another core; tasks that overrun theirs, fault and fail. */
#include "sim.h"

static __attribute__((noinline)) uint64_t deep(unsigned pages, uint64_t seed) {
    volatile uint64_t page[500]; /* most of a page */
    for (unsigned i = 0; i < 500; i += 60)
        page[i] = seed + i;
    uint64_t below = pages ? deep(pages - 1, seed + 1) : 0;
    for (unsigned i = 0; i < 500; i += 60)
        SIM_CHECK(page[i] == seed + i, "a stack has changed");
    return below + 1;
}

static intptr_t goes_deep(void *argument) {
    uintptr_t pages = (uintptr_t)argument;
    SIM_CHECK(deep((unsigned)pages, (uintptr_t)&pages) == pages + 1);
    fe_task_yield();
    SIM_CHECK(deep((unsigned)pages / 2, pages) == pages / 2 + 1);
    return 0;
}

static void growth(void) {
    fe_task tasks[4];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 4; i++)
            tasks[i] = sim_spawn(goes_deep, SIM_NUMBER(sim_random(9)));
        for (unsigned i = 0; i < 4; i++)
            sim_join(tasks[i]);
    }
}

static intptr_t overruns(void *argument) {
    return (intptr_t)deep(1000, (uintptr_t)argument);
}

static intptr_t faults(void *argument) {
    *(volatile int *)argument = 1;
    return 0;
}

static intptr_t fails(void *argument) {
    fe_fail("on purpose %d", (int)(intptr_t)argument);
}

static void failing(void) {
    static const fe_task_function functions[] = {overruns, faults, fails, goes_deep};
    static const enum fe_outcome outcomes[] = {FE_FAULTED, FE_FAULTED, FE_FAILED, FE_RETURNED};
    fe_task tasks[6];
    unsigned kinds[6];
    for (unsigned i = 0; i < 6; i++) {
        kinds[i] = sim_random(FE_ARRAY_LENGTH(functions));
        tasks[i] = sim_spawn(functions[kinds[i]], kinds[i] == 3 ? SIM_NUMBER(i) : NULL);
    }
    for (unsigned i = 0; i < 6; i++) {
        struct fe_task_result result;
        SIM_CHECK(fe_task_join(tasks[i], &result) == FE_OK);
        SIM_CHECK(result.outcome == outcomes[kinds[i]], "%d: %s", result.outcome, result.message);
    }
}

const struct sim_program sim_stacks[] = {
    {"stack_growth", growth, 0},
    {"failing_tasks", failing, SIM_TASKS_FAIL},
    {NULL, NULL, 0},
};
