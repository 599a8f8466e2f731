/*
 * ACPI tables: sound ones, each kind of damage by name, and thousands of random ones. Every piece of memory that the parser
 * asks for is an exact copy, so that the sanitizers see a read beyond it.
 *
 * Links: drivers/pc/acpi.c drivers/pc/acpi_aml.c
 */
#include "support.h"

#include <drivers/pc/acpi.h>
#include <stdlib.h>

#define BASE 0x7fe0000u
#define BYTES 4096u
#define RSDP 0x000u
#define RSDT 0x100u
#define XSDT 0x200u
#define FADT 0x300u
#define MADT 0x500u
#define DSDT 0x700u

static uint8_t memory[BYTES];
static void *copies[4096];
static size_t copy_count;

static const uint8_t *map(void *context, uint64_t physical, size_t bytes) {
    (void)context;
    if (physical < BASE || bytes > BYTES || physical - BASE > BYTES - bytes)
        return NULL;
    uint8_t *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, memory + (physical - BASE), bytes);
    if (copy_count < FE_ARRAY_LENGTH(copies))
        copies[copy_count++] = copy;
    return copy;
}

static const struct fe_acpi_source source = {map, NULL, unit_complain};

static void free_copies(void) {
    while (copy_count)
        free(copies[--copy_count]);
}

static fe_status read_all(struct fe_acpi *acpi) {
    free_copies();
    unit_complaints[0] = 0;
    return fe_acpi_read(&source, BASE + RSDP, acpi);
}

static void put(size_t at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        memory[at + i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get32(size_t at) {
    uint32_t value;
    memcpy(&value, memory + at, sizeof(value));
    return value;
}

static void fix_sum(size_t at, size_t bytes, size_t sum_at) {
    uint8_t sum = 0;
    memory[at + sum_at] = 0;
    for (size_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + memory[at + i]);
    memory[at + sum_at] = (uint8_t)-sum;
}

static void seal(size_t at) {
    uint32_t bytes = get32(at + 4);
    if (bytes >= 36 && at + bytes <= BYTES)
        fix_sum(at, bytes, 9);
}

static void seal_all(void) {
    static const size_t tables[] = {RSDT, XSDT, FADT, MADT, DSDT};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(tables); i++)
        seal(tables[i]);
    fix_sum(RSDP, 20, 8);
    fix_sum(RSDP, 36, 32);
}

static void header(size_t at, const char *signature, uint32_t bytes) {
    memcpy(memory + at, signature, 4);
    put(at + 4, bytes, 4);
    memcpy(memory + at + 10, "BOCHS BXPC    ", 14);
}

/* Entries of the MADT, one after another. */
static size_t entry(size_t at, const char *bytes, size_t count) {
    memcpy(memory + at, bytes, count);
    return at + count;
}
#define ENTRY(at, bytes) entry((at), (bytes), sizeof(bytes) - 1)

static void make(void) {
    memset(memory, 0, sizeof(memory));
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = 2;
    put(RSDP + 16, BASE + RSDT, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, BASE + XSDT, 8);
    header(RSDT, "RSDT", 36 + 8);
    put(RSDT + 36, BASE + FADT, 4);
    put(RSDT + 40, BASE + MADT, 4);
    header(XSDT, "XSDT", 36 + 16);
    put(XSDT + 36, BASE + FADT, 8);
    put(XSDT + 44, BASE + MADT, 8);
    header(FADT, "FACP", 276);
    put(FADT + 40, BASE + DSDT, 4);
    put(FADT + 64, 0x604, 4);
    put(FADT + 76, 0x608, 4);
    put(FADT + 112, 1u << 8 | 1u << 10, 4);
    put(FADT + 116, 0x0801, 4); /* reset register: port 0xcf9 */
    put(FADT + 120, 0xcf9, 8);
    memory[FADT + 128] = 6;
    put(FADT + 140, BASE + DSDT, 8);
    size_t at = MADT + 44;
    put(MADT + 36, 0xfee00000u, 4);
    put(MADT + 40, 1, 4);
    at = ENTRY(at, "\x00\x08\x00\x00\x01\x00\x00\x00");
    at = ENTRY(at, "\x00\x08\x01\x01\x01\x00\x00\x00");
    at = ENTRY(at, "\x00\x08\x02\x02\x02\x00\x00\x00");                                 /* online capable only */
    at = ENTRY(at, "\x09\x10\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00"); /* id 1 once more */
    at = ENTRY(at, "\x09\x10\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00"); /* id 256 */
    at = ENTRY(at, "\x01\x0c\x00\x00\x00\x00\xc0\xfe\x00\x00\x00\x00");
    at = ENTRY(at, "\x02\x0a\x00\x00\x02\x00\x00\x00\x00\x00"); /* 0 is at 2 */
    at = ENTRY(at, "\x02\x0a\x00\x09\x09\x00\x00\x00\x0d\x00"); /* 9 is level, high */
    at = ENTRY(at, "\x7f\x06\x00\x00\x00\x00");                 /* of a later version */
    header(MADT, "APIC", (uint32_t)(at - MADT));
    static const char s5[] = "\x10\x05_SB_\x08_S4_\x12\x04\x01\x0a\x07\x08_S5_\x12\x06\x04\x0a\x05\x01\x00\x00";
    header(DSDT, "DSDT", 36 + sizeof(s5) - 1);
    memcpy(memory + DSDT + 36, s5, sizeof(s5) - 1);
    seal_all();
}

Test(drivers_acpi, reads_sound_tables) {
    struct fe_acpi acpi;
    make();
    cr_assert_eq(read_all(&acpi), FE_OK);
    cr_assert_str_eq(unit_complaints, "");
    cr_assert_str_eq(acpi.oem, "BOCHS BXPC");
    cr_assert(acpi.has_madt && acpi.has_8259);
    cr_assert_eq(acpi.core_count, 3);
    cr_assert_eq(acpi.cores_present, 3);
    cr_assert_eq(acpi.cores[1], 1);
    cr_assert_eq(acpi.cores[2], 256);
    cr_assert_eq(acpi.ioapic_count, 1);
    cr_assert_eq(acpi.ioapics[0].address, 0xfec00000u);
    cr_assert_eq(acpi.isa[0].line, 2);
    cr_assert(acpi.isa[9].level && !acpi.isa[9].low);
    cr_assert_eq(acpi.isa[4].line, 4);
    cr_assert(!acpi.isa[4].level);
    cr_assert_eq(acpi.pm1a_control.address, 0x604);
    cr_assert_eq(acpi.timer.address, 0x608);
    cr_assert(acpi.timer_32_bits);
    cr_assert_eq(acpi.reset.address, 0xcf9);
    cr_assert_eq(acpi.reset_value, 6);
    cr_assert(acpi.has_s5);
    cr_assert_eq(acpi.s5_a, 5);
    cr_assert_eq(acpi.s5_b, 1);
}

Test(drivers_acpi, falls_back_to_the_rsdt) {
    struct fe_acpi acpi;
    make();
    memory[XSDT + 20] ^= 1;
    cr_assert_eq(read_all(&acpi), FE_OK);
    cr_assert_not_null(strstr(unit_complaints, "XSDT at 0x7fe0200 has a wrong checksum"));
    cr_assert_eq(acpi.core_count, 3);
}

Test(drivers_acpi, refuses_a_wrong_checksum) {
    struct fe_acpi acpi;
    make();
    memory[MADT + 60] ^= 0x40;
    cr_assert_eq(read_all(&acpi), FE_OK);
    cr_assert_not_null(strstr(unit_complaints, "APIC at 0x7fe0500 has a wrong checksum"));
    cr_assert(!acpi.has_madt);
    cr_assert_eq(acpi.core_count, 0);
    cr_assert(acpi.has_fadt && acpi.has_s5);
}

Test(drivers_acpi, refuses_absurd_lengths) {
    static const uint32_t lengths[] = {0, 1, 35, 0x7fffffff, UINT32_MAX};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(lengths); i++) {
        struct fe_acpi acpi;
        make();
        put(MADT + 4, lengths[i], 4);
        cr_assert_eq(read_all(&acpi), FE_OK);
        cr_assert_not_null(strstr(unit_complaints, "which is absurd"), "%u: %s", lengths[i], unit_complaints);
        cr_assert(!acpi.has_madt);
    }
}

Test(drivers_acpi, stops_at_an_entry_without_end) {
    static const uint8_t lengths[] = {0, 1, 255};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(lengths); i++) {
        struct fe_acpi acpi;
        make();
        memory[MADT + 44 + 8 + 1] = lengths[i]; /* the second core's */
        seal(MADT);
        cr_assert_eq(read_all(&acpi), FE_OK);
        cr_assert_eq(acpi.core_count, 1);
        cr_assert_not_null(strstr(unit_complaints, "the rest is left out"));
    }
}

Test(drivers_acpi, counts_cores_beyond_the_limit) {
    struct fe_acpi acpi;
    make();
    size_t at = MADT + 44;
    for (unsigned i = 0; i < FE_CORES_MAX + 8; i++, at += 8) {
        memcpy(memory + at, "\x00\x08\x00\x00\x01\x00\x00\x00", 8);
        memory[at + 3] = (uint8_t)i;
    }
    header(MADT, "APIC", (uint32_t)(at - MADT));
    memmove(memory + at, memory + DSDT, 128); /* out of the way */
    put(FADT + 140, BASE + at, 8);
    seal(at);
    seal(MADT);
    seal(FADT);
    cr_assert_eq(read_all(&acpi), FE_OK);
    cr_assert_eq(acpi.core_count, FE_CORES_MAX);
    cr_assert_eq(acpi.cores_present, FE_CORES_MAX + 8);
}

Test(drivers_acpi, refuses_what_is_no_rsdp) {
    struct fe_acpi acpi;
    make();
    memory[RSDP] = 'X';
    cr_assert_eq(read_all(&acpi), FE_ENOENT);
    cr_assert_eq(fe_acpi_read(&source, 0x1234, &acpi), FE_ENOENT);
    cr_assert_eq(acpi.isa[7].line, 7);
}

Test(drivers_acpi, finds_the_rsdp_on_16_byte_boundaries) {
    make();
    uint8_t area[256] = {0};
    cr_assert_eq(fe_acpi_find_rsdp(area, sizeof(area)), sizeof(area));
    memcpy(area + 8, memory + RSDP, 20);
    cr_assert_eq(fe_acpi_find_rsdp(area, sizeof(area)), sizeof(area));
    memcpy(area + 64, memory + RSDP, 20);
    cr_assert_eq(fe_acpi_find_rsdp(area, sizeof(area)), 64);
    cr_assert_eq(fe_acpi_find_rsdp(area, 64 + 19), 64 + 19);
}

/* Some bytes changed at random, checksums made right again, so that what lies behind them is reached. */
Test(drivers_acpi, survives_random_damage) {
    uint64_t random = 0x5eed;
    for (int round = 0; round < 20000; round++) {
        struct fe_acpi acpi;
        make();
        for (uint64_t n = 1 + unit_random(&random) % 8; n; n--) {
            static const size_t tables[] = {RSDP, RSDT, XSDT, FADT, MADT, DSDT};
            size_t table = tables[unit_random(&random) % FE_ARRAY_LENGTH(tables)];
            memory[table + unit_random(&random) % 160] = (uint8_t)unit_random(&random);
        }
        seal_all();
        read_all(&acpi);
        cr_assert(acpi.core_count <= FE_CORES_MAX && acpi.core_count <= acpi.cores_present);
        cr_assert(acpi.ioapic_count <= FE_ACPI_IOAPICS_MAX);
    }
    free_copies();
}
