/*
 * The exchange heap across cores: blocks move, go home and hold steady memory; and what is said of misuse.
 */
#include <criterion/criterion.h>
#include <ferrite/ferrite.h>

FE_PIPE_TYPE(blocks, uint64_t *);

static struct fe_heap_statistics figures(int core) {
    struct fe_heap_statistics statistics;
    fe_heap_statistics(core, &statistics);
    return statistics;
}

static fe_task spawn_on(unsigned core, fe_task_function function, void *argument) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.core = (int)core;
    options.name = "heap";
    return fe_task_spawn(function, argument, &options);
}

static void join_well(fe_task task) {
    struct fe_task_result result;
    cr_assert_eq(fe_task_join(task, &result), FE_OK);
    cr_assert_eq(result.outcome, FE_RETURNED, "%s", result.message);
}

/* What is sent is the block itself: the receiver gets the address that the sender had, and frees it where it is. */
#define SENT 2000

struct passage {
    blocks_port in;
    uint64_t *expected[SENT];
};

static intptr_t receive_and_free(void *argument) {
    struct passage *passage = argument;
    for (uint64_t n = 0; n < SENT; n++) {
        uint64_t *block = blocks_receive(passage->in);
        cr_assert_eq(block, passage->expected[n]);
        cr_assert_eq(block[0], n);
        fe_heap_free(block);
    }
    blocks_close_port(passage->in);
    return 0;
}

Test(heap_cores, addresses_move_and_blocks_go_home) {
    unsigned there = fe_core_count() - 1;
    struct passage *passage = fe_heap_alloc(sizeof *passage);
    blocks_sender out;
    blocks_open(&out, &passage->in, 64, 0);
    uint64_t remote = figures(FE_ANY_CORE).remote_frees;
    fe_task receiver = spawn_on(there, receive_and_free, passage);
    for (uint64_t n = 0; n < SENT; n++) {
        uint64_t *block = fe_heap_alloc(64);
        block[0] = n;
        passage->expected[n] = block;
        blocks_send(out, block);
    }
    blocks_close_sender(out);
    join_well(receiver);
    fe_heap_free(passage);
    if (fe_core_count() == 1)
        cr_assert_eq(figures(FE_ANY_CORE).remote_frees, remote, "one core has nothing to send home");
}

/* One-way traffic for long: what a core allocates and another frees comes back, so memory holds steady. */
#define TRAFFIC 30000

static intptr_t make(void *argument) {
    blocks_sender *out = argument;
    fe_owned_sender mine = out->end; /* closed however this ends */
    for (uint64_t n = 0; n < TRAFFIC; n++)
        blocks_send(*out, fe_heap_alloc(256));
    return 0;
}

Test(heap_cores, one_way_traffic_holds_steady_memory) {
    blocks_sender out;
    blocks_port in;
    blocks_open(&out, &in, 64, 0);
    uint64_t before = figures(FE_ANY_CORE).pages;
    fe_task maker = spawn_on(fe_core_count() - 1, make, &out);
    uint64_t *block;
    while (blocks_receive_until(in, &block, FE_FOREVER) == FE_OK)
        fe_heap_free(block);
    join_well(maker);
    blocks_close_port(in);
    cr_assert_lt(figures(FE_ANY_CORE).pages, before + 300); /* of 1,900 that the traffic amounts to */
}

/* A bad pointer fails the task that freed it, by name, and nothing else. */
static intptr_t free_twice(void *argument) {
    fe_heap_free(argument);
    fe_heap_free(argument);
    return 0;
}

static intptr_t free_inside(void *argument) {
    fe_heap_free((char *)argument + 16);
    return 0;
}

static intptr_t free_foreign(void *argument) {
    (void)argument;
    int local;
    void *volatile pointer = &local; /* volatile: the compiler knows better */
    fe_heap_free(pointer);
    return 0;
}

static intptr_t write_after_free(void *argument) {
    volatile uint64_t *block = argument;
    void *freed = argument;
    fe_heap_free(freed);
    block[1] = 0;
    for (unsigned n = 0; n < 1000; n++) /* it is reused soon, whichever core this is */
        fe_heap_free(fe_heap_alloc(64));
    return 0;
}

static intptr_t ask_too_much(void *argument) {
    (void)argument;
    volatile size_t bytes = (size_t)1 << 46;
    fe_heap_free(fe_heap_alloc(bytes));
    return 0;
}

static bool contains(const char *text, const char *part) {
    for (; *text != '\0'; text++) {
        size_t n = 0;
        while (part[n] != '\0' && text[n] == part[n])
            n++;
        if (part[n] == '\0')
            return true;
    }
    return false;
}

static void expect_failure(fe_task_function function, void *argument, const char *part) {
    struct fe_task_result result;
    fe_task task = fe_task_spawn(function, argument, NULL);
    cr_assert_eq(fe_task_join(task, &result), FE_OK);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert(contains(result.message, part), "said: %s", result.message);
}

Test(heap_cores, misuse_fails_the_task_that_did_it) {
    expect_failure(free_twice, fe_heap_alloc(64), "was freed already");
    void *block = fe_heap_alloc(64);
    expect_failure(free_inside, block, "is 16 bytes into a live block of 64 bytes");
    fe_heap_free(block);
    expect_failure(free_foreign, NULL, "is not a block of the heap");
    expect_failure(ask_too_much, NULL, "out of memory");
}

/* Pinned to where the block came from, so that it is the next one to be reused. */
static intptr_t spoil(void *argument) {
    (void)argument;
    return write_after_free(fe_heap_alloc(64));
}

Test(heap_cores, a_write_to_a_freed_block_is_caught) {
    struct fe_task_result result;
    fe_task task = spawn_on(0, spoil, NULL);
    cr_assert_eq(fe_task_join(task, &result), FE_OK);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert(contains(result.message, "was written after it was freed"), "said: %s", result.message);
}

/* A checked build holds freed blocks back for a while; any other gives out the last one first, which is in the cache. */
static intptr_t free_and_allocate(void *argument) {
    (void)argument;
    void *first = fe_heap_alloc(64);
    uintptr_t was = (uintptr_t)first;
    fe_heap_free(first);
    void *second = fe_heap_alloc(64);
    bool same = (uintptr_t)second == was;
    fe_heap_free(second);
    return same;
}

Test(heap_cores, freed_blocks_rest_in_a_checked_build) {
    struct fe_task_result result;
    cr_assert_eq(fe_task_join(spawn_on(0, free_and_allocate, NULL), &result), FE_OK);
#ifdef FE_CHECKED
    cr_assert_eq(result.value, 0);
#else
    cr_assert_eq(result.value, 1);
#endif
}
