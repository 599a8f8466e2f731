/* Schedulers by id: where tasks run, ids that are stale, groups made and joined. */
#include "guest.h"

static fe_task spawn_on(fe_task_function function, void *argument, fe_scheduler_id scheduler) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.scheduler = scheduler;
    return fe_task_spawn(function, argument, &options);
}

static intptr_t current_id(void *unused) {
    (void)unused;
    fe_task_yield();
    return (intptr_t)fe_scheduler_current();
}

static intptr_t current_core(void *unused) {
    (void)unused;
    for (int i = 0; i < 20; i++) {
        unsigned core = fe_core_index();
        fe_task_yield();
        cr_assert_eq(fe_core_index(), core);
    }
    return (intptr_t)fe_core_index();
}

Test(groups, ids_of_what_is_always_there) {
    cr_assert_eq(fe_scheduler_default(), 1);
    cr_assert_eq(fe_scheduler_platform(), fe_scheduler_of_core(0));
    cr_assert_eq(fe_scheduler_of_core(fe_core_count()), 0);
    cr_assert_eq(fe_scheduler_current(), fe_scheduler_default(), "tests run on the default scheduler");
    uint64_t cores;
    cr_assert_eq(fe_scheduler_find(fe_scheduler_default(), &cores), FE_OK);
    cr_assert_eq(cores, (UINT64_C(1) << fe_core_count()) - 1);
    for (unsigned core = 0; core < fe_core_count(); core++) {
        cr_assert_eq(fe_scheduler_find(fe_scheduler_of_core(core), &cores), FE_OK);
        cr_assert_eq(cores, UINT64_C(1) << core);
    }
    cr_assert_eq(fe_scheduler_find(0, NULL), FE_ENOENT);
    cr_assert_eq(fe_scheduler_join(fe_scheduler_default()), FE_EINVAL);
    cr_assert_eq(fe_scheduler_join(fe_scheduler_platform()), FE_EINVAL);
}

Test(groups, tasks_go_where_they_are_spawned) {
    cr_assert_eq(guest_join(spawn_on(current_id, NULL, fe_scheduler_default())), (intptr_t)fe_scheduler_default());
    cr_assert_eq(guest_join(spawn_on(current_core, NULL, fe_scheduler_platform())), 0);
    for (unsigned core = 0; core < fe_core_count(); core++) {
        cr_assert_eq(guest_join(spawn_on(current_core, NULL, fe_scheduler_of_core(core))), (intptr_t)core);
        cr_assert_eq(guest_join(guest_spawn(current_id, NULL, (int)core)), (intptr_t)fe_scheduler_of_core(core));
    }
    fe_scheduler_id group = fe_scheduler_group(1);
    cr_assert_eq(guest_join(spawn_on(current_id, NULL, group)), (intptr_t)group);
    cr_assert_eq(fe_scheduler_join(group), FE_OK);
}

static intptr_t do_nothing(void *unused) {
    (void)unused;
    return 0;
}

Test(groups, bad_places_are_refused) {
    fe_scheduler_id id;
    cr_assert_eq(fe_scheduler_try_group(0, &id), FE_EINVAL);
    cr_assert_eq(fe_scheduler_try_group(fe_core_count() + 1, &id), FE_EINVAL);
    cr_assert_eq(fe_scheduler_try_group_of(0, &id), FE_EINVAL);
    cr_assert_eq(fe_scheduler_try_group_of(UINT64_C(1) << fe_core_count(), &id), FE_EINVAL);
    id = fe_scheduler_group(fe_core_count());
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.scheduler = id;
    options.core = 0;
    fe_task task;
    cr_assert_eq(fe_task_try_spawn(do_nothing, NULL, &options, &task), FE_EINVAL, "two places");
    options.core = FE_ANY_CORE;
    options.stack_bytes = SIZE_MAX;
    cr_assert_neq(fe_task_try_spawn(do_nothing, NULL, &options, &task), FE_OK);
    cr_assert_eq(fe_scheduler_join(id), FE_OK, "a spawn that failed is not counted");
}

static intptr_t spawn_stale(void *id) {
    spawn_on(do_nothing, NULL, (fe_scheduler_id)(uintptr_t)id);
    return 0;
}

Test(groups, a_stale_id_is_an_error) {
    fe_scheduler_id id = fe_scheduler_group(1);
    cr_assert_eq(fe_scheduler_join(id), FE_OK);
    cr_assert_eq(fe_scheduler_join(id), FE_ENOENT);
    cr_assert_eq(fe_scheduler_find(id, NULL), FE_ENOENT);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.scheduler = id;
    fe_task task;
    cr_assert_eq(fe_task_try_spawn(do_nothing, NULL, &options, &task), FE_ENOENT);
    struct fe_task_result result = guest_result(spawn_stale, (void *)(uintptr_t)id);
    cr_assert_eq(result.outcome, FE_FAILED);
    char told[96];
    int bytes = fe_format(told, sizeof(told), "cannot spawn task 'task': scheduler %llu is gone", (unsigned long long)id);
    cr_assert_eq(__builtin_memcmp(result.message, told, (size_t)bytes), 0, "%s", result.message);
    fe_scheduler_id next = fe_scheduler_group(1);
    cr_assert_gt(next, id, "ids are never used again");
    cr_assert_eq(fe_scheduler_join(next), FE_OK);
}

/* Restricting ---------------------------------------------------------------------------------------------------------- */

struct member {
    uint64_t cores;
    _Atomic uint64_t *seen;
    int rounds;
};

static intptr_t wander(void *argument) {
    struct member *member = argument;
    for (int i = 0; i < member->rounds; i++) {
        uint64_t bit = UINT64_C(1) << fe_core_index();
        cr_assert(bit & member->cores, "on core %u, which is not in the group", fe_core_index());
        atomic_fetch_or(member->seen, bit);
        if (i % 7 == 3)
            fe_task_sleep(20 * FE_MICROSECOND);
        else
            fe_task_yield();
    }
    return 0;
}

/* Every set of cores there is, at once, with more tasks than cores; others run meanwhile, everywhere. */
Test(groups, tasks_stay_in_their_group) {
    enum { TASKS = 6 };
    unsigned sets = (1u << fe_core_count()) - 1;
    cr_assert_leq(sets, 15);
    struct member members[15];
    _Atomic uint64_t seen[15] = {0}, anywhere = 0;
    fe_scheduler_id ids[15];
    fe_task tasks[15 * TASKS], others[TASKS];
    size_t count = 0;
    struct member other = {~UINT64_C(0), &anywhere, 200};
    for (size_t i = 0; i < TASKS; i++)
        others[i] = fe_task_spawn(wander, &other, NULL);
    for (unsigned set = 0; set < sets; set++) {
        members[set] = (struct member){set + 1, &seen[set], 100};
        cr_assert_eq(fe_scheduler_try_group_of(set + 1, &ids[set]), FE_OK);
        for (size_t i = 0; i < TASKS; i++)
            tasks[count++] = spawn_on(wander, &members[set], ids[set]);
    }
    for (size_t i = 0; i < count; i++)
        guest_join(tasks[i]);
    for (size_t i = 0; i < TASKS; i++)
        guest_join(others[i]);
    for (unsigned set = 0; set < sets; set++) {
        cr_assert_neq(atomic_load(&seen[set]), 0);
        cr_assert_eq(fe_scheduler_join(ids[set]), FE_OK);
    }
}

static intptr_t meet(void *argument) {
    _Atomic unsigned *there = argument;
    atomic_fetch_add(there, 1);
    fe_nanoseconds hang = fe_time_now() + HANG;
    while (atomic_load(there) < fe_core_count())
        cr_assert_lt(fe_time_now(), hang, "not every core of the group has come");
    return 0;
}

/* As many tasks as cores that do not yield: each must be on a core of its own, which is asleep until it is needed. */
Test(groups, sleeping_cores_of_a_group_are_woken) {
    fe_scheduler_id id = fe_scheduler_group(fe_core_count());
    for (int round = 0; round < 50; round++) {
        _Atomic unsigned there = 1; /* this task, which spins, too */
        fe_task tasks[64];
        for (unsigned i = 1; i < fe_core_count(); i++)
            tasks[i] = spawn_on(meet, (void *)&there, id);
        meet((void *)&there);
        for (unsigned i = 1; i < fe_core_count(); i++)
            guest_join(tasks[i]);
        if (round % 5 == 0)
            fe_task_sleep(100 * FE_MICROSECOND);
    }
    cr_assert_eq(fe_scheduler_join(id), FE_OK);
}

/* Joining -------------------------------------------------------------------------------------------------------------- */

static intptr_t join_group(void *id) {
    return fe_scheduler_join((fe_scheduler_id)(uintptr_t)id);
}

static intptr_t receive_one(void *port) {
    return (intptr_t)numbers_receive(*(numbers_port *)port);
}

Test(groups, joining_waits_for_the_last_task) {
    numbers_sender sender;
    numbers_port port;
    numbers_open(&sender, &port, 1, 0);
    fe_scheduler_id id = fe_scheduler_group(1);
    fe_task inside = spawn_on(receive_one, &port, id);
    fe_task joiner = fe_task_spawn(join_group, (void *)(uintptr_t)id, NULL);
    guest_until_blocked(joiner);
    cr_assert_eq(fe_scheduler_join(id), FE_EBUSY);
    cr_assert_eq(fe_scheduler_find(id, NULL), FE_OK);
    numbers_send(sender, 5);
    cr_assert_eq(guest_join(joiner), FE_OK);
    cr_assert_eq(fe_scheduler_find(id, NULL), FE_ENOENT);
    cr_assert_eq(guest_join(inside), 5);
    numbers_close_sender(sender);
    numbers_close_port(port);
}

Test(groups, a_killed_joiner_gives_up) {
    numbers_sender sender;
    numbers_port port;
    numbers_open(&sender, &port, 1, 0);
    fe_scheduler_id id = fe_scheduler_group(1);
    fe_task inside = spawn_on(receive_one, &port, id);
    fe_task joiner = fe_task_spawn(join_group, (void *)(uintptr_t)id, NULL);
    guest_until_blocked(joiner);
    cr_assert_eq(fe_task_kill(joiner), FE_OK);
    struct fe_task_result result;
    cr_assert_eq(fe_task_join_until(joiner, &result, fe_time_now() + HANG), FE_OK);
    cr_assert_eq(result.outcome, FE_KILLED);
    numbers_send(sender, 1);
    cr_assert_eq(fe_scheduler_join(id), FE_OK);
    cr_assert_eq(guest_join(inside), 1);
    numbers_close_sender(sender);
    numbers_close_port(port);
}

static intptr_t join_own(void *unused) {
    (void)unused;
    return fe_scheduler_join(fe_scheduler_current());
}

static intptr_t fail(void *unused) {
    (void)unused;
    fe_fail("on purpose");
}

Test(groups, failing_and_joining_inside) {
    fe_scheduler_id id = fe_scheduler_group(1);
    cr_assert_eq(guest_join(spawn_on(join_own, NULL, id)), FE_EINVAL);
    struct fe_task_result result;
    cr_assert_eq(fe_task_join(spawn_on(fail, NULL, id), &result), FE_OK);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_eq(fe_scheduler_join(id), FE_OK, "who failed has left");
}

/* Groups made and joined by several tasks at once, each with tasks in it. The harness looks for leaks. */
static intptr_t make_and_join(void *rounds) {
    for (uintptr_t i = 0; i < (uintptr_t)rounds; i++) {
        fe_scheduler_id id = fe_scheduler_group(1 + (unsigned)i % fe_core_count());
        fe_task one = spawn_on(do_nothing, NULL, id);
        fe_task_detach(spawn_on(current_id, NULL, id));
        cr_assert_eq(fe_scheduler_join(id), FE_OK);
        guest_join(one);
    }
    return 0;
}

Test(groups, many_made_and_joined, .timeout = 600) {
    fe_task tasks[4];
    size_t rounds = guest_size(500, 10000) / FE_ARRAY_LENGTH(tasks);
    for (size_t i = 0; i < FE_ARRAY_LENGTH(tasks); i++)
        tasks[i] = fe_task_spawn(make_and_join, (void *)rounds, NULL);
    for (size_t i = 0; i < FE_ARRAY_LENGTH(tasks); i++)
        guest_join(tasks[i]);
}

Test(groups, many_at_once) {
    size_t count = guest_size(10000, 10000);
    fe_scheduler_id *ids = fe_heap_alloc(count * sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = fe_scheduler_group(1);
    for (size_t i = 1; i < count; i++)
        cr_assert_gt(ids[i], ids[i - 1]);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(fe_scheduler_join(ids[i]), FE_OK);
    fe_heap_free(ids);
}
