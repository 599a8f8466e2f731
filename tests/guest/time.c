/* Time: the clock, sleeping, timers. */
#include "guest.h"

#include <ferrite/stats.h>

static intptr_t watch_clock(void *argument) {
    _Atomic uint64_t *latest = argument;
    for (int i = 0; i < 2000; i++) {
        uint64_t seen = atomic_load(latest);
        fe_nanoseconds now = fe_time_now();
        cr_assert_geq(now, seen, "the clock went back by %llu ns", (unsigned long long)(seen - now));
        while (seen < now && !atomic_compare_exchange_weak(latest, &seen, now))
            ;
        if (i % 16 == 0)
            fe_task_yield();
    }
    return 0;
}

Test(time, never_goes_back) {
    _Atomic uint64_t latest = 0;
    fe_task tasks[16];
    unsigned count = fe_core_count() < 16 ? fe_core_count() : 16;
    for (unsigned i = 0; i < count; i++)
        tasks[i] = guest_spawn(watch_clock, &latest, (int)i);
    for (unsigned i = 0; i < count; i++)
        guest_join(tasks[i]);
}

Test(time, sleeps_long_enough) {
    static const fe_nanoseconds lengths[] = {0, 1, 1000, 10000, 100000, 1000000, 5000000, 20000000};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(lengths); i++) {
        fe_nanoseconds begun = fe_time_now();
        fe_task_sleep(lengths[i]);
        cr_assert_geq(fe_time_now() - begun, lengths[i]);
    }
}

Test(time, sleep_until_the_past) {
    fe_task_sleep_until(0);
    fe_task_sleep_until(fe_time_now());
}

static intptr_t sleep_a_little(void *argument) {
    fe_nanoseconds length = (fe_nanoseconds)(uintptr_t)argument, begun = fe_time_now();
    fe_task_sleep(length);
    cr_assert_geq(fe_time_now() - begun, length);
    return 0;
}

Test(time, many_sleepers) {
    size_t count = guest_size(1000, 100000);
    fe_task *tasks = fe_heap_alloc(count * sizeof(*tasks));
    uint64_t random = 42;
    for (size_t i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tasks[i] = fe_task_spawn(sleep_a_little, (void *)(uintptr_t)(random % (50 * FE_MILLISECOND)), NULL);
    }
    for (size_t i = 0; i < count; i++)
        guest_join(tasks[i]);
    fe_heap_free(tasks);
}

static intptr_t answer_each(void *argument) {
    numbers_port *in = argument;
    uint64_t value, count = 0;
    while (numbers_receive_until(*in, &value, fe_time_now() + HANG) == FE_OK)
        count++;
    return (intptr_t)count;
}

/* Each receive arms a timer that the value cancels. */
Test(time, timers_are_cancelled) {
    enum { COUNT = 5000 };
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 1, 0);
    fe_task task = fe_task_spawn(answer_each, &in, NULL);
    for (uint64_t i = 0; i < COUNT; i++)
        numbers_send(out, i);
    numbers_close_sender(out);
    cr_assert_eq(guest_join(task), COUNT);
    numbers_close_port(in);
}

/* A value and a deadline race: whichever wins, the value is neither lost nor had twice. */
struct racer {
    numbers_sender out;
    size_t rounds;
};

static intptr_t send_now_and_then(void *argument) {
    struct racer *racer = argument;
    fe_owned_sender out = racer->out.end; /* closed however this ends */
    for (uint64_t i = 0; i < racer->rounds; i++) {
        fe_task_sleep((i % 40) * 5 * FE_MICROSECOND);
        numbers_send(racer->out, i);
    }
    return 0;
}

Test(time, value_and_deadline_race) {
    size_t rounds = guest_size(1000, 50000);
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 1, 0);
    struct racer racer = {out, rounds};
    fe_task task = guest_spawn(send_now_and_then, &racer, guest_last_core());
    uint64_t value, next = 0;
    for (;;) {
        fe_status status = numbers_receive_until(in, &value, fe_time_now() + 100 * FE_MICROSECOND);
        if (status == FE_ECLOSED)
            break;
        if (status == FE_OK) {
            cr_assert_eq(value, next);
            next++;
        } else {
            cr_assert_eq(status, FE_ETIMEDOUT);
        }
    }
    cr_assert_eq(next, rounds);
    guest_join(task);
    numbers_close_port(in);
}

/* Deadlines that were cancelled, and one that is far off, on cores with nothing else to do. */
struct idler {
    numbers_sender out;
    numbers_port in;
    fe_nanoseconds deadline;
};

static intptr_t receive_in_time(void *argument) {
    struct idler *idler = argument;
    uint64_t value;
    cr_assert_eq(numbers_receive_until(idler->in, &value, idler->deadline), FE_OK);
    return (intptr_t)value;
}

/* But wake-ups by other cores. */
static uint64_t interrupts_of(unsigned core) {
    struct fe_core_statistics statistics;
    cr_assert_eq(fe_core_statistics(core, &statistics), FE_OK);
    return statistics.interrupts - statistics.ipis;
}

/* On core 0: all others rest. */
static intptr_t watch_idlers(void *argument) {
    (void)argument;
    enum { IDLERS = 2 }; /* one is cancelled, the other far off */
    struct idler idlers[FE_CORES_MAX][IDLERS];
    fe_task tasks[FE_CORES_MAX][IDLERS];
    uint64_t interrupts[FE_CORES_MAX] = {0};
    fe_nanoseconds rest = guest_size(2000, 6000) * FE_MILLISECOND, cancelled = fe_time_now() + rest / 2;
    for (unsigned core = 1; core < fe_core_count(); core++) {
        for (unsigned i = 0; i < IDLERS; i++) {
            struct idler *idler = &idlers[core][i];
            numbers_open(&idler->out, &idler->in, 1, 0);
            idler->deadline = i == 0 ? cancelled : fe_time_now() + 600 * FE_SECOND;
            tasks[core][i] = guest_spawn(receive_in_time, idler, (int)core);
            guest_until_blocked(tasks[core][i]);
        }
        numbers_send(idlers[core][0].out, 7);
        cr_assert_eq(guest_join(tasks[core][0]), 7);
    }
    cr_assert_lt(fe_time_now(), cancelled, "it took too long to set up: the deadlines have passed");
    fe_task_sleep_until(cancelled - rest / 8); /* what woke the cores has been seen to */
    for (unsigned core = 1; core < fe_core_count(); core++)
        interrupts[core] = interrupts_of(core);
    fe_task_sleep(rest / 4); /* past it */
    for (unsigned core = 1; core < fe_core_count(); core++) {
        uint64_t taken = interrupts_of(core) - interrupts[core];
        /* The last core watches this one, which ran just now (sched/watch.c): that is a call, and looks. */
        uint64_t looks = core == fe_core_count() - 1 ? guest_watch_looks(rest / 4) : 0;
        cr_expect_leq(taken, looks * GUEST_TIMER_SETTINGS, "core %u at rest took %llu interrupts", core,
                      (unsigned long long)taken);
        numbers_send(idlers[core][1].out, 8);
        cr_expect_eq(guest_join(tasks[core][1]), 8);
        for (unsigned i = 0; i < IDLERS; i++) {
            numbers_close_sender(idlers[core][i].out);
            numbers_close_port(idlers[core][i].in);
        }
    }
    return 0;
}

Test(time, a_cancelled_deadline_wakes_nobody, .timeout = 60) {
    if (fe_core_count() == 1)
        cr_skip_test("there is one core");
    guest_join(guest_spawn(watch_idlers, NULL, 0));
}
