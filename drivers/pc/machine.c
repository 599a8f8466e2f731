/*
 * A PC: composes what the other files find into struct fe_machine. See drivers/drivers.h.
 *
 * Without ACPI, or with tables that are wrong, the machine goes on as far as it can: one core, its local APIC's timer, no
 * device interrupts, and reset in place of power-off.
 */
#include "../boot.h"
#include "pc.h"
#include "pvh.h"

#include <ferrite/io.h>
#include <ferrite/log.h>

#undef FE_LOG_MODULE
#define FE_LOG_MODULE "machine"

#define LOW_MEMORY_END 0x100000u
#define BIOS_DATA_EBDA 0x40e /* segment of the extended BIOS data area */
#define BIOS_AREA 0xe0000u

static uint64_t rsdp; /* from the loader */
static unsigned console_line;

/* Boot information ---------------------------------------------------------------------------------------------------- */

static const void *map_early(void *context, uint64_t physical, size_t bytes) {
    (void)context;
    uint64_t base, end;
    fe_arch_early_direct(&base, &end);
    if (physical == 0 || physical < base || bytes > end || physical > end - bytes)
        return NULL;
    return fe_direct(physical);
}

/* The highest free page below 1 MiB, for the other cores' first instructions. */
static void choose_trampoline(struct fe_boot_info *info, fe_complain complain) {
    struct fe_ranges ram = {info->ram, &info->ram_count}, reserved = {info->reserved, &info->reserved_count};
    for (uint64_t page = LOW_MEMORY_END - FE_PAGE_SIZE; page; page -= FE_PAGE_SIZE) {
        if (!fe_ranges_contain(ram, page, page + FE_PAGE_SIZE) || fe_ranges_touch(reserved, page, page + FE_PAGE_SIZE))
            continue;
        fe_boot_reserve(info, page, FE_PAGE_SIZE, complain);
        fe_x86_trampoline_set(page);
        return;
    }
    complain("no usable memory below 1 MiB: other cores cannot be started");
}

fe_status fe_machine_read_boot(const struct fe_boot_entry *entry, struct fe_boot_info *info, fe_complain complain) {
    const struct fe_pvh_source source = {map_early, NULL, complain};
    *info = (struct fe_boot_info){.ram_count = 0};
    if (entry->protocol != FE_BOOT_PVH)
        return FE_ENOTSUP;
    fe_boot_reserve(info, entry->image_base, entry->image_bytes, complain); /* first: the initrd must be clear of it */
    fe_status status = fe_pvh_read(&source, entry->information, info, &rsdp);
    if (status != FE_OK)
        return status;
    choose_trampoline(info, complain);
    return FE_OK;
}

/* ACPI ----------------------------------------------------------------------------------------------------------------- */

/* Tables lie in memory that the firmware keeps, and is thus not in the direct map: it is added to it, read-only. */
static const uint8_t *map_firmware(void *context, uint64_t physical, size_t bytes) {
    (void)context;
    const uint64_t mask = FE_PAGE_SIZE - 1;
    if (physical + bytes < physical || physical + bytes > FE_PHYSICAL_END)
        return NULL;
    for (uint64_t page = physical & ~mask; page < physical + bytes; page += FE_PAGE_SIZE) {
        uint64_t there;
        if (!fe_arch_translate(FE_DIRECT_BASE + page, &there) &&
            fe_arch_map(FE_DIRECT_BASE + page, page, FE_PAGE_SIZE, FE_PROTECTION_READ) != FE_OK)
            return NULL;
    }
    return fe_direct(physical);
}

/* Where the specification says to look when the loader does not say: ACPI 6.5, 5.2.5.1. */
static uint64_t scan_for_rsdp(void) {
    const uint8_t *data = map_firmware(NULL, BIOS_DATA_EBDA, 2);
    uint64_t ebda = data ? (uint64_t)(data[0] | data[1] << 8) << 4 : 0;
    const struct fe_memory_range areas[] = {{ebda, 1024}, {BIOS_AREA, LOW_MEMORY_END - BIOS_AREA}};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(areas); i++) {
        if (areas[i].base < 0x400 || areas[i].base >= LOW_MEMORY_END)
            continue;
        const uint8_t *area = map_firmware(NULL, areas[i].base, areas[i].bytes);
        size_t at = area ? fe_acpi_find_rsdp(area, areas[i].bytes) : areas[i].bytes;
        if (at < areas[i].bytes)
            return areas[i].base + at;
    }
    return 0;
}

static void read_acpi(struct fe_acpi *acpi, fe_complain complain) {
    const struct fe_acpi_source source = {map_firmware, NULL, complain};
    fe_acpi_none(acpi);
    if (rsdp == 0)
        rsdp = scan_for_rsdp();
    if (rsdp == 0)
        complain("no ACPI tables: one core, and no device interrupts");
    else if (fe_acpi_read(&source, rsdp, acpi) != FE_OK || !acpi->has_madt)
        complain("no usable MADT: one core, and no device interrupts");
}

/* Cores ----------------------------------------------------------------------------------------------------------------- */

static uint32_t greatest_id(const struct fe_acpi *acpi) {
    uint32_t greatest = 0;
    for (unsigned i = 0; i < acpi->core_count; i++)
        if (acpi->cores[i] > greatest)
            greatest = acpi->cores[i];
    return greatest;
}

/* The boot core first, the others in the table's order. */
static void list_cores(const struct fe_acpi *acpi, struct fe_machine *machine, fe_complain complain) {
    uint32_t boot = fe_apic_id();
    bool listed = acpi->core_count == 0;
    machine->core_ids[0] = boot;
    machine->core_count = 1;
    machine->cores_present = acpi->cores_present ? acpi->cores_present : 1;
    for (unsigned i = 0; i < acpi->core_count; i++) {
        if (acpi->cores[i] == boot)
            listed = true;
        else if (machine->core_count < FE_CORES_MAX)
            machine->core_ids[machine->core_count++] = acpi->cores[i];
    }
    if (!listed && acpi->cores_present <= FE_CORES_MAX) {
        complain("ACPI: the MADT does not list the core that booted (APIC id %u)", boot);
        machine->cores_present++;
    }
}

/* The rest -------------------------------------------------------------------------------------------------------------- */

static fe_status console_start(void) {
    return fe_uart_start(console_line);
}

static void name_machine(const struct fe_acpi *acpi, char *name, size_t bytes) {
    char hypervisor[13] = "";
    if (fe_x86_features.hypervisor) {
        struct fe_x86_cpuid leaf = fe_x86_cpuid(0x40000000, 0);
        const uint32_t words[3] = {leaf.ebx, leaf.ecx, leaf.edx};
        __builtin_memcpy(hypervisor, words, sizeof(words));
        for (char *c = hypervisor; *c; c++)
            if (*c < ' ' || *c > '~')
                *c = '?';
    }
    fe_format(name, bytes, "PC%s%s%s%s%s", acpi->oem[0] ? ", " : "", acpi->oem, hypervisor[0] ? " (" : "", hypervisor,
              hypervisor[0] ? ")" : "");
}

fe_status fe_machine_discover(const struct fe_boot_entry *entry, const struct fe_boot_info *info,
                              struct fe_machine *machine, fe_complain complain) {
    static struct fe_acpi acpi;
    (void)entry;
    (void)info;
    machine->power_off = fe_power_off;
    if (fe_uart_init())
        machine->console_put = fe_uart_put;
    read_acpi(&acpi, complain);
    name_machine(&acpi, machine->name, sizeof(machine->name));

    fe_status status = fe_apic_init(greatest_id(&acpi), complain);
    if (status != FE_OK)
        return status;
    fe_apic_init_core();
    list_cores(&acpi, machine, complain);
    status = fe_pc_clock_init(&acpi, machine, complain);
    if (status != FE_OK)
        return status;
    fe_apic_timer_init_core(); /* the clock has used it */
    fe_ioapic_init(&acpi, complain);
    fe_power_init(&acpi, complain);
    if (machine->console_put) {
        console_line = acpi.isa[fe_uart_isa_line()].line;
        machine->console_start = console_start;
        machine->console_hold = fe_uart_hold;
    }
    machine->timer_arm = fe_apic_timer_arm;
    machine->timer_stop = fe_apic_timer_stop;
    machine->interrupts_init_core = fe_apic_init_core;
    machine->interrupt_enable = fe_ioapic_enable;
    machine->interrupt_disable = fe_ioapic_disable;
    machine->interrupt_dispatch = fe_pc_dispatch;
    machine->wake = fe_apic_wake;
    machine->stop_others = fe_apic_stop_others;
    machine->sample = fe_apic_sample;
    machine->core_start = fe_apic_core_start;
    return FE_OK;
}
