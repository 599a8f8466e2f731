/* More rounds of what races across cores: select, events, and that a machine at rest is left alone. As stress.c. */
#include "guest.h"

#include <ferrite/stats.h>
#include <sched/scheduler.h>

#define LIMIT 600

enum { PORTS = 8, SENDERS = 4 };

/* Select ------------------------------------------------------------------------------------------------------------ */

struct feeder {
    numbers_sender out[PORTS / SENDERS];
    uint64_t count; /* for each port */
};

static intptr_t feed(void *argument) {
    struct feeder *feeder = argument;
    for (uint64_t i = 0; i < feeder->count; i++)
        for (unsigned port = 0; port < PORTS / SENDERS; port++)
            numbers_send(feeder->out[port], i);
    for (unsigned port = 0; port < PORTS / SENDERS; port++)
        numbers_close_sender(feeder->out[port]);
    return 0;
}

ParameterizedTestParameters(stress, select_from_all_cores) {
    static const size_t capacities[] = {FE_RENDEZVOUS, 1, 4, FE_UNBOUNDED};
    return cr_make_param_array(const size_t, capacities, FE_ARRAY_LENGTH(capacities));
}

ParameterizedTest(const size_t *capacity, stress, select_from_all_cores, .timeout = LIMIT) {
    struct feeder feeders[SENDERS];
    fe_task tasks[SENDERS];
    numbers_port in[PORTS];
    uint64_t next[PORTS] = {0}, total = 0, count = guest_size(100000, 1000000) / 4 / PORTS;
    fe_selector selector;
    fe_selector_open(&selector);
    for (unsigned i = 0; i < PORTS; i++) {
        numbers_open(&feeders[i % SENDERS].out[i / SENDERS], &in[i], *capacity, 0);
        cr_assert_eq(fe_selector_add(selector, in[i].end, i), FE_OK);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        feeders[i].count = count;
        tasks[i] = guest_spawn(feed, &feeders[i], (int)(i % fe_core_count()));
    }
    for (unsigned open = PORTS; open > 0;) {
        uintptr_t port = PORTS;
        uint64_t value;
        cr_assert_eq(fe_select(selector, fe_time_now() + HANG, &port), FE_OK, "nothing came after %llu values",
                     (unsigned long long)total);
        cr_assert_lt(port, PORTS);
        fe_status status = numbers_try_receive(in[port], &value);
        if (status == FE_ECLOSED) {
            numbers_close_port(in[port]);
            open--;
        } else if (status == FE_OK) {
            cr_assert_eq(value, next[port]);
            next[port]++;
            total++;
        }
    }
    cr_assert_eq(total, count * PORTS);
    fe_selector_close(selector);
    for (unsigned i = 0; i < SENDERS; i++)
        guest_join(tasks[i]);
}

/* Events ------------------------------------------------------------------------------------------------------------ */

struct bell {
    struct fe_event event;
    _Atomic uint64_t rung, heard; /* heard: the value of `rung` at the latest call */
    _Atomic uint64_t calls;
};

static struct bell bells[FE_CORES_MAX];

static void hear(struct fe_event *event) {
    struct bell *bell = FE_CONTAINER_OF(event, struct bell, event);
    atomic_store(&bell->heard, atomic_load(&bell->rung));
    atomic_fetch_add(&bell->calls, 1);
}

static intptr_t ring_all(void *argument) {
    uint64_t count = (uintptr_t)argument;
    for (uint64_t i = 0; i < count; i++) {
        struct bell *bell = &bells[i % fe_core_count()];
        atomic_fetch_add(&bell->rung, 1);
        fe_event_post(&bell->event);
        if (i % 16 == 0)
            fe_task_yield();
    }
    return 0;
}

Test(stress, events_from_all_cores_to_all, .timeout = LIMIT) {
    fe_task tasks[FE_CORES_MAX];
    uint64_t count = guest_size(100000, 1000000) / fe_core_count();
    for (unsigned i = 0; i < fe_core_count(); i++) {
        bells[i] = (struct bell){.calls = 0};
        fe_event_init(&bells[i].event, i, hear);
    }
    for (unsigned i = 0; i < fe_core_count(); i++)
        tasks[i] = guest_spawn(ring_all, (void *)(uintptr_t)count, (int)i);
    for (unsigned i = 0; i < fe_core_count(); i++)
        guest_join(tasks[i]);
    fe_nanoseconds deadline = fe_time_now() + HANG;
    for (unsigned i = 0; i < fe_core_count(); i++) {
        while (atomic_load(&bells[i].heard) != atomic_load(&bells[i].rung)) {
            cr_assert_lt(fe_time_now(), deadline, "core %u did not hear the last post", i);
            fe_task_yield();
        }
        cr_assert_leq(atomic_load(&bells[i].calls), count * fe_core_count());
    }
}

/* Rest -------------------------------------------------------------------------------------------------------------- */

/*
 * What disturbs a machine: interrupts of timers and devices where they are taken, wake-ups where they are sent. (One that
 * was sent before may be taken late, where the host lets the core wait for its turn.)
 */
struct disturbance {
    uint64_t here;      /* interrupts on the sleeper's core, of all kinds */
    uint64_t elsewhere; /* interrupts on others but wake-ups */
    uint64_t sent;      /* wake-ups, by all */
};

static struct disturbance disturbance(unsigned here) {
    struct disturbance sum = {0};
    for (unsigned i = 0; i < fe_core_count(); i++) {
        struct fe_core_statistics statistics;
        cr_assert_eq(fe_core_statistics(i, &statistics), FE_OK);
        sum.sent += statistics.wakeups_sent;
        if (i == here)
            sum.here = statistics.interrupts;
        else
            sum.elsewhere += statistics.interrupts - statistics.ipis;
    }
    return sum;
}

/* One sleeper: the only interrupts that are due are those of its timer, on its core, and of cores that watch others. */
static intptr_t rest(void *argument) {
    (void)argument;
    for (int i = 0; i < 5; i++) {
        unsigned core = fe_core_index();
        fe_nanoseconds length = guest_size(50, 1000) * FE_MILLISECOND;
        uint64_t looks = guest_watch_looks(length); /* at the sleeper's core, and a last time at where we came from */
        struct disturbance before = disturbance(core);
        fe_task_sleep(length);
        struct disturbance after = disturbance(core);
        cr_assert_leq(after.here - before.here, (1 + looks) * GUEST_TIMER_SETTINGS,
                      "the sleeper's core took %llu interrupts", (unsigned long long)(after.here - before.here));
        cr_assert_leq(after.elsewhere - before.elsewhere, looks * GUEST_TIMER_SETTINGS,
                      "cores at rest took %llu interrupts of timers or devices",
                      (unsigned long long)(after.elsewhere - before.elsewhere));
        cr_assert_eq(after.sent, before.sent, "%llu wake-ups were sent", (unsigned long long)(after.sent - before.sent));
    }
    return 0;
}

Test(stress, a_machine_at_rest_takes_no_interrupts) {
    fe_task_sleep(20 * FE_MILLISECOND); /* whatever ran before comes to rest */
    guest_join(guest_spawn(rest, NULL, guest_last_core()));
}
