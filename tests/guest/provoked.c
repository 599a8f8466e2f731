/* Tests that fail, each in another way: tests/system/harness runs them one by one, to see that the harness notices. */
#include "guest.h"

#include <ferrite/stats.h>
#include <stdlib.h>

Test(provoked, comparison, .data = FE_TEST_ALONE) {
    cr_expect_eq(40 + 1, 42, "said %s", "so");
    cr_expect_str_eq("left", "right");
    cr_assert_not_null(NULL);
    cr_assert_fail("this is not reached");
}

static intptr_t assert_in_vain(void *argument) {
    cr_assert_null(argument);
    return 0;
}

Test(provoked, in_a_child, .data = FE_TEST_ALONE) {
    guest_join(fe_task_spawn(assert_in_vain, (void *)8, NULL));
}

Test(provoked, fault, .data = FE_TEST_ALONE) {
    volatile int *volatile wild = (int *)16;
    *wild = 1;
}

Test(provoked, no_fault, .signal = SIGSEGV, .data = FE_TEST_ALONE) {
}

Test(provoked, other_fault, .signal = SIGFPE, .data = FE_TEST_ALONE) {
    abort();
}

Test(provoked, exit_code, .exit_code = 4, .data = FE_TEST_ALONE) {
    exit(5);
}

Test(provoked, heap_leak, .data = FE_TEST_ALONE) {
    cr_assert_not_null(fe_heap_alloc(100));
    cr_assert_not_null(fe_heap_alloc(100));
}

static intptr_t wait_for_ever(void *argument) {
    (void)argument;
    fe_owned_sender out = {NULL};
    fe_owned_port in = {NULL};
    uint64_t value;
    fe_pipe_open(&out, &in, sizeof(value), 1, 0);
    return fe_pipe_receive_until(in, &value, FE_FOREVER);
}

Test(provoked, task_leak, .data = FE_TEST_ALONE) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.weak = true;
    fe_task_spawn(wait_for_ever, NULL, &options);
}

Test(provoked, timeout, .timeout = 0.2, .data = FE_TEST_ALONE) {
    wait_for_ever(NULL);
}

/* What failed tests leave behind: tasks that wait, that are joined, that have ended; and one that no kill reaches. */
static intptr_t return_at_once(void *argument) {
    return (intptr_t)argument;
}

static intptr_t join_for_ever(void *argument) {
    (void)argument;
    return fe_task_join(fe_task_spawn(wait_for_ever, NULL, NULL), NULL);
}

Test(provoked, leaves_tasks, .data = FE_TEST_ALONE) {
    for (unsigned i = 0; i < 10; i++) {
        guest_until_blocked(guest_spawn(wait_for_ever, NULL, (int)(i % fe_core_count())));
        guest_until_blocked(fe_task_spawn(join_for_ever, NULL, NULL));
        fe_task ended = fe_task_spawn(return_at_once, NULL, NULL);
        while (fe_task_kill(ended) != FE_ENOENT)
            fe_task_yield();
    }
    cr_assert_fail("with helpers");
}

static intptr_t fail_for_others(void *argument) {
    (void)argument;
    cr_assert_fail("a helper's");
}

Test(provoked, waits_for_a_helper, .data = FE_TEST_ALONE) {
    fe_task_spawn(fail_for_others, NULL, NULL);
    wait_for_ever(NULL);
}

Test(provoked, nobody_is_left, .data = FE_TEST_ALONE) {
    struct fe_task_information list[16];
    size_t count = fe_task_list(list, FE_ARRAY_LENGTH(list)), others = 0;
    cr_assert_leq(count, FE_ARRAY_LENGTH(list));
    for (size_t i = 0; i < count; i++)
        others += list[i].kind != FE_TASK_SERVICE;
    cr_assert_eq(others, 2u, "this one and the runner");
}

static intptr_t be_deaf(void *argument) {
    fe_unkillable_begin();
    return wait_for_ever(argument);
}

Test(provoked, leaves_a_deaf_task, .data = FE_TEST_ALONE) {
    guest_until_blocked(fe_task_spawn(be_deaf, NULL, NULL));
    cr_assert_fail("with a deaf helper");
}

static void fail_in_init(void) {
    cr_assert_fail("in init");
}

Test(provoked, init, .init = fail_in_init, .data = FE_TEST_ALONE) {
    cr_log_error("the body ran");
}

static void say_fini(void) {
    cr_log_info("fini ran");
}

Test(provoked, fini, .fini = say_fini, .data = FE_TEST_ALONE) {
    cr_assert_fail("before fini");
}

/* Reads the console to its end, slowly, as a program does that has other work: how many bytes, and their sum. */
Test(provoked, count_input, .data = FE_TEST_ALONE) {
    unsigned char buffer[512];
    uint64_t count = 0, sum = 0;
    size_t got;
    fe_task_sleep(200 * FE_MILLISECOND); /* what is under test: input that comes before anybody reads */
    while (fe_console_read(buffer, sizeof(buffer), &got) == FE_OK) {
        for (size_t i = 0; i < got; i++)
            sum += buffer[i] * (count + i + 1);
        count += got;
        if (count % 7 == 0)
            fe_task_sleep(FE_MILLISECOND);
    }
    cr_log_info("count %llu sum %llu", (unsigned long long)count, (unsigned long long)sum);
}
