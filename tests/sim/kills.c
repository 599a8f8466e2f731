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

/*
 * Either end of an exchange is killed, or both, wherever that finds them; each owns its end, and the block that it has. What is
 * in no hand any more has been freed, once: main.c counts blocks, and the heap knows one that is freed twice. Where a task is killed
 * is up to the run: each step of the others is a choice of the simulation.
 */
static struct {
    fe_task ends[3]; /* two senders and the receiver */
    fe_sender senders[2];
    fe_port port;
    bool select;
    fe_atomic_u32 owned[3]; /* it has taken over its end; who is killed before that leaves it to main */
} exchange;

static intptr_t sends_owned(void *argument) {
    fe_owned_sender mine = exchange.senders[(uintptr_t)argument];
    fe_store_release(&exchange.owned[(uintptr_t)argument], 1);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        fe_owned(uint64_t) block = fe_heap_alloc(16 + sim_random(100));
        block[0] = i;
        if (sim_random(3)) {
            fe_pipe_give(mine, &block); /* fails when the port is closed */
            SIM_CHECK(block == NULL);
        } else if (fe_pipe_send_until(mine, &block, fe_time_now() + sim_random(3000)) == FE_OK) {
            block = NULL;
        }
        if (sim_random(4) == 0)
            fe_task_yield();
    }
    return 0;
}

static intptr_t receives_owned(void *argument) {
    (void)argument;
    fe_owned_port mine = exchange.port;
    fe_store_release(&exchange.owned[2], 1);
    fe_selector selector;
    if (exchange.select) {
        fe_selector_open(&selector);
        SIM_CHECK(fe_selector_add(selector, mine, 1) == FE_OK);
        fe_unkillable_begin(); /* a selector has no owner: only the wait itself may end in a kill */
    }
    fe_status status;
    do {
        fe_owned(uint64_t) block = NULL;
        status = exchange.select ? fe_pipe_try_receive(mine, &block) : fe_pipe_receive_until(mine, &block, FE_FOREVER);
        SIM_CHECK(status != FE_OK || block[0] < MESSAGES);
        if (exchange.select && status == FE_EAGAIN) {
            uintptr_t tag;
            SIM_CHECK(fe_select(selector, fe_time_now() + sim_random(3000), &tag) != FE_EINVAL);
        }
    } while (status != FE_ECLOSED);
    if (exchange.select) {
        SIM_CHECK(fe_selector_remove(selector, mine) == FE_OK);
        fe_selector_close(selector);
        fe_unkillable_end();
    }
    return 0;
}

static intptr_t kills_one(void *which) {
    for (uint32_t wait = sim_random(30); wait; wait--)
        fe_task_yield();
    fe_status status = fe_task_kill(exchange.ends[(uintptr_t)which]);
    SIM_CHECK(status == FE_OK || status == FE_ENOENT, "%s", fe_status_string(status));
    return 0;
}

static void kill_either_end(void) {
    static const size_t capacities[] = {1, 2, 4, FE_UNBOUNDED, FE_RENDEZVOUS};
    fe_pipe_open(&exchange.senders[0], &exchange.port, sizeof(void *), capacities[sim_random(5)],
                 FE_PIPE_SHARED | FE_PIPE_BLOCKS);
    exchange.senders[1] = fe_sender_copy(exchange.senders[0]);
    exchange.select = sim_random(3) == 0;
    for (unsigned i = 0; i < 3; i++)
        fe_store_relaxed(&exchange.owned[i], 0);
    for (uintptr_t i = 0; i < 3; i++)
        exchange.ends[i] = sim_spawn(i < 2 ? sends_owned : receives_owned, SIM_NUMBER(i));
    fe_task killers[3];
    uint32_t whom =
        1 + sim_random(7); /* some, or all; a receiver whose senders are gone ends by itself, as they do without it */
    for (uintptr_t i = 0; i < 3; i++)
        if (whom >> i & 1)
            killers[i] = sim_spawn(kills_one, SIM_NUMBER(i));
    for (unsigned i = 0; i < 3; i++) {
        struct fe_task_result result;
        SIM_CHECK(fe_task_join(exchange.ends[i], &result) == FE_OK);
        SIM_CHECK(result.outcome != FE_FAULTED, "%s", result.message);
        SIM_CHECK(result.outcome != FE_KILLED || (whom >> i & 1), "nobody has killed %u", i);
        if (fe_load_acquire(&exchange.owned[i]))
            continue;
        if (i < 2)
            fe_sender_close(exchange.senders[i]);
        else
            fe_port_close(exchange.port);
    }
    for (unsigned i = 0; i < 3; i++)
        if (whom >> i & 1)
            sim_join(killers[i]);
}

const struct sim_program sim_kills[] = {
    {"kill_either_end", kill_either_end, SIM_TASKS_FAIL},
    {"kill_receiver", kill_receiver, SIM_TASKS_FAIL},
    {"kill_waiting", kill_waiting, SIM_TASKS_FAIL},
    {"kill_unkillable", kill_unkillable, SIM_TASKS_FAIL},
    {NULL, NULL, 0},
};
