/*
 * The exchange heap across cores: threads that are cores pass blocks to each other.
 *
 * Links: heap
 */
#include "support.h"

#include <heap/exchange.h>
#include <heap/internal.h>
#include <heap/page.h>

#include <ferrite/task.h>
#include <pthread.h>
#include <sched.h>

#define CORES 4
#define RING 256

static struct fe_heap_statistics figures(int core) {
    struct fe_heap_statistics statistics;
    fe_heap_statistics(core, &statistics);
    return statistics;
}

static uint64_t free_pages(void) {
    struct fe_page_statistics statistics;
    fe_page_statistics(&statistics);
    return statistics.free_pages;
}

/* One sender, one receiver: block and how long it is. */
struct ring {
    uint64_t head __attribute__((aligned(64)));
    uint64_t tail __attribute__((aligned(64)));
    uint64_t *block[RING];
};

static struct ring rings[CORES][CORES]; /* from, to */
static pthread_barrier_t barrier;
static unsigned blocks_each;
static uint64_t pages_before;

static bool send(struct ring *ring, uint64_t *block) {
    uint64_t tail = ring->tail;
    if (tail - __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == RING)
        return false;
    ring->block[tail % RING] = block;
    __atomic_store_n(&ring->tail, tail + 1, __ATOMIC_RELEASE);
    return true;
}

static uint64_t *receive(struct ring *ring) {
    uint64_t head = ring->head;
    if (head == __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE))
        return NULL;
    uint64_t *block = ring->block[head % RING];
    __atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
    return block;
}

/* Blocks start with their length in words and carry it in their last word too. */
static uint64_t *make_block(uint64_t *random) {
    size_t words = 2 + unit_random(random) % (unit_random(random) % 64 == 0 ? 6000 : 100);
    uint64_t *block = fe_heap_alloc(words * 8);
    block[0] = words;
    block[words - 1] = words ^ (uintptr_t)block;
    return block;
}

static void check_and_free(uint64_t *block) {
    cr_assert_eq(block[block[0] - 1], block[0] ^ (uintptr_t)block);
    fe_heap_free(block);
}

static void give_everything_back(void) {
    pthread_barrier_wait(&barrier);
    fe_heap_flush();
    pthread_barrier_wait(&barrier);
    fe_heap_trim();
    pthread_barrier_wait(&barrier);
}

static void *everybody_to_everybody(void *argument) {
    unsigned self = (unsigned)(uintptr_t)argument;
    uint64_t random = 99 + self;
    if (self != 0)
        unit_become_core(self);
    unsigned sent = 0, received = 0;
    while (sent < blocks_each || received < blocks_each) {
        bool idle = true;
        for (unsigned other = 0; other < CORES; other++) {
            /* Each sends to the others in equal parts. */
            if (sent < blocks_each && sent % CORES == other) {
                uint64_t *block = make_block(&random);
                if (send(&rings[self][other], block)) {
                    sent++;
                    idle = false;
                } else {
                    fe_heap_free(block);
                }
            }
            uint64_t *block = receive(&rings[other][self]);
            if (block != NULL) {
                check_and_free(block);
                received++;
                idle = false;
            }
        }
        if (idle) {
            fe_heap_flush();
            fe_heap_poll();
            sched_yield();
        }
    }
    give_everything_back();
    return NULL;
}

static void run(void *(*body)(void *)) {
    pthread_t thread[CORES];
    unit_machine(256 * MIB);
    fe_heap_free(fe_heap_alloc(1));
    fe_heap_trim();
    pages_before = free_pages();
    pthread_barrier_init(&barrier, NULL, CORES);
    for (unsigned n = 1; n < CORES; n++)
        pthread_create(&thread[n], NULL, body, (void *)(uintptr_t)n);
    body(NULL);
    for (unsigned n = 1; n < CORES; n++)
        pthread_join(thread[n], NULL);
}

static void nothing_is_left(void) {
    struct fe_heap_statistics sum = figures(FE_ANY_CORE);
    cr_assert_eq(sum.live_blocks, 0);
    cr_assert_eq(sum.live_bytes, 0);
    cr_assert_eq(sum.cached_bytes, 0);
    cr_assert_eq(sum.allocations, sum.frees);
    cr_assert_eq(fe_heap_leaks(NULL, NULL), 0);
    uint64_t heaps = (CORES - 1) * ((sizeof(struct fe_heap_core) + FE_PAGE_SIZE - 1) / FE_PAGE_SIZE);
    cr_assert_eq(free_pages(), pages_before - heaps);
}

Test(heap_remote, everybody_frees_what_everybody_allocates) {
    blocks_each = 100000;
    run(everybody_to_everybody);
    nothing_is_left();
    struct fe_heap_statistics sum = figures(FE_ANY_CORE), parts = {0};
    for (int core = 0; core < CORES; core++) {
        struct fe_heap_statistics part = figures(core);
        cr_assert_eq(part.live_blocks, 0);
        cr_assert_geq(part.allocations, blocks_each);
        cr_assert_eq(part.remote_frees, blocks_each - blocks_each / CORES);
        parts.allocations += part.allocations;
        parts.frees += part.frees;
        parts.remote_frees += part.remote_frees;
    }
    cr_assert_eq(sum.allocations, parts.allocations);
    cr_assert_eq(sum.frees, parts.frees);
    cr_assert_eq(sum.remote_frees, parts.remote_frees);
}

/* One core makes, the others free: memory in flight stays bounded, since the maker takes blocks home as it goes. */
static uint64_t most_pages;

static void *one_makes(void *argument) {
    unsigned self = (unsigned)(uintptr_t)argument;
    uint64_t random = 5;
    if (self != 0)
        unit_become_core(self);
    for (unsigned n = 0; self == 0 && n < blocks_each * (CORES - 1);) {
        uint64_t *block = fe_heap_alloc(64 + unit_random(&random) % 64);
        block[0] = 8;
        block[7] = 8 ^ (uintptr_t)block;
        while (!send(&rings[0][1 + n % (CORES - 1)], block))
            sched_yield();
        uint64_t pages = figures(0).pages;
        most_pages = pages > most_pages ? pages : most_pages;
        n++;
    }
    for (unsigned n = 0; self != 0 && n < blocks_each;) {
        uint64_t *block = receive(&rings[0][self]);
        if (block == NULL) {
            sched_yield();
            continue;
        }
        check_and_free(block);
        n++;
    }
    give_everything_back();
    return NULL;
}

Test(heap_remote, one_way_traffic_holds_steady_memory) {
    blocks_each = 60000;
    run(one_makes);
    nothing_is_left();
    cr_assert_eq(figures(0).remote_frees, blocks_each * (CORES - 1));
    /* In rings, batches and magazines: some 2,000 blocks of at most 128 bytes. */
    cr_assert_lt(most_pages, 400, "%llu pages", (unsigned long long)most_pages);
}

/* What is gathered is posted by a flush, and comes home by a poll: nothing is held back while cores sleep. */
static void *make_one(void *argument) {
    void **block = argument;
    unit_become_core(1);
    *block = fe_heap_alloc(64);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* freed and flushed */
    cr_assert_eq(figures(1).live_blocks, 0);
    cr_assert_eq(fe_heap_poll(), 1);
    cr_assert_eq(fe_heap_poll(), 0);
    void *again = fe_heap_alloc(64);
    cr_assert_eq(again, *block);
    fe_heap_free(again);
    return NULL;
}

Test(heap_remote, flush_and_poll) {
    unit_machine(64 * MIB);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread;
    void *block;
    pthread_create(&thread, NULL, make_one, &block);
    pthread_barrier_wait(&barrier);
    fe_heap_free(block);
    fe_heap_flush();
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    cr_assert_eq(figures(1).remote_frees, 1);
}

/* Without a page for a batch, a remote free marks the slot, and the owner finds it. */
#define STRANDED 1000

static void *make_many(void *argument) {
    void **block = argument;
    unit_become_core(1);
    for (unsigned n = 0; n < STRANDED; n++)
        block[n] = fe_heap_alloc(64);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* freed */
    cr_assert_eq(fe_heap_poll(), STRANDED);
    fe_heap_trim();
    cr_assert_eq(figures(1).live_blocks, 0);
    cr_assert_eq(figures(1).pages, 0);
    return NULL;
}

Test(heap_remote, freeing_works_without_memory) {
    unit_machine(64 * MIB);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread;
    static void *block[STRANDED];
    pthread_create(&thread, NULL, make_many, block);
    pthread_barrier_wait(&barrier);
    /* Every page, and every metadata item that could be a batch. */
    while (fe_page_alloc(0) != 0)
        continue;
    fe_spinlock_acquire(&fe_heap_grants.lock);
    while (fe_metadata_alloc(sizeof(struct fe_batch)) != NULL)
        continue;
    fe_spinlock_release(&fe_heap_grants.lock);
    for (unsigned n = 0; n < STRANDED; n++) {
        fe_heap_free(block[n]);
        unit_expect_fail("was freed already (by another core)", fe_heap_free(block[n]));
    }
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
}

/* Two cores free one block at the same moment: each sees it live. It is never given out twice: its owner says so. */
static void *make_two(void *argument) {
    void **block = argument;
    unit_become_core(1);
    *block = fe_heap_alloc(64);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* freed twice */
    cr_assert_eq(fe_heap_poll(), 2);
    cr_assert_eq(fe_heap_alloc(64), *block);
    unit_expect_fail("was freed by two cores at once", (void)fe_heap_alloc(64));
    void *other = fe_heap_alloc(64);
    cr_assert_neq(other, *block);
    fe_heap_free(other);
    fe_heap_free(*block);
    return NULL;
}

Test(heap_remote, a_block_freed_by_two_cores_at_once) {
    unit_machine(64 * MIB);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread;
    void *block;
    pthread_create(&thread, NULL, make_two, &block);
    pthread_barrier_wait(&barrier);
    fe_heap_free(block);
    *fe_heap_find(block).state = FE_SLOT_LIVE; /* as the other core still saw it */
    fe_heap_free(block);
    fe_heap_flush();
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
}
