/*
 * Killing, in every wait and between: one result each, what is waited for is withdrawn, and nothing that a killed task was about to
 * receive, or had not sent yet, is lost or doubled. The ends that a victim uses belong to main, who closes them.
 */
#include "sim.h"

#define MESSAGES 8u

static struct {
    fe_sender sender, full;
    fe_port port, full_port;
    fe_task victim, sleeper;
    fe_atomic_u32 got, done, never;
} scene;

static intptr_t receives_all(void *argument) {
    (void)argument;
    uint64_t value;
    while (fe_pipe_receive_until(scene.port, &value, FE_FOREVER) == FE_OK)
        fe_fetch_add_relaxed(&scene.got, 1);
    return 0;
}

static intptr_t sends(void *argument) {
    (void)argument;
    intptr_t sent = 0;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        sent += fe_pipe_send_until(scene.sender, &i, FE_FOREVER) == FE_OK;
        if (sim_random(3) == 0)
            fe_task_yield();
    }
    fe_sender_close(scene.sender);
    return sent;
}

static intptr_t kills(void *argument) {
    for (uint32_t wait = sim_random(8); wait; wait--)
        fe_task_yield();
    fe_status status = fe_task_kill(scene.victim);
    SIM_CHECK(status == FE_OK || status == FE_ENOENT, "%s", fe_status_string(status));
    (void)argument;
    return status == FE_OK;
}

/* The victim receives; main takes the rest. */
static void kill_receiver(void) {
    static const size_t capacities[] = {1, 2, FE_UNBOUNDED, FE_RENDEZVOUS};
    fe_store_relaxed(&scene.got, 0);
    fe_pipe_open(&scene.sender, &scene.port, 8, capacities[sim_random(4)], 0);
    scene.victim = sim_spawn(receives_all, NULL);
    fe_task sender = sim_spawn(sends, NULL), killers[2] = {sim_spawn(kills, NULL), sim_spawn(kills, NULL)};
    struct fe_task_result result;
    SIM_CHECK(fe_task_join(scene.victim, &result) == FE_OK);
    SIM_CHECK(result.outcome == FE_KILLED || result.outcome == FE_RETURNED, "%s", result.message);
    uint32_t rest = 0;
    uint64_t value;
    while (fe_pipe_receive_until(scene.port, &value, FE_FOREVER) == FE_OK)
        rest++;
    intptr_t sent = sim_join(sender);
    SIM_CHECK((intptr_t)(fe_load_acquire(&scene.got) + rest) == sent, "%u and %u came of %u",
              fe_load_relaxed(&scene.got), rest, (unsigned)sent);
    sim_join(killers[0]);
    sim_join(killers[1]);
    fe_port_close(scene.port);
}

/* Each wait there is. */
static intptr_t waits_in_send(void *argument) {
    (void)argument;
    uint64_t value = 1;
    while (!fe_load_relaxed(&scene.never))
        fe_pipe_send(scene.full, &value);
    return 0;
}

static intptr_t waits_in_sleep(void *argument) {
    (void)argument;
    fe_task_sleep(FE_SECOND);
    return 0;
}

static intptr_t waits_in_join(void *argument) {
    (void)argument;
    struct fe_task_result result;
    fe_task_join(scene.sleeper, &result);
    return 0;
}

static intptr_t waits_in_yield(void *argument) {
    (void)argument;
    while (!fe_load_relaxed(&scene.never))
        fe_task_yield();
    return 0;
}

static intptr_t waits_in_receive(void *argument) {
    (void)argument;
    uint64_t value;
    while (!fe_load_relaxed(&scene.never))
        fe_pipe_receive(scene.port, &value);
    return 0;
}

static void kill_waiting(void) {
    static const fe_task_function functions[] = {waits_in_send, waits_in_sleep, waits_in_join, waits_in_yield,
                                                 waits_in_receive};
    static const size_t capacities[] = {1, 2, FE_RENDEZVOUS};
    fe_pipe_open(&scene.sender, &scene.port, 8, capacities[sim_random(3)], 0);
    fe_pipe_open(&scene.full, &scene.full_port, 8, capacities[sim_random(3)], FE_PIPE_SHARED);
    for (unsigned round = 0; round < 4; round++) {
        scene.sleeper = sim_spawn(waits_in_sleep, NULL);
        scene.victim = sim_spawn(functions[sim_random(FE_ARRAY_LENGTH(functions))], NULL);
        fe_task killer = sim_spawn(kills, NULL);
        struct fe_task_result result;
        SIM_CHECK(fe_task_join(scene.victim, &result) == FE_OK);
        SIM_CHECK(result.outcome == FE_KILLED, "%d %s", result.outcome, result.message);
        SIM_CHECK(fe_task_kill(scene.victim) == FE_ENOENT);
        sim_join(killer);
        SIM_CHECK(fe_task_kill(scene.sleeper) == FE_OK);
        SIM_CHECK(fe_task_join(scene.sleeper, &result) == FE_OK && result.outcome == FE_KILLED);
    }
    fe_sender_close(scene.sender);
    fe_sender_close(scene.full);
    fe_port_close(scene.port);
    fe_port_close(scene.full_port);
}

/* A section that may not be killed is finished, and the kill is not forgotten. */
static intptr_t works_unkillable(void *argument) {
    (void)argument;
    fe_unkillable_begin();
    fe_store_release(&scene.done, 1);
    for (unsigned i = 0; i < 4; i++)
        fe_task_yield();
    fe_task_sleep(sim_random(3000));
    fe_store_release(&scene.done, 2);
    fe_unkillable_end();
    while (!fe_load_relaxed(&scene.never))
        fe_task_yield();
    return 0;
}

static void kill_unkillable(void) {
    fe_store_relaxed(&scene.done, 0);
    scene.victim = sim_spawn(works_unkillable, NULL);
    fe_task killer = sim_spawn(kills, NULL);
    struct fe_task_result result;
    SIM_CHECK(fe_task_join(scene.victim, &result) == FE_OK && result.outcome == FE_KILLED);
    SIM_CHECK(fe_load_acquire(&scene.done) != 1, "it was killed within the section");
    sim_join(killer);
}

const struct sim_program sim_kills[] = {
    {"kill_receiver", kill_receiver, SIM_TASKS_FAIL},
    {"kill_waiting", kill_waiting, SIM_TASKS_FAIL},
    {"kill_unkillable", kill_unkillable, SIM_TASKS_FAIL},
    {NULL, NULL, 0},
};
