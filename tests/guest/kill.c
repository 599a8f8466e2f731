/* Killing: whoever waits, runs, or has ended; sections; and the race of killers with wakers. */
#include "guest.h"

#include <string.h>

/* Blocked in each kind of wait ------------------------------------------------------------------------------------ */

static struct {
    numbers_sender out;
    numbers_port in;
    fe_selector selector;
    fe_task other;
} place;

static intptr_t block_receive(void *unused) {
    (void)unused;
    return (intptr_t)numbers_receive(place.in);
}

static intptr_t block_receive_until(void *unused) {
    (void)unused;
    uint64_t value;
    return numbers_receive_until(place.in, &value, fe_time_now() + 100 * FE_SECOND);
}

static intptr_t block_send(void *unused) {
    (void)unused;
    for (;;)
        numbers_send(place.out, 1);
    return 0;
}

static intptr_t block_select(void *unused) {
    (void)unused;
    uintptr_t tag;
    return fe_select(place.selector, FE_FOREVER, &tag);
}

static intptr_t block_join(void *unused) {
    (void)unused;
    return fe_task_join(place.other, NULL);
}

static intptr_t block_sleep(void *unused) {
    (void)unused;
    fe_task_sleep(1000 * FE_SECOND);
    return 0;
}

static struct fe_task_result kill_blocked(fe_task_function function, int core) {
    struct fe_task_result result;
    fe_task task = guest_spawn(function, NULL, core);
    guest_until_blocked(task);
    cr_assert_eq(fe_task_kill(task), FE_OK);
    cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK, "a killed task did not end");
    return result;
}

static void expect_killed(fe_task_function function) {
    for (int core = 0; core <= guest_last_core(); core++) {
        struct fe_task_result result = kill_blocked(function, core);
        cr_assert_eq(result.outcome, FE_KILLED, "%s", result.message);
        cr_expect_str_eq(result.message, "killed");
    }
}

/* Kills receivers, then senders, of a pipe; it must be whole after each. */
static void kill_at_pipe(size_t capacity, unsigned flags) {
    numbers_open(&place.out, &place.in, capacity, flags);
    for (int round = 0; round < 3; round++) {
        expect_killed(block_receive);
        expect_killed(block_receive_until);
        fe_task receiver = fe_task_spawn(block_receive, NULL, NULL);
        numbers_send(place.out, 42);
        cr_assert_eq(guest_join(receiver), 42);
        if (capacity == FE_UNBOUNDED)
            continue;
        expect_killed(block_send);
        uint64_t value;
        while (numbers_try_receive(place.in, &value) == FE_OK)
            cr_assert_eq(value, 1);
    }
    numbers_close_sender(place.out);
    numbers_close_port(place.in);
}

/* Nor does it take memory: a task that has but the page at the top of its stack is unwound, and ends, on that. */
static struct fe_task_information information_of(fe_task task) {
    struct fe_task_information list[64];
    size_t count = fe_task_list(list, FE_ARRAY_LENGTH(list));
    for (size_t i = 0; i < count && i < FE_ARRAY_LENGTH(list); i++)
        if (list[i].task.id == task.id)
            return list[i];
    cr_fatal("a task is not listed");
}

static intptr_t own_and_block(void *unused) {
    fe_owned(char) block = fe_heap_alloc(64);
    block[0] = 1;
    return block_receive(unused);
}

Test(kill, takes_no_memory) {
    numbers_open(&place.out, &place.in, 1, 0);
    fe_task task = fe_task_spawn(own_and_block, NULL, NULL);
    guest_until_blocked(task);
    size_t before = information_of(task).stack_committed;
    cr_assert_gt(before, 0u);
    cr_assert_eq(fe_task_kill(task), FE_OK);
    while (information_of(task).state != FE_TASK_ENDED)
        fe_task_yield();
    /* (On Linux the C library finds the tables, and sanitizers make frames larger.) */
    if (strcmp(FE_ARCH_NAME, "host") != 0 && strcmp(FE_ARCH_NAME, "sim") != 0)
        cr_expect_eq(information_of(task).stack_committed, before);
    struct fe_task_result result;
    fe_task_join(task, &result);
    cr_expect_eq(result.outcome, FE_KILLED);
    numbers_close_sender(place.out);
    numbers_close_port(place.in);
}

Test(kill, waiting_at_a_rendezvous) {
    kill_at_pipe(FE_RENDEZVOUS, 0);
}

Test(kill, waiting_at_a_one_slot_pipe) {
    kill_at_pipe(1, 0);
}

Test(kill, waiting_at_a_bounded_pipe) {
    kill_at_pipe(4, FE_PIPE_SHARED);
}

Test(kill, waiting_at_an_unbounded_pipe) {
    kill_at_pipe(FE_UNBOUNDED, FE_PIPE_SHARED);
}

/* Of several senders that wait, one in the middle is killed: the others are served in their order. */
static intptr_t send_one(void *value) {
    numbers_send(place.out, (uint64_t)(uintptr_t)value);
    return 0;
}

Test(kill, one_of_several_senders) {
    for (size_t capacity = FE_RENDEZVOUS; capacity <= 1; capacity++) {
        numbers_open(&place.out, &place.in, capacity, FE_PIPE_SHARED);
        if (capacity)
            numbers_send(place.out, 0);
        fe_task senders[4];
        for (uintptr_t i = 0; i < 4; i++) {
            senders[i] = fe_task_spawn(send_one, (void *)(i + 1), NULL);
            guest_until_blocked(senders[i]);
        }
        cr_assert_eq(fe_task_kill(senders[1]), FE_OK);
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(senders[1], &result, fe_time_now() + HANG), FE_OK);
        cr_assert_eq(result.outcome, FE_KILLED);
        if (capacity)
            cr_assert_eq(numbers_receive(place.in), 0);
        cr_expect_eq(numbers_receive(place.in), 1);
        cr_expect_eq(numbers_receive(place.in), 3);
        cr_expect_eq(numbers_receive(place.in), 4);
        guest_join(senders[0]);
        guest_join(senders[2]);
        guest_join(senders[3]);
        numbers_close_sender(place.out);
        numbers_close_port(place.in);
    }
}

static intptr_t select_for_ever(void *unused) {
    (void)unused;
    fe_selector_open(&place.selector);
    cr_assert_eq(fe_selector_add(place.selector, place.in.end, 1), FE_OK);
    return block_select(NULL);
}

Test(kill, selecting) {
    numbers_open(&place.out, &place.in, 4, 0);
    cr_expect_eq(kill_blocked(select_for_ever, FE_ANY_CORE).outcome, FE_KILLED);
    numbers_send(place.out, 1); /* the selector is there still, and its task is not */
    numbers_close_port(place.in);
    fe_selector_close(place.selector);
    numbers_close_sender(place.out);
}

Test(kill, sleeping) {
    expect_killed(block_sleep);
}

Test(kill, joining) {
    numbers_open(&place.out, &place.in, 1, 0);
    place.other = fe_task_spawn(block_receive, NULL, NULL);
    expect_killed(block_join); /* and it can be joined again */
    numbers_send(place.out, 7);
    cr_assert_eq(guest_join(place.other), 7);
    numbers_close_sender(place.out);
    numbers_close_port(place.in);
}

/* Running, ready, dead -------------------------------------------------------------------------------------------- */

static atomic_uint turns;

static intptr_t yield_for_ever(void *unused) {
    (void)unused;
    for (;;) {
        atomic_fetch_add(&turns, 1);
        fe_task_yield();
    }
    return 0;
}

Test(kill, running) {
    for (int core = 0; core <= guest_last_core(); core++) {
        atomic_store(&turns, 0);
        fe_task task = guest_spawn(yield_for_ever, NULL, core);
        while (atomic_load(&turns) < 10)
            fe_task_yield();
        cr_assert_eq(fe_task_kill(task), FE_OK);
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK, "a killed task runs on");
        cr_expect_eq(result.outcome, FE_KILLED);
    }
}

/* On one core: who is killed while it is ready takes one more turn at most. */
static intptr_t kill_ready(void *unused) {
    (void)unused;
    struct fe_task_options here = FE_TASK_OPTIONS_DEFAULT;
    here.core = (int)fe_core_index();
    atomic_store(&turns, 0);
    fe_task task = fe_task_spawn(yield_for_ever, NULL, &here);
    while (atomic_load(&turns) < 3)
        fe_task_yield();
    unsigned before = atomic_load(&turns);
    cr_assert_eq(fe_task_kill(task), FE_OK);
    cr_expect_eq(fe_task_join(task, NULL), FE_OK);
    cr_expect_leq(atomic_load(&turns), before + 1);
    return 0;
}

Test(kill, ready) {
    guest_join(guest_spawn(kill_ready, NULL, 0));
}

static intptr_t return_at_once(void *unused) {
    (void)unused;
    return 3;
}

static intptr_t kill_oneself(void *unused) {
    (void)unused;
    return fe_task_kill(fe_task_self());
}

Test(kill, the_dead_and_oneself) {
    cr_expect_eq(fe_task_kill((fe_task){NULL, 0}), FE_ENOENT);
    fe_task task = fe_task_spawn(return_at_once, NULL, NULL);
    while (fe_task_kill(task) == FE_OK) /* it may run a while yet */
        fe_task_yield();
    struct fe_task_result result;
    cr_expect_eq(fe_task_kill(task), FE_ENOENT, "it has ended");
    cr_assert_eq(fe_task_join(task, &result), FE_OK);
    cr_expect(result.outcome == FE_RETURNED || result.outcome == FE_KILLED);
    cr_expect_eq(fe_task_kill(task), FE_ENOENT, "it is gone");
    cr_expect_eq(guest_join(fe_task_spawn(kill_oneself, NULL, NULL)), FE_EINVAL);
}

/* Sections -------------------------------------------------------------------------------------------------------- */

static atomic_uint reached;

static intptr_t unkillable(void *unused) {
    (void)unused;
    fe_unkillable_begin();
    fe_unkillable_begin();
    numbers_receive(place.in);
    atomic_store(&reached, 1);
    fe_unkillable_end();
    atomic_store(&reached, 2);
    numbers_receive(place.in); /* a second wait, of one that knows of the kill */
    atomic_store(&reached, 3);
    fe_unkillable_end();
    atomic_store(&reached, 4);
    return 0;
}

Test(kill, inside_an_unkillable_section) {
    numbers_open(&place.out, &place.in, 1, 0);
    atomic_store(&reached, 0);
    fe_task task = fe_task_spawn(unkillable, NULL, NULL);
    guest_until_blocked(task);
    cr_assert_eq(fe_task_kill(task), FE_OK);
    guest_until_blocked(task); /* awake once for nothing, and waiting again */
    cr_expect_eq(atomic_load(&reached), 0);
    numbers_send(place.out, 1);
    numbers_send(place.out, 2);
    struct fe_task_result result;
    cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK);
    cr_expect_eq(result.outcome, FE_KILLED);
    cr_expect_eq(atomic_load(&reached), 3, "it dies where the outermost section ends");
    numbers_close_sender(place.out);
    numbers_close_port(place.in);
}

static intptr_t rekillable(void *unused) {
    (void)unused;
    fe_unkillable_begin();
    fe_rekillable_begin();
    numbers_receive(place.in);
    fe_rekillable_end();
    fe_unkillable_end();
    return 0;
}

static intptr_t section_then_wait(void *unused) {
    (void)unused;
    fe_unkillable_begin();
    fe_unkillable_end();
    numbers_receive(place.in);
    return 0;
}

Test(kill, after_sections_and_in_rekillable_ones) {
    numbers_open(&place.out, &place.in, 1, 0);
    cr_expect_eq(kill_blocked(rekillable, FE_ANY_CORE).outcome, FE_KILLED);
    cr_expect_eq(kill_blocked(section_then_wait, FE_ANY_CORE).outcome, FE_KILLED);
    numbers_close_sender(place.out);
    numbers_close_port(place.in);
}

static intptr_t atomically(void *wait) {
    fe_atomically_begin();
    fe_atomically_begin();
    numbers_send(place.out, 1); /* need not wait */
    cr_assert_eq(numbers_receive(place.in), 1);
    fe_atomically_end();
    if (wait)
        ((void (*)(void))(uintptr_t)wait)();
    fe_atomically_end();
    fe_task_yield();
    return 5;
}

static void yield_inside(void) {
    fe_task_yield();
}

static void sleep_inside(void) {
    fe_task_sleep(FE_MILLISECOND);
}

static void receive_inside(void) {
    numbers_receive(place.in);
}

static void join_inside(void) {
    fe_task_join(place.other, NULL);
}

Test(kill, atomic_sections) {
    numbers_open(&place.out, &place.in, 1, 0);
    cr_expect_eq(guest_join(fe_task_spawn(atomically, NULL, NULL)), 5);
    place.other = fe_task_spawn(block_sleep, NULL, NULL);
    void (*const waits[])(void) = {yield_inside, sleep_inside, receive_inside, join_inside};
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(waits); i++) {
        struct fe_task_result result = guest_result(atomically, (void *)(uintptr_t)waits[i]);
        cr_expect_eq(result.outcome, FE_FAILED, "wait %u", i);
        cr_expect(strstr(result.message, "inside an atomic section"), "%s", result.message);
    }
    cr_assert_eq(fe_task_kill(place.other), FE_OK);
    fe_task_join(place.other, NULL);
    numbers_close_sender(place.out);
    numbers_close_port(place.in);
}

static intptr_t unbalanced(void *which) {
    switch ((uintptr_t)which) {
    case 0:
        fe_unkillable_end();
        break;
    case 1:
        fe_atomically_end();
        break;
    case 2:
        fe_rekillable_begin();
        break;
    case 3:
        fe_unkillable_begin();
        fe_rekillable_end();
        break;
    case 4:
        fe_unkillable_begin();
        break;
    default:
        fe_atomically_begin();
        break;
    }
    return 0;
}

Test(kill, unbalanced_sections) {
    for (uintptr_t i = 0; i < 6; i++) {
        struct fe_task_result result = guest_result(unbalanced, (void *)i);
        cr_expect_eq(result.outcome, FE_FAILED, "case %u", (unsigned)i);
        cr_expect(strstr(result.message, i < 4 ? "section is open" : "_end is missing"), "%s", result.message);
    }
    fe_task_yield(); /* and this core is not in an atomic section */
}

/* The natural way to write a section: its end is a cleanup. A task that fails has left its sections, and its cleanups go on. */
static unsigned cleanups;

static void end_all(void *unused) {
    (void)unused;
    fe_rekillable_end();
    fe_unkillable_end();
    fe_atomically_end();
    fe_preempt_enable();
    cleanups++;
}

static void use_section_in_cleanup(void *unused) {
    (void)unused;
    fe_unkillable_begin();
    fe_task_yield();
    fe_unkillable_end();
    cleanups++;
}

static intptr_t fail_in_sections(void *exits) {
    fe_defer(use_section_in_cleanup, NULL);
    fe_unkillable_begin();
    fe_unkillable_begin();
    fe_rekillable_begin();
    fe_preempt_disable();
    fe_atomically_begin();
    fe_defer(end_all, NULL);
    if (exits)
        fe_task_exit(3);
    fe_fail("on purpose");
}

Test(kill, failing_leaves_sections) {
    for (uintptr_t exits = 0; exits < 2; exits++) {
        cleanups = 0;
        struct fe_task_result result = guest_result(fail_in_sections, (void *)exits);
        cr_expect_eq(result.outcome, exits ? FE_RETURNED : FE_FAILED, "%s", result.message);
        cr_expect_eq(cleanups, 2u);
    }
}

/* Races ----------------------------------------------------------------------------------------------------------- */

static intptr_t echo(void *unused) {
    (void)unused;
    for (;;)
        numbers_receive(place.in);
    return 0;
}

static intptr_t wake(void *unused) {
    (void)unused;
    (void)numbers_try_send(place.out, 1);
    return 0;
}

/* A waker and a killer go for one task at once, from two cores: it dies, once, and the pipe goes on. */
Test(kill, races_with_wakers, .timeout = 3000) {
    size_t rounds = guest_size(3000, 1000000);
    numbers_open(&place.out, &place.in, 4, FE_PIPE_SHARED);
    for (size_t i = 0; i < rounds; i++) {
        fe_task task = guest_spawn(echo, NULL, (int)(i % fe_core_count()));
        fe_task waker = guest_spawn(wake, NULL, (int)((i / 3) % fe_core_count()));
        if (i & 1)
            fe_task_yield();
        cr_assert_eq(fe_task_kill(task), FE_OK);
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK, "round %zu: a kill was lost", i);
        cr_assert_eq(result.outcome, FE_KILLED, "%s", result.message);
        guest_join(waker);
        uint64_t value;
        while (numbers_try_receive(place.in, &value) == FE_OK) {
        }
    }
    numbers_close_sender(place.out);
    numbers_close_port(place.in);
}

static intptr_t count_and_sleep(void *unused) {
    atomic_fetch_add(&turns, 1);
    return block_sleep(unused);
}

/* All of many that wait are killed at once. */
Test(kill, many_at_once, .timeout = 600) {
#ifdef __SANITIZE_THREAD__ /* which has room for 8,128 tasks */
    size_t count = guest_size(3000, 40000);
#else
    size_t count = guest_size(3000, 100000);
#endif
    fe_task *tasks = fe_heap_alloc(count * sizeof *tasks);
    atomic_store(&turns, 0);
    for (size_t i = 0; i < count; i++)
        tasks[i] = fe_task_spawn(count_and_sleep, NULL, NULL);
    while (atomic_load(&turns) < count)
        fe_task_yield();
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(fe_task_kill(tasks[i]), FE_OK);
    for (size_t i = 0; i < count; i++) {
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(tasks[i], &result, fe_time_now() + HANG), FE_OK);
        cr_assert_eq(result.outcome, FE_KILLED);
    }
    fe_heap_free(tasks);
}
