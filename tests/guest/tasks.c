/* Tasks: spawning, joining, results, options, and that what one does is its own affair. */
#include "guest.h"

static intptr_t identity(void *argument) {
    return (intptr_t)argument;
}

static intptr_t wait_for_value(void *argument) {
    numbers_port *in = argument;
    return (intptr_t)numbers_receive(*in);
}

Test(tasks, results_of_many) {
    enum { COUNT = 1000 };
    fe_task *tasks = fe_heap_alloc(COUNT * sizeof(*tasks));
    for (intptr_t i = 0; i < COUNT; i++)
        tasks[i] = fe_task_spawn(identity, (void *)i, NULL);
    for (intptr_t i = 0; i < COUNT; i++)
        cr_assert_eq(guest_join(tasks[i]), i);
    fe_heap_free(tasks);
}

Test(tasks, one_after_another) {
    size_t count = guest_size(20000, 1000000);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(guest_join(fe_task_spawn(identity, (void *)i, NULL)), (intptr_t)i);
}

static intptr_t fib(void *argument) {
    intptr_t n = (intptr_t)argument;
    if (n < 2)
        return n;
    fe_task other = fe_task_spawn(fib, (void *)(n - 1), NULL);
    intptr_t mine = fib((void *)(n - 2));
    return guest_join(other) + mine;
}

Test(tasks, fork_and_join) {
    cr_assert_eq(fib((void *)16), 987);
}

Test(tasks, ids_are_unique) {
    uint64_t last = 0;
    for (int i = 0; i < 100; i++) {
        fe_task task = fe_task_spawn(identity, NULL, NULL);
        cr_assert_neq(task.id, 0);
        cr_assert_neq(task.id, last);
        last = task.id;
        guest_join(task);
    }
}

Test(tasks, join_twice) {
    fe_task task = fe_task_spawn(identity, NULL, NULL);
    guest_join(task);
    cr_assert_eq(fe_task_join(task, NULL), FE_ENOENT);
    cr_assert_eq(fe_task_detach(task), FE_ENOENT);
}

Test(tasks, join_nothing) {
    cr_assert_eq(fe_task_join((fe_task){NULL, 0}, NULL), FE_ENOENT);
}

Test(tasks, join_self) {
    cr_assert_eq(fe_task_join(fe_task_self(), NULL), FE_EINVAL);
}

Test(tasks, join_in_time_or_not) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 1, 0);
    fe_task task = fe_task_spawn(wait_for_value, &in, NULL);
    struct fe_task_result result;
    cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + FE_MILLISECOND), FE_ETIMEDOUT);
    cr_assert_eq(fe_task_join_until(task, &result, 0), FE_ETIMEDOUT);
    numbers_send(out, 9);
    cr_assert_eq(guest_join(task), 9);
    numbers_close_sender(out);
    numbers_close_port(in);
}

/* The test below joins in passing, and may be in the way at the moment. */
static intptr_t join_it(void *argument) {
    fe_status status;
    while ((status = fe_task_join(*(fe_task *)argument, NULL)) == FE_EBUSY)
        fe_task_yield();
    return status;
}

Test(tasks, two_joiners) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 1, 0);
    fe_task task = fe_task_spawn(wait_for_value, &in, NULL);
    fe_task joiner = fe_task_spawn(join_it, &task, NULL);
    fe_status status;
    while ((status = fe_task_join_until(task, NULL, 0)) == FE_ETIMEDOUT) /* until the other is joining */
        fe_task_yield();
    cr_assert_eq(status, FE_EBUSY);
    numbers_send(out, 1);
    cr_assert_eq(guest_join(joiner), FE_OK);
    numbers_close_sender(out);
    numbers_close_port(in);
}

static volatile bool never; /* so that no compiler sees that this does not return */

__attribute__((noinline)) static void deep_exit(int depth) {
    if (depth == 0)
        fe_task_exit(77);
    if (!never)
        deep_exit(depth - 1);
}

static intptr_t exits(void *argument) {
    (void)argument;
    deep_exit(20);
    return 0;
}

Test(tasks, exit_from_within) {
    cr_assert_eq(guest_join(fe_task_spawn(exits, NULL, NULL)), 77);
}

static intptr_t fails(void *argument) {
    (void)argument;
    fe_fail("number %d", 7);
}

Test(tasks, failure_says_where) {
    struct fe_task_result result = guest_result(fails, NULL);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_not_null(__builtin_strstr(result.message, "number 7"), "%s", result.message);
    cr_assert_not_null(__builtin_strstr(result.message, "tasks.c"), "%s", result.message);
}

static intptr_t fails_at_length(void *argument) {
    (void)argument;
    fe_fail("%0200d", 7);
}

Test(tasks, long_message_is_cut) {
    struct fe_task_result result = guest_result(fails_at_length, NULL);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_lt(__builtin_strlen(result.message), (size_t)FE_TASK_MESSAGE_MAX);
}

static intptr_t asserts(void *argument) {
    fe_assert(argument != NULL);
    return 0;
}

Test(tasks, failed_assertion) {
    struct fe_task_result result = guest_result(asserts, NULL);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_not_null(__builtin_strstr(result.message, "argument != NULL"), "%s", result.message);
}

static intptr_t check_name(void *argument) {
    return __builtin_strcmp(fe_task_name(), argument);
}

Test(tasks, name) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    char name[] = "gardener", cut[] = "a name that is longer t";
    options.name = name;
    cr_assert_eq(guest_join(fe_task_spawn(check_name, name, &options)), 0);
    options.name = "a name that is longer than any name may be";
    cr_assert_eq(guest_join(fe_task_spawn(check_name, cut, &options)), 0);
}

/* Touches `bytes` of stack, a page at a time. */
__attribute__((noinline)) static unsigned touch(size_t bytes) {
    volatile unsigned char page[4096];
    page[0] = (unsigned char)bytes;
    page[sizeof(page) - 1] = 1;
    return page[0] + (bytes > 2 * sizeof(page) ? touch(bytes - sizeof(page)) : 0u);
}

static intptr_t use_stack(void *argument) {
    return (intptr_t)touch((size_t)(uintptr_t)argument);
}

Test(tasks, stack_grows) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.stack_bytes = 1 << 20;
    guest_join(fe_task_spawn(use_stack, (void *)(900 << 10), &options));
    guest_join(fe_task_spawn(use_stack, (void *)(40 << 10), NULL));
}

Test(tasks, options_out_of_range) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    fe_task task = {NULL, 0};
    options.core = (int)fe_core_count();
    cr_assert_eq(fe_task_try_spawn(identity, NULL, &options, &task), FE_EINVAL);
    options.core = -2;
    cr_assert_eq(fe_task_try_spawn(identity, NULL, &options, &task), FE_EINVAL);
    cr_assert_eq(task.id, 0);
}

static intptr_t send_one(void *argument) {
    numbers_sender *out = argument;
    numbers_send(*out, 5);
    return 0;
}

Test(tasks, detached) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 1, 0);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.detached = true;
    fe_task task = fe_task_spawn(send_one, &out, &options);
    fe_status status = fe_task_join(task, NULL);
    cr_assert(status == FE_EINVAL || status == FE_ENOENT, "%s", fe_status_string(status));
    cr_assert_eq(numbers_receive(in), 5);
    numbers_close_sender(out);
    numbers_close_port(in);
}

Test(tasks, detached_later) {
    for (int i = 0; i < 100; i++)
        cr_assert_eq(fe_task_detach(fe_task_spawn(identity, NULL, NULL)), FE_OK);
}

Test(tasks, are_listed) {
    struct fe_task_information *list = fe_heap_alloc(64 * sizeof(*list));
    size_t count = fe_task_list(list, 64);
    bool found = false;
    for (size_t i = 0; i < count && i < 64; i++)
        if (list[i].task.id == fe_task_self().id) {
            found = true;
            cr_expect_eq(list[i].state, FE_TASK_RUNNING);
            cr_expect_geq(list[i].stack_committed, (size_t)4096);
            cr_expect_leq(list[i].stack_committed, list[i].stack_bound);
            cr_expect_str_eq(list[i].name, "are_listed");
        }
    fe_heap_free(list);
    cr_assert(found);
}
