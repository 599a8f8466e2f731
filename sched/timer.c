/* Timers on the core's wheel, and the one-shot timer behind them. The protocol is in timer.h. */
#include "timer.h"
#include "core.h"

#include <ferrite/time.h>

#define FE_TICK_SHIFT 10 /* 1,024 ns */

static uint64_t tick_after(fe_nanoseconds deadline) {
    return deadline > FE_FOREVER - (1u << FE_TICK_SHIFT) ? FE_FOREVER >> FE_TICK_SHIFT
                                                         : (deadline + (1u << FE_TICK_SHIFT) - 1) >> FE_TICK_SHIFT;
}

/* Sets the one-shot timer to `deadline` unless it is set to an earlier one. Interrupt handlers set it too. */
void fe_timers_arm(struct fe_scheduler *self, fe_nanoseconds deadline) {
    uintptr_t state = fe_arch_interrupts_disable();
    if (deadline < self->armed) {
        self->armed = deadline;
        fe_sched.loop->arm(deadline);
    }
    fe_arch_interrupts_restore(state);
}

/* On the home core: takes the timer out of the wheel, and puts it in for `deadline` unless that is FE_FOREVER. */
static void apply(struct fe_scheduler *self, struct fe_timer *timer, fe_nanoseconds deadline) {
    if (fe_wheel_contains(&timer->node))
        fe_wheel_remove(&self->wheel, &timer->node);
    if (deadline == FE_FOREVER) {
        uint32_t home = FE_TIMER_HOME;
        /* Edge 2. Release: pairs with the acquire in fe_timer_set, which may take the timer to another core. */
        fe_cas_acq_rel(&timer->state, &home, FE_TIMER_IDLE);
        return;
    }
    timer->node.tick = tick_after(deadline);
    if (timer->node.tick <= self->wheel.now)
        timer->node.tick = self->wheel.now + 1;
    fe_wheel_insert(&self->wheel, &timer->node);
    fe_nanoseconds due = timer->node.tick << FE_TICK_SHIFT;
    if (due < self->armed)
        fe_timers_arm(self, due);
}

/* Edge 4: a request from another core has come home. */
static void requested(struct fe_event *event) {
    struct fe_timer *timer = FE_CONTAINER_OF(event, struct fe_timer, event);
    /* Pairs with the exchange in fe_timer_set: `want` is at least as new as the request that was taken. */
    fe_exchange_acq_rel(&timer->state, FE_TIMER_HOME);
    apply(fe_scheduler_self(), timer, fe_load_relaxed(&timer->want));
}

void fe_timer_init(struct fe_timer *timer, void (*handler)(struct fe_timer *timer)) {
    *timer = (struct fe_timer){.handler = handler};
    fe_event_init(&timer->event, 0, requested);
}

void fe_timer_set(struct fe_timer *timer, fe_nanoseconds deadline) {
    struct fe_scheduler *self = fe_scheduler_self();
    fe_store_relaxed(&timer->want, deadline); /* ordered by the exchange below where another core reads it */
    /* Pairs with apply and fired on the former home: the node is out of its wheel. */
    uint32_t state = fe_load_acquire(&timer->state);
    if (state != FE_TIMER_IDLE && timer->event.home != self->core.index) {
        /* Edge 3. Pairs with the exchange in requested. */
        state = fe_exchange_acq_rel(&timer->state, FE_TIMER_REQUESTED);
        if (state == FE_TIMER_HOME)
            fe_event_post(&timer->event);
        if (state != FE_TIMER_IDLE)
            return;
    }
    if (state == FE_TIMER_IDLE) {
        /* Edge 1. Nobody else looks at an idle timer. */
        if (deadline == FE_FOREVER) {
            fe_store_relaxed(&timer->state, FE_TIMER_IDLE);
            return;
        }
        timer->event.home = self->core.index;
        fe_store_relaxed(&timer->state, FE_TIMER_HOME);
    }
    apply(self, timer, deadline);
}

static void fired(struct fe_wheel_node *node) {
    struct fe_timer *timer = FE_CONTAINER_OF(node, struct fe_timer, node);
    void (*handler)(struct fe_timer *) = timer->handler;
    uint32_t home = FE_TIMER_HOME;
    fe_cas_acq_rel(&timer->state, &home, FE_TIMER_IDLE); /* edge 2, as in apply */
    handler(timer);
}

fe_nanoseconds fe_timers_next(const struct fe_scheduler *self) {
    uint64_t tick = self->wheel.next;
    return tick >= FE_FOREVER >> FE_TICK_SHIFT ? FE_FOREVER : tick << FE_TICK_SHIFT;
}

void fe_timers_put_off(struct fe_scheduler *self) {
    fe_nanoseconds next = fe_timers_next(self);
    if (self->soft < next)
        next = self->soft; /* a guard looks while it sleeps, too */
    if (self->armed < next) {
        self->armed = next;
        fe_sched.loop->arm(next);
    }
}

/* While the core runs, the one-shot timer is left armed for a deadline that was cancelled: the next may be as soon, and its
 * register is slow. A core that goes to sleep is not to be woken for nothing. */
fe_nanoseconds fe_timers_before_sleep(struct fe_scheduler *self) {
    if (FE_UNLIKELY(self->wheel.removed)) {
        fe_wheel_advance(&self->wheel, self->wheel.now, fired);
        uintptr_t state = fe_arch_interrupts_disable(); /* a guard that is called arms the timer, too */
        fe_timers_put_off(self);
        fe_arch_interrupts_restore(state);
    }
    return fe_timers_next(self);
}

bool fe_timers_tell(const struct fe_scheduler *self) {
    fe_nanoseconds next = fe_timers_next(self);
    return next == FE_FOREVER || (fe_sched.loop->interrupts && self->armed <= next);
}

/* Fires what is due, and arms the one-shot timer for what comes next. */
void fe_timers_poll(struct fe_scheduler *self) {
    if (FE_LIKELY(self->wheel.next == FE_WHEEL_NEVER))
        return;
    uint64_t now = fe_time_now() >> FE_TICK_SHIFT;
    if (self->wheel.next <= now)
        fe_wheel_advance(&self->wheel, now, fired);
    fe_nanoseconds next = fe_timers_next(self);
    if (next < self->armed)
        fe_timers_arm(self, next);
}
