/*
 * The long ways of pipes: telling a receiver that has to be looked for again, and senders that wait for room.
 *
 * Senders that find a pipe full wait in a list under its lock, first come first served, on nodes that lie on their stacks; a
 * node is its owner's again once `queued` says so.
 */
#include "kill.h"
#include "pipe.h"

#include <ferrite/time.h>

/* Telling the other side ------------------------------------------------------------------------------------------ */

bool fe_pipe_tell_receiver(struct fe_pipe *pipe) {
    uintptr_t who;
    while ((who = fe_waiter_find(&pipe->waiter)) != FE_WAITER_NONE) {
        if (who & FE_WAITER_SELECTOR) {
            fe_select_notify(pipe);
            return false;
        }
        if (fe_waiter_claim(&pipe->waiter, who)) {
            fe_unpark((struct fe_tcb *)who);
            return true;
        }
    }
    return false;
}

static void unlink_sender(struct fe_pipe *pipe, struct fe_pipe_sender *sender) {
    *sender->link = sender->next;
    if (sender->next)
        sender->next->link = sender->link;
    else
        pipe->waiting_tail = sender->link;
    if (!pipe->waiting)
        fe_crowd_disperse(&pipe->crowded);
    fe_crowd_release(&sender->queued);
}

void fe_pipe_wake_senders(struct fe_pipe *pipe, bool all) {
    do {
        uintptr_t state = fe_arch_interrupts_disable();
        fe_spinlock_acquire(&pipe->lock);
        struct fe_pipe_sender *sender = pipe->waiting;
        struct fe_tcb *task = NULL;
        if (sender) {
            task = sender->task;
            unlink_sender(pipe, sender);
        }
        fe_spinlock_release(&pipe->lock);
        fe_arch_interrupts_restore(state);
        if (!task)
            return;
        fe_unpark(task);
    } while (all);
}

/* Waiting for room ------------------------------------------------------------------------------------------------ */

static bool has_room(struct fe_pipe *pipe) {
    if (fe_ends_closed_after_announcing(&pipe->closed)) /* fe_port_close wakes who announced himself before it */
        return true;
    switch (pipe->kind) {
    case FE_PIPE_CELL:
        return fe_cell_has_room(&pipe->word);
    case FE_PIPE_MEETING:
    case FE_PIPE_MEETING_WORD:
        return !(fe_meet_look_after_announcing(&pipe->meeting) & FE_MEET_SENDER);
    default:
        return fe_pipe_ring_has_room(&pipe->word, fe_pipe_sequences(pipe), pipe->mask);
    }
}

fe_status fe_pipe_wait_for_room(struct fe_pipe *pipe, bool again, fe_nanoseconds deadline) {
    struct fe_pipe_sender self = {.task = fe_park_self()};
    uintptr_t state = fe_arch_interrupts_disable();
    fe_spinlock_acquire(&pipe->lock);
    fe_crowd_announce(&pipe->crowded);
    bool room = has_room(pipe);
    if (room) {
        if (!pipe->waiting)
            fe_crowd_disperse(&pipe->crowded);
    } else {
        /* Who was woken and came too late goes to the front, so that newcomers do not starve it. */
        self.link = again ? &pipe->waiting : pipe->waiting_tail;
        self.next = *self.link;
        if (self.next)
            self.next->link = &self.next;
        else
            pipe->waiting_tail = &self.next;
        *self.link = &self;
        fe_store_relaxed(&self.queued, 1); /* under the lock */
    }
    fe_spinlock_release(&pipe->lock);
    fe_arch_interrupts_restore(state);
    if (room)
        return FE_OK;
    while (fe_crowd_held(&self.queued)) {
        bool killed = fe_kill_due(self.task);
        if (killed || (deadline != FE_FOREVER && fe_time_now() >= deadline)) {
            state = fe_arch_interrupts_disable();
            fe_spinlock_acquire(&pipe->lock);
            bool queued = fe_load_relaxed(&self.queued); /* under the lock */
            if (queued)
                unlink_sender(pipe, &self);
            fe_spinlock_release(&pipe->lock);
            fe_arch_interrupts_restore(state);
            if (killed && queued)
                fe_kill_act(self.task);
            return queued ? FE_ETIMEDOUT : FE_OK;
        }
        fe_park_until(deadline);
    }
    return FE_OK;
}
