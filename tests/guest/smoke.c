/* The least that must work before anything else is worth looking at. */
#include "guest.h"

static intptr_t answer(void *argument) {
    return (intptr_t)argument + 1;
}

Test(smoke, spawn_and_join) {
    cr_assert_eq(guest_join(fe_task_spawn(answer, (void *)41, NULL)), 42);
}

Test(smoke, yield_alone) {
    for (int i = 0; i < 100; i++)
        fe_task_yield();
}

Test(smoke, context_is_task) {
    cr_assert_eq(fe_context(), FE_CONTEXT_TASK);
    cr_assert_str_eq(fe_context_name(fe_context()), "task");
    cr_assert_lt(fe_core_index(), fe_core_count());
    cr_assert_neq(fe_task_self().id, 0);
}

Test(smoke, value_through_a_pipe) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 4, 0);
    numbers_send(out, 7);
    cr_assert_eq(numbers_receive(in), 7);
    numbers_close_sender(out);
    numbers_close_port(in);
}

Test(smoke, time_goes_on) {
    fe_nanoseconds before = fe_time_now();
    fe_task_sleep(FE_MILLISECOND);
    cr_assert_geq(fe_time_now() - before, FE_MILLISECOND);
}

Test(smoke, heap_block) {
    unsigned char *block = fe_heap_alloc(100);
    for (int i = 0; i < 100; i++)
        block[i] = (unsigned char)i;
    for (int i = 0; i < 100; i++)
        cr_assert_eq(block[i], i);
    fe_heap_free(block);
}

Test(smoke, null_is_contained, .signal = SIGSEGV) {
    volatile int *volatile null = NULL;
    *null = 1;
}

static intptr_t fails(void *argument) {
    (void)argument;
    fe_fail("on purpose: %d", 7);
}

Test(smoke, failure_is_told) {
    struct fe_task_result result = guest_result(fails, NULL);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_not_null(__builtin_strstr(result.message, "on purpose: 7"), "%s", result.message);
}
