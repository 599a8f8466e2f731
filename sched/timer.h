/*
 * Timers: a wheel node with a home core and a handler that runs there in scheduler context.
 *
 * A timer is used by one party at a time (its user), which may move between cores, as a task does. It is operated on
 * directly where it is at home or idle; from elsewhere its user stores what it wants and posts the timer's event to the
 * home core, which applies it. Spurious calls of the handler are therefore possible after a cancel from another core,
 * and users look at the clock again.
 *
 *                 arm (home := here)                     handler of the event: apply `want`
 *        IDLE ───────────1──────────▶ HOME ◀──────────────────4─────────────── REQUESTED
 *          ▲                          │  │                                        ▲
 *          └──────2 (fired, removed)──┘  └──3 (user on another core; posts event)─┘
 */
#ifndef FERRITE_SCHED_TIMER_H
#define FERRITE_SCHED_TIMER_H

#include "scheduler.h"
#include "wheel.h"

#include <arch/atomic.h>

enum fe_timer_state { FE_TIMER_IDLE, FE_TIMER_HOME, FE_TIMER_REQUESTED };

struct fe_timer {
    struct fe_wheel_node node; /* home core only */
    fe_atomic_u32 state;       /* enum fe_timer_state */
    fe_atomic_u64 want;        /* deadline asked for by the user, FE_FOREVER: none */
    struct fe_event event;     /* takes a request home; event.home is the timer's home */
    void (*handler)(struct fe_timer *timer);
};

void fe_timer_init(struct fe_timer *timer, void (*handler)(struct fe_timer *timer));

/* Calls the handler soon after `deadline` (ns since boot), instead of at any earlier setting. FE_FOREVER cancels. Task or
 * scheduler context. Constant time; about 40 instructions at home. */
void fe_timer_set(struct fe_timer *timer, fe_nanoseconds deadline);

/* Whether it has fired since it was last set to a deadline, which has passed then. False may be late. Its user. */
static inline bool fe_timer_fired(const struct fe_timer *timer) {
    return fe_load_acquire(&timer->state) == FE_TIMER_IDLE; /* pairs with fired (timer.c): the node is out of its wheel */
}

#endif
