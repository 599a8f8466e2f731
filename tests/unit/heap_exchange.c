/*
 * The exchange heap on one core: random use against a model, every form, statistics, leaks, memory running out and
 * coming back.
 *
 * Links: heap
 */
#include "support.h"

#include <heap/exchange.h>
#include <heap/page.h>
#include <heap/size.h>

#include <ferrite/task.h>
#include <stdlib.h>

static struct fe_heap_statistics figures(void) {
    struct fe_heap_statistics statistics;
    fe_heap_statistics(FE_ANY_CORE, &statistics);
    return statistics;
}

static uint64_t free_pages(void) {
    struct fe_page_statistics statistics;
    fe_page_statistics(&statistics);
    return statistics.free_pages;
}

/* The free pages of a heap that has been used once, so that its map exists. */
static uint64_t settled_pages(void) {
    fe_heap_free(fe_heap_alloc(1));
    fe_heap_trim();
    return free_pages();
}

static void fill(void *block, size_t bytes, uint64_t seed) {
    unsigned char *byte = block;
    for (size_t n = 0; n < bytes; n++)
        byte[n] = (unsigned char)(seed + n * 7);
}

static void verify(const void *block, size_t bytes, uint64_t seed) {
    const unsigned char *byte = block;
    for (size_t n = 0; n < bytes; n++)
        if (byte[n] != (unsigned char)(seed + n * 7))
            cr_assert_fail("byte %zu of %zu at %p changed", n, bytes, block);
}

Test(heap_exchange, every_size_is_usable_whole) {
    unit_machine(128 * MIB);
    for (size_t bytes = 0; bytes < 70000; bytes += bytes < 2100 ? 1 : 97) {
        void *a = fe_heap_alloc(bytes), *b = fe_heap_alloc(bytes);
        size_t usable = fe_heap_usable_size(a);
        cr_assert_eq((uintptr_t)a % 16, 0);
        cr_assert_geq(usable, bytes);
        memset(a, 1, usable);
        memset(b, 2, fe_heap_usable_size(b));
        cr_assert_eq(((unsigned char *)a)[usable - 1], 1);
        fe_heap_free(a);
        fe_heap_free(b);
    }
    fe_heap_free(NULL);
    cr_assert_eq(figures().live_blocks, 0);
}

struct held {
    unsigned char *block;
    size_t bytes;
    uint64_t seed;
};

static size_t log_uniform(uint64_t *random, unsigned most_bits) {
    return ((size_t)1 << unit_random(random) % most_bits) +
           unit_random(random) % ((size_t)1 << unit_random(random) % most_bits);
}

/* One random operation of the heap on one of `held`. */
static void step(struct held *held, uint64_t *random) {
    uint64_t choice = unit_random(random) % 8;
    size_t bytes = log_uniform(random, 17);
    if (held->block == NULL) {
        size_t alignment = (size_t)1 << unit_random(random) % 16;
        held->block = choice == 0   ? fe_heap_try_alloc_aligned(alignment, bytes)
                      : choice == 1 ? fe_heap_try_alloc_zeroed(1, bytes)
                                    : fe_heap_try_alloc(bytes);
        if (held->block == NULL)
            return;
        if (choice == 0)
            cr_assert_eq((uintptr_t)held->block % alignment, 0);
        for (size_t n = 0; choice == 1 && n < bytes; n++)
            cr_assert_eq(held->block[n], 0);
    } else {
        verify(held->block, held->bytes, held->seed);
        if (choice >= 2) {
            fe_heap_free(held->block);
            held->block = NULL;
            return;
        }
        unsigned char *moved = fe_heap_try_realloc(held->block, bytes);
        if (moved == NULL)
            return;
        held->block = moved;
        verify(moved, bytes < held->bytes ? bytes : held->bytes, held->seed);
    }
    held->bytes = bytes;
    held->seed = *random;
    cr_assert_geq(fe_heap_usable_size(held->block), bytes);
    fill(held->block, bytes, held->seed);
}

static void random_use(size_t slots, unsigned turns) {
    struct held *held = calloc(slots, sizeof *held);
    uint64_t random = 42;
    uint64_t before = settled_pages();
    for (unsigned turn = 0; turn < turns; turn++)
        step(&held[unit_random(&random) % slots], &random);

    /* The figures agree with the model. */
    uint64_t blocks = 0, bytes = 0;
    for (size_t n = 0; n < slots; n++)
        if (held[n].block != NULL) {
            blocks++;
            bytes += fe_heap_usable_size(held[n].block);
        }
    struct fe_heap_statistics now = figures();
    cr_assert_eq(now.live_blocks, blocks);
    cr_assert_eq(now.live_bytes, bytes);
    cr_assert_eq(now.allocations - now.frees, blocks);
    cr_assert_leq(now.live_bytes + now.cached_bytes, now.pages * FE_PAGE_SIZE);

    for (size_t n = 0; n < slots; n++)
        if (held[n].block != NULL) {
            verify(held[n].block, held[n].bytes, held[n].seed);
            fe_heap_free(held[n].block);
        }
    free(held);
    fe_heap_trim();
    cr_assert_eq(figures().live_bytes, 0);
    cr_assert_eq(figures().cached_bytes, 0);
    cr_assert_eq(free_pages(), before);
}

Test(heap_exchange, random_use_against_a_model) {
    unit_machine(512 * MIB);
    random_use(2000, 400000);
}

/* The same with so little memory that about a third of the allocations fail. */
Test(heap_exchange, random_use_with_memory_running_out) {
    unit_machine(64 * MIB);
    random_use(12000, 200000);
}

Test(heap_exchange, out_of_memory_loses_nothing) {
    unit_machine(64 * MIB);
    uint64_t before = settled_pages();
    static const size_t sizes[] = {16, 48, 64, 1000, 5000, 20000, 40000, 1 << 20, 5 << 20};
    for (unsigned k = 0; k < FE_ARRAY_LENGTH(sizes); k++) {
        size_t most = 64 * MIB / sizes[k] + 1, count = 0;
        void **blocks = calloc(most, sizeof *blocks);
        while ((blocks[count] = fe_heap_try_alloc(sizes[k])) != NULL)
            count++;
        cr_assert_gt(count * sizes[k], 32 * MIB, "%zu blocks of %zu bytes", count, sizes[k]);
        /* Every form says so, and none takes anything. */
        uint64_t live = figures().live_blocks;
        unit_expect_fail("fe_heap_alloc: out of memory", (void)fe_heap_alloc(sizes[k]));
        unit_expect_fail("fe_heap_alloc_zeroed: out of memory", (void)fe_heap_alloc_zeroed(1, sizes[k]));
        unit_expect_fail("fe_heap_realloc: out of memory", (void)fe_heap_realloc(blocks[0], 50 * MIB));
        cr_assert_null(fe_heap_try_realloc(blocks[0], 50 * MIB));
        unit_context = FE_CONTEXT_SCHEDULER;
        unit_expect_panic("fe_heap_alloc: out of memory", (void)fe_heap_alloc(sizes[k]));
        unit_context = FE_CONTEXT_TASK;
        cr_assert_eq(figures().live_blocks, live);
        /* One freed is one to be had. */
        fe_heap_free(blocks[--count]);
        blocks[count] = fe_heap_try_alloc(sizes[k]);
        cr_assert_not_null(blocks[count++]);
        while (count > 0)
            fe_heap_free(blocks[--count]);
        free(blocks);
        fe_heap_trim();
        cr_assert_eq(free_pages(), before, "%zu bytes", sizes[k]);
    }
}

/* What is cached for one size serves another when memory is short. */
Test(heap_exchange, cached_memory_of_other_sizes_is_used) {
    unit_machine(64 * MIB);
    for (size_t bytes = 16; bytes <= 32768; bytes *= 2)
        for (unsigned n = 0; n < 40; n++)
            fe_heap_free(fe_heap_alloc(bytes));
    uint64_t pages = free_pages();
    void *most = NULL;
    for (size_t bytes = pages * FE_PAGE_SIZE; most == NULL; bytes -= MIB)
        most = fe_heap_try_alloc(bytes);
    void *last = NULL;
    for (void *block; (block = fe_heap_try_alloc(16)) != NULL;)
        last = block;
    cr_assert_not_null(last);
    cr_assert_lt(free_pages(), 32); /* ends of ranges, and a batch of single pages for metadata */
}

Test(heap_exchange, absurd_sizes_are_out_of_memory) {
    unit_machine(64 * MIB);
    volatile size_t huge[] = {SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX, (size_t)1 << 47, 1 << 30};
    for (unsigned n = 0; n < FE_ARRAY_LENGTH(huge); n++) {
        cr_assert_null(fe_heap_try_alloc(huge[n]));
        cr_assert_null(fe_heap_try_alloc_aligned(4096, huge[n]));
        unit_expect_fail("out of memory", (void)fe_heap_alloc(huge[n]));
    }
    volatile size_t half = (size_t)1 << 63;
    cr_assert_null(fe_heap_try_alloc_zeroed(half, 2));
    cr_assert_null(fe_heap_try_alloc_zeroed(half + 1, 3));
}

Test(heap_exchange, alignment) {
    unit_machine(128 * MIB);
    for (size_t alignment = 1; alignment <= 2 * MIB; alignment *= 2)
        for (size_t bytes = 1; bytes <= 5 * MIB; bytes = bytes * 3 + 1) {
            void *a = fe_heap_alloc_aligned(alignment, bytes), *b = fe_heap_alloc_aligned(alignment, bytes);
            cr_assert_eq((uintptr_t)a % alignment, 0);
            cr_assert_eq((uintptr_t)b % alignment, 0);
            cr_assert_geq(fe_heap_usable_size(a), bytes);
            memset(a, 3, bytes);
            fe_heap_free(a);
            fe_heap_free(b);
        }
    static const size_t bad[] = {0, 3, 24, 4 * MIB};
    for (unsigned n = 0; n < FE_ARRAY_LENGTH(bad); n++) {
        cr_assert_null(fe_heap_try_alloc_aligned(bad[n], 64));
        unit_expect_fail("alignment", (void)fe_heap_alloc_aligned(bad[n], 64));
    }
    cr_assert_eq(figures().live_blocks, 0);
}

Test(heap_exchange, realloc_keeps_contents) {
    unit_machine(128 * MIB);
    unsigned char *block = fe_heap_realloc(NULL, 10);
    fill(block, 10, 5);
    size_t have = 10;
    static const size_t sizes[] = {16, 17, 100, 90, 64, 5000, 4000, 40000, 39000, 1000000, 900000, 20, 1, 0, 33};
    for (unsigned n = 0; n < FE_ARRAY_LENGTH(sizes); n++) {
        block = fe_heap_realloc(block, sizes[n]);
        size_t kept = have < sizes[n] ? have : sizes[n];
        verify(block, kept, 5);
        fill(block, sizes[n], 5);
        have = sizes[n];
    }
    unsigned char *same = fe_heap_realloc(block, 40);
    cr_assert_eq(same, block, "what fits stays");
    fe_heap_free(same);
    cr_assert_eq(figures().live_blocks, 0);
}

Test(heap_exchange, statistics_are_exact) {
    unit_machine(128 * MIB);
    void *small[100], *large[3];
    for (unsigned n = 0; n < 100; n++)
        small[n] = fe_heap_alloc(100);
    for (unsigned n = 0; n < 3; n++)
        large[n] = fe_heap_alloc(100000);
    for (unsigned n = 0; n < 40; n++)
        fe_heap_free(small[n]);
    fe_heap_free(large[0]);
    struct fe_heap_statistics now = figures();
    cr_assert_eq(now.allocations, 103);
    cr_assert_eq(now.frees, 41);
    cr_assert_eq(now.remote_frees, 0);
    cr_assert_eq(now.live_blocks, 62);
    cr_assert_eq(now.live_bytes, 60 * 112 + 2 * 102400);
    struct fe_heap_statistics own, none;
    fe_heap_statistics(0, &own);
    cr_assert_eq(own.allocations, 103);
    cr_assert_eq(own.live_bytes, now.live_bytes);
    fe_heap_statistics(1, &none);
    cr_assert_eq(none.allocations, 0);
    cr_assert_eq(none.pages, 0);
}

struct leaks {
    size_t count, bytes;
    const void *first;
};

static void count_leak(const struct fe_heap_leak *leak, void *argument) {
    struct leaks *leaks = argument;
    leaks->count++;
    leaks->bytes += leak->bytes;
    leaks->first = leak->block;
    cr_assert_eq(leak->core, 0);
}

Test(heap_exchange, leaks_are_reported_exactly) {
    unit_machine(128 * MIB);
    void *blocks[300];
    for (unsigned n = 0; n < 300; n++)
        blocks[n] = fe_heap_alloc(n * 20);
    for (unsigned n = 0; n < 300; n++)
        fe_heap_free(blocks[n]);
    struct leaks leaks = {0};
    cr_assert_eq(fe_heap_leaks(count_leak, &leaks), 0);
    void *one = fe_heap_alloc(64);
    cr_assert_eq(fe_heap_leaks(count_leak, &leaks), 1);
    cr_assert_eq(leaks.first, one);
    (void)fe_heap_alloc(5000);
    (void)fe_heap_alloc(100000);
    cr_assert_eq(fe_heap_leaks(NULL, NULL), 3);
    leaks = (struct leaks){0};
    fe_heap_trim();
    cr_assert_eq(fe_heap_leaks(count_leak, &leaks), 3);
    cr_assert_eq(leaks.count, 3);
    cr_assert_eq(leaks.bytes, 64 + 5120 + 102400);
}

/* A long run of mixed sizes with a steady number of live blocks holds steady memory. */
Test(heap_exchange, memory_does_not_drift) {
    unit_machine(512 * MIB);
    struct held *held = calloc(3000, sizeof *held);
    uint64_t random = 42, after_first = 0;
    for (unsigned round = 0; round < 12; round++) {
        for (unsigned turn = 0; turn < 30000; turn++)
            step(&held[unit_random(&random) % 3000], &random);
        if (round == 3)
            after_first = figures().pages;
        if (round > 3)
            cr_assert_leq(figures().pages, after_first + after_first / 5);
    }
    free(held);
}
