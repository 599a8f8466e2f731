/*
 * Sending and receiving. The queues (pipe_cell.h, pipe_ring.h, inbox.h) never wait; here is what waits.
 *
 * Both sides follow one pattern: try; announce; look once more; park. What changes the queue looks for announcements
 * after the change, and both the change and the announcement are sequentially consistent, so one sees the other.
 */
#include "pipe.h"

#include <ferrite/context.h>
#include <ferrite/heap.h>
#include <ferrite/panic.h>
#include <ferrite/time.h>

static inline void copy(void *to, const void *from, size_t bytes) {
    if (FE_LIKELY(bytes == 8))
        __builtin_memcpy(to, from, 8);
    else
        __builtin_memcpy(to, from, bytes);
}

/* Queues ---------------------------------------------------------------------------------------------------------- */

static inline fe_status list_put(struct fe_pipe *pipe, const void *value) {
    struct fe_pipe_list *list = fe_pipe_list(pipe);
    struct fe_pipe_node *node = fe_spare_take(&list->spare);
    if (!node) {
        node = fe_heap_try_alloc(sizeof *node + pipe->value_bytes);
        if (!node)
            return FE_ENOMEM;
    }
    copy(node->value, value, pipe->value_bytes);
    fe_fetch_add_relaxed(&pipe->word, 1); /* a figure */
    fe_list_push(&list->inbox, &node->node);
    return FE_OK;
}

static inline bool list_take(struct fe_pipe *pipe, void *value) {
    struct fe_pipe_list *list = fe_pipe_list(pipe);
    struct fe_inbox_node *popped = fe_inbox_pop(&list->inbox);
    if (!popped)
        return false;
    struct fe_pipe_node *node = FE_CONTAINER_OF(popped, struct fe_pipe_node, node);
    copy(value, node->value, pipe->value_bytes);
    pipe->head++;
    void *spare = fe_spare_leave(&list->spare, node);
    if (spare)
        fe_heap_free(spare);
    return true;
}

/* Puts the value in. *version: of the cell, for a rendezvous. FE_OK, FE_ECLOSED, FE_EAGAIN (full), FE_ENOMEM. */
static inline fe_status put(struct fe_pipe *pipe, const void *value, uint32_t *version) {
    if (FE_UNLIKELY(fe_ends_closed(&pipe->closed) != 0))
        return FE_ECLOSED;
    if (pipe->kind == FE_PIPE_CELL) {
        if (!fe_cell_reserve(&pipe->word, pipe->shared, version))
            return FE_EAGAIN;
        copy(pipe->queue, value, pipe->value_bytes);
        fe_cell_publish(&pipe->word, *version);
    } else if (FE_LIKELY(pipe->kind == FE_PIPE_RING)) {
        fe_atomic_u32 *sequences = fe_pipe_sequences(pipe);
        uint32_t position;
        if (!fe_pipe_ring_reserve(&pipe->word, sequences, pipe->mask, pipe->shared, &position))
            return FE_EAGAIN;
        copy(fe_pipe_slot(pipe, position), value, pipe->value_bytes);
        fe_pipe_ring_publish(sequences, pipe->mask, position);
    } else {
        return list_put(pipe, value);
    }
    return FE_OK;
}

static inline void tell_senders(struct fe_pipe *pipe) {
    if (FE_UNLIKELY(fe_crowd_waits(&pipe->crowded)))
        fe_pipe_wake_senders(pipe, false);
}

/* Takes a value out; false if there is none. */
static inline bool take(struct fe_pipe *pipe, void *value) {
    uint32_t version;
    if (FE_LIKELY(pipe->kind == FE_PIPE_RING)) {
        fe_atomic_u32 *sequences = fe_pipe_sequences(pipe);
        if (!fe_pipe_ring_ready(sequences, pipe->mask, pipe->head))
            return false;
        copy(value, fe_pipe_slot(pipe, pipe->head), pipe->value_bytes);
        fe_pipe_ring_release(sequences, pipe->mask, pipe->head);
        pipe->head++;
    } else if (pipe->kind == FE_PIPE_LIST) {
        return list_take(pipe, value); /* nobody waits for room */
    } else if (!pipe->rendezvous) {
        if (!fe_cell_take(&pipe->word, &version))
            return false;
        copy(value, pipe->queue, pipe->value_bytes);
        fe_cell_empty(&pipe->word, version);
    } else {
        if (!fe_cell_claim(&pipe->word, &version))
            return false;
        copy(value, pipe->queue, pipe->value_bytes);
        struct fe_tcb *sender = (struct fe_tcb *)fe_pending_find(&pipe->pending);
        fe_cell_empty(&pipe->word, version);
        if (sender)
            fe_unpark(sender);
    }
    tell_senders(pipe);
    return true;
}

bool fe_pipe_ready(struct fe_pipe *pipe) {
    if (fe_ends_closed_after_announcing(&pipe->closed) & FE_SENDER_CLOSED)
        return true;
    switch (pipe->kind) {
    case FE_PIPE_CELL:
        return fe_cell_ready_after_announcing(&pipe->word);
    case FE_PIPE_RING:
        return fe_pipe_ring_ready_after_announcing(fe_pipe_sequences(pipe), pipe->mask, pipe->head);
    default:
        return fe_list_ready_after_announcing(&fe_pipe_list(pipe)->inbox);
    }
}

static bool has_room(struct fe_pipe *pipe) {
    if (fe_ends_closed_after_announcing(&pipe->closed)) /* fe_port_close wakes who announced himself before it */
        return true;
    return pipe->kind == FE_PIPE_CELL
               ? fe_cell_has_room(&pipe->word)
               : fe_pipe_ring_has_room(&pipe->word, fe_pipe_sequences(pipe), pipe->mask);
}

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

/* Waiting --------------------------------------------------------------------------------------------------------- */

/* Waits until there may be room, or the pipe is closed. FE_OK, FE_ETIMEDOUT. `again`: it has waited before. */
static fe_status wait_for_room(struct fe_pipe *pipe, bool again, fe_nanoseconds deadline) {
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
        if (deadline != FE_FOREVER && fe_time_now() >= deadline) {
            state = fe_arch_interrupts_disable();
            fe_spinlock_acquire(&pipe->lock);
            bool queued = fe_load_relaxed(&self.queued); /* under the lock */
            if (queued)
                unlink_sender(pipe, &self);
            fe_spinlock_release(&pipe->lock);
            fe_arch_interrupts_restore(state);
            return queued ? FE_ETIMEDOUT : FE_OK;
        }
        fe_park_until(deadline);
    }
    return FE_OK;
}

/* A rendezvous whose receiver did not wait: until the value is taken. FE_OK, FE_ETIMEDOUT, FE_ECLOSED. */
static fe_status wait_taken(struct fe_pipe *pipe, uint32_t version, fe_nanoseconds deadline) {
    struct fe_tcb *self = fe_park_self();
    fe_status status = FE_OK;
    uintptr_t displaced;
    for (;;) {
        displaced = fe_pending_announce(&pipe->pending, (uintptr_t)self);
        if (!fe_cell_pending(&pipe->word, version))
            break;
        if (fe_ends_closed_after_announcing(&pipe->closed) & FE_PORT_CLOSED)
            status = FE_ECLOSED;
        else if (deadline != FE_FOREVER && fe_time_now() >= deadline)
            status = FE_ETIMEDOUT;
        if (status != FE_OK) {
            if (!fe_cell_withdraw(&pipe->word, version)) {
                status = FE_OK; /* taken at the last moment */
                break;
            }
            fe_pipe_wake_senders(pipe, false);
            break;
        }
        fe_park_until(deadline);
    }
    fe_pending_retract(&pipe->pending, (uintptr_t)self);
    if (displaced && displaced != (uintptr_t)self)
        fe_unpark((struct fe_tcb *)displaced);
    return status;
}

/* Sending --------------------------------------------------------------------------------------------------------- */

static inline void sent(struct fe_pipe *pipe) {
    if (FE_UNLIKELY(pipe->flags & FE_PIPE_ONESHOT))
        fe_ends_close(&pipe->closed, FE_SENDER_CLOSED);
}

static fe_status send_slowly(struct fe_pipe *pipe, const void *value, fe_nanoseconds deadline) {
    uint32_t version;
    bool again = false;
    fe_status status;
    do {
        status = wait_for_room(pipe, again, deadline);
        if (status != FE_OK)
            return status;
        again = true;
    } while ((status = put(pipe, value, &version)) == FE_EAGAIN);
    if (status != FE_OK)
        return status;
    sent(pipe);
    if (!fe_pipe_tell_receiver(pipe) && pipe->rendezvous)
        return wait_taken(pipe, version, deadline);
    return FE_OK;
}

fe_status fe_pipe_send_until(fe_sender sender, const void *value, fe_nanoseconds deadline) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_pipe *pipe = sender.pipe;
    uint32_t version;
    fe_status status = put(pipe, value, &version);
    if (FE_UNLIKELY(status != FE_OK))
        return status == FE_EAGAIN ? send_slowly(pipe, value, deadline) : status;
    sent(pipe);
    if (!fe_pipe_tell_receiver(pipe) && FE_UNLIKELY(pipe->rendezvous))
        return wait_taken(pipe, version, deadline);
    return FE_OK;
}

void fe_pipe_send(fe_sender sender, const void *value) {
    fe_status status = fe_pipe_send_until(sender, value, FE_FOREVER);
    if (FE_UNLIKELY(status != FE_OK))
        fe_fail("cannot send: %s", fe_status_string(status));
}

fe_status fe_pipe_try_send(fe_sender sender, const void *value) {
    struct fe_pipe *pipe = sender.pipe;
    uint32_t version;
    if (pipe->kind == FE_PIPE_LIST && fe_scheduler_self()->core.interrupt_depth)
        return FE_ECONTEXT;
    if (pipe->rendezvous) {
        uintptr_t who = fe_waiter_find(&pipe->waiter);
        if (!fe_ends_closed(&pipe->closed) && (who == FE_WAITER_NONE || who & FE_WAITER_SELECTOR))
            return FE_EAGAIN; /* nobody is waiting to receive it now */
    }
    fe_status status = put(pipe, value, &version);
    if (status != FE_OK)
        return status;
    sent(pipe);
    if (!fe_pipe_tell_receiver(pipe) && pipe->rendezvous && fe_cell_withdraw(&pipe->word, version)) {
        fe_pipe_wake_senders(pipe, false);
        return FE_EAGAIN; /* the receiver gave up just then */
    }
    return FE_OK;
}

/* Receiving ------------------------------------------------------------------------------------------------------- */

fe_status fe_pipe_try_receive(fe_port port, void *value) {
    struct fe_pipe *pipe = port.pipe;
    if (take(pipe, value))
        return FE_OK;
    if (!fe_ends_closed_last(&pipe->closed))
        return FE_EAGAIN;
    return take(pipe, value) ? FE_OK : FE_ECLOSED;
}

static fe_status receive_slowly(struct fe_pipe *pipe, void *value, fe_nanoseconds deadline) {
    fe_port port = {pipe};
    uintptr_t self = (uintptr_t)fe_park_self();
    if (FE_UNLIKELY(fe_load_relaxed(&pipe->waiter) != FE_WAITER_NONE)) /* only receivers set it */
        return FE_EBUSY;
    for (;;) {
        fe_waiter_announce(&pipe->waiter, self);
        if (!fe_pipe_ready(pipe))
            fe_park_until(deadline);
        fe_waiter_retract(&pipe->waiter);
        fe_status status = fe_pipe_try_receive(port, value);
        if (FE_LIKELY(status != FE_EAGAIN))
            return status;
        if (FE_UNLIKELY(deadline != FE_FOREVER) && fe_time_now() >= deadline)
            return FE_ETIMEDOUT;
    }
}

fe_status fe_pipe_receive_until(fe_port port, void *value, fe_nanoseconds deadline) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    fe_status status = fe_pipe_try_receive(port, value);
    return status == FE_EAGAIN ? receive_slowly(port.pipe, value, deadline) : status;
}

void fe_pipe_receive(fe_port port, void *value) {
    fe_status status = fe_pipe_receive_until(port, value, FE_FOREVER);
    if (FE_UNLIKELY(status != FE_OK))
        fe_fail("cannot receive: %s", fe_status_string(status));
}

size_t fe_port_pending(fe_port port) {
    struct fe_pipe *pipe = port.pipe;
    uint32_t word = fe_load_relaxed(&pipe->word); /* a figure */
    if (pipe->kind == FE_PIPE_CELL)
        return (word & FE_CELL_STATE) == FE_CELL_FULL;
    return word - pipe->head;
}
