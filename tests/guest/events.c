/* Events: how interrupt handlers and other cores reach a core's event loop. Posts coalesce and are never lost. */
#include "guest.h"

#include <sched/scheduler.h>

struct counted {
    struct fe_event event;
    _Atomic uint64_t calls, posted, seen; /* seen: the value of `posted` at the latest call */
    _Atomic unsigned wrong;               /* calls in another context or on another core */
};

static void count(struct fe_event *event) {
    struct counted *counted = FE_CONTAINER_OF(event, struct counted, event);
    if (fe_context() != FE_CONTEXT_SCHEDULER || fe_core_index() != event->home)
        atomic_fetch_add(&counted->wrong, 1);
    atomic_store(&counted->seen, atomic_load(&counted->posted));
    atomic_fetch_add(&counted->calls, 1);
}

/* Handled after all that is in its core's inbox; static, since it may be looked at for a moment after that. */
static struct {
    struct fe_event event;
    _Atomic uint64_t calls;
} last;

static void count_last(struct fe_event *event) {
    (void)event;
    atomic_fetch_add(&last.calls, 1);
}

/* Until nothing in the inbox of `home` refers to an event of ours: a call may have seen the last post before that was pushed. */
static void let_go(unsigned home) {
    uint64_t before = atomic_load(&last.calls);
    fe_nanoseconds deadline = fe_time_now() + HANG;
    fe_event_init(&last.event, home, count_last);
    fe_event_post(&last.event);
    while (atomic_load(&last.calls) == before) {
        cr_assert_lt(fe_time_now(), deadline, "the last post was lost");
        fe_task_yield();
    }
}

static void settle(struct counted *counted) {
    fe_nanoseconds deadline = fe_time_now() + HANG;
    while (atomic_load(&counted->seen) != atomic_load(&counted->posted)) {
        cr_assert_lt(fe_time_now(), deadline, "a post was lost: %llu of %llu seen",
                     (unsigned long long)atomic_load(&counted->seen), (unsigned long long)atomic_load(&counted->posted));
        fe_task_yield();
    }
}

static void post_to(unsigned home) {
    struct counted counted = {.calls = 0};
    fe_event_init(&counted.event, home, count);
    uint64_t posts = guest_size(2000, 1000000);
    for (uint64_t i = 1; i <= posts; i++) {
        atomic_store(&counted.posted, i);
        fe_event_post(&counted.event);
        if (i % 100 == 0)
            settle(&counted);
    }
    settle(&counted);
    let_go(home);
    cr_expect_eq(atomic_load(&counted.wrong), 0u);
    cr_expect_geq(atomic_load(&counted.calls), posts / 100);
    cr_expect_leq(atomic_load(&counted.calls), posts);
}

Test(events, to_this_core) {
    post_to(0);
}

Test(events, to_another_core) {
    post_to((unsigned)guest_last_core());
}

struct posters {
    struct counted counted;
    uint64_t posts;
};

static intptr_t post_many(void *argument) {
    struct posters *posters = argument;
    for (uint64_t i = 0; i < posters->posts; i++) {
        atomic_fetch_add(&posters->counted.posted, 1);
        fe_event_post(&posters->counted.event);
        if (i % 64 == 0)
            fe_task_yield();
    }
    return 0;
}

Test(events, from_all_cores) {
    struct posters posters = {.posts = guest_size(5000, 1000000)};
    fe_event_init(&posters.counted.event, (unsigned)guest_last_core(), count);
    fe_task tasks[16];
    unsigned cores = fe_core_count() < 16 ? fe_core_count() : 16;
    for (unsigned i = 0; i < cores; i++)
        tasks[i] = guest_spawn(post_many, &posters, (int)i);
    for (unsigned i = 0; i < cores; i++)
        guest_join(tasks[i]);
    settle(&posters.counted);
    let_go(posters.counted.event.home);
    cr_expect_eq(atomic_load(&posters.counted.wrong), 0u);
}

/* An event can make a pipe's receiver ready: posting from scheduler context. */
struct sending {
    struct fe_event event;
    numbers_sender out;
    uint64_t next;
};

static void send_next(struct fe_event *event) {
    struct sending *sending = FE_CONTAINER_OF(event, struct sending, event);
    if (numbers_try_send(sending->out, sending->next) == FE_OK)
        sending->next++;
}

Test(events, feed_a_pipe) {
    struct sending sending = {.next = 0};
    numbers_port in;
    numbers_open(&sending.out, &in, 4, 0);
    fe_event_init(&sending.event, (unsigned)guest_last_core(), send_next);
    for (uint64_t i = 0; i < 500; i++) {
        fe_event_post(&sending.event);
        cr_assert_eq(numbers_receive(in), i);
    }
    let_go(sending.event.home); /* its handler goes on after its send */
    numbers_close_sender(sending.out);
    numbers_close_port(in);
}
