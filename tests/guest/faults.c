/* Faults: each ends the task that did it, is told to its joiner, and leaves the machine running. */
#include "guest.h"

GUEST_WILD static intptr_t read_address(void *argument) {
    return *(volatile int *)argument;
}

GUEST_WILD static intptr_t write_address(void *argument) {
    *(volatile int *)argument = 1;
    return 0;
}

GUEST_WILD static intptr_t call_address(void *argument) {
    ((void (*)(void))(uintptr_t)argument)();
    return 0;
}

static void expect_fault(fe_task_function function, uintptr_t address, enum fe_fault_kind kind) {
    struct fe_task_result result = guest_result(function, (void *)address);
    cr_assert_eq(result.outcome, FE_FAULTED);
    cr_expect_eq(result.fault, kind);
    cr_expect_eq(result.fault_address, address);
    cr_expect_str_not_empty(result.message);
}

Test(faults, null_write, .signal = SIGSEGV) {
    write_address(NULL);
}

Test(faults, null_is_told) {
    expect_fault(read_address, 0, FE_FAULT_MEMORY);
    expect_fault(write_address, 8, FE_FAULT_MEMORY);
}

Test(faults, wild_pointer) {
    if (GUEST_SLOWER > 1)
        cr_skip_test("a sanitizer has memory at such addresses");
    expect_fault(write_address, 0x123456789000, FE_FAULT_MEMORY);
    expect_fault(read_address, 0x7fffffffe000, FE_FAULT_MEMORY);
}

Test(faults, non_canonical_pointer) {
    struct fe_task_result result = guest_result(read_address, (void *)0x1234567890123456);
    cr_assert_eq(result.outcome, FE_FAULTED);
    cr_expect_eq(result.fault, FE_FAULT_MEMORY);
}

Test(faults, call_of_null) {
    struct fe_task_result result = guest_result(call_address, NULL);
    cr_assert_eq(result.outcome, FE_FAULTED);
    cr_expect_eq(result.fault, FE_FAULT_MEMORY);
}

static int writable_data[16] = {1};

Test(faults, data_is_not_code) {
    struct fe_task_result result = guest_result(call_address, writable_data);
    cr_assert_eq(result.outcome, FE_FAULTED);
    cr_expect_eq(result.fault, FE_FAULT_MEMORY);
}

Test(faults, stack_and_heap_are_not_code) {
    int local[4] = {0};
    int *block = fe_heap_alloc_zeroed(4, sizeof(int));
    cr_expect_eq(guest_result(call_address, local).outcome, FE_FAULTED);
    cr_expect_eq(guest_result(call_address, block).outcome, FE_FAULTED);
    fe_heap_free(block);
}

static const int constant[4] = {1, 2, 3, 4};

Test(faults, constants_and_text_are_read_only) {
    if (GUEST_SLOWER > 1)
        cr_skip_test("a sanitizer's books of them are read-only, too, and it is there that the write faults");
    expect_fault(write_address, (uintptr_t)constant, FE_FAULT_MEMORY);
    expect_fault(write_address, (uintptr_t)expect_fault & ~(uintptr_t)3, FE_FAULT_MEMORY);
    cr_assert_eq(constant[0], 1);
}

static volatile bool never; /* so that no compiler sees the recursion for what it is */

__attribute__((noinline)) static unsigned recurse(unsigned depth) {
    volatile unsigned char frame[200];
    frame[0] = (unsigned char)depth;
    return never ? 0 : recurse(depth + 1) + frame[0];
}

static intptr_t overflow(void *argument) {
    (void)argument;
    return (intptr_t)recurse(0);
}

Test(faults, stack_overflow) {
    struct fe_task_result result = guest_result(overflow, NULL);
    cr_assert_eq(result.outcome, FE_FAULTED);
    cr_expect_eq(result.fault, FE_FAULT_STACK_OVERFLOW);
}

Test(faults, own_stack_overflow, .signal = SIGSEGV) {
    recurse(0);
}

/* Frames that are larger than the guard, touched at their far end only: whoever lies behind it must not be reached. */
__attribute__((noinline)) static unsigned leap(unsigned depth) {
    volatile unsigned char frame[24000];
    frame[0] = (unsigned char)depth;
    return never ? 0 : leap(depth + 1) + frame[0];
}

static intptr_t overflow_in_leaps(void *argument) {
    (void)argument;
    return (intptr_t)leap(0);
}

Test(faults, large_frames_do_not_leap_the_guard) {
    enum { TASKS = 8 }; /* neighbours, in the order of their stacks or against it */
    fe_task tasks[TASKS];
    for (unsigned i = 0; i < TASKS; i++)
        tasks[i] = fe_task_spawn(overflow_in_leaps, NULL, NULL);
    for (unsigned i = 0; i < TASKS; i++) {
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(tasks[i], &result, fe_time_now() + HANG), FE_OK);
        cr_assert_eq(result.outcome, FE_FAULTED);
        cr_expect_eq(result.fault, FE_FAULT_STACK_OVERFLOW, "%s", result.message);
    }
}

static intptr_t trap(void *argument) {
    (void)argument;
    __builtin_trap();
}

Test(faults, illegal_instruction) {
    struct fe_task_result result = guest_result(trap, NULL);
    cr_assert_eq(result.outcome, FE_FAULTED);
    /* gcc's trap is an undefined instruction on x86_64 and a breakpoint on AArch64. */
    cr_expect_eq(result.fault, guest_is_arch("aarch64") ? FE_FAULT_BREAKPOINT : FE_FAULT_ILLEGAL);
}

GUEST_WILD static intptr_t divide(void *argument) {
    volatile int zero = (int)(intptr_t)argument;
    return 100 / zero;
}

Test(faults, division_by_zero) {
    if (guest_is_arch("aarch64"))
        cr_skip_test("the machine does not trap division");
    struct fe_task_result result = guest_result(divide, NULL);
    cr_assert_eq(result.outcome, FE_FAULTED);
    cr_expect_eq(result.fault, FE_FAULT_ARITHMETIC);
}

/* Many tasks fault at once on all cores; every joiner learns of its own. */
Test(faults, many_at_once) {
    enum { COUNT = 64 };
    fe_task tasks[COUNT];
    for (int i = 0; i < COUNT; i++)
        tasks[i] = guest_spawn(i % 2 ? overflow : write_address, (void *)(uintptr_t)(8 * i), i % (int)fe_core_count());
    for (int i = 0; i < COUNT; i++) {
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(tasks[i], &result, fe_time_now() + HANG), FE_OK);
        cr_assert_eq(result.outcome, FE_FAULTED);
        if (i % 2 == 0)
            cr_expect_eq(result.fault_address, (uintptr_t)(8 * i));
    }
}
