/* Time: the clock, sleeping, timers. */
#include "guest.h"

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
    for (uint64_t i = 0; i < racer->rounds; i++) {
        fe_task_sleep((i % 40) * 5 * FE_MICROSECOND);
        numbers_send(racer->out, i);
    }
    numbers_close_sender(racer->out);
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
