/* Arm's generic interrupt controller, versions 2 and 3: what machine.c uses of them, and what they share. */
#ifndef FERRITE_DRIVERS_ARM_GIC_H
#define FERRITE_DRIVERS_ARM_GIC_H

#include <drivers/fdt/fdt.h>

/* Software-generated interrupts. */
#define FE_GIC_WAKE 0
#define FE_GIC_STOP 1
#define FE_GIC_LINE_MAX 1020 /* above: reserved, and 1023 is "none" */
#define FE_GIC_PRIORITY 0xa0u

/* Sets up the controller that the tree names and the interrupt part of *machine. FE_ENOENT: the tree has none of that
 * version. `timer_line`: the timer's, enabled on every core. */
fe_status fe_gic2_init(const void *tree, struct fe_machine *machine, unsigned timer_line, fe_complain complain);
fe_status fe_gic3_init(const void *tree, struct fe_machine *machine, unsigned timer_line, fe_complain complain);

/* Handles acknowledged interrupt `line` other than the stop. */
void fe_gic_handle(unsigned line);
/* The timer's line, and its handler's part in fe_gic_handle. */
void fe_gic_set_timer(unsigned line);

/* timer.c */
fe_status fe_arm_timer_init(const void *tree, struct fe_machine *machine, unsigned *line, fe_complain complain);
void fe_arm_timer_interrupt(void);
/* pl011.c: the console at the tree's stdout, or the first PL011. */
fe_status fe_pl011_init(const void *tree, struct fe_machine *machine, fe_complain complain);
/* psci.c */
fe_status fe_psci_init(const void *tree, struct fe_machine *machine, fe_complain complain);

static inline uint32_t fe_register_read(const volatile void *base, unsigned offset) {
    return *(const volatile uint32_t *)((const volatile char *)base + offset);
}
static inline void fe_register_write(volatile void *base, unsigned offset, uint32_t value) {
    *(volatile uint32_t *)((volatile char *)base + offset) = value;
}

#endif
