/* Memory comes back: what one side no longer needs, the others can have. */
#include "guest.h"

#include <ferrite/stats.h>

static uint64_t bytes_free(void) {
    struct fe_memory_statistics memory;
    fe_memory_statistics(&memory);
    return memory.free_bytes;
}

static uint64_t bytes_of_stacks(void) {
    struct fe_memory_statistics memory;
    fe_memory_statistics(&memory);
    return memory.stack_bytes;
}

/* Blocks that are there to be there. */
struct hog {
    struct hog *next;
};

/* Takes memory until no more than `rest` is free, or there is none; answers how much. */
static uint64_t take(struct hog **hog, uint64_t rest, size_t bytes) {
    uint64_t taken = 0;
    while (bytes_free() > rest + bytes) {
        struct hog *block = fe_heap_try_alloc(bytes);
        if (!block)
            break;
        block->next = *hog;
        *hog = block;
        taken += bytes;
    }
    return taken;
}

/* The same, and `least` bytes at any rate: what is kept elsewhere is given back because somebody has asked in vain. */
static uint64_t take_patiently(struct hog **hog, uint64_t rest, size_t bytes, uint64_t least) {
    fe_nanoseconds hang = fe_time_now() + HANG;
    uint64_t taken = take(hog, rest, bytes);
    while (taken < least) {
        cr_assert_lt(fe_time_now(), hang, "%llu of %llu bytes in blocks of %zu, %llu are free",
                     (unsigned long long)taken, (unsigned long long)least, bytes, (unsigned long long)bytes_free());
        fe_task_yield();
        taken += take(hog, rest, bytes);
    }
    return taken;
}

static void give_back(struct hog **hog) {
    while (*hog) {
        struct hog *block = *hog;
        *hog = block->next;
        fe_heap_free(block);
    }
}

/* Many tasks ------------------------------------------------------------------------------------------------------ */

static atomic_uint running;

static intptr_t sleep_long(void *unused) {
    (void)unused;
    atomic_fetch_add(&running, 1);
    fe_task_sleep(1000 * FE_SECOND);
    return 0;
}

/* Has `count` tasks at once, and ends them. */
static void have_tasks(fe_task *tasks, size_t count) {
    atomic_store(&running, 0);
    for (size_t i = 0; i < count; i++)
        tasks[i] = fe_task_spawn(sleep_long, NULL, NULL);
    while (atomic_load(&running) < count)
        fe_task_yield();
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(fe_task_kill(tasks[i]), FE_OK);
    for (size_t i = 0; i < count; i++) {
        struct fe_task_result result;
        cr_assert_eq(fe_task_join_until(tasks[i], &result, fe_time_now() + HANG), FE_OK);
        cr_assert_eq(result.outcome, FE_KILLED);
    }
}

/* Stale handles, used from all cores while what they lead to goes and comes. */
static struct {
    fe_task *tasks;
    size_t count;
    atomic_uint stop, wrong, uses;
} stale;

static intptr_t use_stale(void *seed) {
    uint64_t random = (uintptr_t)seed * 77 + 1;
    while (!atomic_load(&stale.stop)) {
        for (unsigned i = 0; i < 50; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            fe_task task = stale.tasks[random % stale.count];
            fe_status status = i % 3 == 0   ? fe_task_kill(task)
                               : i % 3 == 1 ? fe_task_detach(task)
                                            : fe_task_join_until(task, NULL, 0);
            if (status != FE_ENOENT)
                atomic_fetch_add(&stale.wrong, 1);
        }
        atomic_fetch_add(&stale.uses, 50);
        fe_task_yield();
    }
    return 0;
}

/* After many tasks their stacks are kept for the next ones, unless memory is scarce: then all of it comes back. */
Test(memory, of_stacks_comes_back, .timeout = 3000) {
    size_t count = guest_size(2000, 20000);
    struct fe_memory_statistics at_first;
    fe_memory_statistics(&at_first);
    uint64_t scarce = at_first.total_bytes / 4;
    uint64_t kept = fe_core_count() * UINT64_C(100) * 4 * 4096; /* what cores have at hand, of four pages each at most */
    struct hog *hog = NULL;
    stale.tasks = fe_heap_alloc(count * sizeof *stale.tasks);
    stale.count = count;
    fe_task *tasks = fe_heap_alloc(count * sizeof *tasks);
    fe_task users[4];
    have_tasks(stale.tasks, count);
    atomic_store(&stale.stop, 0);
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(users); i++)
        users[i] = guest_spawn(use_stale, (void *)(uintptr_t)(i + 1), (int)(i % fe_core_count()));
    for (unsigned round = 0; round < 3; round++) {
        uint64_t stacks = bytes_of_stacks();
        cr_expect_gt(stacks, count * 4096, "used stacks are kept");
        fe_nanoseconds hang = fe_time_now() + HANG;
        while (bytes_of_stacks() > kept) { /* and others take what is free */
            cr_assert_lt(fe_time_now(), hang, "%llu of %llu bytes are kept", (unsigned long long)bytes_of_stacks(),
                         (unsigned long long)stacks);
            take(&hog, scarce / 2, 256 << 10);
            fe_task_yield();
        }
        give_back(&hog);
        have_tasks(tasks, count);
    }
    atomic_store(&stale.stop, 1);
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(users); i++)
        guest_join(users[i]);
    cr_expect_eq(atomic_load(&stale.wrong), 0u);
    cr_expect_gt(atomic_load(&stale.uses), 1000u);
    fe_heap_free(tasks);
    fe_heap_free(stale.tasks);
}

/* Each in turn has nearly all: the heap in large blocks, in small ones, stacks, and the heap again. */
Test(memory, goes_round, .timeout = 3000) {
    struct hog *hog = NULL;
    uint64_t rest = bytes_free() / 10;
    /* Page tables of many stacks stay, and cut what is free into pieces. */
    uint64_t large = take_patiently(&hog, rest, 1 << 20, 4 * rest);
    give_back(&hog);
    take_patiently(&hog, rest, 4000, large / 10 * 9);
    give_back(&hog);
    size_t count = guest_size(2000, large / 3 * 2 / 4096);
    fe_task *tasks = fe_heap_alloc(count * sizeof *tasks);
    have_tasks(tasks, count);
    fe_heap_free(tasks);
    take_patiently(&hog, rest, 1 << 20, large / 10 * 8);
    give_back(&hog);
}
