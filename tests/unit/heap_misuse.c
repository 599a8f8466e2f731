/*
 * Misuse of the exchange heap: each is caught, named, and changes nothing.
 *
 * Links: heap
 */
#include "support.h"

#include <heap/exchange.h>
#include <heap/page.h>

#include <ferrite/task.h>
#include <pthread.h>
#include <stdio.h>

static uint64_t live_blocks(void) {
    struct fe_heap_statistics statistics;
    fe_heap_statistics(FE_ANY_CORE, &statistics);
    return statistics.live_blocks;
}

static const size_t sizes[] = {1, 16, 40, 64, 100, 1024, 1100, 8192, 30000, 32768, 32769, 100000, 6000000};

Test(heap_misuse, double_free) {
    unit_machine(128 * MIB);
    for (unsigned n = 0; n < FE_ARRAY_LENGTH(sizes); n++) {
        void *keep = fe_heap_alloc(sizes[n]), *block = fe_heap_alloc(sizes[n]);
        fe_heap_free(block);
        unit_expect_fail("was freed already", fe_heap_free(block));
        unit_expect_fail("fe_heap_realloc", (void)fe_heap_realloc(block, 10));
        unit_expect_fail("fe_heap_usable_size", (void)fe_heap_usable_size(block));
        fe_heap_free(keep);
        fe_heap_trim();
        unit_expect_fail("was freed already", fe_heap_free(block));
        cr_assert_eq(live_blocks(), 0);
    }
}

Test(heap_misuse, the_message_names_block_size_and_owner) {
    unit_machine(128 * MIB);
    char expected[128];
    void *block = fe_heap_alloc(100);
    fe_heap_free(block);
    snprintf(expected, sizeof expected, "fe_heap_free: %p, a block of 112 bytes of core 0, was freed already", block);
    unit_expect_fail(expected, fe_heap_free(block));
    unit_context = FE_CONTEXT_SCHEDULER;
    unit_expect_panic(expected, fe_heap_free(block));
    unit_context = FE_CONTEXT_GLOBAL;
    unit_expect_panic(expected, fe_heap_free(block));
}

Test(heap_misuse, interior_pointers) {
    unit_machine(128 * MIB);
    for (unsigned n = 0; n < FE_ARRAY_LENGTH(sizes); n++) {
        char *block = fe_heap_alloc(sizes[n]);
        size_t usable = fe_heap_usable_size(block);
        for (size_t offset = 1; offset < usable; offset += usable < 2000 ? 1 : usable / 97) {
            char expected[64];
            snprintf(expected, sizeof expected, "is %zu bytes into a", offset);
            unit_expect_fail(expected, fe_heap_free(block + offset));
        }
        fe_heap_free(block);
    }
    cr_assert_eq(live_blocks(), 0);
}

static int somewhere;

Test(heap_misuse, foreign_pointers) {
    unit_machine(128 * MIB);
    int local;
    unit_expect_fail("is not a block of the heap", fe_heap_free(&local)); /* before the first block */
    fe_heap_free(fe_heap_alloc(1));
    char *page = fe_direct(fe_page_alloc(0)), *run = fe_direct(fe_page_alloc(6));
    unit_expect_fail("is not a block of the heap", fe_heap_free(&local));
    unit_expect_fail("is not a block of the heap", fe_heap_free(&somewhere));
    unit_expect_fail("is not a block of the heap", fe_heap_free(page));
    unit_expect_fail("is not a block of the heap", fe_heap_free(run));
    unit_expect_fail("is not a block of the heap", fe_heap_free(run + 16));
    unit_expect_fail("is not a block of the heap", fe_heap_free((void *)(uintptr_t)8));
    unit_expect_fail("is not a block of the heap", fe_heap_free((void *)UINTPTR_MAX));
    unit_expect_fail("is not a block of the heap", fe_heap_free((void *)(UINTPTR_MAX / 2)));
    cr_assert_eq(live_blocks(), 0);
}

/* A slot that exists but was never given out, and the rest of a slab that holds no slot. */
Test(heap_misuse, never_given_out) {
    unit_machine(128 * MIB);
    char *block = fe_heap_alloc(112);
    char *slab = (char *)((uintptr_t)block & ~(uintptr_t)0x3fff);
    unit_expect_fail("was never given out", fe_heap_free(slab + (block == slab ? 112 : 0)));
    unit_expect_fail("is not a block of the heap", fe_heap_free(slab + 112 * 146));
    unit_expect_fail("is not a block of the heap", fe_heap_free(slab + 16383));
}

Test(heap_misuse, writing_to_a_freed_block_is_caught_when_it_would_be_reused) {
    unit_machine(128 * MIB);
    static const size_t spoiled[] = {16, 32, 48, 64, 112, 1024, 4096, 32768};
    for (unsigned n = 0; n < FE_ARRAY_LENGTH(spoiled); n++)
        for (size_t offset = 0; offset < 64 && offset < spoiled[n]; offset++) {
            char expected[64];
            unsigned char *block = fe_heap_alloc(spoiled[n]);
            fe_heap_free(block);
            block[offset] = 0x7f;
            snprintf(expected, sizeof expected, "was written after it was freed: byte %zu is 0x7f", offset);
            unit_expect_fail(expected, (void)fe_heap_alloc(spoiled[n]));
            /* The block is out of use; the heap goes on. */
            unsigned char *next = fe_heap_alloc(spoiled[n]);
            cr_assert_neq(next, block);
            fe_heap_free(next);
            cr_assert_eq(live_blocks(), 0);
        }
    cr_assert_eq(fe_heap_leaks(NULL, NULL), 0);
}

/* An overrun of a live block into its free neighbour. */
Test(heap_misuse, an_overrun_into_a_free_block_is_caught) {
    unit_machine(128 * MIB);
    char *a = fe_heap_alloc(64), *b = fe_heap_alloc(64);
    char *low = a < b ? a : b, *high = a < b ? b : a;
    cr_assert_eq(high - low, 64);
    fe_heap_free(high);
    volatile char *byte = low;
    for (unsigned n = 0; n < 72; n++)
        byte[n] = 0;
    unit_expect_fail("was written after it was freed: byte 0 is 0", (void)fe_heap_alloc(64));
    fe_heap_free(low);
}

static void choose_poison(enum fe_heap_poison poison) {
    struct fe_heap_settings settings = fe_heap_default_settings();
    settings.poison = poison;
    fe_heap_configure(&settings);
    unit_machine(128 * MIB);
}

/* poison=all finds a write anywhere in a free block; poison=off finds none, and still no block is freed twice. */
Test(heap_misuse, all_of_a_block_can_be_poisoned) {
    choose_poison(FE_HEAP_POISON_ALL);
    static const size_t offsets[] = {0, 63, 64, 2000, 4095};
    for (unsigned n = 0; n < FE_ARRAY_LENGTH(offsets); n++) {
        char expected[64];
        unsigned char *block = fe_heap_alloc(4096);
        fe_heap_free(block);
        block[offsets[n]] = 0x11;
        snprintf(expected, sizeof expected, "was written after it was freed: byte %zu is 0x11", offsets[n]);
        unit_expect_fail(expected, (void)fe_heap_alloc(4096));
    }
}

Test(heap_misuse, poison_can_be_left_out) {
    choose_poison(FE_HEAP_POISON_OFF);
    for (size_t bytes = 16; bytes <= 4096; bytes *= 4) {
        unsigned char *block = fe_heap_alloc(bytes);
        block[0] = 0x22;
        fe_heap_free(block);
        unit_expect_fail("was freed already", fe_heap_free(block));
        unsigned char *again = fe_heap_alloc(bytes);
        cr_assert_eq(again, block);
        cr_assert_eq(again[0], 0x22, "nothing was written to it");
        fe_heap_free(again);
    }
}

/* Who knows where one block lies does not know where the next will. */
static void first_blocks(uint64_t seed, uintptr_t *blocks) {
    struct fe_heap_settings settings = fe_heap_default_settings();
    settings.seed = seed;
    fe_heap_configure(&settings);
    unit_machine(128 * MIB);
    for (unsigned n = 0; n < 32; n++)
        blocks[n] = (uintptr_t)fe_heap_alloc(64) % 16384;
}

Test(heap_misuse, slots_come_in_an_order_of_the_seed) {
    uintptr_t order[32];
    first_blocks(12345, order);
    unsigned ascending = 0;
    for (unsigned n = 1; n < 32; n++)
        ascending += order[n] == order[n - 1] + 64;
    cr_assert_lt(ascending, 16, "%u of 31 follow each other", ascending);
}

static void *owner(void *argument) {
    unit_become_core(3);
    *(void **)argument = fe_heap_alloc(64);
    return NULL;
}

Test(heap_misuse, another_cores_block) {
    unit_machine(128 * MIB);
    pthread_t thread;
    char *block;
    pthread_create(&thread, NULL, owner, &block);
    pthread_join(thread, NULL);
    unit_expect_fail("is 8 bytes into a live block of 64 bytes of core 3", fe_heap_free(block + 8));
    unit_expect_fail("a block of 64 bytes of core 3, was never given out", fe_heap_free((char *)((uintptr_t)block ^ 64)));
    fe_heap_free(block);
    unit_expect_fail("of core 3, was freed already", fe_heap_free(block));
    cr_assert_eq(live_blocks(), 0);
}
