/* Tests that fail, each in another way: tests/system/harness runs them one by one, to see that the harness notices. */
#include "guest.h"

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
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 1, 0);
    numbers_receive(in);
    return 0;
}

Test(provoked, task_leak, .data = FE_TEST_ALONE) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.weak = true;
    fe_task_spawn(wait_for_ever, NULL, &options);
}

Test(provoked, timeout, .timeout = 0.2, .data = FE_TEST_ALONE) {
    wait_for_ever(NULL);
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
