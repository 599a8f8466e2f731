/* The heap across cores: blocks are made on one and freed on another, while their makers make more. */
#include "sim.h"

#define BLOCKS 24u

static uint64_t *make(uint32_t number) {
    size_t words = 2 + sim_random(sim_random(8) == 0 ? 600 : 20);
    if (sim_random(40) == 0)
        words = 6000; /* a large one */
    uint64_t *block = fe_heap_alloc(words * 8);
    block[0] = words;
    block[1] = number ^ (uintptr_t)block;
    block[words - 1] ^= 0;
    if (words > 2)
        block[words - 1] = words ^ (uintptr_t)block;
    return block;
}

static void check(const uint64_t *block, uint32_t number) {
    SIM_CHECK(block[1] == (number ^ (uintptr_t)block), "block %u", number);
    if (block[0] > 2)
        SIM_CHECK(block[block[0] - 1] == (block[0] ^ (uintptr_t)block), "the end of block %u", number);
}

static intptr_t frees(void *argument) {
    fe_port port = *(fe_port *)argument;
    uint64_t *block;
    uint32_t number = 0;
    while (fe_pipe_receive_until(port, &block, FE_FOREVER) == FE_OK) {
        check(block, number++);
        fe_heap_free(block);
    }
    fe_port_close(port);
    return (intptr_t)number;
}

static intptr_t makes(void *argument) {
    fe_sender sender = *(fe_sender *)argument;
    uint64_t *own[4] = {NULL};
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint64_t *block = make(i);
        fe_pipe_send(sender, &block);
        uint64_t **slot = &own[sim_random(4)];
        if (*slot)
            check(*slot, 1000), fe_heap_free(*slot), *slot = NULL;
        else
            *slot = make(1000);
    }
    for (unsigned i = 0; i < 4; i++)
        if (own[i])
            fe_heap_free(own[i]);
    fe_sender_close(sender);
    return 0;
}

static void remote_free(void) {
    fe_sender senders[2];
    fe_port ports[2];
    fe_task makers[2], freers[2];
    for (unsigned i = 0; i < 2; i++) {
        fe_pipe_open(&senders[i], &ports[i], sizeof(void *), sim_random(2) ? 4 : FE_UNBOUNDED, 0);
        makers[i] = sim_spawn_on(makes, &senders[i], (int)sim_random(fe_core_count()));
        freers[i] = sim_spawn_on(frees, &ports[i], (int)sim_random(fe_core_count()));
    }
    for (unsigned i = 0; i < 2; i++) {
        sim_join(makers[i]);
        SIM_CHECK(sim_join(freers[i]) == BLOCKS);
    }
}

/* Tasks that move between cores with their blocks, and resize them on the way. */
static intptr_t churns(void *argument) {
    uint8_t seed = (uint8_t)(uintptr_t)argument;
    uint8_t *blocks[6] = {NULL};
    size_t sizes[6] = {0};
    for (unsigned step = 0; step < 20; step++) {
        unsigned i = sim_random(6);
        size_t bytes = 1 + sim_random(300);
        if (!blocks[i]) {
            blocks[i] = fe_heap_alloc(bytes);
        } else {
            for (size_t n = 0; n < sizes[i]; n += 16)
                SIM_CHECK(blocks[i][n] == (uint8_t)(seed + n), "byte %zu of %zu", n, sizes[i]);
            if (sim_random(2)) {
                fe_heap_free(blocks[i]);
                blocks[i] = NULL;
                continue;
            }
            blocks[i] = fe_heap_realloc(blocks[i], bytes);
            for (size_t n = 0; n < bytes && n < sizes[i]; n += 16)
                SIM_CHECK(blocks[i][n] == (uint8_t)(seed + n));
        }
        sizes[i] = bytes;
        for (size_t n = 0; n < bytes; n += 16)
            blocks[i][n] = (uint8_t)(seed + n);
        fe_task_yield();
    }
    for (unsigned i = 0; i < 6; i++)
        fe_heap_free(blocks[i]);
    return 0;
}

static void churn(void) {
    fe_task tasks[4];
    for (unsigned i = 0; i < 4; i++)
        tasks[i] = fe_task_spawn(churns, SIM_NUMBER(i * 50), NULL);
    for (unsigned i = 0; i < 4; i++)
        sim_join(tasks[i]);
}

/* Many of one size at once, freed elsewhere: slabs fill, empty, and go back. */
static intptr_t frees_all(void *argument) {
    void **blocks = argument;
    for (unsigned i = 0; i < 150; i++)
        fe_heap_free(blocks[i]);
    return 0;
}

static void slabs(void) {
    void **blocks = fe_heap_alloc(150 * sizeof *blocks);
    for (unsigned round = 0; round < 3; round++) {
        size_t bytes = 700 + sim_random(1500);
        for (unsigned i = 0; i < 150; i++)
            blocks[i] = fe_heap_alloc(bytes);
        sim_join(sim_spawn_on(frees_all, blocks, (int)sim_random(fe_core_count())));
    }
    fe_heap_free(blocks);
}

const struct sim_program sim_heaps[] = {
    {"remote_free", remote_free, 0},
    {"churn", churn, 0},
    {"slabs", slabs, 0},
    {NULL, NULL, 0},
};
