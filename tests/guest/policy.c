/* Policies of failure: result pipes, try, links, supervisors. */
#include "guest.h"

#include <string.h>

static struct fe_task_exit next(fe_exits_port in) {
    struct fe_task_exit exit;
    cr_assert_eq(fe_exits_receive_until(in, &exit, fe_time_now() + HANG), FE_OK, "no end was told");
    return exit;
}

static intptr_t return_it(void *argument) {
    return (intptr_t)argument;
}

static intptr_t fail_it(void *unused) {
    (void)unused;
    fe_fail("as told");
}

static intptr_t fault_it(void *unused) {
    *(volatile int *)unused = 1;
    return 0;
}

static intptr_t sleep_it(void *unused) {
    (void)unused;
    fe_task_sleep(1000 * FE_SECOND);
    return 0;
}

/* Results --------------------------------------------------------------------------------------------------------- */

Test(policy, every_way_to_end_is_told_once) {
    fe_exits_sender out;
    fe_exits_port in;
    fe_exits_open(&out, &in, 2, FE_PIPE_SHARED);
    const struct {
        fe_task_function function;
        enum fe_outcome outcome;
    } ways[] = {{return_it, FE_RETURNED}, {fail_it, FE_FAILED}, {fault_it, FE_FAULTED}, {sleep_it, FE_KILLED}};
    for (uintptr_t i = 0; i < FE_ARRAY_LENGTH(ways); i++) {
        struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
        options.notify = &out.end;
        options.tag = i + 10;
        options.quiet = options.detached = true;
        fe_task task = fe_task_spawn(ways[i].function, NULL, &options);
        if (ways[i].outcome == FE_KILLED)
            fe_task_kill(task);
        struct fe_task_exit exit = next(in);
        cr_expect_eq(exit.task.id, task.id);
        cr_expect_eq(exit.tag, i + 10);
        cr_expect_eq(exit.result.outcome, ways[i].outcome, "%s", exit.result.message);
    }
    fe_exits_close_sender(out);
    struct fe_task_exit exit;
    cr_expect_eq(fe_exits_receive_until(in, &exit, fe_time_now() + HANG), FE_ECLOSED, "nothing more is told");
    fe_exits_close_port(in);
}

Test(policy, a_wrong_pipe_is_refused) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 1, FE_PIPE_SHARED);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.notify = &out.end;
    fe_task task;
    cr_expect_eq(fe_task_try_spawn(return_it, NULL, &options, &task), FE_EINVAL);
    numbers_close_sender(out);
    numbers_close_port(in);
}

/* Try ------------------------------------------------------------------------------------------------------------- */

Test(policy, try_survives) {
    struct fe_task_result result;
    cr_expect_eq(fe_try(return_it, (void *)5, NULL, &result), FE_RETURNED);
    cr_expect_eq(result.value, 5);
    cr_expect_eq(fe_try(fail_it, NULL, NULL, &result), FE_FAILED);
    cr_expect(strstr(result.message, "as told"), "%s", result.message);
    cr_expect_eq(fe_try(fault_it, NULL, NULL, NULL), FE_FAULTED);
}

static atomic_uint cleaned;

static void note_end(void *unused) {
    (void)unused;
    atomic_fetch_add(&cleaned, 1);
}

static intptr_t sleep_and_note(void *unused) {
    fe_defer(note_end, NULL);
    return sleep_it(unused);
}

static intptr_t try_to_sleep(void *unused) {
    return fe_try(sleep_and_note, unused, NULL, NULL);
}

Test(policy, try_dies_with_its_caller) {
    atomic_store(&cleaned, 0);
    fe_task task = fe_task_spawn(try_to_sleep, NULL, NULL);
    guest_until_blocked(task);
    fe_task_yield();
    fe_task_kill(task);
    struct fe_task_result result;
    cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK);
    cr_expect_eq(result.outcome, FE_KILLED);
    cr_expect_leq(atomic_load(&cleaned), 1u); /* 0 if it was killed before it ran */
}

/* Links: {linked, unlinked} x {supervised, not} x {parent fails, child fails} --------------------------------------- */

enum place { PARENT, CHILD, SIBLING, GRANDCHILD, PLACES };

struct family {
    enum fe_link link; /* of the child and of the sibling to the parent; the grandchild is linked to the child */
    enum place fails;
    fe_exits_sender exits;
    numbers_sender ready;
    numbers_port start[PLACES]; /* a value: fail; closed: return */
};

struct member {
    struct family *family;
    enum place place;
};

static intptr_t live(const struct member *me) {
    struct family *family = me->family;
    uint64_t value;
    numbers_send(family->ready, me->place);
    if (numbers_receive_until(family->start[me->place], &value, FE_FOREVER) == FE_OK)
        fe_fail("member %u fails", me->place);
    return 0;
}

static struct fe_task_options quiet(void) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.quiet = true;
    return options;
}

static intptr_t simple_member(void *argument) {
    return live(argument);
}

static intptr_t child_member(void *argument) {
    struct member *me = argument, grandchild = {me->family, GRANDCHILD};
    struct fe_task_options options = quiet();
    FE_OWNED_LINKS group = {{NULL}};
    fe_links_open(&group, true);
    fe_links_spawn(group, FE_LINKED, simple_member, &grandchild, &options, me->family->exits, GRANDCHILD);
    intptr_t value = live(me);
    fe_task_yield();
    return value;
}

static intptr_t parent_member(void *argument) {
    struct family *family = argument;
    struct member me = {family, PARENT};
    static struct member child, sibling; /* they may outlive this */
    child = (struct member){family, CHILD};
    sibling = (struct member){family, SIBLING};
    struct fe_task_options options = quiet();
    FE_OWNED_LINKS group = {{NULL}};
    fe_links_open(&group, family->link == FE_LINKED);
    fe_links_spawn(group, family->link, child_member, &child, &options, family->exits, CHILD);
    fe_links_spawn(group, family->link, simple_member, &sibling, &options, family->exits, SIBLING);
    return live(&me);
}

/* Who must die of it. */
static bool must_die(enum fe_link link, enum place fails, enum place who) {
    if (who == fails)
        return true;
    switch (fails) {
    case PARENT:
        return link != FE_UNLINKED;
    case CHILD:
        return who == GRANDCHILD || link == FE_LINKED;
    case GRANDCHILD:
        return who == CHILD || link == FE_LINKED;
    default:
        return link == FE_LINKED;
    }
}

static void try_family(enum fe_link link, enum place fails) {
    static struct family family;
    fe_exits_port ends;
    numbers_port ready;
    numbers_sender start[PLACES];
    family = (struct family){.link = link, .fails = fails};
    fe_exits_open(&family.exits, &ends, 16, FE_PIPE_SHARED);
    numbers_open(&family.ready, &ready, 16, FE_PIPE_SHARED);
    for (unsigned i = 0; i < PLACES; i++)
        numbers_open(&start[i], &family.start[i], 1, 0);
    struct fe_task_options options = quiet();
    options.detached = true;
    options.notify = &family.exits.end;
    options.tag = PARENT;
    fe_task_spawn(parent_member, &family, &options);
    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t who;
        cr_assert_eq(numbers_receive_until(ready, &who, fe_time_now() + HANG), FE_OK);
    }
    numbers_send(start[fails], 1);
    bool told[PLACES] = {false};
    unsigned dead = 0;
    for (unsigned i = 0; i < PLACES; i++)
        dead += must_die(link, fails, (enum place)i);
    for (unsigned i = 0; i < dead; i++) {
        struct fe_task_exit exit = next(ends);
        cr_assert(!told[exit.tag], "link %u, %u fails: %u ends twice", link, fails, (unsigned)exit.tag);
        cr_assert(must_die(link, fails, (enum place)exit.tag), "link %u, %u fails: %u dies", link, fails,
                  (unsigned)exit.tag);
        cr_expect_eq(exit.result.outcome, exit.tag == (uintptr_t)fails ? FE_FAILED : FE_KILLED, "%s", exit.result.message);
        told[exit.tag] = true;
    }
    /* The rest lives, and returns when it is let go; children before parents, lest they are owners that leave. */
    static const enum place order[] = {GRANDCHILD, CHILD, SIBLING, PARENT};
    for (unsigned i = 0; i < PLACES; i++) {
        numbers_close_sender(start[order[i]]);
        if (told[order[i]])
            continue;
        struct fe_task_exit exit = next(ends);
        cr_assert_eq(exit.tag, (uintptr_t)order[i]);
        cr_expect_eq(exit.result.outcome, FE_RETURNED, "link %u, %u fails, %u: %s", link, fails, order[i],
                     exit.result.message);
    }
    struct fe_task_exit exit;
    cr_expect_eq(fe_exits_try_receive(ends, &exit), FE_EAGAIN, "nobody ends twice");
    for (unsigned i = 0; i < PLACES; i++)
        numbers_close_port(family.start[i]);
    numbers_close_sender(family.ready);
    numbers_close_port(ready);
    fe_exits_close_sender(family.exits);
    fe_exits_close_port(ends);
}

Test(policy, links_full_matrix) {
    for (enum fe_link link = FE_UNLINKED; link <= FE_LINKED; link++)
        for (enum place fails = PARENT; fails < PLACES; fails++)
            try_family(link, fails);
}

/* Spawning into a group races with its failure: each member's end is told once, and after the failure none runs. */
static atomic_uint bodies;

static intptr_t body(void *unused) {
    atomic_fetch_add(&bodies, 1);
    return sleep_it(unused);
}

Test(policy, spawn_into_a_failing_group, .timeout = 3000) {
    size_t rounds = guest_size(100, 10000);
    enum { SPAWNS = 10 };
    fe_exits_sender out;
    fe_exits_port in;
    fe_exits_open(&out, &in, SPAWNS + 1, FE_PIPE_SHARED);
    struct fe_task_options options = quiet();
    for (size_t round = 0; round < rounds; round++) {
        fe_links group;
        unsigned told[SPAWNS + 1] = {0};
        fe_links_open(&group, false);
        atomic_store(&bodies, 0);
        for (uintptr_t i = 0; i <= SPAWNS; i++) {
            bool fails = i == round % SPAWNS;
            options.core = fails ? guest_last_core() : FE_ANY_CORE;
            fe_links_spawn(group, FE_LINKED, fails ? fail_it : body, NULL, &options, out, i);
            if (fails && (round & 1))
                fe_task_yield();
        }
        for (unsigned i = 0; i <= SPAWNS; i++) {
            struct fe_task_exit exit = next(in);
            cr_assert_lt(exit.tag, SPAWNS + 1);
            cr_assert_eq(told[exit.tag]++, 0u, "round %zu: %u ends twice", round, (unsigned)exit.tag);
            cr_assert_eq(exit.result.outcome, exit.tag == round % SPAWNS ? FE_FAILED : FE_KILLED);
        }
        unsigned before = atomic_load(&bodies);
        cr_assert_null(fe_links_spawn(group, FE_LINKED, body, NULL, NULL, out, 3).tcb);
        cr_assert_eq(next(in).result.outcome, FE_KILLED);
        cr_assert_eq(atomic_load(&bodies), before, "the body of a late member ran");
        fe_links_close(group);
    }
    fe_exits_close_sender(out);
    fe_exits_close_port(in);
}

/* Supervisors ----------------------------------------------------------------------------------------------------- */

static struct {
    atomic_uint starts[3];
    numbers_sender tell;
    numbers_port orders[3]; /* 0: return, 1: fail; one for each child */
} yard;

static intptr_t work(void *which) {
    unsigned me = (unsigned)(uintptr_t)which;
    atomic_fetch_add(&yard.starts[me], 1);
    numbers_send(yard.tell, me);
    if (numbers_receive(yard.orders[me]) == 1)
        fe_fail("child %u fails", me);
    return 0;
}

struct job {
    struct fe_supervision supervision;
    struct fe_child children[3];
};

static intptr_t supervise(void *argument) {
    struct job *job = argument;
    return fe_supervise(&job->supervision, job->children, 3);
}

static const struct fe_task_options quiet_child = {.core = FE_ANY_CORE, .quiet = true};

static void open_yard(numbers_port *told, numbers_sender orders[3], struct job *job, enum fe_strategy strategy,
                      enum fe_restart restart) {
    numbers_open(&yard.tell, told, 64, FE_PIPE_SHARED);
    for (unsigned i = 0; i < 3; i++) {
        numbers_open(&orders[i], &yard.orders[i], 4, 0);
        atomic_store(&yard.starts[i], 0);
        job->children[i] = (struct fe_child){"child", work, (void *)(uintptr_t)i, restart, &quiet_child};
    }
    job->supervision = (struct fe_supervision){strategy, 3, 1000 * FE_SECOND};
}

static void close_yard(numbers_port told, numbers_sender orders[3]) {
    for (unsigned i = 0; i < 3; i++) {
        numbers_close_sender(orders[i]);
        numbers_close_port(yard.orders[i]);
    }
    numbers_close_sender(yard.tell);
    numbers_close_port(told);
}

static void await_starts(numbers_port told, unsigned starts) {
    uint64_t who;
    for (unsigned i = 0; i < starts; i++)
        cr_assert_eq(numbers_receive_until(told, &who, fe_time_now() + HANG), FE_OK, "a child was not started");
}

static void expect_starts(unsigned a, unsigned b, unsigned c) {
    cr_expect_eq(atomic_load(&yard.starts[0]), a);
    cr_expect_eq(atomic_load(&yard.starts[1]), b);
    cr_expect_eq(atomic_load(&yard.starts[2]), c);
}

static void strategy_is(enum fe_strategy strategy, unsigned a, unsigned b, unsigned c) {
    static struct job job;
    numbers_port told;
    numbers_sender orders[3];
    open_yard(&told, orders, &job, strategy, FE_TRANSIENT);
    fe_task supervisor = fe_task_spawn(supervise, &job, NULL);
    await_starts(told, 3);
    numbers_send(orders[1], 1);
    await_starts(told, a + b + c - 3);
    expect_starts(a, b, c);
    for (unsigned i = 0; i < 3; i++)
        numbers_send(orders[i], 0); /* transient children that return are done */
    cr_expect_eq(guest_join(supervisor), FE_OK);
    expect_starts(a, b, c);
    close_yard(told, orders);
}

Test(policy, one_for_one) {
    strategy_is(FE_ONE_FOR_ONE, 1, 2, 1);
}

Test(policy, one_for_all) {
    strategy_is(FE_ONE_FOR_ALL, 2, 2, 2);
}

Test(policy, rest_for_one) {
    strategy_is(FE_REST_FOR_ONE, 1, 2, 2);
}

Test(policy, too_many_restarts_escalate) {
    static struct job job;
    numbers_port told;
    numbers_sender orders[3];
    open_yard(&told, orders, &job, FE_ONE_FOR_ONE, FE_PERMANENT);
    struct fe_task_options options = quiet();
    fe_task supervisor = fe_task_spawn(supervise, &job, &options);
    await_starts(told, 3);
    for (unsigned i = 0; i < 3; i++) {
        numbers_send(orders[0], i & 1); /* permanent: returning counts as well */
        await_starts(told, 1);
    }
    numbers_send(orders[0], 1);
    struct fe_task_result result;
    cr_assert_eq(fe_task_join_until(supervisor, &result, fe_time_now() + HANG), FE_OK, "it does not escalate");
    cr_expect_eq(result.outcome, FE_FAILED);
    cr_expect(strstr(result.message, "more than 3 times"), "%s", result.message);
    expect_starts(4, 1, 1);
    close_yard(told, orders);
}

Test(policy, killing_a_supervisor_ends_its_children) {
    static struct job job;
    numbers_port told;
    numbers_sender orders[3];
    open_yard(&told, orders, &job, FE_ONE_FOR_ALL, FE_PERMANENT);
    struct fe_heap_statistics before, after;
    fe_heap_statistics(FE_ANY_CORE, &before);
    fe_task supervisor = fe_task_spawn(supervise, &job, NULL);
    await_starts(told, 3);
    fe_task_kill(supervisor);
    struct fe_task_result result;
    cr_assert_eq(fe_task_join_until(supervisor, &result, fe_time_now() + HANG), FE_OK);
    cr_expect_eq(result.outcome, FE_KILLED);
    fe_heap_statistics(FE_ANY_CORE, &after);
    cr_expect_eq(after.live_blocks, before.live_blocks, "its pipe and tables are gone, and no child holds it");
    expect_starts(1, 1, 1);
    close_yard(told, orders);
}

Test(policy, supervision_out_of_range) {
    struct fe_supervision supervision = {FE_ONE_FOR_ONE, FE_INTENSITY_MAX + 1, FE_SECOND};
    cr_expect_eq(fe_supervise(&supervision, NULL, 0), FE_EINVAL);
    supervision.intensity = 1;
    cr_expect_eq(fe_supervise(&supervision, NULL, FE_CHILDREN_MAX + 1), FE_EINVAL);
    cr_expect_eq(fe_supervise(&supervision, NULL, 0), FE_OK);
}
