/*
 * Turning the machine off: by ACPI's state S5, after telling the host the status if QEMU's isa-debug-exit is there for that
 * (command line: debug_exit=PORT; there is no way to find it). If the machine is still on after that, it is reset, so that
 * whoever waits for it is told somehow.
 */
#include "pc.h"

#include <ferrite/env.h>

#define SLEEP_TYPE_SHIFT 10 /* PM1 control */
#define SLEEP_TYPE_MASK (7u << SLEEP_TYPE_SHIFT)
#define SLEEP_ENABLE (1u << 13)
#define ACPI_MODE 1u
#define REDUCED_TYPE_SHIFT 2 /* sleep control register */
#define REDUCED_ENABLE (1u << 5)

static struct fe_acpi acpi; /* its FADT part */
static volatile void *pm1a_memory, *pm1b_memory, *sleep_memory, *reset_memory;

static volatile void *map_register(const struct fe_acpi_register *r) {
    return r->address && r->memory ? fe_arch_map_device(r->address, 4) : NULL;
}

/* Mapped now: when it is needed there may be no memory. */
void fe_power_init(const struct fe_acpi *tables, fe_complain complain) {
    acpi = *tables;
    pm1a_memory = map_register(&acpi.pm1a_control);
    pm1b_memory = map_register(&acpi.pm1b_control);
    sleep_memory = map_register(&acpi.sleep_control);
    reset_memory = map_register(&acpi.reset);
    if (acpi.has_fadt && !acpi.has_s5)
        complain("ACPI: the sleep type of S5 is not in the DSDT: the machine can be reset but not turned off");
}

static uint32_t read_16(const struct fe_acpi_register *r, volatile void *memory) {
    if (memory)
        return *(volatile uint16_t *)memory;
    return r->memory ? 0 : fe_x86_in16((uint16_t)r->address);
}

static void write_16(const struct fe_acpi_register *r, volatile void *memory, uint32_t value) {
    if (memory)
        *(volatile uint16_t *)memory = (uint16_t)value;
    else if (!r->memory)
        fe_x86_out16((uint16_t)r->address, (uint16_t)value);
}

static void write_8(const struct fe_acpi_register *r, volatile void *memory, uint8_t value) {
    if (memory)
        *(volatile uint8_t *)memory = value;
    else if (!r->memory)
        fe_x86_out8((uint16_t)r->address, value);
}

static void write_pm1(const struct fe_acpi_register *r, volatile void *memory, uint8_t type) {
    uint32_t value = read_16(r, memory) & ~(SLEEP_TYPE_MASK | SLEEP_ENABLE);
    value |= (uint32_t)type << SLEEP_TYPE_SHIFT;
    write_16(r, memory, value); /* the type first, then the order to go: some chipsets want it so */
    write_16(r, memory, value | SLEEP_ENABLE);
}

static void sleep_for_ever(void) {
    if (!acpi.has_s5)
        return;
    if (acpi.sleep_control.address) {
        write_8(&acpi.sleep_control, sleep_memory, (uint8_t)((uint32_t)acpi.s5_a << REDUCED_TYPE_SHIFT | REDUCED_ENABLE));
        return;
    }
    if (!acpi.pm1a_control.address)
        return;
    if (!(read_16(&acpi.pm1a_control, pm1a_memory) & ACPI_MODE) && acpi.smi_command && acpi.enable_value) {
        fe_x86_out8((uint16_t)acpi.smi_command, acpi.enable_value); /* out of legacy mode */
        for (unsigned tries = 0; tries < 1000 && !(read_16(&acpi.pm1a_control, pm1a_memory) & ACPI_MODE); tries++)
            fe_pc_delay(FE_MILLISECOND);
    }
    if (acpi.pm1b_control.address) {
        uint32_t value = read_16(&acpi.pm1b_control, pm1b_memory) & ~(SLEEP_TYPE_MASK | SLEEP_ENABLE);
        write_16(&acpi.pm1b_control, pm1b_memory, value | (uint32_t)acpi.s5_b << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
    }
    write_pm1(&acpi.pm1a_control, pm1a_memory, acpi.s5_a);
}

void fe_power_off(int status) {
    uint64_t port = fe_env_number("debug_exit", 0, 0, 0xffff);
    if (port)
        fe_x86_out32((uint16_t)port, (uint32_t)status);
    sleep_for_ever();
    fe_pc_delay(100 * FE_MILLISECOND); /* it may take a moment */
    if (acpi.reset.address)
        write_8(&acpi.reset, reset_memory, acpi.reset_value);
    fe_pc_delay(10 * FE_MILLISECOND);
    fe_x86_reset();
}
