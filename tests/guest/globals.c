/* Global data: one construction under race, failures, circles, destruction in reverse. */
#include "guest.h"

#include <kernel/global.h>
#include <sched/scheduler.h>
#include <string.h>

#define RACERS 64

static _Atomic unsigned constructions;
static int thing;
static void **volatile nowhere;

static fe_status construct_slowly(void **value) {
    atomic_fetch_add(&constructions, 1);
    for (int i = 0; i < 20; i++)
        fe_task_yield();
    *value = &thing;
    return FE_OK;
}

static intptr_t get(void *global) {
    return (intptr_t)fe_global_get(global);
}

Test(globals, one_construction_under_race) {
    static struct fe_global globals[20];
    for (unsigned round = 0; round < FE_ARRAY_LENGTH(globals); round++) {
        fe_task racers[RACERS];
        globals[round] = (struct fe_global)FE_GLOBAL("raced for", construct_slowly, NULL);
        atomic_store(&constructions, 0);
        for (unsigned i = 0; i < RACERS; i++)
            racers[i] = guest_spawn(get, &globals[round], (int)(i % fe_core_count()));
        for (unsigned i = 0; i < RACERS; i++)
            cr_assert_eq(guest_join(racers[i]), (intptr_t)&thing);
        cr_assert_eq(atomic_load(&constructions), 1u);
    }
    fe_global_data_destroy_all();
}

/* The first attempts fail, each in its way; waiters try in turn. */
static fe_status construct_in_the_end(void **value) {
    unsigned attempt = atomic_fetch_add(&constructions, 1);
    for (int i = 0; i < 5; i++)
        fe_task_yield();
    switch (attempt) {
    case 0:
        fe_fail("no luck");
    case 1:
        return FE_EIO;
    case 2:
        *value = *nowhere;
        return FE_OK;
    default:
        *value = &thing;
        return FE_OK;
    }
}

Test(globals, a_failed_construction_is_tried_again) {
    static struct fe_global global = FE_GLOBAL("hard to make", construct_in_the_end, NULL);
    fe_task racers[RACERS];
    unsigned returned = 0, failed = 0;
    atomic_store(&constructions, 0);
    for (unsigned i = 0; i < RACERS; i++)
        racers[i] = fe_task_spawn(get, &global, NULL);
    for (unsigned i = 0; i < RACERS; i++) {
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(racers[i], &result, fe_time_now() + HANG), FE_OK);
        failed += result.outcome != FE_RETURNED;
        returned += result.outcome == FE_RETURNED && result.value == (intptr_t)&thing;
    }
    cr_assert_eq(failed, 3u);
    cr_assert_eq(returned, RACERS - 3u);
    cr_assert_eq(atomic_load(&constructions), 4u);
    fe_global_data_destroy_all();
}

static fe_status refuse(void **value) {
    (void)value;
    return FE_ENOTSUP;
}

Test(globals, an_error_is_the_askers) {
    static struct fe_global global = FE_GLOBAL("refused", refuse, NULL);
    void *value = &thing;
    cr_assert_eq(fe_global_try_get(&global, &value), FE_ENOTSUP);
    cr_assert_null(value);
    struct fe_task_result result = guest_result(get, &global);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_not_null(strstr(result.message, "refused"));
}

/* Circles --------------------------------------------------------------------------------------------------------- */

static fe_status construct_self(void **value);
static struct fe_global own = FE_GLOBAL("ouroboros", construct_self, NULL);

static fe_status construct_self(void **value) {
    *value = fe_global_get(&own);
    return FE_OK;
}

Test(globals, a_recursive_construction_fails_its_task) {
    for (int i = 0; i < 3; i++) { /* and leaves it constructible, again and again */
        struct fe_task_result result = guest_result(get, &own);
        cr_assert_eq(result.outcome, FE_FAILED);
        cr_assert_not_null(strstr(result.message, "'ouroboros' is asked for by its own construction"), "%s",
                           result.message);
    }
}

static fe_status construct_left(void **value);
static fe_status construct_right(void **value);
static struct fe_global left = FE_GLOBAL("left", construct_left, NULL), right = FE_GLOBAL("right", construct_right, NULL);
static _Atomic bool left_begun, right_begun, crossed;

static void meet(_Atomic bool *mine, _Atomic bool *other) {
    atomic_store(mine, true);
    fe_nanoseconds hang = fe_time_now() + HANG;
    while (!atomic_load(other) && fe_time_now() < hang)
        fe_task_yield();
}

static fe_status construct_left(void **value) {
    if (!atomic_load(&crossed)) {
        meet(&left_begun, &right_begun);
        fe_global_get(&right);
    }
    *value = &thing;
    return FE_OK;
}

static fe_status construct_right(void **value) {
    if (!atomic_load(&crossed)) {
        meet(&right_begun, &left_begun);
        atomic_store(&crossed, true);
        fe_global_get(&left);
    }
    *value = &thing;
    return FE_OK;
}

/* Two tasks, each of which builds what the other one asks for: one fails, and the other has both. */
Test(globals, a_circle_across_tasks_is_broken) {
    fe_task one = fe_task_spawn(get, &left, NULL), other = fe_task_spawn(get, &right, NULL);
    struct fe_task_result results[2];
    cr_assert_eq(fe_task_join_until(one, &results[0], fe_time_now() + HANG), FE_OK);
    cr_assert_eq(fe_task_join_until(other, &results[1], fe_time_now() + HANG), FE_OK);
    cr_assert_eq((results[0].outcome == FE_RETURNED) + (results[1].outcome == FE_RETURNED), 1);
    cr_assert_eq(get(&left), (intptr_t)&thing);
    cr_assert_eq(get(&right), (intptr_t)&thing);
    fe_global_data_destroy_all();
}

/* The end --------------------------------------------------------------------------------------------------------- */

static unsigned order[8], ended;

static fe_status construct_number(void **value) {
    static unsigned numbers[8], next;
    *value = &numbers[next % 8];
    numbers[next % 8] = next + 1;
    next++;
    return FE_OK;
}

static void destroy_number(void *value) {
    order[ended++] = *(unsigned *)value;
}

static struct fe_global first = FE_GLOBAL("first", construct_number, destroy_number);

static fe_status construct_on_first(void **value) {
    fe_global_get(&first); /* so it is older */
    return construct_number(value);
}

static struct fe_global late = FE_GLOBAL("late", construct_number, destroy_number);

static void destroy_and_use(void *value) {
    destroy_number(value);
    fe_global_get(&late); /* constructed now, and destroyed next */
}

static struct fe_global second = FE_GLOBAL("second", construct_on_first, destroy_number);
static struct fe_global third = FE_GLOBAL("third", construct_number, destroy_and_use);

Test(globals, destroyed_in_reverse) {
    fe_global_get(&second);
    fe_global_get(&third);
    fe_global_data_destroy_all();
    static const unsigned expected[] = {3, 4, 2, 1};
    cr_assert_eq(ended, 4u);
    cr_assert_arr_eq(order, expected, sizeof(expected));
    void *value;
    cr_assert_eq(fe_global_try_get(&first, &value), FE_ECLOSED);
    struct fe_task_result result = guest_result(get, &second);
    cr_assert_eq(result.outcome, FE_FAILED);
}

/* Kills ----------------------------------------------------------------------------------------------------------- */

static numbers_port go_on;
static _Atomic unsigned begun;

static fe_status construct_when_told(void **value) {
    uint64_t number;
    atomic_fetch_add(&begun, 1);
    if (numbers_receive_until(go_on, &number, FE_FOREVER) != FE_OK)
        return FE_ECLOSED;
    *value = &thing;
    return FE_OK;
}

static struct fe_global awaited = FE_GLOBAL("awaited", construct_when_told, NULL);

/* The builder is killed, and one of those that wait: one of the others builds, and all that are left have the value. */
Test(globals, killed_builders_and_waiters) {
    enum { ASKERS = 8 };
    numbers_sender tell;
    numbers_open(&tell, &go_on, 1, 0);
    fe_task askers[ASKERS];
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = fe_task_spawn(get, &awaited, NULL);
        guest_until_blocked(askers[i]); /* the first one builds, the others wait */
    }
    struct fe_task_result result;
    cr_assert_eq(atomic_load(&begun), 1u);
    cr_assert_eq(fe_task_kill(askers[3]), FE_OK);
    cr_assert_eq(fe_task_join_until(askers[3], &result, fe_time_now() + HANG), FE_OK);
    cr_assert_eq(result.outcome, FE_KILLED);
    cr_assert_eq(fe_task_kill(askers[0]), FE_OK);
    cr_assert_eq(fe_task_join_until(askers[0], &result, fe_time_now() + HANG), FE_OK);
    cr_assert_eq(result.outcome, FE_KILLED);
    numbers_send(tell, 1);
    for (unsigned i = 1; i < ASKERS; i++) {
        if (i != 3)
            cr_assert_eq(guest_join(askers[i]), (intptr_t)&thing);
    }
    cr_assert_eq(atomic_load(&begun), 2u);
    fe_global_data_destroy_all();
    numbers_close_sender(tell);
    numbers_close_port(go_on);
}

/* Out of tasks ---------------------------------------------------------------------------------------------------- */

static fe_status construct_at_once(void **value) {
    atomic_fetch_add(&constructions, 1);
    *value = &thing;
    return FE_OK;
}

static struct fe_global anywhere = FE_GLOBAL("anywhere", construct_at_once, NULL);
static struct fe_global slow = FE_GLOBAL("slow", construct_slowly, NULL);
static fe_status slow_status;
static _Atomic int handled;

static void get_in_scheduler(struct fe_event *event) {
    (void)event;
    void *value = NULL;
    slow_status = fe_global_try_get(&slow, &value);
    atomic_store(&handled, fe_global_get(&anywhere) == &thing ? 1 : -1);
}

static _Atomic bool building;

static fe_status construct_until_handled(void **value) {
    atomic_store(&building, true);
    fe_nanoseconds hang = fe_time_now() + HANG;
    while (atomic_load(&handled) == 0 && fe_time_now() < hang)
        fe_task_yield();
    *value = &thing;
    return FE_OK;
}

Test(globals, in_scheduler_context) {
    slow.construct = construct_until_handled;
    atomic_store(&handled, 0);
    fe_task builder = fe_task_spawn(get, &slow, NULL);
    while (!atomic_load(&building))
        fe_task_yield();
    struct fe_event event;
    fe_event_init(&event, (unsigned)guest_last_core(), get_in_scheduler);
    fe_event_post(&event);
    cr_assert_eq(guest_join(builder), (intptr_t)&thing);
    cr_assert_eq(atomic_load(&handled), 1);
    cr_assert_eq(slow_status, FE_EBUSY);
    fe_global_data_destroy_all();
}
