/* Schedulers: yielding, pinning, stealing, sleeping and waking, on as many cores as there are. */
#include "guest.h"

struct trace {
    char marks[64];
    size_t length; /* its tasks run on one core and never at once */
};

struct marker {
    struct trace *trace;
    char mark;
    int rounds;
};

static intptr_t mark_and_yield(void *argument) {
    struct marker *marker = argument;
    for (int i = 0; i < marker->rounds; i++) {
        marker->trace->marks[marker->trace->length++] = marker->mark;
        fe_task_yield();
    }
    return 0;
}

struct two_markers {
    struct trace trace;
    int core;
};

/* Runs on the core itself, so that both are queued before either begins. */
static intptr_t run_two_markers(void *argument) {
    struct two_markers *both = argument;
    struct marker one = {&both->trace, 'a', 8}, two = {&both->trace, 'b', 8};
    fe_task first = guest_spawn(mark_and_yield, &one, both->core);
    fe_task second = guest_spawn(mark_and_yield, &two, both->core);
    guest_join(first);
    guest_join(second);
    return 0;
}

Test(scheduler, yield_takes_turns) {
    struct two_markers both = {.core = guest_last_core()};
    guest_join(guest_spawn(run_two_markers, &both, both.core));
    cr_assert_eq(both.trace.length, 16);
    for (size_t i = 1; i < 16; i++)
        cr_assert_neq(both.trace.marks[i], both.trace.marks[i - 1], "at %zu", i);
}

static intptr_t stay(void *argument) {
    unsigned core = (unsigned)(uintptr_t)argument;
    for (int i = 0; i < 200; i++) {
        cr_assert_eq(fe_core_index(), core);
        if (i % 50 == 0)
            fe_task_sleep(10 * FE_MICROSECOND);
        else
            fe_task_yield();
    }
    return 0;
}

Test(scheduler, pinned_tasks_stay) {
    fe_task tasks[4 * 16];
    size_t count = 0;
    for (unsigned core = 0; core < fe_core_count() && core < 16; core++)
        for (int i = 0; i < 4; i++)
            tasks[count++] = guest_spawn(stay, (void *)(uintptr_t)core, (int)core);
    for (size_t i = 0; i < count; i++)
        guest_join(tasks[i]);
}

static intptr_t count_run(void *argument) {
    _Atomic unsigned *runs = argument;
    atomic_fetch_add(runs, 1);
    fe_task_yield();
    return 0;
}

Test(scheduler, every_task_runs_once) {
    size_t count = guest_size(5000, 50000);
    _Atomic unsigned *runs = fe_heap_alloc_zeroed(count, sizeof(*runs));
    fe_task *tasks = fe_heap_alloc(count * sizeof(*tasks));
    for (size_t i = 0; i < count; i++)
        tasks[i] = fe_task_spawn(count_run, &runs[i], NULL);
    for (size_t i = 0; i < count; i++)
        guest_join(tasks[i]);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(atomic_load(&runs[i]), 1u, "task %zu", i);
    fe_heap_free(tasks);
    fe_heap_free(runs);
}

static intptr_t raise_flag(void *argument) {
    atomic_store((_Atomic bool *)argument, true);
    return 0;
}

/* A task that never yields: what it spawned can only have run if another core stole it. */
Test(scheduler, idle_cores_steal) {
    if (fe_core_count() == 1)
        cr_skip_test("there is one core");
    for (int i = 0; i < 20; i++) {
        _Atomic bool flag = false, unused = false;
        fe_task task = fe_task_spawn(raise_flag, &flag, NULL);
        /* The newest task is in a slot that is not stolen; this one pushes it out. */
        fe_task other = fe_task_spawn(raise_flag, &unused, NULL);
        fe_nanoseconds deadline = fe_time_now() + HANG;
        while (!atomic_load(&flag))
            cr_assert_lt(fe_time_now(), deadline, "nobody stole a task in %d s", (int)(HANG / FE_SECOND));
        guest_join(task);
        guest_join(other);
    }
}

/* A task that is alone on its core and only yields must let in what other cores send there. */
struct spinner {
    int core; /* where it spins */
    _Atomic bool released;
};

static intptr_t release(void *argument) {
    struct spinner *spinner = argument;
    atomic_store(&spinner->released, true);
    return 0;
}

/* Runs on another core than the spinner. */
static intptr_t send_release(void *argument) {
    struct spinner *spinner = argument;
    return guest_join(guest_spawn(release, spinner, spinner->core));
}

Test(scheduler, yielding_lets_others_in) {
    if (fe_core_count() == 1)
        cr_skip_test("there is one core");
    for (int i = 0; i < 20; i++) {
        struct spinner spinner = {.core = (int)fe_core_index()};
        fe_task task = guest_spawn(send_release, &spinner, (spinner.core + 1) % (int)fe_core_count());
        fe_nanoseconds deadline = fe_time_now() + HANG;
        while (!atomic_load(&spinner.released)) {
            cr_assert_lt(fe_time_now(), deadline, "what another core sent never ran");
            fe_task_yield();
        }
        guest_join(task);
    }
}

static intptr_t raise_remote(void *argument) {
    atomic_store((_Atomic bool *)argument, true);
    return (intptr_t)fe_core_index();
}

Test(scheduler, pinned_spawn_elsewhere) {
    for (int round = 0; round < 200; round++)
        for (int core = 0; core < (int)fe_core_count(); core++) {
            _Atomic bool flag = false;
            fe_task task = guest_spawn(raise_remote, &flag, core);
            cr_assert_eq(guest_join(task), core);
        }
}

static intptr_t fork_tree(void *argument) {
    intptr_t depth = (intptr_t)argument;
    if (depth == 0)
        return 1;
    fe_task left = fe_task_spawn(fork_tree, (void *)(depth - 1), NULL);
    fe_task right = fe_task_spawn(fork_tree, (void *)(depth - 1), NULL);
    return guest_join(left) + guest_join(right);
}

Test(scheduler, tree_over_all_cores) {
    const intptr_t depth = GUEST_SLOWER > 1 ? 10 : 12;
    cr_assert_eq(fork_tree((void *)depth), (intptr_t)1 << depth);
}

Test(scheduler, figures_add_up) {
    uint64_t spawned = 0, ended = 0;
    for (unsigned core = 0; core < fe_core_count(); core++) {
        struct fe_core_statistics one;
        cr_assert_eq(fe_core_statistics(core, &one), FE_OK);
        spawned += one.spawned;
        ended += one.ended;
    }
    cr_assert_geq(spawned, 2u);
    cr_assert_lt(ended, spawned);
    struct fe_core_statistics none;
    cr_assert_eq(fe_core_statistics(fe_core_count(), &none), FE_EINVAL);
}

/* While all is idle a core is interrupted by its own timer at most: here by none, but for what still was under way. */
Test(scheduler, idle_cores_are_left_alone) {
    enum { ALLOWED = 8 };
    if (fe_core_count() == 1)
        cr_skip_test("there is one core");
    struct fe_core_statistics before, after;
    unsigned core = (fe_core_index() + 1) % fe_core_count();
    cr_assert_eq(fe_core_statistics(core, &before), FE_OK);
    fe_task_sleep(100 * FE_MILLISECOND);
    cr_assert_eq(fe_core_statistics(core, &after), FE_OK);
    cr_expect_leq(after.interrupts - before.interrupts, (uint64_t)ALLOWED);
    cr_expect_leq(after.wakeups_sent - before.wakeups_sent, (uint64_t)ALLOWED);
}

/* Tasks of all cores wake each other in a ring, so that every core goes to sleep and is woken over and over. */
struct link {
    numbers_port in;
    numbers_sender out;
    size_t rounds;
};

static intptr_t pass_on(void *argument) {
    struct link *link = argument;
    for (size_t i = 0; i < link->rounds; i++)
        numbers_send(link->out, numbers_receive(link->in) + 1);
    return 0;
}

Test(scheduler, no_wakeup_is_lost) {
    enum { LINKS = 8 };
    size_t rounds = guest_size(500, 100000);
    struct link links[LINKS];
    numbers_sender first;
    fe_task tasks[LINKS];
    numbers_open(&first, &links[0].in, 1, 0);
    for (int i = 0; i + 1 < LINKS; i++)
        numbers_open(&links[i].out, &links[i + 1].in, 1, 0);
    numbers_port last;
    numbers_open(&links[LINKS - 1].out, &last, 1, 0);
    for (int i = 0; i < LINKS; i++) {
        links[i].rounds = rounds;
        tasks[i] = guest_spawn(pass_on, &links[i], (i + 1) % (int)fe_core_count());
    }
    for (size_t i = 0; i < rounds; i++) {
        uint64_t value;
        numbers_send(first, i);
        cr_assert_eq(numbers_receive_until(last, &value, fe_time_now() + HANG), FE_OK, "lost in round %zu", i);
        cr_assert_eq(value, i + LINKS);
    }
    for (int i = 0; i < LINKS; i++) {
        guest_join(tasks[i]);
        numbers_close_sender(links[i].out);
        numbers_close_port(links[i].in);
    }
    numbers_close_sender(first);
    numbers_close_port(last);
}

/* Many tasks on a full queue: more than a ring holds, so that they spill and come back. */
static intptr_t wait_for_start(void *argument) {
    return (intptr_t)numbers_receive(*(numbers_port *)argument);
}

Test(scheduler, queue_overflows_and_recovers) {
    enum { COUNT = 2000 };
    fe_task *tasks = fe_heap_alloc(COUNT * sizeof(*tasks));
    numbers_sender *out = fe_heap_alloc(COUNT * sizeof(*out));
    numbers_port *in = fe_heap_alloc(COUNT * sizeof(*in));
    for (int i = 0; i < COUNT; i++) {
        numbers_open(&out[i], &in[i], 1, 0);
        tasks[i] = fe_task_spawn(wait_for_start, &in[i], NULL);
    }
    for (uint64_t i = 0; i < COUNT; i++) /* without a yield between them */
        numbers_send(out[i], i);
    for (intptr_t i = 0; i < COUNT; i++) {
        cr_assert_eq(guest_join(tasks[i]), i);
        numbers_close_sender(out[i]);
        numbers_close_port(in[i]);
    }
    fe_heap_free(in);
    fe_heap_free(out);
    fe_heap_free(tasks);
}
