/* roundtrip_cross, stream_cross, handoff_cross: the same as without _cross, with one end's task at home on another core. */
#include "host.h"

#define ROUNDTRIPS 20000u
#define MESSAGES 300000u
#define WARM 1000u
#define BLOCK_WORDS 8

FE_PIPE_TYPE(blocks, uint64_t *);

static fe_task on_core(fe_task_function function, void *argument, int core) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.core = core;
    return fe_task_spawn(function, argument, &options);
}

/* Runs `function` at home on core 0, and answers what it returned: nanoseconds. */
static uint64_t at_home(fe_task_function function, void *argument) {
    struct fe_task_result result;
    fe_assert(fe_task_join(on_core(function, argument, 0), &result) == FE_OK && result.outcome == FE_RETURNED);
    return (uint64_t)result.value;
}

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

static intptr_t roundtrips(void *unused) {
    (void)unused;
    struct echo there, back; /* `there` is the other side's */
    numbers_open(&back.out, &there.in, FE_RENDEZVOUS, 0);
    numbers_open(&there.out, &back.in, FE_RENDEZVOUS, 0);
    fe_task task = on_core(echo_task, &there, 1);
    uint64_t began = 0;
    for (uint64_t i = 1; i <= WARM + ROUNDTRIPS; i++) {
        if (i == WARM + 1)
            began = bench_now();
        numbers_send(back.out, i);
        fe_assert(numbers_receive(back.in) == i);
    }
    uint64_t taken = bench_now() - began;
    numbers_send(back.out, 0);
    fe_task_join(task, NULL);
    numbers_close_sender(back.out);
    numbers_close_sender(there.out);
    numbers_close_port(back.in);
    numbers_close_port(there.in);
    return (intptr_t)taken;
}

void bench_roundtrip_cross(void) {
    bench_report("roundtrip_cross", at_home(roundtrips, NULL), ROUNDTRIPS, "insn");
}

static intptr_t number_source(void *out) {
    for (uint64_t i = 0; i < MESSAGES; i++)
        numbers_send(*(numbers_sender *)out, i);
    return 0;
}

static intptr_t stream(void *unused) {
    (void)unused;
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 64, FE_PIPE_STREAM);
    uint64_t sum = 0, began = bench_now();
    fe_task task = on_core(number_source, &out, 1);
    for (uint64_t i = 0; i < MESSAGES; i++)
        sum += numbers_receive(in);
    uint64_t taken = bench_now() - began;
    fe_assert(sum == (uint64_t)MESSAGES * (MESSAGES - 1) / 2);
    fe_task_join(task, NULL);
    numbers_close_sender(out);
    numbers_close_port(in);
    return (intptr_t)taken;
}

void bench_stream_cross(void) {
    bench_report("stream_cross", at_home(stream, NULL), MESSAGES, "insn");
}

static intptr_t block_source(void *out) {
    for (uint64_t i = 0; i < MESSAGES; i++) {
        uint64_t *block = fe_heap_alloc(BLOCK_WORDS * sizeof *block);
        for (unsigned word = 0; word < BLOCK_WORDS; word++)
            block[word] = i + word;
        blocks_send(*(blocks_sender *)out, block);
    }
    return 0;
}

static intptr_t handoff(void *unused) {
    (void)unused;
    blocks_sender out;
    blocks_port in;
    blocks_open(&out, &in, 64, FE_PIPE_BLOCKS);
    uint64_t began = bench_now();
    fe_task task = on_core(block_source, &out, 1);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        uint64_t *block = blocks_receive(in);
        fe_assert(block[0] == i);
        fe_heap_free(block);
    }
    uint64_t taken = bench_now() - began;
    fe_task_join(task, NULL);
    blocks_close_sender(out);
    blocks_close_port(in);
    return (intptr_t)taken;
}

void bench_handoff_cross(void) {
    bench_report("handoff_cross", at_home(handoff, NULL), MESSAGES, "insn");
}
