/*
 * ACPI tables: what a PC tells of its cores, interrupt controllers and power. A parser of bytes: it touches no hardware,
 * and reads memory only through the function that it is given, so that a test or a fuzzer can feed it.
 */
#ifndef FERRITE_DRIVERS_PC_ACPI_H
#define FERRITE_DRIVERS_PC_ACPI_H

#include <arch/machine.h>

#define FE_ACPI_IOAPICS_MAX 16
#define FE_ACPI_ISA_LINES 16
#define FE_ACPI_RSDP_BYTES 20 /* of version 0; later versions have 36 */

struct fe_acpi_source {
    /* `bytes` bytes of physical memory, or NULL where there are none. Stays valid. */
    const uint8_t *(*map)(void *context, uint64_t physical, size_t bytes);
    void *context;
    /* One line, without newline. */
    void (*complain)(const char *format, ...);
};

/* A register: a generic address structure, or an old port number. `address` 0: there is none. */
struct fe_acpi_register {
    uint64_t address;
    bool memory; /* else an I/O port */
    uint8_t bits;
};

struct fe_acpi_ioapic {
    uint64_t address;
    uint32_t first_line; /* global number of its first input */
    uint8_t id;
};

/* An ISA interrupt's place on the IOAPICs. */
struct fe_acpi_isa_line {
    uint32_t line; /* global number */
    bool low;      /* active low, else high */
    bool level;    /* level-triggered, else edge */
};

struct fe_acpi {
    char oem[16]; /* "BOCHS BXPC", as the root table says */

    /* MADT. */
    bool has_madt;
    uint64_t local_apic;
    bool has_8259;
    uint32_t cores[FE_CORES_MAX]; /* APIC ids of enabled cores, in the table's order */
    unsigned core_count, cores_present;
    struct fe_acpi_ioapic ioapics[FE_ACPI_IOAPICS_MAX];
    unsigned ioapic_count;
    struct fe_acpi_isa_line isa[FE_ACPI_ISA_LINES];

    /* FADT. */
    bool has_fadt;
    bool hardware_reduced; /* no PM registers, no PIT and 8259 to be relied on */
    uint32_t smi_command;
    uint8_t enable_value;
    struct fe_acpi_register pm1a_control, pm1b_control, timer, reset, sleep_control;
    bool timer_32_bits;
    uint8_t reset_value;

    /* \_S5 in the DSDT or an SSDT. */
    bool has_s5;
    uint8_t s5_a, s5_b;
};

/* Where in `area` (on a 16-byte boundary, checksum right) an RSDP begins; `bytes` if nowhere. */
size_t fe_acpi_find_rsdp(const uint8_t *area, size_t bytes);

/* Reads the tables behind the RSDP at `rsdp` into *acpi. What is malformed is complained of and left out; an error says
 * that there was nothing to be had at all. *acpi is valid in any case. */
fe_status fe_acpi_read(const struct fe_acpi_source *source, uint64_t rsdp, struct fe_acpi *acpi);

/* *acpi as on a PC without ACPI: ISA lines where they always were, nothing else. */
void fe_acpi_none(struct fe_acpi *acpi);

#endif
