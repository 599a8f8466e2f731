/* fe_services: what a context offers, as far as boot has come. */
#include "clock.h"
#include "core.h"

#include <ferrite/context.h>

#define ALWAYS FE_SERVICE_LOG
#define WITH_SCHEDULERS (FE_SERVICE_PIPES | FE_SERVICE_TASKS | FE_SERVICE_GLOBAL_DATA | FE_SERVICE_FOREIGN)
#define IN_A_TASK (FE_SERVICE_WAIT | FE_SERVICE_OWN)

unsigned fe_services(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    unsigned services = ALWAYS;
    if (self == NULL)
        return services;
    if (fe_clock_runs())
        services |= FE_SERVICE_TIME;
    if (self->core.interrupt_depth != 0)
        return services | (fe_sched.started ? FE_SERVICE_PIPES : 0);
    if (self->core.heap != NULL)
        services |= FE_SERVICE_HEAP;
    if (fe_sched.started)
        services |= WITH_SCHEDULERS;
    if (self->current != NULL)
        services |= IN_A_TASK;
    return services;
}
