/* Unwinding: cleanups run in order whichever way a task fails, and nothing leaks. */
#include "guest.h"

#include <ferrite/io.h>
#include <string.h>

static unsigned ran[256], count; /* written by one task at a time, which is then joined */

static void note(void *which) {
    ran[count++] = (unsigned)(uintptr_t)which;
}

enum way { BY_FAIL, BY_NULL, BY_EXIT, BY_KILL, BY_SEND, BY_ILLEGAL, BY_CALL, BY_OVERFLOW, BY_LARGE_FRAME, WAYS };
static numbers_sender out;
static numbers_port in;
static volatile bool never;

__attribute__((noinline)) static unsigned recurse(unsigned depth) {
    volatile unsigned char frame[200];
    frame[0] = (unsigned char)depth;
    return never ? 0 : recurse(depth + 1) + frame[0];
}

/* The bound is met while the frame is being made, page by page. AddressSanitizer's library needs more stack then than is kept
 * for cleanups. */
#ifdef __SANITIZE_ADDRESS__
#define LARGE_FRAME ((size_t)1)
#else
#define LARGE_FRAME ((size_t)1 << 20)
#endif
__attribute__((noinline)) static unsigned make_large_frame(void) {
    volatile unsigned char frame[LARGE_FRAME];
    frame[0] = 1;
    return frame[0];
}

__attribute__((noinline)) static void go(enum way way) {
    switch (way) {
    case BY_FAIL:
        fe_fail("on purpose");
    case BY_NULL:
        *(volatile int *)0 = 1;
        break;
    case BY_EXIT:
        fe_task_exit(77);
    case BY_KILL:
        (void)numbers_receive(in);
        break;
    case BY_SEND:
        fe_pipe_send(out.end, (const void *)8); /* a fault in the runtime's text, which is the program's */
        break;
    case BY_ILLEGAL:
        __builtin_trap();
    case BY_CALL:
        ((void (*)(void))(never ? (uintptr_t)go : 0))();
        break;
    case BY_OVERFLOW:
        recurse(0);
        break;
    default:
        make_large_frame();
        recurse(0);
        break;
    }
}

__attribute__((noinline)) static void nest(unsigned depth, enum way way) {
    fe_defer(note, (void *)(uintptr_t)depth);
    if (depth == 0)
        go(way);
    else
        nest(depth - 1, way);
}

static intptr_t nest_100(void *way) {
    nest(99, (enum way)(uintptr_t)way);
    return 0;
}

static const enum fe_outcome outcomes[WAYS] = {FE_FAILED,  FE_FAULTED, FE_RETURNED, FE_KILLED, FE_FAULTED,
                                               FE_FAULTED, FE_FAULTED, FE_FAULTED,  FE_FAULTED};

Test(unwind, cleanups_in_order_across_100_frames) {
    numbers_open(&out, &in, 1, 0);
    for (enum way way = 0; way < WAYS; way++) {
        count = 0;
        fe_task task = fe_task_spawn(nest_100, (void *)(uintptr_t)way, NULL);
        if (way == BY_KILL) {
            guest_until_blocked(task);
            fe_task_kill(task);
        }
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK);
        cr_expect_eq(result.outcome, outcomes[way], "way %u: %s", (unsigned)way, result.message);
        cr_assert_eq(count, 100, "way %u: %u cleanups", (unsigned)way, count);
        for (unsigned i = 0; i < 100; i++)
            cr_assert_eq(ran[i], i);
    }
    numbers_close_sender(out);
    numbers_close_port(in);
}

/* Owners ---------------------------------------------------------------------------------------------------------- */

static uint64_t blocks_live(void) {
    struct fe_heap_statistics statistics;
    fe_heap_statistics(FE_ANY_CORE, &statistics);
    return statistics.live_blocks;
}

static intptr_t own(void *way) {
    fe_owned(char) block = fe_heap_alloc(100);
    fe_owned(char) given = fe_heap_alloc(200);
    fe_owned_sender sender = {NULL};
    fe_owned_port port = {NULL};
    fe_pipe_open(&sender, &port, sizeof(void *), 4, FE_PIPE_BLOCKS);
    fe_pipe_give(sender, &given);
    block[0] = 1;
    if ((uintptr_t)way < WAYS)
        go((enum way)(uintptr_t)way);
    return given == NULL;
}

Test(unwind, owners_leak_nothing) {
    numbers_open(&out, &in, 1, 0);
    cr_assert_eq(guest_join(fe_task_spawn(own, (void *)(uintptr_t)WAYS, NULL)), 1);
    uint64_t before = blocks_live();
    for (enum way way = 0; way < WAYS; way++) {
        fe_task task = fe_task_spawn(own, (void *)(uintptr_t)way, NULL);
        if (way == BY_KILL) {
            guest_until_blocked(task);
            fe_task_kill(task);
        }
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK);
        cr_expect_eq(result.outcome, outcomes[way], "way %u: %s", (unsigned)way, result.message);
        cr_assert_eq(blocks_live(), before, "way %u leaks", (unsigned)way);
    }
    numbers_close_sender(out);
    numbers_close_port(in);
}

static intptr_t hold_sender(void *argument) {
    fe_owned_sender mine = *(fe_sender *)argument;
    fe_task_sleep(1000 * FE_SECOND);
    return mine.pipe != NULL;
}

Test(unwind, the_peer_of_a_killed_task_sees_its_pipe_closed) {
    numbers_open(&out, &in, 4, 0);
    numbers_send(out, 1);
    fe_task task = fe_task_spawn(hold_sender, &out.end, NULL);
    guest_until_blocked(task);
    fe_task_kill(task);
    uint64_t value;
    cr_expect_eq(numbers_receive(in), 1, "what was sent is received");
    cr_expect_eq(numbers_receive_until(in, &value, fe_time_now() + HANG), FE_ECLOSED);
    fe_task_join(task, NULL);
    numbers_close_port(in);
}

/* Either end of an exchange is killed at every point of it: each block is freed once. */
static fe_sender exchange_out;
static fe_port exchange_in;
static atomic_uint owning; /* tasks that have taken over their end */

static intptr_t send_blocks(void *unused) {
    (void)unused;
    fe_owned_sender mine = exchange_out;
    atomic_fetch_add(&owning, 1);
    for (;;) {
        fe_owned(uint64_t) block = fe_heap_alloc(64);
        *block = 1;
        fe_pipe_give(mine, &block);
        cr_assert_null(block);
        fe_task_yield();
    }
    return 0;
}

static intptr_t receive_blocks(void *unused) {
    (void)unused;
    fe_owned_port mine = exchange_in;
    atomic_fetch_add(&owning, 1);
    for (;;) {
        fe_owned(uint64_t) block = NULL;
        if (fe_pipe_receive_until(mine, &block, FE_FOREVER) != FE_OK)
            return 0;
        cr_assert_eq(*block, 1);
        fe_task_yield();
    }
    return 0;
}

Test(unwind, either_end_killed_at_every_point_of_an_exchange) {
    static const size_t capacities[] = {FE_RENDEZVOUS, 1, 4, FE_UNBOUNDED};
    unsigned points = (unsigned)guest_size(40, 1000);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.quiet = true; /* who sends into what has been closed fails */
    for (unsigned kind = 0; kind < FE_ARRAY_LENGTH(capacities); kind++) {
        uint64_t before = blocks_live();
        for (unsigned point = 0; point < points; point++) {
            fe_pipe_open(&exchange_out, &exchange_in, sizeof(void *), capacities[kind], FE_PIPE_BLOCKS);
            atomic_store(&owning, 0);
            options.core = (int)(point % fe_core_count());
            fe_task sender = fe_task_spawn(send_blocks, NULL, &options);
            options.core = (int)(point / 2 % fe_core_count());
            fe_task receiver = fe_task_spawn(receive_blocks, NULL, &options);
            while (atomic_load(&owning) < 2)
                fe_task_yield();
            for (unsigned turn = 0; turn < point % 20; turn++)
                fe_task_yield();
            struct fe_task_result result;
            fe_task first = point & 1 ? sender : receiver, second = point & 1 ? receiver : sender;
            fe_task_kill(first);
            cr_assert_eq(fe_task_join_until(first, &result, fe_time_now() + HANG), FE_OK);
            fe_task_kill(second);
            cr_assert_eq(fe_task_join_until(second, &result, fe_time_now() + HANG), FE_OK);
        }
        cr_assert_eq(blocks_live(), before, "capacity %zu: blocks leak", capacities[kind]);
    }
}

/* Cleanups that do things ----------------------------------------------------------------------------------------- */

static void fail_in_cleanup(void *unused) {
    (void)unused;
    fe_fail("in a cleanup");
}

static void fault_in_cleanup(void *unused) {
    *(volatile int *)unused = 1;
}

static void (*cleanup)(void *argument);

static intptr_t fail_twice(void *function) {
    fe_defer(note, (void *)2);
    fe_defer(cleanup, function);
    fe_defer(note, (void *)1);
    fe_fail("first");
}

Test(unwind, failing_in_a_cleanup_ends_it) {
    void (*const cleanups[])(void *) = {fail_in_cleanup, fault_in_cleanup};
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(cleanups); i++) {
        cleanup = cleanups[i];
        count = 0;
        struct fe_task_result result = guest_result(fail_twice, NULL);
        cr_expect_eq(result.outcome, FE_FAILED);
        cr_expect(strstr(result.message, "first"), "what came first is the result: %s", result.message);
        cr_expect_eq(count, 1, "the cleanups after it are given up");
    }
}

static intptr_t exit_and_fail(void *unused) {
    (void)unused;
    fe_defer(fail_in_cleanup, NULL);
    fe_task_exit(3);
}

Test(unwind, failing_in_a_cleanup_of_an_exit_fails_the_task) {
    struct fe_task_result result = guest_result(exit_and_fail, NULL);
    cr_expect_eq(result.outcome, FE_FAILED);
    cr_expect(strstr(result.message, "in a cleanup, while it ended"), "%s", result.message);
}

static void wait_in_cleanup(void *unused) {
    (void)unused;
    for (int i = 0; i < 3; i++) {
        fe_task_yield();
        numbers_send(out, 1);
    }
}

static intptr_t clean_up_by_sending(void *unused) {
    (void)unused;
    fe_defer(wait_in_cleanup, NULL);
    numbers_receive(in);
    return 0;
}

static intptr_t take_three(void *port) {
    uint64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        fe_task_yield();
        sum += numbers_receive(*(numbers_port *)port);
    }
    return (intptr_t)sum;
}

/* While it unwinds it waits, and is killed again, which does nothing. */
Test(unwind, cleanups_may_wait_and_are_not_killed) {
    numbers_port unused_port, their_port;
    numbers_sender unused_sender;
    numbers_open(&unused_sender, &unused_port, 1, 0);
    numbers_open(&out, &their_port, FE_RENDEZVOUS, 0);
    in = unused_port;
    fe_task task = fe_task_spawn(clean_up_by_sending, NULL, NULL);
    guest_until_blocked(task);
    fe_task_kill(task);
    for (int i = 0; i < 10; i++) {
        fe_task_yield();
        fe_task_kill(task);
    }
    cr_expect_eq(guest_join(fe_task_spawn(take_three, &their_port, NULL)), 3);
    struct fe_task_result result;
    cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK);
    cr_expect_eq(result.outcome, FE_KILLED);
    numbers_close_sender(out);
    numbers_close_port(their_port);
    numbers_close_sender(unused_sender);
    numbers_close_port(unused_port);
}

/* The stack is full, and cleanups have stacks of their own needs. */
static void use_stack(void *unused) {
    volatile unsigned char bytes[1500];
    bytes[0] = (unsigned char)(uintptr_t)unused;
    char text[100];
    fe_format(text, sizeof text, "%d", bytes[0]);
    count++;
}

__attribute__((noinline)) static unsigned recurse_with_cleanups(unsigned depth) {
    fe_defer(use_stack, NULL);
    volatile unsigned char frame[100];
    frame[0] = (unsigned char)depth;
    return never ? 0 : recurse_with_cleanups(depth + 1) + frame[0];
}

static intptr_t overflow(void *unused) {
    (void)unused;
    return (intptr_t)recurse_with_cleanups(0);
}

Test(unwind, a_full_stack_has_a_reserve) {
    count = 0;
    struct fe_task_result result = guest_result(overflow, NULL);
    cr_expect_eq(result.outcome, FE_FAULTED);
    cr_expect_eq(result.fault, FE_FAULT_STACK_OVERFLOW);
#ifndef __SANITIZE_THREAD__ /* there it may be the sanitizer's library that meets the bound: nothing unwinds from there */
    cr_expect_gt(count, 100, "%u cleanups", count);
#endif
}

/* Overflows inside the runtime: the operation is done, and its caller fails before it goes on. */
static volatile unsigned entered, went_on, left;

static void leave(void *unused) {
    (void)unused;
    left++;
}

__attribute__((noinline)) static unsigned dig(unsigned depth) {
    fe_defer(leave, NULL);
    char text[32];
    entered = depth;
    fe_format(text, sizeof text, "%s %u", "depth", depth); /* needs more stack than a frame of this function has */
    went_on = depth;
    unsigned result = never ? 0 : dig(depth + 1);
    return result + (unsigned char)text[0];
}

static intptr_t dig_down(void *unused) {
    (void)unused;
    return (intptr_t)dig(0);
}

Test(unwind, overflow_inside_the_runtime) {
    left = 0;
    struct fe_task_result result = guest_result(dig_down, NULL);
    cr_expect_eq(result.outcome, FE_FAULTED);
    cr_expect_eq(result.fault, FE_FAULT_STACK_OVERFLOW, "%s", result.message);
    cr_expect_gt(entered, 50u);
    cr_expect_eq(went_on, entered - 1, "it fails where the operation ends");
#ifndef __SANITIZE_THREAD__ /* see above */
    cr_expect_eq(left, entered + 1, "and cleans up");
#endif
}

/* A scope's usual ends. */
__attribute__((noinline)) static int leave_by(int how) {
    for (int i = 0; i < 2; i++) {
        fe_defer(note, (void *)(uintptr_t)(i + 1));
        if (how == 1)
            break;
        if (how == 2)
            return 1;
        if (how == 3)
            continue;
    }
    return 0;
}

Test(unwind, scopes_end_in_usual_ways) {
    static const unsigned expected[] = {2, 1, 1, 2};
    for (int how = 0; how < 4; how++) {
        count = 0;
        leave_by(how);
        cr_expect_eq(count, expected[how]);
    }
}
