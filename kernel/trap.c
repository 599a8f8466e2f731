/* What every interrupt and every fault passes through, be it only that a stack grows. */
#include "trap.h"

#include "panic.h"

#include <arch/machine.h>
#include <sched/scheduler.h>

void fe_trap_interrupt(unsigned vector, struct fe_trap_frame *frame) {
    (void)frame;
    fe_scheduler_interrupt_enter();
    fe_machine.interrupt_dispatch(vector);
    fe_scheduler_interrupt_exit();
}

void fe_trap_fault(const struct fe_fault *fault) {
    if (!fe_scheduler_fault(fault))
        fe_panic_fault(fault);
}
