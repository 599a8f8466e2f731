/* Sleeping, deadlines that are met and that are cancelled on other cores, parking, events. */
#include "sim.h"

#include <sched/core.h>

static intptr_t sleeps(void *argument) {
    (void)argument;
    for (unsigned i = 0; i < 3; i++) {
        fe_nanoseconds length = 500 + sim_random(20000), before = fe_time_now();
        fe_task_sleep(length);
        SIM_CHECK(fe_time_now() >= before + length, "it woke too early");
        if (sim_random(2))
            fe_task_yield();
    }
    return 0;
}

static void sleepers(void) {
    fe_task tasks[6];
    for (unsigned i = 0; i < 6; i++)
        tasks[i] = sim_spawn(sleeps, NULL);
    for (unsigned i = 0; i < 6; i++)
        sim_join(tasks[i]);
}

/* Deadlines that are cancelled: each wait of a task that moves sets its timer anew, wherever it is. */
struct pair {
    fe_sender sender;
    fe_port port;
};

static intptr_t waits_with_deadlines(void *argument) {
    struct pair *pair = argument;
    uint64_t expected = 0, value;
    for (;;) {
        fe_nanoseconds deadline = fe_time_now() + 200 + sim_random(6000);
        fe_status status = fe_pipe_receive_until(pair->port, &value, deadline);
        if (status == FE_ECLOSED)
            break;
        if (status == FE_ETIMEDOUT)
            SIM_CHECK(fe_time_now() >= deadline, "timed out too early");
        else
            SIM_CHECK(status == FE_OK && value == expected++);
        fe_task_yield();
    }
    SIM_CHECK(expected == 8);
    fe_port_close(pair->port);
    /* And once more for sure: a timer that is lost would never come. */
    fe_nanoseconds until = fe_time_now() + 3000;
    fe_task_sleep_until(until);
    SIM_CHECK(fe_time_now() >= until);
    return 0;
}

static intptr_t sends_slowly(void *argument) {
    struct pair *pair = argument;
    for (uint64_t i = 0; i < 8; i++) {
        fe_pipe_send(pair->sender, &i);
        if (sim_random(2))
            fe_task_sleep(sim_random(4000));
    }
    fe_sender_close(pair->sender);
    return 0;
}

static intptr_t yields_a_lot(void *argument) {
    (void)argument;
    for (unsigned i = 0; i < 30; i++)
        fe_task_yield();
    return 0;
}

static void deadlines(void) {
    struct pair pairs[2];
    fe_task tasks[6];
    for (unsigned i = 0; i < 2; i++) {
        fe_pipe_open(&pairs[i].sender, &pairs[i].port, 8, 2, 0);
        tasks[i] = fe_task_spawn(waits_with_deadlines, &pairs[i], NULL);
        tasks[2 + i] = sim_spawn(sends_slowly, &pairs[i]);
        tasks[4 + i] = fe_task_spawn(yields_a_lot, NULL, NULL); /* makes work that is stolen, and so the others move */
    }
    for (unsigned i = 0; i < 6; i++)
        sim_join(tasks[i]);
}

/* Joins with deadlines. */
static void join_deadlines(void) {
    fe_task tasks[4];
    for (unsigned i = 0; i < 4; i++)
        tasks[i] = sim_spawn(sleeps, NULL);
    for (unsigned i = 0; i < 4; i++) {
        struct fe_task_result result;
        fe_status status;
        while ((status = fe_task_join_until(tasks[i], &result, fe_time_now() + sim_random(8000))) == FE_ETIMEDOUT)
            ;
        SIM_CHECK(status == FE_OK && result.outcome == FE_RETURNED);
    }
}

/* Parking: a flag, its setter, and who waits for it. Twenty times in step. */
static struct {
    struct fe_tcb *volatile waiter;
    fe_atomic_u32 turn;
} parked;

static intptr_t waits(void *argument) {
    (void)argument;
    for (uint32_t turn = 1; turn <= 20; turn++)
        while (fe_load_acquire(&parked.turn) < turn)
            fe_park_until(sim_random(2) ? FE_FOREVER : fe_time_now() + 1000 + sim_random(3000));
    return 0;
}

static void parks(void) {
    fe_store_relaxed(&parked.turn, 0);
    fe_task task = sim_spawn(waits, NULL);
    for (uint32_t turn = 1; turn <= 20; turn++) {
        fe_store_release(&parked.turn, turn);
        fe_unpark(task.tcb);
        if (sim_random(3) == 0)
            fe_task_yield();
    }
    sim_join(task);
}

/* Events: one call at least after the last post. */
static struct {
    struct fe_event event;
    fe_atomic_u32 posted, seen;
} fired;

static void on_event(struct fe_event *event) {
    (void)event;
    SIM_CHECK(fe_core_index() == fired.event.home);
    fe_store_release(&fired.seen, fe_load_acquire(&fired.posted));
}

static intptr_t posts(void *argument) {
    (void)argument;
    for (unsigned i = 0; i < 8; i++) {
        fe_fetch_add_acq_rel(&fired.posted, 1);
        fe_event_post(&fired.event);
    }
    return 0;
}

static void events(void) {
    fe_store_relaxed(&fired.posted, 0);
    fe_store_relaxed(&fired.seen, 0);
    fe_event_init(&fired.event, sim_random(fe_core_count()), on_event);
    fe_task tasks[3];
    for (unsigned i = 0; i < 3; i++)
        tasks[i] = sim_spawn(posts, NULL);
    for (unsigned i = 0; i < 3; i++)
        sim_join(tasks[i]);
    while (fe_load_acquire(&fired.seen) != 24) /* the run hangs if the last post is lost */
        fe_task_sleep(2000);
}

const struct sim_program sim_timers[] = {
    {"sleepers", sleepers, 0}, {"deadlines", deadlines, 0}, {"join_deadlines", join_deadlines, 0},
    {"parks", parks, 0},       {"events", events, 0},       {NULL, NULL, 0},
};
