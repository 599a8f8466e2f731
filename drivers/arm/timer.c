/* The generic timer: the virtual one, whose count fe_arch_counter reads. */
#include "gic.h"

#include <arch/aarch64/registers.h>

#define CONTROL_ENABLE 1u
#define TIMER_VIRTUAL 2 /* third of the node's interrupts: secure, non-secure, virtual, hypervisor */

static void arm(uint64_t counter) {
    fe_arm_write("cntv_cval_el0", counter);
    fe_arm_write("cntv_ctl_el0", CONTROL_ENABLE);
    fe_arm_instruction_barrier();
}

static void stop(void) {
    fe_arm_write("cntv_ctl_el0", 0);
    fe_arm_instruction_barrier(); /* the line falls before its interrupt is ended */
}

void fe_arm_timer_interrupt(void) {
    stop(); /* the line is level-triggered */
    fe_machine_hooks.timer();
}

fe_status fe_arm_timer_init(const void *tree, struct fe_machine *machine, unsigned *line, fe_complain complain) {
    int node = fe_fdt_find(tree, -1, "arm,armv8-timer");
    if (node < 0 || !fe_fdt_interrupt(tree, node, TIMER_VIRTUAL, line) || *line >= 32) {
        complain("the device tree has no usable generic timer (arm,armv8-timer with a private virtual interrupt)");
        return FE_ENOENT;
    }
    /* The tree has a frequency only where the firmware leaves the register wrong. */
    if (!fe_fdt_number(tree, node, "clock-frequency", &machine->counter_hz))
        machine->counter_hz = fe_arm_read("cntfrq_el0") & UINT32_MAX;
    if (machine->counter_hz == 0) {
        complain("the generic timer's frequency is not known: CNTFRQ_EL0, which the firmware ought to set, is 0");
        return FE_ENOTSUP;
    }
    stop();
    machine->timer_arm = arm;
    machine->timer_stop = stop;
    return FE_OK;
}
