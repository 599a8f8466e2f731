/*
 * Device trees: sound ones, truncated at every length, damaged at random, and absurd in each way that a checked tree can
 * still be. Trees are built here, byte by byte, and read from an exact copy, so that the sanitizers see a read beyond it.
 *
 * Links: drivers/fdt drivers/boot.c drivers/ranges.c
 */
#include "support.h"

#include <drivers/boot.h>
#include <drivers/fdt/fdt.h>
#include <drivers/fdt/index.h>
#include <stdarg.h>
#include <stdlib.h>

/* Building ------------------------------------------------------------------------------------------------------------ */

#define HEADER 40u
#define BEGIN_NODE 1u
#define END_NODE 2u
#define PROPERTY 3u
#define END 9u
#define MOST (256u << 10)

static uint8_t structure[MOST], reservations[16 * 100], *tree;
static char names[4096];
static size_t structure_bytes, names_bytes, reservation_bytes, tree_bytes;

static void big_endian(uint8_t *at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void word(uint32_t value) {
    cr_assert_leq(structure_bytes + 4, MOST);
    big_endian(structure + structure_bytes, value, 4);
    structure_bytes += 4;
}

static void raw(const void *data, size_t bytes) {
    cr_assert_leq(structure_bytes + bytes + 4, MOST);
    memcpy(structure + structure_bytes, data, bytes);
    structure_bytes += bytes;
    while (structure_bytes % 4)
        structure[structure_bytes++] = 0;
}

static uint32_t name_offset(const char *name) {
    for (size_t at = 0; at < names_bytes; at += strlen(names + at) + 1)
        if (strcmp(names + at, name) == 0)
            return (uint32_t)at;
    strcpy(names + names_bytes, name);
    names_bytes += strlen(name) + 1;
    return (uint32_t)(names_bytes - strlen(name) - 1);
}

static void node(const char *name) {
    word(BEGIN_NODE);
    raw(name, strlen(name) + 1);
}

static void property(const char *name, const void *data, size_t bytes) {
    word(PROPERTY);
    word((uint32_t)bytes);
    word(name_offset(name));
    raw(data, bytes);
}

static void text(const char *name, const char *value) {
    property(name, value, strlen(value) + 1);
}

static void cells(const char *name, unsigned count, ...) {
    uint8_t data[4 * 32];
    va_list arguments;
    va_start(arguments, count);
    for (unsigned i = 0; i < count; i++)
        big_endian(data + 4 * i, va_arg(arguments, uint32_t), 4);
    va_end(arguments);
    property(name, data, 4 * count);
}

static void end(void) {
    word(END_NODE);
}

static void reservation(uint64_t base, uint64_t bytes) {
    big_endian(reservations + reservation_bytes, base, 8);
    big_endian(reservations + reservation_bytes + 8, bytes, 8);
    reservation_bytes += 16;
}

/* A new tree, its root open, with two cells each for addresses and sizes. */
static void begin(void) {
    structure_bytes = names_bytes = reservation_bytes = 0;
    node("");
    cells("#address-cells", 1, 2);
    cells("#size-cells", 1, 2);
}

static void header_set(unsigned index, uint32_t value) {
    big_endian(tree + 4 * index, value, 4);
}

/* Closes the root and makes `tree`. */
static void finish(void) {
    end();
    word(END);
    reservation(0, 0);
    free(tree);
    tree_bytes = HEADER + reservation_bytes + structure_bytes + names_bytes;
    tree = malloc(tree_bytes);
    const uint32_t structure_at = HEADER + (uint32_t)reservation_bytes;
    const uint32_t names_at = structure_at + (uint32_t)structure_bytes;
    const uint32_t header[] = {
        0xd00dfeed, (uint32_t)tree_bytes, structure_at, names_at, HEADER, 17, 16, 0, (uint32_t)names_bytes, (uint32_t)structure_bytes};
    for (unsigned i = 0; i < 10; i++)
        header_set(i, header[i]);
    memcpy(tree + HEADER, reservations, reservation_bytes);
    memcpy(tree + structure_at, structure, structure_bytes);
    memcpy(tree + names_at, names, names_bytes);
}

static void memory_node(const char *name, uint64_t base, uint64_t bytes, const char *status) {
    node(name);
    text("device_type", "memory");
    cells("reg", 4, (uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(bytes >> 32), (uint32_t)bytes);
    if (status)
        text("status", status);
    end();
}

static void cpu(uint32_t id, const char *status) {
    node("cpu");
    text("device_type", "cpu");
    cells("reg", 1, id);
    if (status)
        text("status", status);
    end();
}

/* A small machine, as a sound loader describes it. */
static void machine(uint64_t initrd, uint64_t initrd_end) {
    begin();
    text("model", "unit");
    memory_node("memory@40000000", 0x40000000, 0x20000000, NULL);
    node("cpus");
    cells("#address-cells", 1, 1);
    cells("#size-cells", 1, 0);
    cpu(0, NULL);
    cpu(1, "okay");
    cpu(0x100, "fail");
    end();
    node("soc");
    cells("#address-cells", 1, 1);
    cells("#size-cells", 1, 1);
    cells("ranges", 4, 0x1000, 0, 0x9000000, 0x10000);
    node("serial@1100");
    property("compatible", "arm,pl011\0arm,primecell", 24);
    cells("reg", 2, 0x1100, 0x100);
    cells("interrupts", 3, 0, 1, 4);
    end();
    node("serial@2000");
    text("compatible", "arm,pl011");
    text("status", "disabled");
    end();
    end();
    node("aliases");
    text("serial0", "/soc/serial@1100");
    end();
    node("chosen");
    text("bootargs", "log=debug -- one two");
    text("stdout-path", "serial0:115200n8");
    cells("linux,initrd-start", 2, (uint32_t)(initrd >> 32), (uint32_t)initrd);
    cells("linux,initrd-end", 2, (uint32_t)(initrd_end >> 32), (uint32_t)initrd_end);
    end();
    reservation(0x41000000, 0x1800);
    finish();
}

/* Reading ------------------------------------------------------------------------------------------------------------- */

static struct fe_boot_info info;

static bool check(void) {
    size_t bytes;
    unit_complaints[0] = 0;
    return fe_fdt_check(tree, tree_bytes, &bytes, unit_complain);
}

static fe_status read_all(void) {
    info = (struct fe_boot_info){.ram_count = 0};
    return check() ? fe_fdt_boot_info(tree, &info, unit_complain) : FE_EINVAL;
}

/* Asks a checked tree everything that drivers ask. */
static void ask_everything(void) {
    uint32_t ids[4];
    struct fe_memory_range range;
    uint64_t number;
    unsigned line;
    fe_fdt_cores(tree, ids, FE_ARRAY_LENGTH(ids));
    fe_fdt_stdout(tree);
    for (int at = fe_fdt_find(tree, -1, "arm,pl011"); at >= 0; at = fe_fdt_find(tree, at, "arm,pl011")) {
        for (unsigned i = 0; i < 4; i++) {
            fe_fdt_reg(tree, at, i, &range);
            fe_fdt_interrupt(tree, at, i, &line);
        }
        fe_fdt_text(tree, at, "status");
        fe_fdt_number(tree, at, "reg", &number);
    }
}

static void assert_sound(const struct fe_memory_range *list, size_t count) {
    cr_assert_leq(count, FE_BOOT_RANGES_MAX);
    for (size_t i = 0; i < count; i++) {
        cr_assert_gt(list[i].bytes, 0);
        cr_assert_eq((list[i].base | list[i].bytes) & (FE_PAGE_SIZE - 1), 0);
        cr_assert_leq(list[i].bytes, UINT64_MAX - list[i].base);
        if (i > 0)
            cr_assert_lt(list[i - 1].base + list[i - 1].bytes, list[i].base);
    }
}

static bool reserved(uint64_t base, uint64_t bytes) {
    return fe_ranges_contain((struct fe_ranges){info.reserved, &info.reserved_count}, base, base + bytes);
}

/* Tests --------------------------------------------------------------------------------------------------------------- */

Test(drivers_fdt, reads_what_is_sound) {
    machine(0x48000000, 0x48000123);
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_str_eq(unit_complaints, "");
    cr_assert_eq(info.ram_count, 1);
    cr_assert_eq(info.ram[0].base, 0x40000000);
    cr_assert_eq(info.ram[0].bytes, 0x20000000);
    cr_assert_eq(info.initrd.base, 0x48000000);
    cr_assert_eq(info.initrd.bytes, 0x123);
    cr_assert(reserved(0x48000000, 0x1000));
    cr_assert(reserved(0x41000000, 0x2000));
    cr_assert_str_eq(info.command_line, "log=debug -- one two");

    int serial = fe_fdt_find(tree, -1, "arm,pl011");
    cr_assert_eq(fe_fdt_find(tree, -1, "arm,primecell"), serial);
    cr_assert_eq(fe_fdt_find(tree, -1, "arm,prime"), -1);
    cr_assert_eq(fe_fdt_find(tree, serial, "arm,pl011"), -1, "the second is disabled");
    cr_assert_eq(fe_fdt_stdout(tree), serial);
    struct fe_memory_range range;
    cr_assert(fe_fdt_reg(tree, serial, 0, &range));
    cr_assert_eq(range.base, 0x9000100, "translated through its bus");
    cr_assert(!fe_fdt_reg(tree, serial, 1, &range));
    unsigned line;
    cr_assert(fe_fdt_interrupt(tree, serial, 0, &line));
    cr_assert_eq(line, 33);
    cr_assert(!fe_fdt_interrupt(tree, serial, 1, &line));
    uint64_t number;
    cr_assert(fe_fdt_number(tree, serial, "reg", &number));
    cr_assert_eq(number, UINT64_C(0x110000000100));
    cr_assert(!fe_fdt_number(tree, serial, "compatible", &number));
    uint32_t ids[2] = {9, 9};
    cr_assert_eq(fe_fdt_cores(tree, ids, 2), 2, "the third is out of order");
    cr_assert_eq(ids[0], 0);
    cr_assert_eq(ids[1], 1);
}

Test(drivers_fdt, refuses_every_truncation) {
    machine(0x48000000, 0x48000123);
    uint8_t *whole = tree;
    size_t whole_bytes = tree_bytes;
    tree = NULL;
    for (size_t length = 0; length < whole_bytes; length++) {
        for (int honest = 0; honest < 2; honest++) { /* the header says so, or does not */
            free(tree);
            tree = malloc(length ? length : 1);
            tree_bytes = length;
            memcpy(tree, whole, length);
            if (honest && length >= 8)
                header_set(1, (uint32_t)length);
            cr_assert(!check(), "%zu of %zu bytes were taken", length, whole_bytes);
            cr_assert_str_neq(unit_complaints, "");
        }
    }
    free(whole);
}

Test(drivers_fdt, survives_random_damage) {
    uint64_t random = 4711;
    unsigned taken = 0;
    for (int round = 0; round < 20000; round++) {
        machine(0x48000000, 0x48000123);
        for (uint64_t n = 1 + unit_random(&random) % 4; n; n--)
            tree[unit_random(&random) % tree_bytes] = (uint8_t)unit_random(&random);
        if (read_all() != FE_OK) {
            cr_assert_str_neq(unit_complaints, "");
            continue;
        }
        taken++;
        assert_sound(info.ram, info.ram_count);
        assert_sound(info.reserved, info.reserved_count);
        ask_everything();
    }
    cr_assert_gt(taken, 1000, "only %u of the damaged trees were read at all", taken);
}

Test(drivers_fdt, refuses_what_is_no_tree) {
    machine(0, 0);
    header_set(0, 0xedfe0dd0);
    cr_assert(!check());
    cr_assert_not_null(strstr(unit_complaints, "bad magic"));
    machine(0, 0);
    header_set(1, 3u << 20);
    cr_assert(!check());
    cr_assert_not_null(strstr(unit_complaints, "claims 3145728 bytes"));
    machine(0, 0);
    header_set(5, 16);
    cr_assert(!check());
    begin();
    for (int i = 0; i < 20; i++)
        node("deep");
    for (int i = 0; i < 20; i++)
        end();
    finish();
    cr_assert(!check());
    cr_assert_not_null(strstr(unit_complaints, "nest more than"));
}

Test(drivers_fdt, needs_memory) {
    begin();
    memory_node("secure@e000000", 0xe000000, 0x1000000, "disabled");
    finish();
    cr_assert_eq(read_all(), FE_EINVAL);
    cr_assert_not_null(strstr(unit_complaints, "names no memory"));
}

Test(drivers_fdt, leaves_out_memory_that_cannot_be) {
    begin();
    memory_node("memory@0", 0, 0x200000, NULL);
    memory_node("memory@40000800", 0x40000800, 0x2000, NULL);
    memory_node("memory@wrap", UINT64_MAX - 0xfff, 0x2000, NULL);
    memory_node("memory@far", UINT64_C(1) << 50, 0x10000000, NULL);
    memory_node("memory@again", 0x100000, 0x200000, NULL);
    memory_node("memory@empty", 0x80000000, 0, NULL);
    finish();
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_eq(info.ram_count, 2);
    cr_assert_eq(info.ram[0].base, FE_PAGE_SIZE, "page 0 is never given out");
    cr_assert_eq(info.ram[0].bytes, 0x300000 - FE_PAGE_SIZE);
    cr_assert_eq(info.ram[1].base, 0x40001000);
    cr_assert_eq(info.ram[1].bytes, 0x1000);
    cr_assert_not_null(strstr(unit_complaints, "wraps around"));
    cr_assert_not_null(strstr(unit_complaints, "is left out"));
}

Test(drivers_fdt, maps_nothing_that_is_marked_no_map) {
    begin();
    memory_node("memory@40000000", 0x40000000, 0x1000000, NULL);
    node("reserved-memory");
    cells("#address-cells", 1, 2);
    cells("#size-cells", 1, 2);
    property("ranges", "", 0);
    node("firmware@40200000");
    cells("reg", 4, 0, 0x40200000, 0, 0x80000);
    property("no-map", "", 0);
    end();
    node("pool@40400000");
    cells("reg", 4, 0, 0x40400000, 0, 0x1000);
    end();
    node("pool-by-size");
    cells("size", 2, 0, 0x1000);
    end();
    end();
    finish();
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_eq(info.ram_count, 2);
    cr_assert_eq(info.ram[1].base, 0x40280000);
    cr_assert(reserved(0x40400000, 0x1000));
    cr_assert_eq(info.reserved_count, 1);
}

Test(drivers_fdt, goes_on_without_a_wrong_initrd) {
    static const uint64_t wrong[][2] = {
        {0x3fffffff, 0x40001000},     {0x5ffff000, 0x60000001}, {0x48001000, 0x48000000},
        {UINT64_MAX - 1, UINT64_MAX}, {0, UINT64_MAX},
    };
    for (size_t i = 0; i < FE_ARRAY_LENGTH(wrong); i++) {
        machine(wrong[i][0], wrong[i][1]);
        cr_assert_eq(read_all(), FE_OK);
        cr_assert_eq(info.initrd.bytes, 0);
        cr_assert_not_null(strstr(unit_complaints, "no initrd"));
    }
    machine(0x48000000, 0x48000000);
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_str_eq(unit_complaints, "", "an empty one is none");

    machine(0x42000000, 0x42001000); /* in the image */
    cr_assert(check());
    info = (struct fe_boot_info){.reserved = {{0x42000000, 0x100000}}, .reserved_count = 1};
    cr_assert_eq(fe_fdt_boot_info(tree, &info, unit_complain), FE_OK);
    cr_assert_eq(info.initrd.bytes, 0);
    cr_assert_not_null(strstr(unit_complaints, "overlaps"));
}

Test(drivers_fdt, takes_an_initrd_that_is_in_the_reservations) {
    machine(0x41000000, 0x41001000);
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_eq(info.initrd.bytes, 0x1000);
}

Test(drivers_fdt, keeps_reservations_however_many_and_large) {
    begin();
    memory_node("memory@40000000", 0x40000000, 0x20000000, NULL);
    for (unsigned i = 0; i < 3; i++)
        reservation(0x50000000, 0x2000);
    reservation(0x50001000, UINT64_MAX);
    finish();
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_eq(info.reserved_count, 1);
    cr_assert(reserved(0x50000000, UINT64_C(1) << 40));
    begin();
    memory_node("memory@40000000", 0x40000000, 0x20000000, NULL);
    for (unsigned i = 0; i < FE_BOOT_RANGES_MAX + 6; i++)
        reservation(0x41000000 + i * 0x10000, 0x1000 + i * 0x1000 % 0x8000);
    finish();
    cr_assert_eq(read_all(), FE_OK);
    assert_sound(info.reserved, info.reserved_count);
    cr_assert_not_null(strstr(unit_complaints, "more than 64 reserved ranges"));
}

Test(drivers_fdt, answers_no_to_absurd_cells) {
    static const uint32_t counts[] = {0, 1, 3, 4, 5, 255, UINT32_MAX};
    for (size_t a = 0; a < FE_ARRAY_LENGTH(counts); a++)
        for (size_t s = 0; s < FE_ARRAY_LENGTH(counts); s++)
            for (unsigned length = 0; length <= 32; length += 4) {
                uint8_t value[32];
                memset(value, 0xff, sizeof(value));
                begin();
                memory_node("memory@40000000", 0x40000000, 0x20000000, NULL);
                node("bus");
                cells("#address-cells", 1, counts[a]);
                cells("#size-cells", 1, counts[s]);
                property("ranges", value, length);
                node("serial");
                text("compatible", "arm,pl011");
                property("reg", value, length);
                property("interrupts", value, length);
                end();
                end();
                finish();
                cr_assert_eq(read_all(), FE_OK);
                ask_everything();
                unsigned line;
                int serial = fe_fdt_find(tree, -1, "arm,pl011");
                cr_assert(!fe_fdt_interrupt(tree, serial, 0, &line));
                struct fe_memory_range range;
                if (counts[a] > 4 || counts[s] > 4)
                    cr_assert(!fe_fdt_reg(tree, serial, 0, &range));
            }
}

Test(drivers_fdt, knows_which_interrupts_can_be) {
    static const struct {
        uint32_t type, number;
        bool fine;
    } cases[] = {{0, 0, true}, {0, 987, true}, {0, 988, false}, {1, 15, true}, {1, 16, false}, {2, 0, false}};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(cases); i++) {
        begin();
        node("timer");
        text("compatible", "timer");
        cells("interrupts", 3, cases[i].type, cases[i].number, 4);
        end();
        finish();
        cr_assert(check());
        unsigned line;
        cr_assert_eq(fe_fdt_interrupt(tree, fe_fdt_find(tree, -1, "timer"), 0, &line), cases[i].fine);
    }
}

Test(drivers_fdt, has_no_stdout_where_none_is_named) {
    static const char *const paths[] = {NULL, "", "/nowhere", "serial9", ":115200", "/chosen/deeper", "////"};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(paths); i++) {
        begin();
        node("chosen");
        if (paths[i])
            text("stdout-path", paths[i]);
        end();
        finish();
        cr_assert(check());
        int found = fe_fdt_stdout(tree);
        cr_assert(found < 0 || i == 6, "%s", paths[i] ? paths[i] : "none"); /* the last is the root */
    }
    begin();
    finish();
    cr_assert(check());
    cr_assert_lt(fe_fdt_stdout(tree), 0);
}

Test(drivers_fdt, counts_more_cores_than_it_names) {
    begin();
    node("cpus");
    cells("#address-cells", 1, 1);
    cells("#size-cells", 1, 0);
    for (uint32_t i = 0; i < 100; i++)
        cpu(i / 8 << 8 | i % 8, NULL);
    end();
    finish();
    cr_assert(check());
    uint32_t ids[FE_CORES_MAX + 1];
    ids[FE_CORES_MAX] = 0xabcd;
    cr_assert_eq(fe_fdt_cores(tree, ids, FE_CORES_MAX), 100);
    cr_assert_eq(ids[9], 0x101);
    cr_assert_eq(ids[FE_CORES_MAX], 0xabcd);
}

Test(drivers_fdt, leaves_out_nodes_beyond_its_index) {
    begin();
    memory_node("memory@40000000", 0x40000000, 0x20000000, NULL);
    for (unsigned i = 0; i < FE_FDT_NODES_MAX + 10; i++) {
        node("dev");
        node("below");
        end();
        end();
    }
    finish();
    cr_assert_eq(read_all(), FE_OK);
    cr_assert_not_null(strstr(unit_complaints, "are left out"));
    ask_everything();
}

/* Properties come before the nodes of a node; libfdt finds none behind them. */
Test(drivers_fdt, ignores_properties_behind_nodes) {
    begin();
    node("bus");
    node("device");
    text("compatible", "arm,gic-v3");
    end();
    text("compatible", "arm,pl011");
    end();
    finish();
    cr_assert(check());
    cr_assert_not_null(strstr(unit_complaints, "1 properties stand behind the nodes"));
    cr_assert_eq(fe_fdt_find(tree, -1, "arm,pl011"), -1);
    cr_assert_geq(fe_fdt_find(tree, -1, "arm,gic-v3"), 0);
}
