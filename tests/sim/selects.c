/* Selecting: from pipes of every kind, with deadlines, with ports that come and go, and that close while senders are at work. */
#include "sim.h"

#define PORTS 3u
#define MESSAGES 6u

struct source {
    fe_sender sender;
    fe_port port;
    uint32_t sent, got;
    bool closed;
};

static void open_source(struct source *source) {
    static const size_t capacities[] = {1, 2, 4, FE_UNBOUNDED, FE_RENDEZVOUS};
    *source = (struct source){0};
    fe_pipe_open(&source->sender, &source->port, 8, capacities[sim_random(FE_ARRAY_LENGTH(capacities))], 0);
}

static intptr_t sends(void *argument) {
    struct source *source = argument;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        if (fe_pipe_send_until(source->sender, &i, FE_FOREVER) != FE_OK)
            break;
        source->sent++;
        if (sim_random(3) == 0)
            fe_task_yield();
    }
    fe_sender_close(source->sender);
    return 0;
}

/* What select promised must be there. */
static void take(fe_selector selector, struct source *source) {
    uint64_t value;
    fe_status status = fe_pipe_try_receive(source->port, &value);
    if (status == FE_ECLOSED) {
        SIM_CHECK(source->got == MESSAGES, "%u came", source->got);
        if (sim_random(2))
            SIM_CHECK(fe_selector_remove(selector, source->port) == FE_OK);
        fe_port_close(source->port);
        source->closed = true;
    } else if (status == FE_OK) {
        SIM_CHECK(value == source->got, "%u came, not %u", (unsigned)value, source->got);
        source->got++;
    } else {
        SIM_CHECK(status == FE_EAGAIN, "%s", fe_status_string(status)); /* a rendezvous whose sender gave up could say so */
    }
}

static void run_select(bool deadlines) {
    struct source sources[PORTS];
    fe_task tasks[PORTS];
    fe_selector selector;
    fe_selector_open(&selector);
    for (unsigned i = 0; i < PORTS; i++)
        open_source(&sources[i]);
    for (unsigned i = 0; i < PORTS; i++) {
        bool first = sim_random(2);
        if (first)
            tasks[i] = sim_spawn(sends, &sources[i]);
        SIM_CHECK(fe_selector_add(selector, sources[i].port, i) == FE_OK);
        if (!first)
            tasks[i] = sim_spawn(sends, &sources[i]);
    }
    for (;;) {
        uintptr_t tag;
        fe_status status = fe_select(selector, deadlines ? fe_time_now() + sim_random(4000) : FE_FOREVER, &tag);
        if (status == FE_ENOENT)
            break;
        if (status == FE_ETIMEDOUT) {
            unsigned open = 0;
            for (unsigned i = 0; i < PORTS; i++)
                open += !sources[i].closed;
            if (!open)
                break;
            continue;
        }
        SIM_CHECK(status == FE_OK && tag < PORTS && !sources[tag].closed);
        do /* one value, or more: then the port may be answered although nothing is there */
            take(selector, &sources[tag]);
        while (!sources[tag].closed && sim_random(2));
    }
    for (unsigned i = 0; i < PORTS; i++) {
        SIM_CHECK(sources[i].closed && sources[i].got == MESSAGES, "port %u: %u came", i, sources[i].got);
        sim_join(tasks[i]);
    }
    fe_selector_close(selector);
}

static void selects(void) {
    run_select(false);
}

static void select_deadlines(void) {
    run_select(true);
}

/* Ports leave the selector, close, and come back while their senders send. */
static void comes_and_goes(void) {
    struct source sources[PORTS];
    fe_task tasks[PORTS];
    bool in[PORTS] = {false};
    fe_selector selector;
    fe_selector_open(&selector);
    for (unsigned i = 0; i < PORTS; i++) {
        open_source(&sources[i]);
        tasks[i] = sim_spawn(sends, &sources[i]);
    }
    for (unsigned step = 0; step < 16; step++) {
        unsigned i = sim_random(PORTS);
        if (!sources[i].closed && in[i]) {
            if (sim_random(3) == 0) {
                fe_port_close(sources[i].port);
                sources[i].closed = true;
            } else {
                SIM_CHECK(fe_selector_remove(selector, sources[i].port) == FE_OK);
            }
            in[i] = false;
        } else if (!sources[i].closed) {
            SIM_CHECK(fe_selector_add(selector, sources[i].port, i) == FE_OK);
            in[i] = true;
        }
        uintptr_t tag;
        fe_status status = fe_select(selector, fe_time_now() + sim_random(3000), &tag);
        if (status != FE_OK)
            continue;
        SIM_CHECK(tag < PORTS && in[tag], "a port that is not in the selector was answered");
        uint64_t value;
        status = fe_pipe_try_receive(sources[tag].port, &value);
        if (status == FE_OK)
            SIM_CHECK(value == sources[tag].got++);
    }
    for (unsigned i = 0; i < PORTS; i++)
        if (!sources[i].closed)
            fe_port_close(sources[i].port);
    fe_selector_close(selector);
    for (unsigned i = 0; i < PORTS; i++)
        sim_join(tasks[i]);
}

/* A selector that waits for ever is woken by each value, and by closing, of many senders of one pipe too. */
struct crowd {
    fe_sender sender;
    uint32_t from;
};

static intptr_t sends_copies(void *argument) {
    struct crowd *crowd = argument;
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t value = (uint64_t)crowd->from << 32 | i;
        fe_pipe_send(crowd->sender, &value);
    }
    fe_sender_close(crowd->sender);
    return 0;
}

static void select_crowd(void) {
    struct source sources[2];
    struct crowd crowds[4];
    fe_task tasks[4];
    fe_selector selector;
    fe_selector_open(&selector);
    uint32_t next[4] = {0}, open = 2;
    static const size_t capacities[] = {1, 2, FE_UNBOUNDED, FE_RENDEZVOUS};
    for (unsigned i = 0; i < 2; i++) {
        sources[i] = (struct source){0};
        fe_pipe_open(&sources[i].sender, &sources[i].port, 8, capacities[sim_random(4)], FE_PIPE_SHARED);
        SIM_CHECK(fe_selector_add(selector, sources[i].port, i) == FE_OK);
    }
    for (uint32_t i = 0; i < 4; i++) {
        crowds[i] = (struct crowd){fe_sender_copy(sources[i % 2].sender), i};
        tasks[i] = sim_spawn(sends_copies, &crowds[i]);
    }
    fe_sender_close(sources[0].sender);
    fe_sender_close(sources[1].sender);
    while (open) {
        uintptr_t tag;
        SIM_CHECK(fe_select(selector, FE_FOREVER, &tag) == FE_OK);
        uint64_t value;
        fe_status status = fe_pipe_try_receive(sources[tag].port, &value);
        if (status == FE_OK) {
            uint32_t from = (uint32_t)(value >> 32);
            SIM_CHECK(from % 2 == tag && (uint32_t)value == next[from]++);
        } else if (status == FE_ECLOSED) {
            fe_port_close(sources[tag].port);
            open--;
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        SIM_CHECK(next[i] == 4);
        sim_join(tasks[i]);
    }
    fe_selector_close(selector);
}

const struct sim_program sim_selects[] = {
    {"select", selects, 0},
    {"select_deadlines", select_deadlines, 0},
    {"select_comes_and_goes", comes_and_goes, 0},
    {"select_crowd", select_crowd, 0},
    {NULL, NULL, 0},
};
