/* Pipes within a core or wherever their tasks happen to run: order, bounds, closing, ownership, deadlines. */
#include "guest.h"

#include <string.h>

struct ends {
    numbers_sender out;
    numbers_port in;
};

static struct ends open_pipe(size_t capacity, unsigned flags) {
    struct ends ends;
    numbers_open(&ends.out, &ends.in, capacity, flags);
    return ends;
}

static void close_both(struct ends ends) {
    numbers_close_sender(ends.out);
    numbers_close_port(ends.in);
}

Test(pipes, in_order) {
    struct ends pipe = open_pipe(16, 0);
    for (uint64_t i = 0; i < 16; i++)
        numbers_send(pipe.out, i);
    cr_assert_eq(fe_port_pending(pipe.in.end), 16);
    for (uint64_t i = 0; i < 16; i++)
        cr_assert_eq(numbers_receive(pipe.in), i);
    cr_assert_eq(fe_port_pending(pipe.in.end), 0);
    close_both(pipe);
}

Test(pipes, full_and_empty) {
    struct ends pipe = open_pipe(4, 0);
    uint64_t value;
    cr_assert_eq(numbers_try_receive(pipe.in, &value), FE_EAGAIN);
    for (uint64_t i = 0; i < 4; i++)
        cr_assert_eq(numbers_try_send(pipe.out, i), FE_OK);
    cr_assert_eq(numbers_try_send(pipe.out, 4), FE_EAGAIN);
    cr_assert_eq(numbers_receive(pipe.in), 0);
    cr_assert_eq(numbers_try_send(pipe.out, 4), FE_OK);
    for (uint64_t i = 1; i < 5; i++)
        cr_assert_eq(numbers_receive(pipe.in), i);
    close_both(pipe);
}

Test(pipes, impossible_ones_are_refused) {
    fe_sender out;
    fe_port in;
    cr_assert_eq(fe_pipe_try_open(&out, &in, 0, 4, 0), FE_EINVAL);
    cr_assert_eq(fe_pipe_try_open(&out, &in, FE_PIPE_VALUE_MAX + 1, 4, 0), FE_EINVAL);
    cr_assert_eq(fe_pipe_try_open(&out, &in, 8, FE_PIPE_CAPACITY_MAX + 1, 0), FE_EINVAL);
    cr_assert_eq(fe_pipe_try_open(&out, &in, 8, 1, FE_PIPE_ONESHOT | FE_PIPE_SHARED), FE_EINVAL);
}

ParameterizedTestParameters(pipes, values_of_any_size) {
    static const size_t sizes[] = {1, 2, 3, 7, 8, 9, 16, 24, 63, 64, 65, 128, 255, 256};
    return cr_make_param_array(const size_t, sizes, FE_ARRAY_LENGTH(sizes));
}

ParameterizedTest(const size_t *size, pipes, values_of_any_size) {
    unsigned char sent[FE_PIPE_VALUE_MAX], got[FE_PIPE_VALUE_MAX + 1];
    fe_sender out;
    fe_port in;
    fe_pipe_open(&out, &in, *size, 4, 0);
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 0; i < *size; i++)
            sent[i] = (unsigned char)(i * 7 + round);
        memset(got, 0xee, sizeof(got));
        fe_pipe_send(out, sent);
        fe_pipe_receive(in, got);
        cr_assert_arr_eq(got, sent, *size);
        cr_assert_eq(got[*size], 0xee);
    }
    fe_sender_close(out);
    fe_port_close(in);
}

/* Tasks at either end ----------------------------------------------------------------------------------------------- */

struct producer {
    numbers_sender out;
    uint64_t first, count;
    _Atomic uint64_t sent;
};

static intptr_t produce(void *argument) {
    struct producer *producer = argument;
    fe_owned_sender out = producer->out.end; /* closed however this ends: nobody waits for one that has failed */
    for (uint64_t i = 0; i < producer->count; i++) {
        numbers_send(producer->out, producer->first + i);
        atomic_fetch_add(&producer->sent, 1);
    }
    return 0;
}

static void stream(size_t capacity, unsigned flags, uint64_t count) {
    struct ends pipe = open_pipe(capacity, flags);
    struct producer producer = {.out = pipe.out, .count = count};
    fe_task task = fe_task_spawn(produce, &producer, NULL);
    for (uint64_t i = 0; i < count; i++)
        cr_assert_eq(numbers_receive(pipe.in), i);
    uint64_t value;
    cr_assert_eq(numbers_receive_until(pipe.in, &value, FE_FOREVER), FE_ECLOSED);
    guest_join(task);
    numbers_close_port(pipe.in);
}

Test(pipes, bounded_stream) {
    stream(1, 0, 2000);
    stream(64, 0, 20000);
    stream(64, FE_PIPE_SHARED, 20000);
}

Test(pipes, unbounded_stream) {
    stream(FE_UNBOUNDED, 0, 20000);
    stream(FE_UNBOUNDED, FE_PIPE_SHARED, 20000);
}

Test(pipes, rendezvous_stream) {
    stream(FE_RENDEZVOUS, 0, 5000);
    stream(FE_RENDEZVOUS, FE_PIPE_SHARED, 5000);
}

Test(pipes, unbounded_never_waits) {
    struct ends pipe = open_pipe(FE_UNBOUNDED, 0);
    size_t count = guest_size(100000, 1000000);
    for (uint64_t i = 0; i < count; i++)
        cr_assert_eq(numbers_try_send(pipe.out, i), FE_OK);
    for (uint64_t i = 0; i < count; i++)
        cr_assert_eq(numbers_receive(pipe.in), i);
    close_both(pipe);
}

Test(pipes, full_pipe_blocks_its_sender) {
    struct ends pipe = open_pipe(2, 0);
    struct producer producer = {.out = pipe.out, .count = 5};
    fe_task task = fe_task_spawn(produce, &producer, NULL);
    while (atomic_load(&producer.sent) < 2)
        fe_task_yield();
    for (int i = 0; i < 100; i++)
        fe_task_yield();
    cr_assert_eq(atomic_load(&producer.sent), 2);
    for (uint64_t i = 0; i < 5; i++)
        cr_assert_eq(numbers_receive(pipe.in), i);
    guest_join(task);
    numbers_close_port(pipe.in);
}

Test(pipes, rendezvous_waits_for_the_receiver) {
    struct ends pipe = open_pipe(FE_RENDEZVOUS, 0);
    cr_assert_eq(numbers_try_send(pipe.out, 1), FE_EAGAIN);
    struct producer producer = {.out = pipe.out, .count = 1, .first = 8};
    fe_task task = fe_task_spawn(produce, &producer, NULL);
    for (int i = 0; i < 100; i++)
        fe_task_yield();
    cr_assert_eq(atomic_load(&producer.sent), 0);
    cr_assert_eq(numbers_receive(pipe.in), 8);
    guest_join(task);
    cr_assert_eq(atomic_load(&producer.sent), 1);
    numbers_close_port(pipe.in);
}

static void many_senders(size_t capacity) {
    enum { SENDERS = 4 };
    uint64_t each = guest_size(5000, 200000);
    struct ends pipe = open_pipe(capacity, FE_PIPE_SHARED);
    struct producer producers[SENDERS];
    fe_task tasks[SENDERS];
    for (uint64_t i = 0; i < SENDERS; i++) {
        producers[i] = (struct producer){.out = numbers_copy(pipe.out), .first = i << 32, .count = each};
        tasks[i] = guest_spawn(produce, &producers[i], (int)(i % fe_core_count()));
    }
    numbers_close_sender(pipe.out);
    uint64_t next[SENDERS] = {0}, value;
    while (numbers_receive_until(pipe.in, &value, FE_FOREVER) == FE_OK) {
        cr_assert_lt(value >> 32, (uint64_t)SENDERS);
        cr_assert_eq(value & 0xffffffff, next[value >> 32], "sender %llu out of order", (unsigned long long)(value >> 32));
        next[value >> 32]++;
    }
    for (int i = 0; i < SENDERS; i++) {
        cr_assert_eq(next[i], each);
        guest_join(tasks[i]);
    }
    numbers_close_port(pipe.in);
}

Test(pipes, senders_share) {
    many_senders(256);
}

Test(pipes, senders_share_unbounded) {
    many_senders(FE_UNBOUNDED);
}

Test(pipes, senders_share_rendezvous) {
    many_senders(FE_RENDEZVOUS);
}

/* Closing ----------------------------------------------------------------------------------------------------------- */

static intptr_t send_five_and_die(void *argument) {
    numbers_sender *out = argument;
    for (uint64_t i = 0; i < 5; i++)
        numbers_send(*out, i);
    numbers_close_sender(*out);
    return 0;
}

Test(pipes, five_queued_then_closed) {
    struct ends pipe = open_pipe(8, 0);
    guest_join(fe_task_spawn(send_five_and_die, &pipe.out, NULL));
    for (uint64_t i = 0; i < 5; i++)
        cr_assert_eq(numbers_receive(pipe.in), i);
    uint64_t value;
    cr_assert_eq(numbers_try_receive(pipe.in, &value), FE_ECLOSED);
    cr_assert_eq(numbers_receive_until(pipe.in, &value, FE_FOREVER), FE_ECLOSED);
    numbers_close_port(pipe.in);
}

static intptr_t receive_status(void *argument) {
    numbers_port *in = argument;
    uint64_t value;
    return numbers_receive_until(*in, &value, FE_FOREVER);
}

static intptr_t receive_plainly(void *argument) {
    return (intptr_t)numbers_receive(*(numbers_port *)argument);
}

static intptr_t send_plainly(void *argument) {
    numbers_send(*(numbers_sender *)argument, 1);
    return 0;
}

static intptr_t send_status(void *argument) {
    return numbers_send_until(*(numbers_sender *)argument, 1, FE_FOREVER);
}

Test(pipes, closing_wakes_a_receiver) {
    struct ends pipe = open_pipe(8, 0);
    fe_task task = fe_task_spawn(receive_status, &pipe.in, NULL);
    guest_until_blocked(task);
    numbers_close_sender(pipe.out);
    cr_assert_eq(guest_join(task), FE_ECLOSED);
    numbers_close_port(pipe.in);
}

static void closing_wakes_a_sender(size_t capacity) {
    struct ends pipe = open_pipe(capacity, 0);
    while (numbers_try_send(pipe.out, 0) == FE_OK)
        ;
    fe_task task = fe_task_spawn(send_status, &pipe.out, NULL);
    guest_until_blocked(task);
    numbers_close_port(pipe.in);
    cr_assert_eq(guest_join(task), FE_ECLOSED);
    numbers_close_sender(pipe.out);
}

Test(pipes, closing_wakes_senders) {
    closing_wakes_a_sender(1);
    closing_wakes_a_sender(16);
    closing_wakes_a_sender(FE_RENDEZVOUS);
}

Test(pipes, send_to_a_closed_port) {
    struct ends pipe = open_pipe(8, 0);
    numbers_close_port(pipe.in);
    cr_assert_eq(numbers_try_send(pipe.out, 1), FE_ECLOSED);
    cr_assert_eq(numbers_send_until(pipe.out, 1, FE_FOREVER), FE_ECLOSED);
    cr_assert_eq(guest_result(send_plainly, &pipe.out).outcome, FE_FAILED);
    numbers_close_sender(pipe.out);
}

Test(pipes, plain_receive_of_a_closed_pipe_fails) {
    struct ends pipe = open_pipe(8, 0);
    numbers_close_sender(pipe.out);
    cr_assert_eq(guest_result(receive_plainly, &pipe.in).outcome, FE_FAILED);
    numbers_close_port(pipe.in);
}

Test(pipes, closes_with_its_last_sender) {
    struct ends pipe = open_pipe(8, FE_PIPE_SHARED);
    numbers_sender other = numbers_copy(pipe.out);
    uint64_t value;
    numbers_close_sender(pipe.out);
    cr_assert_eq(numbers_try_receive(pipe.in, &value), FE_EAGAIN);
    numbers_send(other, 3);
    numbers_close_sender(other);
    cr_assert_eq(numbers_receive(pipe.in), 3);
    cr_assert_eq(numbers_try_receive(pipe.in, &value), FE_ECLOSED);
    numbers_close_port(pipe.in);
}

Test(pipes, oneshot) {
    struct ends pipe = open_pipe(1, FE_PIPE_ONESHOT);
    uint64_t value;
    cr_assert_eq(numbers_try_send(pipe.out, 6), FE_OK);
    cr_assert_eq(numbers_try_send(pipe.out, 7), FE_ECLOSED);
    cr_assert_eq(numbers_receive(pipe.in), 6);
    cr_assert_eq(numbers_try_receive(pipe.in, &value), FE_ECLOSED);
    close_both(pipe);
}

/* Deadlines --------------------------------------------------------------------------------------------------------- */

Test(pipes, deadlines) {
    struct ends pipe = open_pipe(1, 0);
    uint64_t value;
    fe_nanoseconds begun = fe_time_now();
    cr_assert_eq(numbers_receive_until(pipe.in, &value, begun + 2 * FE_MILLISECOND), FE_ETIMEDOUT);
    cr_assert_geq(fe_time_now() - begun, 2 * FE_MILLISECOND);
    cr_assert_eq(numbers_receive_until(pipe.in, &value, 0), FE_ETIMEDOUT);
    numbers_send(pipe.out, 1);
    cr_assert_eq(numbers_receive_until(pipe.in, &value, 0), FE_OK); /* what is there is had, however late it is */
    numbers_send(pipe.out, 2);
    cr_assert_eq(numbers_send_until(pipe.out, 3, fe_time_now() + 2 * FE_MILLISECOND), FE_ETIMEDOUT);
    cr_assert_eq(numbers_receive(pipe.in), 2);
    cr_assert_eq(numbers_try_receive(pipe.in, &value), FE_EAGAIN); /* the one that was late was not sent */
    close_both(pipe);
}

Test(pipes, rendezvous_that_was_late_is_not_sent) {
    struct ends pipe = open_pipe(FE_RENDEZVOUS, 0);
    uint64_t value;
    cr_assert_eq(numbers_send_until(pipe.out, 3, fe_time_now() + 2 * FE_MILLISECOND), FE_ETIMEDOUT);
    cr_assert_eq(numbers_try_receive(pipe.in, &value), FE_EAGAIN);
    close_both(pipe);
}

/* Ownership --------------------------------------------------------------------------------------------------------- */

FE_PIPE_TYPE(blocks, unsigned char *);

struct block_ends {
    blocks_sender out;
    blocks_port in;
    unsigned char *_Atomic seen;
};

static intptr_t take_block(void *argument) {
    struct block_ends *ends = argument;
    unsigned char *block = blocks_receive(ends->in);
    atomic_store(&ends->seen, block);
    intptr_t first = block[0];
    fe_heap_free(block);
    return first;
}

Test(pipes, blocks_move) {
    struct block_ends ends;
    blocks_open(&ends.out, &ends.in, 1, FE_PIPE_BLOCKS);
    fe_task task = guest_spawn(take_block, &ends, guest_last_core());
    unsigned char *block = fe_heap_alloc(1000);
    block[0] = 99;
    uintptr_t address = (uintptr_t)block;
    blocks_send(ends.out, block);
    cr_assert_eq(guest_join(task), 99);
    cr_assert_eq((uintptr_t)atomic_load(&ends.seen), address);
    blocks_close_sender(ends.out);
    blocks_close_port(ends.in);
}

static void abandon_blocks(size_t capacity, bool port_first) {
    blocks_sender out;
    blocks_port in;
    blocks_open(&out, &in, capacity, FE_PIPE_BLOCKS);
    for (size_t i = 0; i < 10; i++)
        blocks_send(out, i == 3 ? NULL : fe_heap_alloc(100 * (i + 1)));
    if (port_first)
        blocks_close_port(in);
    blocks_close_sender(out);
    if (!port_first)
        blocks_close_port(in);
}

Test(pipes, blocks_never_received_are_freed) {
    abandon_blocks(16, false);
    abandon_blocks(16, true);
    abandon_blocks(FE_UNBOUNDED, false);
    abandon_blocks(FE_UNBOUNDED, true);
}

struct pair {
    numbers_port in;
    numbers_sender out;
};

static intptr_t echo(void *argument) {
    struct pair *pair = argument;
    fe_owned_sender out = pair->out.end;
    uint64_t value;
    while (numbers_receive_until(pair->in, &value, FE_FOREVER) == FE_OK)
        numbers_send(pair->out, value + 1);
    return 0;
}

static void ping_pong(size_t capacity, int core, size_t rounds) {
    struct ends there = open_pipe(capacity, 0), back = open_pipe(capacity, 0);
    struct pair pair = {there.in, back.out};
    fe_task task = guest_spawn(echo, &pair, core);
    struct fe_heap_statistics before = {0}, after;
    for (uint64_t i = 0; i < rounds; i++) {
        if (i == 16)
            fe_heap_statistics(FE_ANY_CORE, &before);
        numbers_send(there.out, i);
        cr_assert_eq(numbers_receive(back.in), i + 1);
    }
    fe_heap_statistics(FE_ANY_CORE, &after);
    cr_expect_eq(after.allocations, before.allocations, "a steady exchange allocates");
    numbers_close_sender(there.out);
    guest_join(task);
    numbers_close_port(there.in);
    numbers_close_port(back.in);
}

Test(pipes, steady_exchange_allocates_nothing) {
    ping_pong(FE_RENDEZVOUS, FE_ANY_CORE, 2000);
    ping_pong(1, FE_ANY_CORE, 2000);
    ping_pong(64, FE_ANY_CORE, 2000);
}

Test(pipes, exchange_between_cores) {
    ping_pong(FE_RENDEZVOUS, guest_last_core(), guest_size(5000, 1000000));
    ping_pong(1, guest_last_core(), guest_size(5000, 1000000));
}

/* Either end closes at every point of an exchange: nothing leaks (the harness counts), and nobody hangs. */
static intptr_t receive_some(void *argument) {
    struct block_ends *ends = argument;
    size_t count = (size_t)(uintptr_t)atomic_load(&ends->seen);
    unsigned char *block;
    for (size_t i = 0; i < count && blocks_receive_until(ends->in, &block, FE_FOREVER) == FE_OK; i++)
        fe_heap_free(block);
    blocks_close_port(ends->in);
    return 0;
}

static void close_after(size_t capacity, size_t sent, size_t received) {
    struct block_ends ends;
    blocks_open(&ends.out, &ends.in, capacity, FE_PIPE_BLOCKS);
    atomic_store(&ends.seen, (unsigned char *)(uintptr_t)received);
    fe_task task = guest_spawn(receive_some, &ends, (int)(received % fe_core_count()));
    for (size_t i = 0; i < sent; i++) {
        unsigned char *block = fe_heap_alloc(64);
        if (blocks_send_until(ends.out, block, FE_FOREVER) != FE_OK) {
            fe_heap_free(block); /* it is still ours */
            break;
        }
    }
    blocks_close_sender(ends.out);
    guest_join(task);
}

Test(pipes, close_at_every_point) {
    static const size_t capacities[] = {FE_RENDEZVOUS, 1, 4, FE_UNBOUNDED};
    for (size_t c = 0; c < FE_ARRAY_LENGTH(capacities); c++)
        for (size_t sent = 0; sent < 8; sent++)
            for (size_t received = 0; received < 8; received++)
                close_after(capacities[c], sent, received);
}

static intptr_t send_thrice(void *argument) {
    numbers_sender *out = argument;
    for (uint64_t i = 1; i <= 3; i++)
        numbers_send(*out, i);
    return 0;
}

/* One waits in the rendezvous, the others for their turn; and the receiver comes first as often as not. */
Test(pipes, many_senders_meet_one_receiver) {
    enum { SENDERS = 10 };
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, FE_RENDEZVOUS, FE_PIPE_SHARED);
    fe_task tasks[SENDERS];
    for (int i = 0; i < SENDERS; i++)
        tasks[i] = fe_task_spawn(send_thrice, &out, NULL);
    uint64_t sum = 0;
    for (int i = 0; i < 3 * SENDERS; i++) {
        uint64_t value;
        cr_assert_eq(numbers_receive_until(in, &value, fe_time_now() + HANG), FE_OK);
        sum += value;
    }
    cr_assert_eq(sum, 6 * SENDERS);
    for (int i = 0; i < SENDERS; i++)
        guest_join(tasks[i]);
    numbers_close_sender(out);
    numbers_close_port(in);
}

Test(pipes, unknown_flags_are_refused) {
    fe_sender out;
    fe_port in;
    cr_assert_eq(fe_pipe_try_open(&out, &in, 8, 4, 8), FE_EINVAL);
    cr_assert_eq(fe_pipe_try_open(&out, &in, 4, 4, FE_PIPE_BLOCKS), FE_EINVAL);
    cr_assert_eq(fe_pipe_try_open(NULL, &in, 8, 4, 0), FE_EINVAL);
}

/* Misuse, which a checked build tells by name ----------------------------------------------------------------------- */

static void expect_misuse(fe_task_function function, struct ends *ends, const char *name) {
    struct fe_task_result result = guest_result(function, ends);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_expect(strstr(result.message, name) == result.message, "%s", result.message);
    cr_expect_not_null(strstr(result.message, "task context, called from"), "%s", result.message);
}

static intptr_t send_one(void *argument) {
    numbers_send(((struct ends *)argument)->out, 1);
    return 0;
}

static intptr_t receive_one(void *argument) {
    return (intptr_t)numbers_receive(((struct ends *)argument)->in);
}

static intptr_t close_sender(void *argument) {
    numbers_close_sender(((struct ends *)argument)->out);
    return 0;
}

static intptr_t close_port(void *argument) {
    numbers_close_port(((struct ends *)argument)->in);
    return 0;
}

Test(pipes, misuse_is_named_by_a_checked_build) {
    if (!guest_is_checked())
        cr_skip_test("this is no checked build");
    struct ends never = {.out = {{NULL}}}, pipe = open_pipe(4, 0), other = open_pipe(0, 0);
    expect_misuse(send_one, &never, "fe_pipe_send: ");
    expect_misuse(receive_one, &never, "fe_pipe_receive: ");
    expect_misuse(close_sender, &never, "fe_sender_close: ");
    numbers_close_sender(pipe.out);
    expect_misuse(send_one, &pipe, "fe_pipe_send: ");
    expect_misuse(close_sender, &pipe, "fe_sender_close: ");
    numbers_close_port(pipe.in);
    expect_misuse(close_port, &pipe, "fe_port_close: ");
    numbers_close_port(other.in);
    expect_misuse(receive_one, &other, "fe_pipe_receive: ");
    expect_misuse(close_port, &other, "fe_port_close: ");
    numbers_close_sender(other.out);
}

struct wild {
    fe_sender out;
    fe_port in;
    void *value;
};

static intptr_t send_wildly(void *argument) {
    struct wild *wild = argument;
    fe_pipe_send(wild->out, wild->value);
    return 0;
}

static intptr_t receive_wildly(void *argument) {
    struct wild *wild = argument;
    fe_pipe_receive(wild->in, wild->value);
    return 0;
}

static void expect_fault(fe_task_function function, struct wild wild) {
    struct fe_task_result result;
    cr_assert_eq(fe_task_join(fe_task_spawn(function, &wild, NULL), &result), FE_OK);
    cr_assert_eq(result.outcome, FE_FAULTED, "%s", result.message);
}

/* A pointer that leads nowhere ends the task that used it, and leaves the pipe whole. */
ParameterizedTestParameters(pipes, wild_values) {
    static size_t capacities[] = {FE_RENDEZVOUS, 1, 8, FE_UNBOUNDED};
    return cr_make_param_array(size_t, capacities, FE_ARRAY_LENGTH(capacities));
}

ParameterizedTest(size_t *capacity, pipes, wild_values) {
    uint64_t value = 7, got = 0;
    struct wild wild;
    fe_pipe_open(&wild.out, &wild.in, sizeof value, *capacity, 0);
    wild.value = (void *)0x10;
    expect_fault(send_wildly, wild);
    if (*capacity != FE_RENDEZVOUS) {
        fe_pipe_send(wild.out, &value);
        expect_fault(receive_wildly, wild);
        cr_assert_eq(fe_pipe_receive_until(wild.in, &got, fe_time_now() + HANG), FE_OK);
        cr_assert_eq(got, 7);
    }
    fe_sender_close(wild.out);
    fe_port_close(wild.in);
}
