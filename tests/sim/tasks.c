/* Spawning, joining, detaching, yielding, stealing, pinning. */
#include "sim.h"

static intptr_t identity(void *argument) {
    return (intptr_t)argument;
}

static intptr_t yields(void *argument) {
    for (unsigned i = 0; i < 3; i++)
        fe_task_yield();
    return (intptr_t)argument;
}

static void spawn_join(void) {
    fe_task tasks[12];
    for (unsigned i = 0; i < 12; i++)
        tasks[i] = sim_spawn(i % 3 ? identity : yields, SIM_NUMBER(i));
    for (unsigned i = 0; i < 12; i++)
        SIM_CHECK(sim_join(tasks[i]) == (intptr_t)i);
}

/* Fork and join of a tree: work spreads by stealing. */
static intptr_t tree(void *argument) {
    uintptr_t depth = (uintptr_t)argument;
    if (depth == 0)
        return 1;
    fe_task left = sim_spawn(tree, SIM_NUMBER(depth - 1));
    fe_task right = fe_task_spawn(tree, SIM_NUMBER(depth - 1), NULL);
    fe_task_yield();
    return sim_join(left) + sim_join(right);
}

static void trees(void) {
    SIM_CHECK(sim_join(fe_task_spawn(tree, SIM_NUMBER(4), NULL)) == 16);
}

/* Tasks whose ends nobody waits for count themselves. */
static fe_atomic_u32 ended;

static intptr_t counts(void *argument) {
    if ((uintptr_t)argument & 1)
        fe_task_yield();
    fe_fetch_add_relaxed(&ended, 1);
    return 0;
}

static void detached(void) {
    fe_store_relaxed(&ended, 0);
    for (unsigned i = 0; i < 10; i++) {
        struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
        options.core = sim_core();
        options.detached = i % 2;
        fe_task task = fe_task_spawn(counts, SIM_NUMBER(i), &options);
        if (sim_random(2))
            fe_task_yield();
        if (!options.detached)
            SIM_CHECK(fe_task_detach(task) == FE_OK);
    }
    while (fe_load_acquire(&ended) != 10)
        fe_task_yield();
}

/* A pinned task stays where it is. */
static intptr_t stays(void *argument) {
    for (unsigned i = 0; i < 4; i++) {
        SIM_CHECK(fe_core_index() == (uintptr_t)argument);
        fe_task_yield();
    }
    return 0;
}

static void pinned(void) {
    fe_task tasks[8];
    for (unsigned i = 0; i < 8; i++)
        tasks[i] = sim_spawn_on(stays, SIM_NUMBER(i % fe_core_count()), (int)(i % fe_core_count()));
    for (unsigned i = 0; i < 8; i++)
        sim_join(tasks[i]);
}

/* More tasks at once than a core keeps stacks for: those go through the depot, which all cores share. */
static intptr_t spawns_many(void *argument) {
    (void)argument;
    for (unsigned round = 0; round < 2; round++) {
        enum { MANY = 75 };
        fe_task tasks[MANY];
        for (unsigned i = 0; i < MANY; i++)
            tasks[i] = fe_task_spawn(identity, SIM_NUMBER(i), NULL);
        for (unsigned i = 0; i < MANY; i++)
            SIM_CHECK(sim_join(tasks[i]) == (intptr_t)i);
    }
    return 0;
}

static void many(void) {
    fe_task tasks[3];
    for (unsigned i = 0; i < 3; i++)
        tasks[i] = sim_spawn_on(spawns_many, NULL, (int)(i % fe_core_count()));
    for (unsigned i = 0; i < 3; i++)
        sim_join(tasks[i]);
}

/* Several join one task, of whom one gets it. */
static fe_task target;
static fe_atomic_u32 got;

static intptr_t joins(void *argument) {
    (void)argument;
    struct fe_task_result result;
    fe_status status = fe_task_join(target, &result);
    if (status == FE_OK) {
        SIM_CHECK(result.value == 7);
        fe_fetch_add_relaxed(&got, 1);
    } else {
        SIM_CHECK(status == FE_ENOENT || status == FE_EBUSY, "%s", fe_status_string(status));
    }
    return 0;
}

static void join_race(void) {
    fe_store_relaxed(&got, 0);
    target = sim_spawn(yields, SIM_NUMBER(7));
    fe_task joiners[4];
    for (unsigned i = 0; i < 4; i++)
        joiners[i] = sim_spawn(joins, NULL);
    for (unsigned i = 0; i < 4; i++)
        sim_join(joiners[i]);
    SIM_CHECK(fe_load_acquire(&got) == 1);
}

/* Work in a ring is taken by another core while this one is busy: no core sleeps on while it waits. */
static fe_atomic_u32 taken;

static intptr_t takes(void *argument) {
    fe_store_release(&taken, (uint32_t)(uintptr_t)argument);
    return 0;
}

static void spread(void) {
    if (fe_core_count() == 1)
        return;
    fe_store_relaxed(&taken, 0);
    for (unsigned round = 1; round <= 8; round++) {
        fe_task tasks[2];
        if (sim_random(2))
            fe_task_sleep(sim_random(6000)); /* the others fall asleep, or are about to */
        tasks[0] = fe_task_spawn(takes, SIM_NUMBER(round), NULL);
        tasks[1] = fe_task_spawn(identity, NULL, NULL); /* puts the other into the ring */
        fe_nanoseconds until = fe_time_now() + 3 * FE_MILLISECOND;
        while (fe_load_acquire(&taken) != round) {
            fe_arch_relax();
            SIM_CHECK(fe_time_now() < until, "work waits, and every other core sleeps");
        }
        sim_join(tasks[0]);
        sim_join(tasks[1]);
    }
}

/* As many tasks that are busy until all of them run as there are cores, or as the ring holds: what lies beyond it waits for its
 * core to look. */
static unsigned wide(void) {
    return fe_core_count() < FE_RING_CAPACITY ? fe_core_count() : FE_RING_CAPACITY;
}

static intptr_t meets(void *argument) {
    (void)argument;
    fe_fetch_add_relaxed(&taken, 1);
    fe_nanoseconds until = fe_time_now() + 4 * FE_MILLISECOND;
    while (fe_load_acquire(&taken) % wide() != 0) {
        fe_arch_relax();
        SIM_CHECK(fe_time_now() < until, "work waits, and a core sleeps: %u of %u run", fe_load_relaxed(&taken), wide());
    }
    return 0;
}

static void spread_wide(void) {
    fe_store_relaxed(&taken, 0);
    for (unsigned round = 0; round < 4; round++) {
        fe_task tasks[8];
        unsigned count = wide();
        if (sim_random(2))
            fe_task_sleep(sim_random(6000));
        fe_store_release(&taken, 0);
        for (unsigned i = 0; i < count; i++)
            tasks[i] = fe_task_spawn(meets, NULL, NULL);
        /* Puts the last of them into the ring. It may wait in its place for as long as they are busy. */
        fe_task last = fe_task_spawn(identity, NULL, NULL);
        for (unsigned i = 0; i < count; i++)
            sim_join(tasks[i]);
        sim_join(last);
    }
}

const struct sim_program sim_tasks[] = {
    {"spawn_join", spawn_join, 0},
    {"trees", trees, 0},
    {"many", many, 0},
    {"spread", spread, 0},
    {"spread_wide", spread_wide, 0},
    {"detached", detached, 0},
    {"pinned", pinned, 0},
    {"join_race", join_race, 0},
    {NULL, NULL, 0},
};
