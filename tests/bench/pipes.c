/* roundtrip, stream, shared4, handoff, select8, ring503. */
#include "bench.h"

/* roundtrip ------------------------------------------------------------------------------------------------------- */

#define ROUNDTRIPS 100000u

struct echo {
    numbers_port in;
    numbers_sender out;
};

static intptr_t echo_task(void *argument) {
    struct echo *echo = argument;
    uint64_t value;
    while ((value = numbers_receive(echo->in)) != 0)
        numbers_send(echo->out, value);
    return 0;
}

static uint64_t roundtrips(numbers_sender out, numbers_port in, uint64_t count) {
    uint64_t began = bench_now();
    for (uint64_t i = 1; i <= count; i++) {
        numbers_send(out, i);
        fe_assert(numbers_receive(in) == i);
    }
    return bench_now() - began;
}

void bench_roundtrip(void) {
    numbers_sender there, back;
    numbers_port in, out;
    numbers_open(&there, &in, FE_RENDEZVOUS, 0);
    numbers_open(&back, &out, FE_RENDEZVOUS, 0);
    struct echo echo = {in, back};
    fe_task task = fe_task_spawn(echo_task, &echo, NULL);
    roundtrips(there, out, 1000);
    bench_report("roundtrip", roundtrips(there, out, ROUNDTRIPS), ROUNDTRIPS, "insn");
    numbers_send(there, 0);
    fe_task_join(task, NULL);
}

/* stream, shared4 ------------------------------------------------------------------------------------------------- */

#define MESSAGES_WARM 10000u
#define MESSAGES 1000000u

struct source {
    numbers_sender out;
    uint64_t count;
};

static intptr_t source_task(void *argument) {
    struct source *source = argument;
    for (uint64_t i = 0; i < source->count; i++)
        numbers_send(source->out, i);
    return 0;
}

/* Receives `count` values and holds their sum against what `senders` that count from 0 send. */
static uint64_t sink(numbers_port in, unsigned senders, uint64_t count) {
    uint64_t sum = 0, each = count / senders;
    uint64_t began = bench_now();
    for (uint64_t i = 0; i < count; i++)
        sum += numbers_receive(in);
    uint64_t taken = bench_now() - began;
    fe_assert(sum == senders * (each * (each - 1) / 2));
    return taken;
}

static void flow(const char *name, unsigned senders, size_t capacity, unsigned flags) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, capacity, flags);
    for (int warm = 1; warm >= 0; warm--) {
        uint64_t count = warm ? MESSAGES_WARM : MESSAGES;
        struct source source = {out, count / senders};
        fe_task tasks[4];
        for (unsigned i = 0; i < senders; i++)
            tasks[i] = fe_task_spawn(source_task, &source, NULL);
        uint64_t taken = sink(in, senders, count);
        for (unsigned i = 0; i < senders; i++)
            fe_task_join(tasks[i], NULL);
        if (!warm)
            bench_report(name, taken, count, "insn");
    }
}

void bench_stream(void) {
    flow("stream", 1, 64, FE_PIPE_STREAM);
}

void bench_shared4(void) {
    flow("shared4", 4, 256, FE_PIPE_SHARED);
}

/* handoff --------------------------------------------------------------------------------------------------------- */

#define BLOCK_WORDS 8
#define BLOCKS 100000u

FE_PIPE_TYPE(blocks, uint64_t *);

struct maker {
    blocks_sender out;
    uint64_t count;
};

static intptr_t maker_task(void *argument) {
    struct maker *maker = argument;
    for (uint64_t i = 0; i < maker->count; i++) {
        uint64_t *block = fe_heap_alloc(BLOCK_WORDS * sizeof *block);
        for (unsigned word = 0; word < BLOCK_WORDS; word++)
            block[word] = i + word;
        blocks_send(maker->out, block);
    }
    return 0;
}

void bench_handoff(void) {
    blocks_sender out;
    blocks_port in;
    blocks_open(&out, &in, 64, FE_PIPE_BLOCKS);
    for (int warm = 1; warm >= 0; warm--) {
        struct maker maker = {out, warm ? MESSAGES_WARM : BLOCKS};
        fe_task task = fe_task_spawn(maker_task, &maker, NULL);
        uint64_t began = bench_now();
        for (uint64_t i = 0; i < maker.count; i++) {
            uint64_t *block = blocks_receive(in);
            fe_assert(block[0] == i);
            fe_heap_free(block);
        }
        uint64_t taken = bench_now() - began;
        fe_task_join(task, NULL);
        if (!warm)
            bench_report("handoff", taken, maker.count, "insn");
    }
}

/* select8 --------------------------------------------------------------------------------------------------------- */

#define PORTS 8
#define ACTIVE 5

void bench_select8(void) {
    numbers_sender out[PORTS];
    numbers_port in[PORTS];
    fe_selector selector;
    fe_selector_open(&selector);
    for (unsigned i = 0; i < PORTS; i++) {
        numbers_open(&out[i], &in[i], 64, 0);
        fe_assert(fe_selector_add(selector, in[i].end, i) == FE_OK);
    }
    for (int warm = 1; warm >= 0; warm--) {
        struct source source = {out[ACTIVE], warm ? MESSAGES_WARM : MESSAGES};
        fe_task task = fe_task_spawn(source_task, &source, NULL);
        uint64_t sum = 0;
        uint64_t began = bench_now();
        for (uint64_t i = 0; i < source.count; i++) {
            uintptr_t tag;
            uint64_t value;
            fe_assert(fe_select(selector, FE_FOREVER, &tag) == FE_OK);
            fe_assert(numbers_try_receive(in[tag], &value) == FE_OK);
            sum += value;
        }
        uint64_t taken = bench_now() - began;
        fe_assert(sum == source.count * (source.count - 1) / 2);
        fe_task_join(task, NULL);
        if (!warm)
            bench_report("select8", taken, source.count, "insn");
    }
}

/* ring503 --------------------------------------------------------------------------------------------------------- */

#define RING 503u
#define HOPS 1000000u
/* The token counts hops down to RING_DONE. */
#define RING_QUIT 0u
#define RING_DONE 1u

struct member {
    numbers_port in;
    numbers_sender out;
    numbers_sender done;
    uint64_t *ended;
};

static intptr_t member_task(void *argument) {
    struct member *member = argument;
    for (;;) {
        uint64_t token = numbers_receive(member->in);
        if (FE_UNLIKELY(token <= RING_DONE)) {
            if (token == RING_QUIT)
                break;
            *member->ended = bench_now();
            numbers_send(member->done, 0);
            continue;
        }
        numbers_send(member->out, token - 1);
    }
    numbers_send(member->out, RING_QUIT);
    return 0;
}

void bench_ring503(void) {
    struct member *members = fe_heap_alloc_zeroed(RING, sizeof *members);
    fe_task *tasks = fe_heap_alloc_zeroed(RING, sizeof *tasks);
    numbers_sender done, first;
    numbers_port finished;
    uint64_t ended = 0;
    numbers_open(&done, &finished, 1, FE_PIPE_SHARED);
    for (unsigned i = 0; i < RING; i++) {
        numbers_sender *before = i == 0 ? &first : &members[i - 1].out;
        numbers_open(before, &members[i].in, 1, 0);
        members[i].done = done;
        members[i].ended = &ended;
    }
    members[RING - 1].out = first;
    for (unsigned i = 0; i < RING; i++)
        tasks[i] = fe_task_spawn(member_task, &members[i], NULL);

    uint64_t began = 0;
    for (int warm = 1; warm >= 0; warm--) {
        fe_task_yield(); /* all wait */
        began = bench_now();
        numbers_send(first, warm ? 2 * RING : HOPS);
        (void)numbers_receive(finished);
    }
    bench_report("ring503", ended - began, HOPS, "insn");
    numbers_send(first, RING_QUIT);
    for (unsigned i = 0; i < RING; i++)
        fe_task_join(tasks[i], NULL);
    fe_heap_free(tasks);
    fe_heap_free(members);
}
