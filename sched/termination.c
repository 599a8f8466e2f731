/* The task that waits for the last one, and holds; see termination.h. */
#include "core.h"

#include <ferrite/context.h>
#include <ferrite/panic.h>
#include <ferrite/time.h>

bool fe_tasks_wait(bool weak_too, fe_nanoseconds deadline) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    fe_termination_announce(&fe_sched.termination, fe_park_self(), weak_too);
    while (!fe_termination_reached(&fe_sched.termination)) {
        if (deadline != FE_FOREVER && fe_time_now() >= deadline)
            return false;
        fe_park_until(deadline);
    }
    return true;
}

void fe_scheduler_hold(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER);
    fe_count(&fe_scheduler_self()->strong.spawned);
}

void fe_scheduler_release(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER);
    struct fe_scheduler *self = fe_scheduler_self();
    fe_count(&self->strong.ended);
    self->unusual.attention = 1; /* to look at the next switch */
}
