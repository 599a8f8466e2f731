/*
 * What a PVH loader hands over, sound and damaged; and the lists of ranges that it becomes.
 *
 * Links: drivers/pc/pvh.c drivers/boot.c drivers/ranges.c
 */
#include "support.h"

#include <drivers/pc/pvh.h>
#include <drivers/ranges.h>
#include <stdlib.h>

#define BASE 0x1000u
#define BYTES 8192u
#define START 0x0u
#define MAP 0x100u
#define MODULES 0x800u
#define LINE 0x900u

static uint8_t memory[BYTES];
static void *copies[16384];
static size_t copy_count;
static struct fe_boot_info info;
static uint64_t rsdp;

static const void *map(void *context, uint64_t physical, size_t bytes) {
    (void)context;
    if (physical < BASE || bytes > BYTES || physical - BASE > BYTES - bytes)
        return NULL;
    uint8_t *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, memory + (physical - BASE), bytes);
    if (copy_count < FE_ARRAY_LENGTH(copies))
        copies[copy_count++] = copy;
    return copy;
}

static fe_status read_all(void) {
    static const struct fe_pvh_source source = {map, NULL, unit_complain};
    while (copy_count)
        free(copies[--copy_count]);
    unit_complaints[0] = 0;
    info = (struct fe_boot_info){.ram_count = 0};
    return fe_pvh_read(&source, BASE + START, &info, &rsdp);
}

static void put(size_t at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        memory[at + i] = (uint8_t)(value >> 8 * i);
}

static void entry(unsigned index, uint64_t base, uint64_t bytes, uint32_t type) {
    put(MAP + 24 * index, base, 8);
    put(MAP + 24 * index + 8, bytes, 8);
    put(MAP + 24 * index + 16, type, 4);
}

static void make(void) {
    memset(memory, 0, sizeof(memory));
    put(START, 0x336ec578, 4);
    put(START + 4, 1, 4);
    put(START + 12, 1, 4);
    put(START + 16, BASE + MODULES, 8);
    put(START + 24, BASE + LINE, 8);
    put(START + 32, 0xf5a10, 8);
    put(START + 40, BASE + MAP, 8);
    put(START + 48, 5, 4);
    entry(0, 0, 0x9fc00, 1);
    entry(1, 0x9fc00, 0x400, 2);
    entry(2, 0x100000, 0x7ee0000, 1);
    entry(3, 0xfffc0000, 0x40000, 2);
    entry(4, 0x100000000, 0x80000000, 1);
    put(MODULES, 0x7000000, 8);
    put(MODULES + 8, 12345, 8);
    strcpy((char *)memory + LINE, "log=debug -- one two");
}

Test(drivers_pvh, reads_what_is_sound) {
    make();
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_str_eq(unit_complaints, "");
    cr_assert_eq(rsdp, 0xf5a10);
    cr_assert_eq(info.ram_count, 3);
    cr_assert_eq(info.ram[0].base, 0x1000); /* page 0 is never given out */
    cr_assert_eq(info.ram[0].bytes, 0x9e000);
    cr_assert_eq(info.ram[2].base, 0x100000000);
    cr_assert_eq(info.initrd.base, 0x7000000);
    cr_assert_eq(info.initrd.bytes, 12345);
    cr_assert_str_eq(info.command_line, "log=debug -- one two");
}

Test(drivers_pvh, names_what_is_wrong) {
    make();
    put(START, 0, 4);
    cr_assert_eq(read_all(), FE_EINVAL);
    cr_assert_not_null(strstr(unit_complaints, "no PVH start info at 0x1000"));
    make();
    put(START + 4, 0, 4);
    cr_assert_eq(read_all(), FE_ENOTSUP);
    make();
    put(START + 40, 0xdead0000, 8);
    cr_assert_eq(read_all(), FE_EINVAL);
    cr_assert_not_null(strstr(unit_complaints, "memory map at 0xdead0000 cannot be read"));
    make();
    put(START + 48, 0, 4);
    cr_assert_eq(read_all(), FE_EINVAL);
    cr_assert_not_null(strstr(unit_complaints, "none of them usable"));
    make();
    put(START + 48, UINT32_MAX, 4);
    read_all();
    cr_assert_not_null(strstr(unit_complaints, "4294967295 entries at 0x1100 is absurd"));
}

Test(drivers_pvh, goes_on_without_a_wrong_initrd) {
    static const struct fe_memory_range wrong[] = {
        {0x9f000, 0x10000}, {0x7fe0000, 1}, {UINT64_MAX - 10, 100}, {0x100000, UINT64_MAX}, {0xfffffffff000, 4096},
    };
    for (size_t i = 0; i < FE_ARRAY_LENGTH(wrong); i++) {
        make();
        put(MODULES, wrong[i].base, 8);
        put(MODULES + 8, wrong[i].bytes, 8);
        cr_assert_eq(read_all(), FE_OK);
        cr_assert_eq(info.initrd.bytes, 0);
        cr_assert_not_null(strstr(unit_complaints, "not within usable memory"));
    }
}

Test(drivers_pvh, cuts_a_long_command_line) {
    make();
    memset(memory + LINE, 'x', FE_COMMAND_LINE_MAX + 100);
    cr_assert_eq(read_all(), FE_OK);
    cr_assert(info.command_line_cut);
    cr_assert_eq(strlen(info.command_line), FE_COMMAND_LINE_MAX - 1);
}

Test(drivers_pvh, believes_reserved_over_usable) {
    make();
    entry(3, 0x200000, 0x1001, 2);
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_eq(info.ram_count, 4);
    cr_assert_eq(info.ram[1].bytes, 0x100000);
    cr_assert_eq(info.ram[2].base, 0x202000);
}

Test(drivers_pvh, survives_random_damage) {
    uint64_t random = 77;
    for (int round = 0; round < 20000; round++) {
        make();
        for (uint64_t n = 1 + unit_random(&random) % 6; n; n--)
            memory[unit_random(&random) % (MAP + 140)] = (uint8_t)unit_random(&random);
        if (read_all() != FE_OK)
            continue;
        cr_assert(info.ram_count >= 1 && info.ram_count <= FE_BOOT_RANGES_MAX);
        for (size_t i = 0; i < info.ram_count; i++) {
            cr_assert_gt(info.ram[i].bytes, 0);
            cr_assert_eq((info.ram[i].base | info.ram[i].bytes) & (FE_PAGE_SIZE - 1), 0);
            if (i > 0)
                cr_assert_lt(info.ram[i - 1].base + info.ram[i - 1].bytes, info.ram[i].base);
        }
    }
}

/* Against a bitmap of small numbers. */
Test(drivers_ranges, agree_with_a_bitmap) {
    uint64_t random = 99;
    for (int round = 0; round < 500; round++) {
        struct fe_memory_range ranges[FE_BOOT_RANGES_MAX];
        size_t count = 0;
        struct fe_ranges list = {ranges, &count};
        bool bits[128] = {false};
        for (int step = 0; step < 60; step++) {
            uint64_t base = unit_random(&random) % 128, end = unit_random(&random) % 129;
            bool add = unit_random(&random) & 1;
            cr_assert(add ? fe_ranges_add(list, base, end) : fe_ranges_remove(list, base, end));
            for (uint64_t i = base; i < end; i++)
                bits[i] = add;
            for (uint64_t i = 0; i < 128; i++) {
                cr_assert_eq(fe_ranges_touch(list, i, i + 1), bits[i]);
                cr_assert_eq(fe_ranges_contain(list, i, i + 1), bits[i]);
            }
        }
    }
}

Test(drivers_ranges, leave_out_the_smallest) {
    struct fe_memory_range ranges[FE_BOOT_RANGES_MAX];
    size_t count = 0;
    struct fe_ranges list = {ranges, &count};
    for (uint64_t i = 0; i < FE_BOOT_RANGES_MAX; i++)
        cr_assert(fe_ranges_add(list, i * 100, i * 100 + 20));
    cr_assert(!fe_ranges_add(list, 50, 60));
    cr_assert(!fe_ranges_touch(list, 50, 60));
    cr_assert(!fe_ranges_add(list, 40, 70));
    cr_assert(fe_ranges_contain(list, 40, 70));
    cr_assert_eq(count, FE_BOOT_RANGES_MAX);
}
