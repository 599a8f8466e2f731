/*
 * Many rounds of what races across cores: blocking and waking, every kind of pipe, closing, spawning, deadlines, select and
 * events. On one core the same code runs without the races. Sizes are for CI; long=1 runs the full ones.
 *
 * What is checked is always a sum over everything that happened (each value once, in its sender's order; each task joined
 * once), so that a lost or doubled one cannot hide; a lost wake-up shows as a hang, which HANG or the test's limit ends.
 */
#include "guest.h"

#include <sched/scheduler.h>

#define LIMIT 600

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static int core_of(size_t index) {
    return (int)(index % fe_core_count());
}

/* Registers over a switch ------------------------------------------------------------------------------------------- */

/* Two tasks, each on a core of its own, that wake each other by turns: `turn` says whose it is. */
struct turns {
    _Atomic(struct fe_tcb *) waiting[2];
    _Atomic uint64_t turn;
    uint64_t rounds;
};

static void wait_for_turn(struct turns *turns, uint64_t turn) {
    atomic_store(&turns->waiting[turn & 1], fe_park_self());
    while (atomic_load(&turns->turn) != turn) {
        if (fe_park_killed())
            fe_park_die();
        fe_park();
    }
}

static void end_turn(struct turns *turns, uint64_t turn) {
    atomic_store(&turns->turn, turn + 1);
    struct fe_tcb *other = atomic_load(&turns->waiting[(turn + 1) & 1]);
    if (other)
        fe_unpark(other);
}

/* More values live over each wait than a machine has registers that a call preserves, integers and floats. */
static intptr_t take_turns(struct turns *turns, uint64_t first) {
    intptr_t wrong = 0;
    for (uint64_t turn = first; turn < 2 * turns->rounds; turn += 2) {
        uint64_t a = turn * 3 + 1, b = a ^ 0x5555, c = a * 7, d = b + c, e = c ^ d, f = d * 5, g = e + f, h = f ^ a;
        uint64_t i = g * 11, j = h + b, k = i ^ j, l = j * 13;
        double p = (double)a, q = p * 0.5, r = q + 3, s = r * 7, t = s - p, u = t * 3, v = u + q, w = v - r;
        wait_for_turn(turns, turn);
        uint64_t sum = a + b + c + d + e + f + g + h + i + j + k + l;
        double total = p + q + r + s + t + u + v + w;
        end_turn(turns, turn);
        volatile uint64_t fresh = turn; /* not to be computed before the wait and kept */
        uint64_t A = fresh * 3 + 1, B = A ^ 0x5555, C = A * 7, D = B + C, E = C ^ D, F = D * 5, G = E + F, H = F ^ A;
        uint64_t I = G * 11, J = H + B, K = I ^ J, L = J * 13;
        double P = (double)A, Q = P * 0.5, R = Q + 3, S = R * 7, T = S - P, U = T * 3, V = U + Q, W = V - R;
        wrong += sum != A + B + C + D + E + F + G + H + I + J + K + L;
        wrong += total != P + Q + R + S + T + U + V + W; /* the same operations in the same order: exactly equal */
    }
    return wrong;
}

static intptr_t take_even_turns(void *argument) {
    return take_turns(argument, 0);
}

static intptr_t take_odd_turns(void *argument) {
    return take_turns(argument, 1);
}

Test(stress, waking_across_cores_keeps_registers, .timeout = LIMIT) {
    struct turns turns = {.rounds = guest_size(50000, 5000000)};
    fe_task even = guest_spawn(take_even_turns, &turns, 0), odd = guest_spawn(take_odd_turns, &turns, guest_last_core());
    struct fe_task_result result;
    cr_assert_eq(fe_task_join(even, &result), FE_OK);
    cr_assert_eq(result.value, 0, "%ld registers were not what they had been", (long)result.value);
    cr_assert_eq(fe_task_join(odd, &result), FE_OK);
    cr_assert_eq(result.value, 0, "%ld registers were not what they had been", (long)result.value);
}

/* Messages ---------------------------------------------------------------------------------------------------------- */

enum { SENDERS_MAX = 4 };

struct exchange {
    size_t capacity;
    unsigned senders;
};

struct source {
    numbers_sender out;
    uint64_t index, count;
};

static intptr_t send_all(void *argument) {
    struct source *source = argument;
    fe_owned_sender out = source->out.end; /* closed however this ends: nobody waits for one that has failed */
    for (uint64_t i = 0; i < source->count; i++)
        numbers_send(source->out, source->index << 48 | i);
    return 0;
}

static intptr_t receive_all(void *argument) {
    fe_owned_port in = ((numbers_port *)argument)->end;
    uint64_t next[SENDERS_MAX] = {0}, value;
    intptr_t count = 0;
    while (fe_pipe_receive_until(in, &value, FE_FOREVER) == FE_OK) {
        uint64_t sender = value >> 48, sequence = value & 0xffffffffffff;
        cr_assert_lt(sender, SENDERS_MAX);
        cr_assert_eq(sequence, next[sender], "sender %u: %llu came in place of %llu", (unsigned)sender,
                     (unsigned long long)sequence, (unsigned long long)next[sender]);
        next[sender]++;
        count++;
    }
    return count;
}

ParameterizedTestParameters(stress, exchange) {
    static const struct exchange kinds[] = {{FE_RENDEZVOUS, 1}, {FE_RENDEZVOUS, 4}, {1, 1}, {1, 4}, {8, 1}, {8, 4},
                                            {FE_UNBOUNDED, 1},  {FE_UNBOUNDED, 4}};
    return cr_make_param_array(const struct exchange, kinds, FE_ARRAY_LENGTH(kinds));
}

ParameterizedTest(const struct exchange *exchange, stress, exchange, .timeout = LIMIT) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, exchange->capacity, exchange->senders > 1 ? FE_PIPE_SHARED : 0);
    uint64_t total = guest_size(24000, 2400000);
    struct source sources[SENDERS_MAX];
    fe_task senders[SENDERS_MAX], receiver = guest_spawn(receive_all, &in, guest_last_core());
    for (unsigned i = 0; i < exchange->senders; i++) {
        sources[i] = (struct source){i ? numbers_copy(out) : out, i, total / exchange->senders};
        if (i + 1 == exchange->senders)
            for (unsigned j = 0; j < exchange->senders; j++)
                senders[j] = guest_spawn(send_all, &sources[j], core_of(j));
    }
    struct fe_task_result result;
    cr_assert_eq(fe_task_join(receiver, &result), FE_OK);
    cr_assert_eq(result.outcome, FE_RETURNED, "%s", result.message);
    cr_assert_eq(result.value, (intptr_t)total);
    for (unsigned i = 0; i < exchange->senders; i++)
        guest_join(senders[i]);
}

/* Closing ----------------------------------------------------------------------------------------------------------- */

struct closing {
    fe_sender out;
    fe_port in;
    unsigned sends, receives; /* after which either end closes */
    bool select;
    unsigned sent;
};

static intptr_t send_and_close(void *argument) {
    struct closing *closing = argument;
    for (closing->sent = 0; closing->sent < closing->sends; closing->sent++) {
        void *block = fe_heap_alloc(64);
        if (fe_pipe_send_until(closing->out, &block, FE_FOREVER) == FE_OK)
            continue;
        fe_heap_free(block);
        break;
    }
    fe_sender_close(closing->out);
    return 0;
}

static intptr_t receive_and_close(void *argument) {
    struct closing *closing = argument;
    fe_selector selector;
    uintptr_t tag;
    intptr_t received = 0;
    if (closing->select) {
        fe_selector_open(&selector);
        cr_assert_eq(fe_selector_add(selector, closing->in, 1), FE_OK);
    }
    while ((unsigned)received < closing->receives) {
        void *block;
        if (closing->select)
            cr_assert_eq(fe_select(selector, FE_FOREVER, &tag), FE_OK);
        fe_status status = closing->select ? fe_pipe_try_receive(closing->in, &block)
                                           : fe_pipe_receive_until(closing->in, &block, FE_FOREVER);
        if (status == FE_ECLOSED)
            break;
        if (status != FE_OK)
            continue; /* a rendezvous that was withdrawn */
        fe_heap_free(block);
        received++;
    }
    fe_port_close(closing->in); /* in its selector still */
    if (closing->select)
        fe_selector_close(selector);
    return received;
}

ParameterizedTestParameters(stress, closing) {
    static const size_t capacities[] = {FE_RENDEZVOUS, 1, 4, FE_UNBOUNDED};
    return cr_make_param_array(const size_t, capacities, FE_ARRAY_LENGTH(capacities));
}

/* Nothing hangs, nothing leaks (the harness counts), and with no early closing nothing is lost. */
ParameterizedTest(const size_t *capacity, stress, closing, .timeout = LIMIT) {
    size_t rounds = guest_size(800, 200000);
    uint32_t random = 1;
    for (size_t round = 0; round < rounds; round++) {
        struct closing closing = {
            .sends = next_random(&random) % 6, .receives = next_random(&random) % 6, .select = next_random(&random) % 2};
        fe_pipe_open(&closing.out, &closing.in, sizeof(void *), *capacity, FE_PIPE_BLOCKS);
        int core = (int)(next_random(&random) % fe_core_count());
        fe_task receiver = guest_spawn(receive_and_close, &closing, core);
        fe_task sender = guest_spawn(send_and_close, &closing, core_of((size_t)core + 1));
        intptr_t received = guest_join(receiver);
        guest_join(sender);
        cr_assert_leq((unsigned)received, closing.sent);
        if (closing.receives > closing.sends)
            cr_assert_eq((unsigned)received, closing.sends, "%ld of %u were received", (long)received, closing.sends);
    }
}

/* Tasks ------------------------------------------------------------------------------------------------------------- */

__attribute__((noinline)) static bool go_deep(uint32_t mark) {
    volatile unsigned char deep[40000];
    for (size_t i = 0; i < sizeof deep; i += 4096)
        deep[i] = (unsigned char)mark;
    bool same = true;
    for (size_t i = 0; i < sizeof deep; i += 4096)
        same = same && deep[i] == (unsigned char)mark;
    return same;
}

static intptr_t use_stack(void *argument) {
    uint32_t mark = (uint32_t)(uintptr_t)argument;
    if (mark % 128 == 0 && !go_deep(mark))
        return -1;
    if (mark % 8 == 0)
        fe_task_yield();
    return (intptr_t)mark;
}

/* Some of each batch are joined, some detached; stacks grow here and shrink there. */
static intptr_t storm(void *argument) {
    enum { BATCH = 16 };
    uint32_t random = (uint32_t)(uintptr_t)argument + 7;
    fe_task tasks[BATCH];
    for (size_t left = guest_size(100, 40000); left > 0; left--) {
        uint32_t marks[BATCH];
        for (unsigned i = 0; i < BATCH; i++) {
            marks[i] = next_random(&random);
            tasks[i] = fe_task_spawn(use_stack, (void *)(uintptr_t)marks[i], NULL);
        }
        for (unsigned i = 0; i < BATCH; i++) {
            struct fe_task_result result;
            if (marks[i] % 4 == 1) {
                cr_assert_eq(fe_task_detach(tasks[i]), FE_OK);
                continue;
            }
            cr_assert_eq(fe_task_join(tasks[i], &result), FE_OK);
            cr_assert_eq(result.value, (intptr_t)marks[i]);
        }
    }
    return 0;
}

Test(stress, spawn_and_join_from_all_cores, .timeout = LIMIT) {
    fe_task tasks[FE_CORES_MAX];
    for (unsigned i = 0; i < fe_core_count(); i++)
        tasks[i] = guest_spawn(storm, (void *)(uintptr_t)i, (int)i);
    for (unsigned i = 0; i < fe_core_count(); i++) {
        struct fe_task_result result;
        cr_assert_eq(fe_task_join(tasks[i], &result), FE_OK);
        cr_assert_eq(result.outcome, FE_RETURNED, "%s", result.message);
    }
}

/* Several join one task: one gets it, and nobody gets another, which has the same memory by then. */
struct rival {
    numbers_port rounds;
    numbers_sender answers;
    fe_task task;
};

static intptr_t contend(void *argument) {
    struct rival *rival = argument;
    fe_owned_port rounds = rival->rounds.end;
    fe_owned_sender answers = rival->answers.end;
    uint64_t round;
    while (numbers_receive_until(rival->rounds, &round, FE_FOREVER) == FE_OK) {
        struct fe_task_result result;
        fe_status status = fe_task_join(rival->task, &result);
        cr_assert(status == FE_OK || status == FE_ENOENT || status == FE_EBUSY, "%s", fe_status_string(status));
        if (status == FE_OK)
            cr_assert_eq(result.value, (intptr_t)round * 8 + 1);
        numbers_send(rival->answers, status == FE_OK);
    }
    return 0;
}

Test(stress, each_task_is_joined_once, .timeout = LIMIT) {
    enum { RIVALS = 2 };
    struct rival rivals[RIVALS];
    fe_task tasks[RIVALS];
    numbers_sender rounds[RIVALS];
    numbers_port answers[RIVALS];
    for (unsigned i = 0; i < RIVALS; i++) {
        numbers_open(&rounds[i], &rivals[i].rounds, 1, 0);
        numbers_open(&rivals[i].answers, &answers[i], 1, 0);
        tasks[i] = guest_spawn(contend, &rivals[i], i ? guest_last_core() : 0);
    }
    for (size_t round = 1; round <= guest_size(3000, 1000000); round++) {
        fe_task task = fe_task_spawn(use_stack, (void *)(uintptr_t)(round * 8 + 1), NULL);
        uint64_t joined = 0;
        for (unsigned i = 0; i < RIVALS; i++) {
            rivals[i].task = task;
            numbers_send(rounds[i], round);
        }
        for (unsigned i = 0; i < 8; i++) {
            struct fe_task_result result;
            fe_task other = fe_task_spawn(use_stack, (void *)(uintptr_t)3, NULL);
            cr_assert_eq(fe_task_join(other, &result), FE_OK, "a task was joined by a stale handle");
            cr_assert_eq(result.value, 3);
        }
        for (unsigned i = 0; i < RIVALS; i++)
            joined += numbers_receive(answers[i]);
        cr_assert_eq(joined, 1u);
    }
    for (unsigned i = 0; i < RIVALS; i++) {
        numbers_close_sender(rounds[i]);
        guest_join(tasks[i]);
        numbers_close_port(answers[i]);
    }
}

/* Deadlines --------------------------------------------------------------------------------------------------------- */

struct late {
    numbers_sender out;
    numbers_port in;
    uint64_t count, seed;
    _Atomic uint64_t taken;
};

static intptr_t send_in_time(void *argument) {
    struct late *late = argument;
    fe_owned_sender out = late->out.end;
    uint32_t random = (uint32_t)late->seed;
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= late->count; i++) {
        fe_nanoseconds deadline = fe_time_now() + next_random(&random) % 300 * FE_MICROSECOND;
        fe_status status = numbers_send_until(late->out, i, deadline);
        cr_assert(status == FE_OK || status == FE_ETIMEDOUT, "%s", fe_status_string(status));
        sum += status == FE_OK ? i : 0;
    }
    return (intptr_t)sum;
}

static intptr_t receive_in_time(void *argument) {
    struct late *late = argument;
    fe_owned_port in = late->in.end;
    uint32_t random = (uint32_t)late->seed + 99;
    uint64_t sum = 0, value;
    for (;;) {
        fe_nanoseconds deadline = fe_time_now() + next_random(&random) % 300 * FE_MICROSECOND;
        fe_status status = numbers_receive_until(late->in, &value, deadline);
        if (status == FE_ECLOSED)
            break;
        cr_assert(status == FE_OK || status == FE_ETIMEDOUT, "%s", fe_status_string(status));
        sum += status == FE_OK ? value : 0;
    }
    return (intptr_t)sum;
}

/* What was sent in time is received, once, and what was not is not, on every pair of neighbouring cores at once. */
ParameterizedTestParameters(stress, values_race_deadlines) {
    static const size_t capacities[] = {FE_RENDEZVOUS, 1, 4};
    return cr_make_param_array(const size_t, capacities, FE_ARRAY_LENGTH(capacities));
}

ParameterizedTest(const size_t *capacity, stress, values_race_deadlines, .timeout = LIMIT) {
    struct late *lates = fe_heap_alloc_zeroed(fe_core_count(), sizeof *lates);
    fe_task *senders = fe_heap_alloc(fe_core_count() * sizeof *senders);
    fe_task *receivers = fe_heap_alloc(fe_core_count() * sizeof *receivers);
    for (unsigned i = 0; i < fe_core_count(); i++) {
        lates[i].count = guest_size(2500, 500000);
        lates[i].seed = i;
        numbers_open(&lates[i].out, &lates[i].in, *capacity, 0);
        senders[i] = guest_spawn(send_in_time, &lates[i], FE_ANY_CORE);
        receivers[i] = guest_spawn(receive_in_time, &lates[i], core_of(i + 1));
    }
    for (unsigned i = 0; i < fe_core_count(); i++) {
        struct fe_task_result sent, received;
        cr_assert_eq(fe_task_join(senders[i], &sent), FE_OK);
        cr_assert_eq(fe_task_join(receivers[i], &received), FE_OK);
        cr_assert_eq(sent.outcome, FE_RETURNED, "%s", sent.message);
        cr_assert_eq(received.outcome, FE_RETURNED, "%s", received.message);
        cr_assert_eq(sent.value, received.value, "%ld was sent, %ld received", (long)sent.value, (long)received.value);
    }
    fe_heap_free(lates);
    fe_heap_free(senders);
    fe_heap_free(receivers);
}
