/*
 * The event loop under a scheduler: how a core waits when it has nothing to run, how another core ends that wait, and how
 * a deadline does. What comes out of the wait is the same for every implementation: messages in the core's inbox (events
 * posted by interrupt handlers and other cores) and timers on its wheel, both handled in scheduler context.
 *
 * Two implementations for the bare machine, of which a machine that has a loop of its own (fe_machine.loop) has the second:
 *   interrupts  sleeps until an interrupt; a core is woken by an inter-processor interrupt; deadlines by the one-shot timer
 *   basic       no I/O and no interrupts of its own: looks at inbox and clock in turn. For tests of the scheduler, and the
 *               pattern for a new port whose interrupt controller does not work yet
 */
#include "loop.h"
#include "clock.h"

#include <ferrite/time.h>

/* Interrupts ------------------------------------------------------------------------------------------------------ */

static void interrupts_wait(struct fe_scheduler *self, fe_nanoseconds deadline) {
    (void)deadline; /* the one-shot timer is armed for it */
    fe_arch_interrupts_disable();
    if (self->unusual.attention || !fe_inbox_empty(&self->inbox)) {
        fe_arch_interrupts_enable();
        return;
    }
    fe_arch_idle_wait();
}

static void interrupts_wake(unsigned index) {
    fe_machine.wake(index);
}

static void interrupts_arm(fe_nanoseconds deadline) {
    if (deadline == FE_FOREVER)
        fe_machine.timer_stop();
    else
        fe_machine.timer_arm(fe_clock_counter(deadline));
}

const struct fe_loop_ops fe_loop_interrupts = {"interrupts", interrupts_wait, interrupts_wake, interrupts_arm, true};

/* Basic ----------------------------------------------------------------------------------------------------------- */

static void basic_wait(struct fe_scheduler *self, fe_nanoseconds deadline) {
    while (!self->unusual.attention && fe_inbox_empty(&self->inbox) &&
           fe_sleep_is_asleep(&fe_sched.sleep, self->core.index) && fe_time_now() < deadline) {
        if (fe_machine.poll != NULL)
            fe_machine.poll();
        fe_arch_relax();
    }
}

static void basic_wake(unsigned index) {
    (void)index; /* the waker has taken back the announcement, which the sleeper watches */
}

static void basic_arm(fe_nanoseconds deadline) {
    (void)deadline;
}

const struct fe_loop_ops fe_loop_basic = {"basic", basic_wait, basic_wake, basic_arm, false};

const struct fe_loop_ops *fe_loop_default(void) {
    return fe_machine.loop ? fe_machine.loop : &fe_loop_interrupts;
}

const struct fe_loop_ops *fe_loop_find(const char *name) {
    const struct fe_loop_ops *const loops[] = {fe_loop_default(), &fe_loop_basic};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(loops); i++)
        if (__builtin_strcmp(name, loops[i]->name) == 0)
            return loops[i];
    return NULL;
}
