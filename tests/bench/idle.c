/*
 * Idle time that costs nothing, exactly.
 *
 * Under -icount a sleeping core makes virtual time jump, and the counter behind fe_arch_instructions may jump with it (the
 * x86_64 TSC does), so that what a sleep took cannot be told from what was executed around it. So here the event loop's
 * wait is replaced by one that first runs an empty loop, interrupts masked, until the deadline has passed, counts what
 * that took, and only then waits as always: the timer's interrupt is pending by then, the wait ends at once, no time is
 * skipped, and everything else (interrupt vector, handler, scheduler) is executed as on an idle core.
 *
 * It also tells when the interrupt came: the counter is read just before fe_arch_idle_wait, and only that read's own
 * instructions and two more (sti and hlt) lie between it and the first of the vector. On AArch64 it is three (dsb, wfi and
 * the unmasking), but keeping the value takes two less than in bench_read_cost, so that one too many is subtracted.
 */
#include "bench.h"

#include <sched/core.h>

#define IDLE_WAIT_INSTRUCTIONS 2
/* Beyond the deadline: timer drivers round up to the timer's ticks. */
#define SLACK FE_MICROSECOND

volatile struct bench_idle bench_idle;
static struct fe_loop_ops loop;
static const struct fe_loop_ops *loop_before;

/* Two instructions a round, one nanosecond each under -icount shift=0; without any, the loop ends sooner or later. */
static void spin_until(fe_nanoseconds deadline) {
    fe_nanoseconds now;
    while ((now = fe_time_now()) < deadline) {
        for (uint64_t left = (deadline - now) / 4; left != 0; left--)
            __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
}

static void wait(struct fe_scheduler *self, fe_nanoseconds deadline) {
    fe_arch_interrupts_disable();
    if (self->unusual.attention || !fe_inbox_empty(&self->inbox)) {
        fe_arch_interrupts_enable();
        return;
    }
    if (deadline != FE_FOREVER) {
        uint64_t before = fe_arch_instructions();
        spin_until(deadline + SLACK);
        bench_idle.skipped += fe_arch_instructions() - before;
    }
    bench_idle.waited = fe_arch_instructions();
    fe_arch_idle_wait();
}

void bench_idle_begin(void) {
    loop_before = fe_sched.loop;
    loop = *loop_before;
    loop.wait = wait;
    bench_idle.skipped = 0;
    fe_sched.loop = &loop;
}

void bench_idle_end(void) {
    fe_sched.loop = loop_before;
}

uint64_t bench_idle_wait_cost(void) {
    return bench_read_cost() + IDLE_WAIT_INSTRUCTIONS;
}
