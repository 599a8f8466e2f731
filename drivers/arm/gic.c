/* What both versions of the GIC do with an interrupt once it is acknowledged. */
#include "gic.h"

#include <drivers/interrupt.h>

static unsigned timer_line; /* immutable after start */

void fe_gic_set_timer(unsigned line) {
    timer_line = line;
}

void fe_gic_handle(unsigned line) {
    if (line == timer_line) {
        fe_arm_timer_interrupt();
    } else if (line == FE_GIC_WAKE) {
        fe_machine_hooks.woken();
    } else if (line == FE_GIC_STOP) {
        fe_arch_halt();
    } else if (!fe_interrupt_dispatch(line)) {
        fe_machine.interrupt_disable(line); /* nobody's: or it would come again at once */
    }
}
