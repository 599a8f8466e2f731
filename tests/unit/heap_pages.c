/*
 * Physical pages: machines of every size, exhaustion, random use against a model, misuse, several cores.
 *
 * Links: heap
 */
#include "support.h"

#include <heap/exchange.h>
#include <heap/page.h>

#include <pthread.h>
#include <stdlib.h>

#define PAGE FE_PAGE_SIZE

static uint64_t free_pages(void) {
    struct fe_page_statistics statistics;
    fe_page_statistics(&statistics);
    return statistics.free_pages;
}

static uint64_t total_pages(void) {
    struct fe_page_statistics statistics;
    fe_page_statistics(&statistics);
    return statistics.total_pages;
}

/* Which pages are out, by number. */
struct model {
    uint8_t *out;
    size_t count;
};

static struct model make_model(uint64_t bytes) {
    return (struct model){calloc(bytes / PAGE, 1), bytes / PAGE};
}

static void took(struct model *model, uint64_t page, size_t pages) {
    cr_assert_eq(page % PAGE, 0);
    cr_assert_leq(page / PAGE + pages, model->count);
    for (size_t n = page / PAGE; n < page / PAGE + pages; n++) {
        cr_assert_eq(model->out[n], 0, "page %zu given out twice", n);
        model->out[n] = 1;
    }
}

static void gave(struct model *model, uint64_t page, size_t pages) {
    memset(model->out + page / PAGE, 0, pages);
}

Test(heap_pages, too_little_memory_is_refused_with_what_is_needed) {
    unit_boot_core();
    cr_assert(fe_host_memory(2 * GIB));
    uint64_t needed = 0;
    struct fe_memory_range ram = {0, 32 * MIB};
    cr_assert_eq(fe_page_init(&ram, 1, NULL, 0, 0, GIB, &needed), FE_ENOMEM);
    cr_assert_eq(needed, 64 * MIB);

    /* An initrd that leaves nothing. */
    ram.bytes = 128 * MIB;
    struct fe_memory_range initrd = {MIB, 126 * MIB};
    cr_assert_eq(fe_page_init(&ram, 1, &initrd, 1, 0, GIB, &needed), FE_ENOMEM);
    cr_assert_gt(needed, 128 * MIB);
    ram.bytes = needed;
    cr_assert_eq(fe_page_init(&ram, 1, &initrd, 1, 0, GIB, &needed), FE_OK);

    cr_assert_eq(fe_page_init(&ram, 1, NULL, 0, 0, GIB, &needed), FE_OK);
    cr_assert_eq(fe_page_init(&ram, 0, NULL, 0, 0, GIB, &needed), FE_ENOMEM);
    cr_assert_eq(fe_page_init(&ram, 1, NULL, 0, GIB, GIB, &needed), FE_EINVAL);
}

Test(heap_pages, a_machine_of_64_mib_less_what_firmware_keeps) {
    unit_boot_core();
    cr_assert(fe_host_memory(64 * MIB));
    uint64_t needed;
    struct fe_memory_range ram[] = {{0, 639 << 10}, {MIB, 63 * MIB - (132 << 10)}};
    struct fe_memory_range image[] = {{MIB, 300 << 10}};
    cr_assert_eq(fe_page_init(ram, 2, image, 1, 0, GIB, &needed), FE_OK);
    cr_assert_gt(free_pages() * PAGE, 61 * MIB);
}

/* Every page of a machine with holes is given out once, none outside, and all come back together. */
Test(heap_pages, exhaustion_and_recovery) {
    unit_boot_core();
    cr_assert(fe_host_memory(GIB));
    uint64_t needed;
    struct fe_memory_range ram[] = {{0, 636 << 10}, {MIB + 0x123, 70 * MIB}, {100 * MIB, 5 * PAGE}, {500 * MIB, 40 * MIB}};
    struct fe_memory_range reserved[] = {
        {510 * MIB + 17, 5000}, {2 * MIB, 3 * MIB}, {4 * MIB, 2 * MIB}, {0, 0}, {600 * MIB, MIB}};
    cr_assert_eq(fe_page_init(ram, 4, reserved, 5, 0, GIB, &needed), FE_OK);
    struct model model = make_model(GIB);
    uint64_t total = total_pages();
    cr_assert_eq(free_pages(), total);
    uint64_t *pages = calloc(total + 1, sizeof *pages);
    for (uint64_t n = 0; n < total; n++) {
        pages[n] = fe_page_alloc(0);
        cr_assert_neq(pages[n], 0);
        took(&model, pages[n], 1);
        bool inside = false;
        for (unsigned r = 0; r < 4; r++)
            inside |= pages[n] >= ram[r].base && pages[n] + PAGE <= ram[r].base + ram[r].bytes;
        for (unsigned r = 0; r < 5; r++)
            inside &= pages[n] + PAGE <= reserved[r].base || pages[n] >= reserved[r].base + reserved[r].bytes;
        cr_assert(inside, "page %#llx", (unsigned long long)pages[n]);
        *(uint64_t *)fe_direct(pages[n]) = n; /* it is memory, and its own */
    }
    cr_assert_eq(free_pages(), 0);
    cr_assert_eq(fe_page_alloc(0), 0);
    cr_assert_eq(fe_page_alloc(3), 0);
    cr_assert_eq(fe_page_alloc_run(5), 0);
    cr_assert_eq(fe_page_alloc_zeroed(), 0);
    for (uint64_t n = 0; n < total; n++) {
        cr_assert_eq(*(uint64_t *)fe_direct(pages[n]), n);
        fe_page_free(pages[n], 0);
    }
    cr_assert_eq(free_pages(), total);
    uint64_t block = fe_page_alloc(FE_PAGE_ORDER_MAX);
    cr_assert_neq(block, 0);
    fe_page_free(block, FE_PAGE_ORDER_MAX);
    free(pages);
    free(model.out);
}

Test(heap_pages, sixteen_gigabytes_with_a_hole_and_what_is_mapped_late) {
    unit_boot_core();
    cr_assert(fe_host_memory(18 * GIB));
    uint64_t needed;
    struct fe_memory_range ram[] = {{MIB, 3 * GIB - MIB}, {4 * GIB, 13 * GIB}};
    struct fe_memory_range reserved[] = {{MIB, MIB}};
    cr_assert_eq(fe_page_init(ram, 2, reserved, 1, 0, GIB, &needed), FE_OK);
    cr_assert_leq(total_pages() * PAGE, GIB);
    uint64_t run, early = 0;
    while ((run = fe_page_alloc(FE_PAGE_ORDER_MAX)) != 0) {
        cr_assert_leq(run + 4 * MIB, GIB);
        early++;
    }
    cr_assert_gt(early, 245);
    fe_page_late();
    cr_assert_gt(total_pages() * PAGE, 16 * GIB - 32 * MIB);
    run = fe_page_alloc_run(2 * GIB / PAGE); /* fits above the hole only */
    cr_assert(run >= 4 * GIB || run + 2 * GIB <= 3 * GIB);
    uint64_t again = fe_page_alloc_run(10 * GIB / PAGE);
    cr_assert_geq(again, 4 * GIB);
    cr_assert_eq(fe_page_alloc_run(10 * GIB / PAGE), 0);
    fe_page_free_run(again, 10 * GIB / PAGE);
    fe_page_free_run(run, 2 * GIB / PAGE);
}

/* Neither a run nor a block spans a hole, wherever it lies. */
Test(heap_pages, runs_do_not_span_holes) {
    unit_boot_core();
    cr_assert(fe_host_memory(GIB));
    uint64_t needed;
    struct fe_memory_range ram[] = {{8 * MIB, 40 * MIB}, {64 * MIB, 24 * MIB}};
    cr_assert_eq(fe_page_init(ram, 2, NULL, 0, 0, GIB, &needed), FE_OK);
    uint64_t run = fe_page_alloc_run(36 * MIB / PAGE);
    cr_assert(run >= 8 * MIB && run + 36 * MIB <= 48 * MIB);
    cr_assert_eq(fe_page_alloc_run(25 * MIB / PAGE), 0);
    fe_page_free_run(run, 36 * MIB / PAGE);
}

/* Memory need not be zero when the machine starts: here it looks like pages given out, and free ones. */
static void boot_in_used_memory(uint64_t bytes) {
    unit_boot_core();
    cr_assert(fe_host_memory(bytes));
    memset(fe_direct(0), 0x41, bytes);
    struct fe_memory_range ram = {MIB, bytes - MIB};
    uint64_t needed;
    cr_assert_eq(fe_page_init(&ram, 1, NULL, 0, 0, bytes, &needed), FE_OK);
}

Test(heap_pages, random_use_against_a_model) {
    boot_in_used_memory(256 * MIB);
    struct model model = make_model(256 * MIB);
    uint64_t random = 42, total = total_pages(), out = 0;
    struct {
        uint64_t page;
        size_t pages;
        int order; /* -1: a run */
    } held[512] = {0};
    for (unsigned turn = 0; turn < 200000; turn++) {
        size_t slot = unit_random(&random) % FE_ARRAY_LENGTH(held);
        if (held[slot].page != 0) {
            gave(&model, held[slot].page, held[slot].pages);
            out -= held[slot].pages;
            if (held[slot].order < 0)
                fe_page_free_run(held[slot].page, held[slot].pages);
            else
                fe_page_free(held[slot].page, (unsigned)held[slot].order);
            held[slot].page = 0;
            continue;
        }
        unsigned kind = unit_random(&random) % 8;
        if (kind < 5) {
            held[slot].order = kind < 3 ? 0 : (int)(unit_random(&random) % (FE_PAGE_ORDER_MAX + 1));
            held[slot].pages = (size_t)1 << held[slot].order;
            held[slot].page = fe_page_alloc((unsigned)held[slot].order);
            cr_assert_eq(held[slot].page % (held[slot].pages * PAGE), 0);
        } else {
            unsigned align = unit_random(&random) % 10;
            held[slot].order = -1;
            held[slot].pages = 1 + unit_random(&random) % (kind == 7 ? 3000 : 40);
            held[slot].page = fe_page_alloc_run_aligned(held[slot].pages, align);
            cr_assert_eq(held[slot].page % (PAGE << align), 0);
        }
        if (held[slot].page != 0) {
            took(&model, held[slot].page, held[slot].pages);
            out += held[slot].pages;
        }
        cr_assert_eq(free_pages(), total - out);
    }
    for (size_t slot = 0; slot < FE_ARRAY_LENGTH(held); slot++)
        if (held[slot].page != 0 && held[slot].order < 0)
            fe_page_free_run(held[slot].page, held[slot].pages);
        else if (held[slot].page != 0)
            fe_page_free(held[slot].page, (unsigned)held[slot].order);
    fe_page_trim();
    cr_assert_eq(free_pages(), total);
    /* All joined again: nearly everything is to be had as one run. */
    uint64_t run = fe_page_alloc_run(240 * MIB / PAGE);
    cr_assert_neq(run, 0);
    free(model.out);
}

/* Below a quarter the next poll tells, once until more is taken, and a fault handler is told when it may not come in. */
static unsigned told;

static void tell(void) {
    cr_expect(fe_page_is_at_rest());
    told++;
}

Test(heap_pages, scarcity_is_told) {
    unit_machine(64 * MIB);
    static uint64_t page[64 * MIB / PAGE];
    size_t count = 0;
    fe_heap_scarce = tell;
    cr_expect(fe_page_is_at_rest());
    cr_expect_not(fe_page_is_scarce());
    while (free_pages() > total_pages() / 4 + 32) /* as many as a core keeps at most */
        page[count++] = fe_page_alloc(0);
    fe_heap_poll();
    cr_expect_eq(told, 0u);
    for (unsigned i = 0; i < 64; i++)
        page[count++] = fe_page_alloc(0);
    cr_expect(fe_page_is_scarce());
    fe_heap_poll();
    fe_heap_poll();
    cr_expect_eq(told, 1u);
    uint64_t block = fe_page_alloc(3), run = fe_page_alloc_run(5);
    fe_heap_poll();
    cr_expect_eq(told, 2u);
    fe_page_free(block, 3);
    fe_page_free_run(run, 5);
    while (count > 0)
        fe_page_free(page[--count], 0);
    cr_expect_not(fe_page_is_scarce());
    fe_heap_poll();
    cr_expect_eq(told, 2u);
    fe_heap_scarce = NULL;
}

Test(heap_pages, zeroed_pages_are_zero) {
    unit_machine(64 * MIB);
    for (unsigned turn = 0; turn < 100; turn++) {
        uint64_t page = fe_page_alloc_zeroed();
        const char *byte = fe_direct(page);
        for (size_t n = 0; n < PAGE; n++)
            cr_assert_eq(byte[n], 0);
        memset(fe_direct(page), 0xa5, PAGE);
        fe_page_free(page, 0);
    }
}

Test(heap_pages, misuse_is_caught_and_named) {
    unit_machine(128 * MIB);
    uint64_t single = fe_page_alloc(0), block = fe_page_alloc(4), run = fe_page_alloc_run(11);
    unit_expect_panic("not page-aligned", fe_page_free(single + 8, 0));
    unit_expect_panic("not a page of RAM", fe_page_free(GIB, 0));
    unit_expect_panic("not a page of RAM", fe_page_free(UINT64_MAX & ~(PAGE - 1), 0));
    unit_expect_panic("another length", fe_page_free(single, 1));
    unit_expect_panic("another length", fe_page_free(block, 3));
    unit_expect_panic("another length", fe_page_free(block, 0));
    unit_expect_panic("inside a run", fe_page_free(block + PAGE, 0));
    unit_expect_panic("no such order", fe_page_free(block, 11));
    unit_expect_panic("another length", fe_page_free_run(run, 10));
    unit_expect_panic("another length", fe_page_free_run(run, 8));
    unit_expect_panic("another length", fe_page_free_run(run, 12));
    unit_expect_panic("another length", fe_page_free_run(run + 8 * PAGE, 3));
    fe_page_free(single, 0);
    unit_expect_panic("freed twice", fe_page_free(single, 0));
    fe_page_free(block, 4);
    unit_expect_panic("freed twice", fe_page_free(block, 4));
    unit_expect_panic("freed twice", fe_page_free(block + 3 * PAGE, 0));
    fe_page_free_run(run, 11);
    unit_expect_panic("freed twice", fe_page_free_run(run, 11));
    fe_page_trim();
    unit_expect_panic("freed twice", fe_page_free(single, 0));
    cr_assert_eq(free_pages(), total_pages());
}

static void *churn(void *argument) {
    unsigned index = (unsigned)(uintptr_t)argument;
    uint64_t held[64] = {0}, random = 7 + index;
    unit_become_core(index);
    for (unsigned turn = 0; turn < 50000; turn++) {
        size_t slot = unit_random(&random) % FE_ARRAY_LENGTH(held);
        unsigned order = slot % 8 == 0 ? 3 : 0;
        if (held[slot] != 0) {
            cr_assert_eq(*(uint64_t *)fe_direct(held[slot]), held[slot] + index);
            fe_page_free(held[slot], order);
            held[slot] = 0;
        } else {
            held[slot] = fe_page_alloc(order);
            cr_assert_neq(held[slot], 0);
            *(uint64_t *)fe_direct(held[slot]) = held[slot] + index;
        }
    }
    for (size_t slot = 0; slot < FE_ARRAY_LENGTH(held); slot++)
        if (held[slot] != 0)
            fe_page_free(held[slot], slot % 8 == 0 ? 3 : 0);
    fe_page_trim();
    return NULL;
}

Test(heap_pages, a_run_beside_memory_that_was_never_used) {
    boot_in_used_memory(64 * MIB);
    uint64_t first = fe_page_alloc(FE_PAGE_ORDER_MAX), free = free_pages();
    uint64_t run = fe_page_alloc_run(3 << FE_PAGE_ORDER_MAX); /* what follows it is fresh */
    cr_assert_neq(run, 0);
    fe_page_free_run(run, 3 << FE_PAGE_ORDER_MAX);
    cr_assert_eq(free_pages(), free);
    fe_page_free(first, FE_PAGE_ORDER_MAX);
    fe_page_add(16 * PAGE, 64 * PAGE); /* below what was given at first, in a section of which some is in use */
    cr_assert_eq(free_pages(), free + (1 << FE_PAGE_ORDER_MAX) + 64);
    cr_assert_eq(fe_page_alloc(0), 16 * PAGE, "the lowest comes first");
}

Test(heap_pages, several_cores_at_once) {
    unit_machine(64 * MIB);
    pthread_t thread[4];
    for (unsigned n = 0; n < 4; n++)
        pthread_create(&thread[n], NULL, churn, (void *)(uintptr_t)(n + 1));
    for (unsigned n = 0; n < 4; n++)
        pthread_join(thread[n], NULL);
    /* What is missing are the four cores' heaps. */
    cr_assert_eq((total_pages() - free_pages()) % 4, 0);
    cr_assert_lt(total_pages() - free_pages(), 40);
}
