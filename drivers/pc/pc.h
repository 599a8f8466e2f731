/* What the files of drivers/pc use of each other. */
#ifndef FERRITE_DRIVERS_PC_PC_H
#define FERRITE_DRIVERS_PC_PC_H

#include "../drivers.h"
#include "acpi.h"

#include <arch/x86_64/x86.h>

/* Local APIC (apic.c) ------------------------------------------------------------------------------------------------ */

/* Finds the boot core's APIC and chooses between its two faces. `id_limit`: the greatest APIC id of any core. */
FE_MUST_CHECK fe_status fe_apic_init(uint32_t id_limit, fe_complain complain);
void fe_apic_init_core(void);
uint32_t fe_apic_id(void);
void fe_apic_wake(unsigned core);

/* dispatch.c: fe_machine.interrupt_dispatch. */
void fe_pc_dispatch(unsigned vector);
void fe_apic_stop_others(void);
bool fe_apic_sample(unsigned core, struct fe_arch_place *place);
fe_status fe_apic_core_start(unsigned core, uint64_t entry);

/* Its timer (apic_timer.c). For the clock: starts it counting down from `count`, at the rate it has afterwards; how far it is. */
void fe_apic_timer_free_run(void);
uint32_t fe_apic_timer_elapsed(void);
/* The timer makes `ticks` ticks while the counter makes `counter` of them. */
void fe_apic_timer_rate(uint64_t ticks, uint64_t counter);
void fe_apic_timer_init_core(void);
void fe_apic_timer_interrupt(void);
void fe_apic_timer_arm(uint64_t counter);
void fe_apic_timer_stop(void);

/* Registers by their offset in the memory-mapped page; in x2APIC mode, when there is no page, they are MSRs. */
#define FE_APIC_END_OF_INTERRUPT 0xb0
#define FE_APIC_ERROR_STATUS 0x280

extern volatile uint32_t *fe_apic_registers;

static inline uint32_t fe_apic_read(uint32_t offset) {
    if (FE_LIKELY(fe_apic_registers != NULL))
        return fe_apic_registers[offset / 4];
    return (uint32_t)fe_x86_msr_read(0x800 + offset / 16);
}

static inline void fe_apic_write(uint32_t offset, uint32_t value) {
    if (FE_LIKELY(fe_apic_registers != NULL))
        fe_apic_registers[offset / 4] = value;
    else
        fe_x86_msr_write(0x800 + offset / 16, value);
}

static inline void fe_apic_end_of_interrupt(void) {
    fe_apic_write(FE_APIC_END_OF_INTERRUPT, 0);
}

/* IOAPICs (ioapic.c) -------------------------------------------------------------------------------------------------- */

void fe_ioapic_init(const struct fe_acpi *acpi, fe_complain complain);
fe_status fe_ioapic_enable(unsigned line, unsigned core);
void fe_ioapic_disable(unsigned line);
/* A device vector was taken. */
void fe_ioapic_interrupt(unsigned vector);

/* Clock (clock.c) ----------------------------------------------------------------------------------------------------- */

/* Sets machine->counter_hz and the APIC timer's rate. */
FE_MUST_CHECK fe_status fe_pc_clock_init(const struct fe_acpi *acpi, struct fe_machine *machine, fe_complain complain);
/* Spins. After fe_pc_clock_init. */
void fe_pc_delay(fe_nanoseconds length);

/* Serial line (uart16550.c) ------------------------------------------------------------------------------------------- */

/* Looks for a UART; false: there is none. */
bool fe_uart_init(void);
void fe_uart_put(const char *text, size_t bytes);
/* Which ISA interrupt it has. */
unsigned fe_uart_isa_line(void);
/* Starts input by interrupt `line`. */
fe_status fe_uart_start(unsigned line);
/* Holds input back, or lets it come again. */
void fe_uart_hold(bool hold);

/* Power (power.c) ----------------------------------------------------------------------------------------------------- */

void fe_power_init(const struct fe_acpi *acpi, fe_complain complain);
FE_NORETURN void fe_power_off(int status);

#endif
