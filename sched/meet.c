/*
 * Rendezvous: sending and receiving through pipe_meet.h.
 *
 * The one who waits lends its value's memory to the other, which may be on another core and cannot grow this task's stack:
 * so that memory is touched before it is lent.
 *
 * Of several senders one waits in the word, the others in the pipe's crowd. Whoever takes the word from a sender, or gives to
 * a receiver, lets the next of the crowd in: if the word is nobody's or the receiver's, then one of the crowd is on its way.
 */
#include "meet.h"
#include "kill.h"

#define FE_LENIENT_UNIT "meet"
#include <arch/lenient.h>
#include <ferrite/time.h>

struct meeting {
    void *value; /* read from a sender's, written to a receiver's */
    struct fe_tcb *task;
    struct fe_pipe *pipe;
    fe_atomic_u32 outcome;
};

static inline struct meeting *record_of(uintptr_t word) {
    return (struct meeting *)(word & ~FE_MEET_TAG);
}

static void finish(struct meeting *meeting, uint32_t how) {
    struct fe_tcb *task = meeting->task; /* the record is gone once it is finished */
    fe_meet_finish(&meeting->outcome, how);
    fe_unpark(task);
}

static FE_LENIENT bool give(struct fe_pipe *pipe, uintptr_t seen, const void *value) {
    fe_pipe_touch(value, pipe->value_bytes);
    if (!fe_meet_claim(&pipe->meeting, seen))
        return false;
    struct meeting *receiver = record_of(seen);
    __builtin_memcpy(receiver->value, value, pipe->value_bytes);
    finish(receiver, FE_MEET_DONE);
    fe_pipe_tell_senders(pipe);
    return true;
}

static FE_LENIENT bool take(struct fe_pipe *pipe, uintptr_t seen, void *value) {
    fe_pipe_touch(value, pipe->value_bytes);
    if (!fe_meet_claim(&pipe->meeting, seen))
        return false;
    struct meeting *sender = record_of(seen);
    __builtin_memcpy(value, sender->value, pipe->value_bytes);
    finish(sender, FE_MEET_DONE);
    fe_pipe_tell_senders(pipe);
    return true;
}

/* Takes the record back; false if somebody has claimed it. */
static bool withdraw(struct fe_pipe *pipe, uintptr_t mine) {
    if (!fe_meet_withdraw(&pipe->meeting, mine))
        return false;
    if (mine & FE_MEET_SENDER)
        fe_pipe_tell_senders(pipe);
    return true;
}

/* Waits, having offered `mine`, in full. FE_OK, FE_ECLOSED, FE_ETIMEDOUT. */
static __attribute__((noinline)) fe_status wait(struct fe_pipe *pipe, struct meeting *meeting, uintptr_t mine,
                                                fe_nanoseconds deadline) {
    uint32_t other = mine & FE_MEET_SENDER ? FE_PORT_CLOSED : FE_SENDER_CLOSED;
    if ((fe_ends_closed_after_announcing(&pipe->closed) & other) && withdraw(pipe, mine))
        return FE_ECLOSED;
    if (mine & FE_MEET_SENDER)
        fe_pipe_tell_receiver(pipe); /* who may select */
    uint32_t outcome;
    while ((outcome = fe_meet_outcome(&meeting->outcome)) == FE_MEET_WAITING) {
        if (deadline != FE_FOREVER && fe_time_now() >= deadline && withdraw(pipe, mine))
            return FE_ETIMEDOUT;
        if (FE_UNLIKELY(fe_kill_due(meeting->task)) && withdraw(pipe, mine))
            fe_kill_act(meeting->task);
        fe_park_until(deadline);
    }
    return outcome == FE_MEET_DONE ? FE_OK : FE_ECLOSED;
}

FE_LENIENT fe_status fe_meet_send_until(struct fe_pipe *pipe, const void *value, fe_nanoseconds deadline) {
    bool again = false;
    for (;;) {
        uintptr_t seen = fe_meet_look(&pipe->meeting);
        if (seen & FE_MEET_RECEIVER) {
            if (give(pipe, seen, value))
                return FE_OK;
        } else if (fe_ends_closed(&pipe->closed)) {
            return FE_ECLOSED;
        } else if (seen == FE_MEET_NOBODY) {
            struct meeting meeting = {.value = (void *)(uintptr_t)value, .task = fe_park_self()};
            fe_pipe_touch(value, pipe->value_bytes);
            if (fe_meet_offer(&pipe->meeting, (uintptr_t)&meeting | FE_MEET_SENDER))
                return wait(pipe, &meeting, (uintptr_t)&meeting | FE_MEET_SENDER, deadline);
        } else {
            fe_status status = fe_pipe_wait_for_room(pipe, again, deadline);
            if (status != FE_OK)
                return status;
            again = true;
        }
    }
}

FE_LENIENT fe_status fe_meet_receive_until(struct fe_pipe *pipe, void *value, fe_nanoseconds deadline) {
    for (;;) {
        uintptr_t seen = fe_meet_look(&pipe->meeting);
        if (seen & FE_MEET_SENDER) {
            if (take(pipe, seen, value))
                return FE_OK;
            continue;
        }
        if (fe_ends_closed_last(&pipe->closed))
            return FE_ECLOSED;
        if ((seen & FE_MEET_RECEIVER) || fe_load_relaxed(&pipe->waiter) != FE_WAITER_NONE)
            return FE_EBUSY; /* another receiver, which the contract forbids */
        struct meeting meeting = {.value = value, .task = fe_park_self()};
        fe_pipe_touch(value, pipe->value_bytes);
        if (fe_meet_offer(&pipe->meeting, (uintptr_t)&meeting | FE_MEET_RECEIVER))
            return wait(pipe, &meeting, (uintptr_t)&meeting | FE_MEET_RECEIVER, deadline);
    }
}

void fe_meet_send(struct fe_pipe *pipe, const void *value) {
    fe_pipe_must(fe_meet_send_until(pipe, value, FE_FOREVER), "send");
}

void fe_meet_receive(struct fe_pipe *pipe, void *value) {
    fe_pipe_must(fe_meet_receive_until(pipe, value, FE_FOREVER), "receive");
}

/*
 * The plain forms for values of a word: the same with the common case straight through. Nothing is kept in registers over the
 * switch, so that none need be saved; what is not common goes to the functions above.
 */

/* Two have met: the one who waited has to be readied, if it is `task`, and senders wait for their turn at `pipe`, if any. */
static __attribute__((noinline)) void met_rarely(struct fe_pipe *pipe, struct fe_tcb *task) {
    if (task)
        fe_scheduler_ready(task);
    if (pipe)
        fe_pipe_wake_senders(pipe, false);
}

static inline __attribute__((always_inline)) void met(struct fe_pipe *pipe, struct fe_tcb *task) {
    bool crowded = fe_crowd_waits(&pipe->crowded);
    bool ready = fe_scheduler_unpark_short(task);
    if (FE_UNLIKELY(ready) || FE_UNLIKELY(crowded))
        met_rarely(crowded ? pipe : NULL, ready ? task : NULL);
}

/* The rest of a wait that did not end with the first resumption, or whose pipe is closed or selected from. */
static __attribute__((noinline)) void wait_on(struct fe_pipe *pipe, struct meeting *meeting, uintptr_t mine) {
    fe_pipe_must(wait(pipe, meeting, mine, FE_FOREVER), mine & FE_MEET_SENDER ? "send" : "receive");
}

FE_LENIENT void fe_meet_send_word(struct fe_pipe *pipe, const void *value) {
    uintptr_t seen = fe_meet_look(&pipe->meeting);
    if (seen == FE_MEET_NOBODY) {
        struct fe_scheduler *self = fe_scheduler_self();
        struct meeting meeting = {.value = (void *)(uintptr_t)value, .task = self->current, .pipe = pipe};
        (void)*(const volatile uint64_t *)value; /* touches it */
        if (FE_UNLIKELY(!fe_meet_offer(&pipe->meeting, (uintptr_t)&meeting + FE_MEET_SENDER))) {
            fe_meet_send(pipe, value);
            return;
        }
        if (FE_LIKELY(fe_waiter_find(&pipe->waiter) == FE_WAITER_NONE) &&
            FE_LIKELY(fe_ends_closed_after_announcing(&pipe->closed) == 0)) {
            fe_scheduler_park_short(self);
            if (FE_LIKELY(fe_meet_outcome(&meeting.outcome) == FE_MEET_DONE))
                return;
        }
        wait_on(meeting.pipe, &meeting, (uintptr_t)&meeting + FE_MEET_SENDER);
        return;
    }
    uint64_t word; /* read before the receiver is claimed: a bad value must not take it along */
    __builtin_memcpy(&word, value, 8);
    if (FE_UNLIKELY(seen & FE_MEET_SENDER) || FE_UNLIKELY(!fe_meet_claim(&pipe->meeting, seen))) {
        fe_meet_send(pipe, value);
        return;
    }
    struct meeting *receiver = record_of(seen);
    struct fe_tcb *task = receiver->task;
    __builtin_memcpy(receiver->value, &word, 8);
    fe_meet_finish(&receiver->outcome, FE_MEET_DONE);
    met(pipe, task);
}

FE_LENIENT void fe_meet_receive_word(struct fe_pipe *pipe, void *value) {
    uintptr_t seen = fe_meet_look(&pipe->meeting);
    if (FE_LIKELY(seen & FE_MEET_SENDER)) {
        (void)*(const volatile uint64_t *)value; /* before the sender is claimed: a bad place must not take it along */
        if (FE_UNLIKELY(!fe_meet_claim(&pipe->meeting, seen))) {
            fe_meet_receive(pipe, value);
            return;
        }
        struct meeting *sender = record_of(seen);
        struct fe_tcb *task = sender->task;
        __builtin_memcpy(value, sender->value, 8);
        fe_meet_finish(&sender->outcome, FE_MEET_DONE);
        met(pipe, task);
        return;
    }
    struct fe_scheduler *self = fe_scheduler_self();
    struct meeting meeting = {.value = value, .task = self->current, .pipe = pipe};
    (void)*(const volatile uint64_t *)value; /* touches it */
    if (FE_UNLIKELY(seen != FE_MEET_NOBODY) || FE_UNLIKELY(fe_load_relaxed(&pipe->waiter) != FE_WAITER_NONE) ||
        FE_UNLIKELY(!fe_meet_offer(&pipe->meeting, (uintptr_t)&meeting + FE_MEET_RECEIVER))) {
        fe_meet_receive(pipe, value);
        return;
    }
    if (FE_LIKELY(fe_ends_closed_after_announcing(&pipe->closed) == 0)) {
        fe_scheduler_park_short(self);
        if (FE_LIKELY(fe_meet_outcome(&meeting.outcome) == FE_MEET_DONE))
            return;
    }
    wait_on(meeting.pipe, &meeting, (uintptr_t)&meeting + FE_MEET_RECEIVER);
}

FE_LENIENT fe_status fe_meet_try_send(struct fe_pipe *pipe, const void *value) {
    uintptr_t seen;
    while ((seen = fe_meet_look(&pipe->meeting)) & FE_MEET_RECEIVER) {
        if (give(pipe, seen, value))
            return FE_OK;
    }
    return fe_ends_closed(&pipe->closed) ? FE_ECLOSED : FE_EAGAIN;
}

FE_LENIENT fe_status fe_meet_try_receive(struct fe_pipe *pipe, void *value) {
    uintptr_t seen;
    while ((seen = fe_meet_look(&pipe->meeting)) & FE_MEET_SENDER) {
        if (take(pipe, seen, value))
            return FE_OK;
    }
    return fe_ends_closed_last(&pipe->closed) ? FE_ECLOSED : FE_EAGAIN; /* a sender that waits keeps its end open */
}

void fe_meet_close(struct fe_pipe *pipe, uintptr_t who) {
    uintptr_t seen;
    while ((seen = fe_meet_look_after_announcing(&pipe->meeting)) & who) {
        if (fe_meet_claim(&pipe->meeting, seen)) {
            finish(record_of(seen), FE_MEET_CLOSED);
            return;
        }
    }
}
