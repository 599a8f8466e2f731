/*
 * Allocations that fail, anywhere: what answers with a status does, nothing is lost and nothing is left. And the end of the machine:
 * it comes when the last task has ended, not before and not never.
 */
#include "sim.h"

static intptr_t identity(void *argument) {
    return (intptr_t)argument;
}

static intptr_t sends(void *argument) {
    fe_sender sender = *(fe_sender *)argument;
    intptr_t sent = 0;
    for (uint64_t i = 0; i < 8; i++) {
        fe_status status = fe_pipe_send_until(sender, &i, FE_FOREVER);
        SIM_CHECK(status == FE_OK || status == FE_ENOMEM, "%s", fe_status_string(status));
        sent += status == FE_OK;
    }
    fe_sender_close(sender);
    return sent;
}

static void no_memory(void) {
    fe_sim_failures(true);
    for (unsigned round = 0; round < 6; round++) {
        fe_sender sender;
        fe_port port;
        fe_task task;
        struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
        options.core = sim_core();
        fe_status status = fe_pipe_try_open(&sender, &port, 8, sim_random(2) ? FE_UNBOUNDED : 2, 0);
        if (status == FE_OK) {
            status = fe_task_try_spawn(sends, &sender, &options, &task);
            if (status == FE_OK) {
                intptr_t got = 0;
                uint64_t value, before = 0;
                while (fe_pipe_receive_until(port, &value, FE_FOREVER) == FE_OK) {
                    SIM_CHECK(got == 0 || value > before);
                    before = value;
                    got++;
                }
                SIM_CHECK(sim_join(task) == got);
            } else {
                fe_sender_close(sender);
            }
            fe_port_close(port);
        }
        SIM_CHECK(status == FE_OK || status == FE_ENOMEM, "%s", fe_status_string(status));
        status = fe_task_try_spawn(identity, SIM_NUMBER(5), &options, &task);
        SIM_CHECK(status == FE_OK || status == FE_ENOMEM, "%s", fe_status_string(status));
        if (status == FE_OK)
            SIM_CHECK(sim_join(task) == 5);
        void *block = fe_heap_try_alloc(1 + sim_random(40000));
        void *moved = fe_heap_try_realloc(block, 1 + sim_random(3000));
        fe_heap_free(moved ? moved : block);
    }
}

/* Main leaves first: the others end the machine. */
static fe_atomic_u32 running;

static intptr_t outlives(void *argument) {
    uintptr_t depth = (uintptr_t)argument;
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.detached = true;
    options.core = sim_core();
    for (unsigned i = 0; depth > 0 && i < 2; i++) {
        fe_fetch_add_relaxed(&running, 1);
        fe_task_spawn(outlives, SIM_NUMBER(depth - 1), &options);
    }
    if (sim_random(2))
        fe_task_yield();
    if (sim_random(4) == 0)
        fe_task_sleep(sim_random(3000));
    fe_fetch_sub_relaxed(&running, 1);
    return 0;
}

static void all_have_ended(void *unused) {
    (void)unused;
    if (fe_load_relaxed(&running) != 0)
        fe_sim_fail("the machine stopped with %u tasks running", fe_load_relaxed(&running));
}

static void leave(void) {
    fe_store_relaxed(&running, 1);
    fe_at_exit(all_have_ended, NULL);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.detached = true;
    fe_task_spawn(outlives, SIM_NUMBER(1 + sim_random(3)), &options);
}

/* Two chains of tasks, each of which spawns the next and ends: there is always one, and never the same. */
static intptr_t link_of_chain(void *argument) {
    uintptr_t left = (uintptr_t)argument;
    if (left > 0) {
        struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
        options.detached = true;
        options.core = left % 4 ? FE_ANY_CORE : (int)sim_random(fe_core_count());
        fe_fetch_add_relaxed(&running, 1);
        fe_task_spawn(link_of_chain, SIM_NUMBER(left - 1), &options);
    }
    fe_fetch_sub_relaxed(&running, 1);
    return 0;
}

static void leave_chains(void) {
    fe_store_relaxed(&running, 2);
    fe_at_exit(all_have_ended, NULL);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.detached = true;
    for (unsigned i = 0; i < 2; i++) {
        options.core = (int)sim_random(fe_core_count());
        fe_task_spawn(link_of_chain, SIM_NUMBER(24), &options);
    }
}

const struct sim_program sim_failures[] = {
    {"no_memory", no_memory, 0},
    {"leave", leave, SIM_LEAVES},
    {"leave_chains", leave_chains, SIM_LEAVES},
    {NULL, NULL, 0},
};
