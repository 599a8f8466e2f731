/* The exchange heap in the guest: across cores, and what misuse does. (Its insides are tested on the host.) */
#include "guest.h"

#include <string.h>

FE_PIPE_TYPE(blocks, unsigned char *);

static uint64_t live_blocks(void) {
    struct fe_heap_statistics heap;
    fe_heap_statistics(FE_ANY_CORE, &heap);
    return heap.live_blocks;
}

Test(heap, sizes) {
    for (size_t bytes = 0; bytes < 100000; bytes = bytes * 3 / 2 + 1) {
        unsigned char *block = fe_heap_alloc(bytes);
        cr_assert_eq((uintptr_t)block % 16, 0);
        cr_assert_geq(fe_heap_usable_size(block), bytes);
        memset(block, 0xa5, bytes);
        fe_heap_free(block);
    }
}

Test(heap, large_blocks) {
    for (size_t bytes = 1 << 20; bytes <= (size_t)16 << 20; bytes *= 2) {
        unsigned char *block = fe_heap_alloc(bytes);
        block[0] = 1;
        block[bytes - 1] = 2;
        fe_heap_free(block);
    }
}

Test(heap, zeroed) {
    for (int round = 0; round < 10; round++) {
        unsigned char *block = fe_heap_alloc_zeroed(77, 13);
        for (size_t i = 0; i < 77 * 13; i++)
            cr_assert_eq(block[i], 0);
        memset(block, 0xff, 77 * 13);
        fe_heap_free(block);
    }
}

Test(heap, aligned) {
    for (size_t alignment = 1; alignment <= (size_t)2 << 20; alignment *= 2) {
        void *block = fe_heap_alloc_aligned(alignment, 100);
        cr_assert_eq((uintptr_t)block % alignment, 0);
        fe_heap_free(block);
    }
    cr_assert_null(fe_heap_try_alloc_aligned(24, 100));
    cr_assert_null(fe_heap_try_alloc_aligned((size_t)4 << 20, 100));
}

Test(heap, realloc_keeps_contents) {
    unsigned char *block = fe_heap_realloc(NULL, 10);
    for (int i = 0; i < 10; i++)
        block[i] = (unsigned char)i;
    for (size_t bytes = 20; bytes < 200000; bytes *= 3) {
        block = fe_heap_realloc(block, bytes);
        for (int i = 0; i < 10; i++)
            cr_assert_eq(block[i], i);
    }
    block = fe_heap_realloc(block, 10);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(block[i], i);
    fe_heap_free(block);
}

Test(heap, impossible_requests) {
    volatile size_t huge = SIZE_MAX / 2; /* volatile: compilers warn of such sizes */
    cr_assert_null(fe_heap_try_alloc(huge));
    cr_assert_null(fe_heap_try_alloc_zeroed(huge, 8));
    void *block = fe_heap_alloc(16);
    cr_assert_null(fe_heap_try_realloc(block, huge));
    fe_heap_free(block);
    fe_heap_free(NULL);
}

static intptr_t ask_too_much(void *argument) {
    return (intptr_t)fe_heap_alloc((size_t)(uintptr_t)argument);
}

Test(heap, plain_form_fails_the_task) {
    struct fe_task_result result = guest_result(ask_too_much, (void *)(SIZE_MAX / 2));
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_expect_str_not_empty(result.message);
}

static intptr_t exhaust(void *argument) {
    (void)argument;
    void *first = NULL;
    size_t count = 0;
    for (;;) {
        void **block = fe_heap_try_alloc(1 << 20);
        if (block == NULL)
            break;
        *block = first;
        first = block;
        count++;
    }
    while (first != NULL) {
        void *next = *(void **)first;
        fe_heap_free(first);
        first = next;
    }
    return (intptr_t)count;
}

Test(heap, exhausted_and_recovered) {
    intptr_t first = guest_join(fe_task_spawn(exhaust, NULL, NULL));
    cr_assert_gt(first, 10);
    intptr_t second = guest_join(fe_task_spawn(exhaust, NULL, NULL));
    cr_expect_geq(second, first - first / 16, "memory was lost: %ld MiB, then %ld", (long)first, (long)second);
}

static intptr_t free_twice(void *argument) {
    fe_heap_free(argument);
    fe_heap_free(argument);
    return 0;
}

static intptr_t free_it(void *argument) {
    fe_heap_free(argument);
    return 0;
}

Test(heap, double_free_is_named, .data = FE_TEST_MAY_LEAK) {
    struct fe_task_result result = guest_result(free_twice, fe_heap_alloc(64));
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_expect_str_not_empty(result.message);
    cr_log_info("%s", result.message);
}

Test(heap, foreign_pointers_are_refused, .data = FE_TEST_MAY_LEAK) {
    int local = 0;
    unsigned char *block = fe_heap_alloc(64);
    cr_expect_eq(guest_result(free_it, &local).outcome, FE_FAILED);
    cr_expect_eq(guest_result(free_it, block + 16).outcome, FE_FAILED);
    cr_expect_eq(guest_result(free_it, (void *)(uintptr_t)guest_result).outcome, FE_FAILED);
    cr_expect_eq(guest_result(free_it, (void *)0x1000).outcome, FE_FAILED);
    fe_heap_free(block);
}

struct mover {
    blocks_sender out;
    blocks_port in;
    size_t count;
};

static intptr_t allocate_and_send(void *argument) {
    struct mover *mover = argument;
    fe_owned_sender out = mover->out.end; /* closed however this ends: nobody waits for one that has failed */
    for (size_t i = 0; i < mover->count; i++) {
        size_t bytes = 16 + i % 500;
        unsigned char *block = fe_heap_alloc(bytes);
        memset(block, (int)(i % 251), bytes);
        blocks_send(mover->out, block);
    }
    return 0;
}

static intptr_t receive_and_free(void *argument) {
    struct mover *mover = argument;
    fe_owned_port in = mover->in.end;
    unsigned char *block;
    size_t i = 0;
    for (; blocks_receive_until(mover->in, &block, FE_FOREVER) == FE_OK; i++) {
        size_t bytes = 16 + i % 500;
        cr_assert_eq(block[0], i % 251);
        cr_assert_eq(block[bytes - 1], i % 251);
        fe_heap_free(block);
    }
    return (intptr_t)i;
}

Test(heap, freed_on_another_core) {
    size_t count = guest_size(10000, 1000000);
    struct mover movers[4];
    fe_task senders[4], receivers[4];
    int cores = (int)fe_core_count();
    for (int i = 0; i < 4; i++) {
        movers[i].count = count;
        blocks_open(&movers[i].out, &movers[i].in, 64, FE_PIPE_BLOCKS);
        senders[i] = guest_spawn(allocate_and_send, &movers[i], i % cores);
        receivers[i] = guest_spawn(receive_and_free, &movers[i], (i + 1) % cores);
    }
    for (int i = 0; i < 4; i++) {
        guest_join(senders[i]);
        cr_assert_eq((size_t)guest_join(receivers[i]), count);
    }
}

static intptr_t churn(void *argument) {
    uint64_t random = 42 + (uint64_t)(uintptr_t)argument;
    enum { SLOTS = 200 };
    unsigned char **slots = fe_heap_alloc_zeroed(SLOTS, sizeof(*slots));
    for (size_t i = 0; i < guest_size(20000, 1000000); i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t slot = random % SLOTS;
        if (slots[slot] != NULL) {
            cr_assert_eq(*slots[slot], (unsigned char)slot);
            fe_heap_free(slots[slot]);
            slots[slot] = NULL;
        } else {
            slots[slot] = fe_heap_alloc((size_t)1 << (4 + random / SLOTS % 12));
            *slots[slot] = (unsigned char)slot;
        }
        if (i % 1024 == 0)
            fe_task_yield();
    }
    for (size_t i = 0; i < SLOTS; i++)
        fe_heap_free(slots[i]);
    fe_heap_free(slots);
    return 0;
}

Test(heap, churn_on_all_cores, .timeout = 600) {
    fe_task tasks[8];
    for (uintptr_t i = 0; i < 8; i++)
        tasks[i] = fe_task_spawn(churn, (void *)i, NULL);
    for (int i = 0; i < 8; i++)
        guest_join(tasks[i]);
}

Test(heap, figures) {
    uint64_t before = live_blocks();
    void *one = fe_heap_alloc(100), *two = fe_heap_alloc(5000), *three = fe_heap_alloc(500000);
    cr_expect_eq(live_blocks(), before + 3);
    fe_heap_free(one);
    fe_heap_free(two);
    fe_heap_free(three);
    cr_expect_eq(live_blocks(), before);
}
