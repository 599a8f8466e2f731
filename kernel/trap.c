/* What every fault passes through, be it only that a stack grows. */
#include "trap.h"

#include "panic.h"

#include <sched/scheduler.h>

void fe_trap_fault(const struct fe_fault *fault) {
    if (!fe_scheduler_fault(fault))
        fe_panic_fault(fault);
}
