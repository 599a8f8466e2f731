/*
 * What drivers/ offers to the rooms above. Which family implements it (drivers/pc, drivers/arm, ...) is the port's choice
 * in its port.mk.
 */
#ifndef FERRITE_DRIVERS_H
#define FERRITE_DRIVERS_H

#include <arch/machine.h>

/* Reports what is wrong with what the machine says of itself: one line, no newline. */
typedef void (*fe_complain)(const char *format, ...);

/*
 * Reads memory map, command line and initrd from the boot structures. Needs only the early direct map; allocates
 * nothing. Malformed structures are reported through `complain` (one line, no newline) and skipped where that is safe;
 * an error says that the machine cannot be booted.
 */
FE_MUST_CHECK fe_status fe_machine_read_boot(const struct fe_boot_entry *entry, struct fe_boot_info *info,
                                             fe_complain complain);

/*
 * Finds console, cores, interrupt controller, clock and power from ACPI or the device tree and fills *machine; brings up
 * the interrupt controller on the boot core. Pages and heap work; interrupts are masked. The console comes first, so
 * that what goes wrong afterwards can be read.
 */
FE_MUST_CHECK fe_status fe_machine_discover(const struct fe_boot_entry *entry, const struct fe_boot_info *info,
                                            struct fe_machine *machine, fe_complain complain);

#endif
