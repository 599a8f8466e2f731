/* Task-local data: one value a task and key, destructors at every kind of end, in rounds. */
#include "guest.h"

static _Atomic unsigned destroyed;
static void *_Atomic last_destroyed;

static void note(void *value) {
    atomic_store(&last_destroyed, value);
    atomic_fetch_add(&destroyed, 1);
}

static struct fe_task_key number_key = FE_TASK_KEY("number", NULL);
static struct fe_task_key noted_key = FE_TASK_KEY("noted", note);
static struct fe_task_key block_key = FE_TASK_KEY("block", fe_heap_free);
static struct fe_task_key never_set_key = FE_TASK_KEY("never set", note);

static intptr_t own_number(void *argument) {
    if (fe_task_data_get(&number_key) != NULL)
        return -1; /* inherited */
    for (uintptr_t i = 1; i <= 1000; i++) {
        fe_task_data_set(&number_key, (void *)((uintptr_t)argument * 10000 + i));
        if (i % 10 == 0)
            fe_task_yield();
        if ((uintptr_t)fe_task_data_get(&number_key) != (uintptr_t)argument * 10000 + i)
            return -2;
    }
    return fe_task_data_get(&never_set_key) == NULL ? 0 : -3;
}

Test(task_data, each_task_has_its_own) {
    fe_task_data_set(&number_key, (void *)7);
    fe_task tasks[40];
    for (uintptr_t i = 0; i < 40; i++)
        tasks[i] = fe_task_spawn(own_number, (void *)(i + 1), NULL);
    for (unsigned i = 0; i < 40; i++)
        cr_assert_eq(guest_join(tasks[i]), 0);
    cr_assert_eq((uintptr_t)fe_task_data_get(&number_key), 7u);
}

Test(task_data, set_drops_the_old_value) {
    unsigned before = atomic_load(&destroyed);
    int one, other;
    fe_task_data_set(&noted_key, &one);
    fe_task_data_set(&noted_key, &one);
    cr_assert_eq(atomic_load(&destroyed), before, "the same value was destroyed");
    fe_task_data_set(&noted_key, &other);
    cr_assert_eq(atomic_load(&destroyed), before + 1);
    cr_assert_eq(atomic_load(&last_destroyed), (void *)&one);
    cr_assert_eq(fe_task_data_get(&noted_key), (void *)&other);
    cr_assert_eq(fe_task_data_take(&noted_key), (void *)&other);
    cr_assert_null(fe_task_data_get(&noted_key));
    cr_assert_null(fe_task_data_take(&noted_key));
    cr_assert_null(fe_task_data_take(&never_set_key));
    cr_assert_eq(atomic_load(&destroyed), before + 1);
    fe_task_data_set(&noted_key, &one);
    fe_task_data_set(&noted_key, NULL);
    cr_assert_eq(atomic_load(&destroyed), before + 2);
}

static intptr_t end_with_data(void *how) {
    fe_task_data_set(&noted_key, how);
    fe_task_data_set(&block_key, fe_heap_alloc(100));
    switch ((uintptr_t)how) {
    case 1:
        return 0;
    case 2:
        fe_task_exit(0);
    case 3:
        fe_fail("with data");
    default:
        *(volatile int *)how = 0;
        return 0;
    }
}

Test(task_data, destroyed_at_every_end) {
    static const enum fe_outcome outcomes[] = {0, FE_RETURNED, FE_RETURNED, FE_FAILED, FE_FAULTED};
    struct fe_heap_statistics heap_before, heap_after;
    fe_heap_statistics(FE_ANY_CORE, &heap_before);
    for (uintptr_t how = 1; how <= 4; how++) {
        unsigned before = atomic_load(&destroyed);
        cr_assert_eq(guest_result(end_with_data, (void *)how).outcome, outcomes[how]);
        cr_assert_eq(atomic_load(&destroyed), before + 1);
        cr_assert_eq((uintptr_t)atomic_load(&last_destroyed), how);
    }
    fe_heap_statistics(FE_ANY_CORE, &heap_after);
    cr_assert_eq(heap_after.live_blocks, heap_before.live_blocks);
}

/* Rounds ---------------------------------------------------------------------------------------------------------- */

static _Atomic unsigned rounds;
static void set_again(void *value);
static struct fe_task_key early_key = FE_TASK_KEY("early", note);
static struct fe_task_key again_key = FE_TASK_KEY("again", set_again);

/* Counts down, by setting its own key anew, and one that was passed already. */
static void set_again(void *value) {
    atomic_fetch_add(&rounds, 1);
    fe_task_data_set(&early_key, value);
    if ((uintptr_t)value > 1)
        fe_task_data_set(&again_key, (void *)((uintptr_t)value - 1));
}

static intptr_t end_in_rounds(void *count) {
    fe_task_data_set(&early_key, count);
    fe_task_data_set(&again_key, count);
    return fe_task_data_get(&early_key) == count;
}

Test(task_data, destructors_may_set_data_anew) {
    atomic_store(&rounds, 0);
    unsigned before = atomic_load(&destroyed);
    cr_assert_eq(guest_join(fe_task_spawn(end_in_rounds, (void *)3, NULL)), 1);
    cr_assert_eq(atomic_load(&rounds), 3u);
    cr_assert_eq(atomic_load(&destroyed), before + 4); /* its own, and one for each of three rounds */
}

Test(task_data, rounds_are_bounded) {
    atomic_store(&rounds, 0);
    cr_assert_eq(guest_join(fe_task_spawn(end_in_rounds, (void *)1000, NULL)), 1);
    cr_assert_eq(atomic_load(&rounds), (unsigned)FE_TASK_DATA_ROUNDS);
}

static void fail_to_destroy(void *value) {
    note(value);
    fe_fail("in a destructor");
}

static struct fe_task_key failing_key = FE_TASK_KEY("failing", fail_to_destroy);
static struct fe_task_key after_key = FE_TASK_KEY("after", note);

static intptr_t end_with_failing_destructor(void *value) {
    fe_task_data_set(&noted_key, value);
    fe_task_data_set(&failing_key, value);
    fe_task_data_set(&after_key, value);
    return 0;
}

Test(task_data, a_destructor_that_fails_does_not_keep_others_from_running) {
    unsigned before = atomic_load(&destroyed);
    struct fe_task_result result = guest_result(end_with_failing_destructor, (void *)9);
    cr_expect_eq(result.outcome, FE_FAILED);
    cr_assert_eq(atomic_load(&destroyed), before + 3);
}

/* Order: data before boxes, which it may use. ---------------------------------------------------------------------- */

static _Atomic unsigned order;

static void finalize(void *box) {
    atomic_store(&order, atomic_load(&order) * 10 + *(unsigned *)box);
}
static const struct fe_local_type box_type = FE_LOCAL_TYPE_FINALIZED(unsigned, NULL, finalize);

static void use_box(void *value) {
    unsigned *box = fe_local_alloc(&box_type); /* the local heap still works */
    *box = 2;
    atomic_store(&order, atomic_load(&order) * 10 + (unsigned)(uintptr_t)value);
}
static struct fe_task_key box_key = FE_TASK_KEY("box", use_box);

static intptr_t end_in_order(void *argument) {
    fe_task_data_set(&box_key, (void *)1);
    return (intptr_t)argument;
}

Test(task_data, is_destroyed_before_the_local_heap) {
    atomic_store(&order, 0);
    guest_join(fe_task_spawn(end_in_order, NULL, NULL));
    cr_assert_eq(atomic_load(&order), 12u);
}

static intptr_t use_too_many(void *argument) {
    static struct fe_task_key many[FE_TASK_DATA_KEYS + 1]; /* never reused: the last test of this suite */
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(many); i++) {
        many[i].name = "one too many";
        fe_task_data_set(&many[i], &many[i]);
        if (fe_task_data_get(&many[i]) != &many[i])
            return -1;
    }
    return (intptr_t)argument;
}

Test(task_data, running_out_of_keys_is_told, .data = FE_TEST_ALONE) {
    struct fe_task_result result = guest_result(use_too_many, NULL);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_expect_str_not_empty(result.message);
}
