/* Foreign calls: a large stack, its own while the call lasts, in a task and out of one. */
#include "guest.h"

#include <sched/scheduler.h>
#include <string.h>

/* Takes `left` KiB of stack, writes all of it, and sums it on the way back. */
__attribute__((noinline)) static uint64_t dig(unsigned left) {
    volatile unsigned char frame[1024];
    memset((void *)(uintptr_t)frame, (int)(left & 0x7f), sizeof(frame));
    uint64_t below = left > 0 ? dig(left - 1) : 0;
    for (unsigned i = 0; i < sizeof(frame); i++) {
        if (frame[i] != (left & 0x7f))
            return UINT64_MAX;
    }
    return below == UINT64_MAX ? below : below + 1;
}

static intptr_t dig_deep(void *kib) {
    return (intptr_t)dig((unsigned)(uintptr_t)kib);
}

#define DEEP ((void *)1500) /* KiB: far beyond a task's default bound */

Test(foreign, has_a_large_stack) {
    cr_assert_eq(fe_foreign(dig_deep, DEEP), 1501);
    cr_assert_eq(fe_foreign(dig_deep, (void *)1), 2);
    struct fe_task_result result = guest_result(dig_deep, DEEP);
    cr_assert_eq(result.fault, FE_FAULT_STACK_OVERFLOW, "the task's own stack was as large");
}

static intptr_t dig_in_foreign(void *kib) {
    return fe_foreign(dig_deep, kib);
}

Test(foreign, many_tasks_at_once) {
    fe_task tasks[16];
    for (unsigned i = 0; i < 16; i++)
        tasks[i] = guest_spawn(dig_in_foreign, (void *)(uintptr_t)(100 * i), (int)(i % fe_core_count()));
    for (unsigned i = 0; i < 16; i++)
        cr_assert_eq(guest_join(tasks[i]), (intptr_t)(100 * i + 1));
}

/* Each call fills its stack with a pattern of its own, and lets others run in between. */
static intptr_t hold_pattern(void *argument) {
    unsigned char pattern[20000];
    memset(pattern, (int)(uintptr_t)argument, sizeof(pattern));
    for (unsigned round = 0; round < 50; round++) {
        fe_task_yield();
        for (unsigned i = 0; i < sizeof(pattern); i += 7) {
            if (pattern[i] != (unsigned char)(uintptr_t)argument)
                return -1;
        }
        pattern[round] = (unsigned char)(uintptr_t)argument; /* so that no compiler takes it for constant */
    }
    return (intptr_t)argument;
}

static intptr_t hold_in_foreign(void *argument) {
    return fe_foreign(hold_pattern, argument);
}

Test(foreign, callbacks_that_block_do_not_share_a_stack) {
    fe_task tasks[24];
    for (uintptr_t i = 0; i < 24; i++)
        tasks[i] = fe_task_spawn(hold_in_foreign, (void *)(i + 1), NULL);
    for (intptr_t i = 0; i < 24; i++)
        cr_assert_eq(guest_join(tasks[i]), i + 1);
}

static intptr_t where(void *inner) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (inner == NULL)
        return (intptr_t)here;
    intptr_t there = fe_foreign(where, NULL);
    return (uintptr_t)there < here && here - (uintptr_t)there < 4096;
}

Test(foreign, a_call_in_a_call_stays_on_the_stack) {
    cr_assert_eq(fe_foreign(where, (void *)1), 1);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), there = (uintptr_t)fe_foreign(where, NULL);
    cr_assert_geq(here > there ? here - there : there - here, FE_FOREIGN_STACK_BYTES / 4);
}

static intptr_t write_through(void *buffer) {
    memset(buffer, 5, 30000); /* pages of the task's own stack that nobody has touched yet */
    return ((unsigned char *)buffer)[29999];
}

static intptr_t lend_a_buffer(void *argument) {
    unsigned char buffer[30000];
    intptr_t last = fe_foreign(write_through, buffer);
    return last + buffer[12345] + (intptr_t)argument;
}

Test(foreign, the_callers_stack_grows_too) {
    cr_assert_eq(guest_join(fe_task_spawn(lend_a_buffer, (void *)1, NULL)), 11);
}

/* Failing --------------------------------------------------------------------------------------------------------- */

static intptr_t fail(void *argument) {
    (void)argument;
    fe_fail("in a foreign call");
}

static intptr_t fault(void *address) {
    return *(volatile int *)address;
}

static intptr_t in_foreign(void *function) {
    return fe_foreign(*(fe_task_function *)function, NULL);
}

static struct fe_task_result result_in_foreign(fe_task_function function) {
    return guest_result(in_foreign, &function);
}

Test(foreign, failures_are_the_tasks) {
    struct fe_memory_statistics memory;
    for (unsigned i = 0; i < 50; i++) {
        struct fe_task_result result = result_in_foreign(fail);
        cr_assert_eq(result.outcome, FE_FAILED);
        cr_assert_not_null(strstr(result.message, "in a foreign call"));
        result = result_in_foreign(fault);
        cr_assert_eq(result.outcome, FE_FAULTED);
        cr_assert_eq(result.fault, FE_FAULT_MEMORY);
    }
    fe_memory_statistics(&memory);
    cr_assert_lt(memory.stack_bytes, (uint64_t)16 << 20, "stacks of failed calls were not given back");
}

/* Cleanups on both sides of the call, and in a callback of it: innermost first. */
static _Atomic unsigned cleaned;

static void clean(void *digit) {
    atomic_store(&cleaned, atomic_load(&cleaned) * 10 + (unsigned)(uintptr_t)digit);
}

__attribute__((noinline)) static intptr_t fail_below(void *how) {
    fe_defer(clean, (void *)1);
    if (how == NULL)
        fe_fail("below");
    fault((void *)((uintptr_t)how * 8));
    return 0;
}

static intptr_t call_back(void *how) {
    fe_defer(clean, (void *)2);
    return fe_foreign(fail_below, how); /* stays on the stack */
}

static intptr_t call_out(void *how) {
    fe_defer(clean, (void *)3);
    return fe_foreign(call_back, how);
}

Test(foreign, cleanups_run_on_both_stacks) {
    for (uintptr_t how = 0; how < 2; how++) {
        atomic_store(&cleaned, 0);
        struct fe_task_result result = guest_result(call_out, (void *)how);
        cr_assert_eq(result.outcome, how == 0 ? FE_FAILED : FE_FAULTED);
#ifndef __clang__ /* which promises none on faults */
        cr_assert_eq(atomic_load(&cleaned), 123u);
#endif
    }
    cr_assert_eq(fe_foreign(dig_deep, DEEP), 1501);
}

/* A cleanup may make a foreign call of its own while the failed one's stack is still there. */
static void dig_again(void *sum) {
    *(_Atomic intptr_t *)sum = fe_foreign(dig_deep, (void *)100);
}

static intptr_t fail_and_dig(void *sum) {
    fe_defer(dig_again, sum);
    fe_task_function function = fail;
    return in_foreign(&function);
}

Test(foreign, a_cleanup_may_make_another) {
    static _Atomic intptr_t sum;
    cr_assert_eq(guest_result(fail_and_dig, &sum).outcome, FE_FAILED);
    cr_assert_eq(atomic_load(&sum), 101);
}

static intptr_t dig_too_deep(void *argument) {
    (void)argument;
    return (intptr_t)dig(3000);
}

Test(foreign, past_the_end_is_a_stack_overflow) {
    struct fe_task_result result = result_in_foreign(dig_too_deep);
    cr_assert_eq(result.outcome, FE_FAULTED);
    cr_assert_eq(result.fault, FE_FAULT_STACK_OVERFLOW);
    cr_assert_eq(fe_foreign(dig_deep, DEEP), 1501);
}

static intptr_t leave(void *argument) {
    fe_task_exit((intptr_t)argument + 3);
}

Test(foreign, a_task_may_end_in_it) {
    struct fe_task_result result = result_in_foreign(leave);
    cr_assert_eq(result.outcome, FE_RETURNED);
    cr_assert_eq(result.value, 3);
}

static intptr_t sleep_for_ever(void *argument) {
    fe_task_sleep_until(FE_FOREVER);
    return (intptr_t)argument;
}

Test(foreign, a_task_may_be_killed_in_it) {
    fe_task_function function = sleep_for_ever;
    for (unsigned i = 0; i < 20; i++) {
        fe_task task = fe_task_spawn(in_foreign, &function, NULL);
        guest_until_blocked(task);
        struct fe_task_result result;
        cr_assert_eq(fe_task_kill(task), FE_OK);
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK);
        cr_assert_eq(result.outcome, FE_KILLED);
    }
    cr_assert_eq(fe_foreign(dig_deep, DEEP), 1501);
}

/* Out of a task --------------------------------------------------------------------------------------------------- */

struct called {
    struct fe_event event;
    _Atomic intptr_t value;
    _Atomic bool done;
};

static intptr_t dig_and_look(void *kib) {
    intptr_t context = fe_context() == FE_CONTEXT_SCHEDULER ? 1000000 : 0;
    return context + dig_deep(kib);
}

static void call_foreign(struct fe_event *event) {
    struct called *called = FE_CONTAINER_OF(event, struct called, event);
    atomic_store(&called->value, fe_foreign(dig_and_look, DEEP));
    atomic_store(&called->done, true);
}

Test(foreign, in_scheduler_context) {
    for (unsigned core = 0; core < fe_core_count(); core++) {
        struct called called = {.value = 0};
        fe_event_init(&called.event, core, call_foreign);
        fe_event_post(&called.event);
        fe_nanoseconds hang = fe_time_now() + HANG;
        while (!atomic_load(&called.done)) {
            cr_assert_lt(fe_time_now(), hang, "the event did not come");
            fe_task_yield();
        }
        cr_assert_eq(atomic_load(&called.value), 1001501);
    }
}
