/*
 * Sending and receiving. The queues (pipe_cell.h, pipe_ring.h, inbox.h) never wait; here is what waits. A rendezvous has
 * no queue: meet.c.
 *
 * Both sides follow one pattern: try; announce; look once more; park. What changes the queue looks for announcements
 * after the change, and both the change and the announcement are sequentially consistent, so one sees the other.
 */
#include "kill.h"
#include "meet.h"
#include "misuse.h"

#define FE_LENIENT_UNIT "transfer"
#include <arch/lenient.h>
#include <ferrite/context.h>
#include <ferrite/heap.h>
#include <ferrite/panic.h>
#include <ferrite/time.h>

/*
 * The short paths are inline, once for values of a word and once for all others, and do not call but at their end: then they
 * need no stack frame and save no registers, which is half of what they cost.
 *
 * Ends and values are the program's, and so may be its mistakes: a fault on them ends the task (arch/lenient.h). A value
 * is read before anything changes, so that a bad one leaves the pipe whole.
 */
#define SHORT static inline __attribute__((always_inline))
#define LONG static FE_LENIENT
#define WORD sizeof(uint64_t)

/* Queues ---------------------------------------------------------------------------------------------------------- */

LONG fe_status list_put(struct fe_pipe *pipe, const void *value) {
    fe_pipe_touch(value, pipe->value_bytes);
    struct fe_pipe_list *list = fe_pipe_list(pipe);
    struct fe_pipe_node *node = fe_spare_take(&list->spare);
    if (!node) {
        node = fe_heap_try_alloc(sizeof *node + pipe->value_bytes);
        if (!node)
            return FE_ENOMEM;
    }
    __builtin_memcpy(node->value, value, pipe->value_bytes);
    fe_fetch_add_relaxed(&pipe->word, 1); /* a figure */
    fe_list_push(&list->inbox, &node->node);
    return FE_OK;
}

LONG bool list_take(struct fe_pipe *pipe, void *value) {
    struct fe_pipe_list *list = fe_pipe_list(pipe);
    struct fe_inbox_node *popped = fe_inbox_pop(&list->inbox);
    if (!popped)
        return false;
    struct fe_pipe_node *node = FE_CONTAINER_OF(popped, struct fe_pipe_node, node);
    __builtin_memcpy(value, node->value, pipe->value_bytes);
    pipe->head++;
    void *spare = fe_spare_leave(&list->spare, node);
    if (spare)
        fe_heap_free(spare);
    return true;
}

/* Puts the value into a cell or a ring. FE_OK, FE_ECLOSED, FE_EAGAIN (full). */
SHORT fe_status put(struct fe_pipe *pipe, const void *value, size_t bytes) {
    if (FE_UNLIKELY(fe_ends_closed(&pipe->closed) != 0))
        return FE_ECLOSED;
    if (pipe->kind == FE_PIPE_CELL) {
        uint32_t version;
        if (!fe_cell_reserve(&pipe->word, pipe->shared, &version))
            return FE_EAGAIN;
        __builtin_memcpy(pipe->queue, value, bytes);
        fe_cell_publish(&pipe->word, version);
    } else {
        fe_atomic_u32 *sequences = fe_pipe_sequences(pipe);
        uint32_t position;
        if (!fe_pipe_ring_reserve(&pipe->word, sequences, pipe->mask, pipe->shared, &position))
            return FE_EAGAIN;
        __builtin_memcpy(fe_pipe_slot(pipe, position, bytes), value, bytes);
        fe_pipe_ring_publish(sequences, pipe->mask, position);
    }
    return FE_OK;
}

/* The same for a queue of any kind. */
static FE_LENIENT fe_status put_any(struct fe_pipe *pipe, const void *value) {
    if (pipe->kind != FE_PIPE_LIST)
        return put(pipe, value, pipe->value_bytes);
    return fe_ends_closed(&pipe->closed) ? FE_ECLOSED : list_put(pipe, value);
}

/* Takes a value out; false if there is none. Senders that wait for room must be looked for (fe_pipe_tell_senders). */
SHORT bool take(struct fe_pipe *pipe, void *value, size_t bytes) {
    uint32_t version;
    if (bytes != WORD) /* a word is written by one instruction, before the slot is given up */
        fe_pipe_touch(value, bytes);
    if (FE_LIKELY(pipe->kind == FE_PIPE_RING)) {
        fe_atomic_u32 *sequences = fe_pipe_sequences(pipe);
        if (!fe_pipe_ring_ready(sequences, pipe->mask, pipe->head))
            return false;
        __builtin_memcpy(value, fe_pipe_slot(pipe, pipe->head, bytes), bytes);
        fe_pipe_ring_release(sequences, pipe->mask, pipe->head);
        pipe->head++;
    } else if (pipe->kind == FE_PIPE_LIST) {
        fe_pipe_touch(value, bytes);
        return list_take(pipe, value); /* nobody waits for room */
    } else {
        if (!fe_cell_take(&pipe->word, &version))
            return false;
        __builtin_memcpy(value, pipe->queue, bytes);
        fe_cell_empty(&pipe->word, version);
    }
    return true;
}

/* As take, whole. */
static FE_LENIENT bool take_any(struct fe_pipe *pipe, void *value) {
    if (!take(pipe, value, pipe->value_bytes))
        return false;
    fe_pipe_tell_senders(pipe);
    return true;
}

bool fe_pipe_ready(struct fe_pipe *pipe) {
    if (fe_ends_closed_after_announcing(&pipe->closed) & FE_SENDER_CLOSED)
        return true;
    switch (pipe->kind) {
    case FE_PIPE_CELL:
        return fe_cell_ready_after_announcing(&pipe->word);
    case FE_PIPE_MEETING:
    case FE_PIPE_MEETING_WORD:
        return fe_meet_look_after_announcing(&pipe->meeting) & FE_MEET_SENDER;
    case FE_PIPE_RING:
        return fe_pipe_ring_ready_after_announcing(fe_pipe_sequences(pipe), pipe->mask, pipe->head);
    default:
        return fe_list_ready_after_announcing(&fe_pipe_list(pipe)->inbox);
    }
}

/* Sending --------------------------------------------------------------------------------------------------------- */

/* What is left to do for a sender after its first try. */
enum rest {
    SENT,
    WAKE,  /* wake the receiver, who has been claimed */
    TELL,  /* tell the receiver, which takes longer */
    AGAIN, /* it was not put: full, closed, or the pipe is a list */
};

struct offer {
    struct fe_tcb *receiver; /* WAKE */
    fe_status status;        /* AGAIN */
};

static inline void sent(struct fe_pipe *pipe) {
    if (FE_UNLIKELY(pipe->flags & FE_PIPE_ONESHOT))
        fe_ends_close(&pipe->closed, FE_SENDER_CLOSED);
}

SHORT enum rest offer(struct fe_pipe *pipe, const void *value, size_t bytes, struct offer *offer) {
    offer->status = FE_OK;
    if (FE_UNLIKELY(pipe->kind == FE_PIPE_LIST))
        return AGAIN;
    uint64_t word = 0;
    if (bytes == WORD) {
        __builtin_memcpy(&word, value, WORD);
        value = &word;
    } else {
        fe_pipe_touch(value, bytes);
    }
    offer->status = put(pipe, value, bytes);
    if (FE_UNLIKELY(offer->status != FE_OK))
        return AGAIN;
    sent(pipe);
    uintptr_t who = fe_waiter_find(&pipe->waiter);
    if (who == FE_WAITER_NONE)
        return SENT;
    if (FE_UNLIKELY(who & FE_WAITER_SELECTOR) || FE_UNLIKELY(!fe_waiter_claim(&pipe->waiter, who)))
        return TELL;
    offer->receiver = (struct fe_tcb *)who;
    return WAKE;
}

LONG void tell(struct fe_pipe *pipe) {
    fe_pipe_tell_receiver(pipe);
}

/* `status`: what came of the first try; FE_OK: there was none. */
LONG fe_status send_again(struct fe_pipe *pipe, const void *value, fe_nanoseconds deadline, fe_status status) {
    if (status == FE_OK)
        status = put_any(pipe, value);
    for (bool again = false; status == FE_EAGAIN; again = true) {
        status = fe_pipe_wait_for_room(pipe, again, deadline);
        if (status != FE_OK)
            return status;
        status = put_any(pipe, value);
    }
    if (status != FE_OK)
        return status;
    sent(pipe);
    tell(pipe);
    return FE_OK;
}

FE_LENIENT fe_status fe_pipe_send_until(fe_sender sender, const void *value, fe_nanoseconds deadline) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_SEND(sender, value);
    struct fe_pipe *pipe = sender.pipe;
    struct offer made;
    if (fe_pipe_is_meeting(pipe))
        return fe_meet_send_until(pipe, value, deadline);
    switch (offer(pipe, value, pipe->value_bytes, &made)) {
    case SENT:
        return FE_OK;
    case WAKE:
        fe_unpark(made.receiver);
        return FE_OK;
    case TELL:
        tell(pipe);
        return FE_OK;
    default:
        return send_again(pipe, value, deadline, made.status);
    }
}

void fe_pipe_must(fe_status status, const char *what) {
    if (FE_UNLIKELY(status != FE_OK))
        fe_fail("cannot %s: %s", what, fe_status_string(status));
}

LONG void must_send_again(struct fe_pipe *pipe, const void *value, fe_status status) {
    fe_pipe_must(send_again(pipe, value, FE_FOREVER, status), "send");
}

SHORT void send(struct fe_pipe *pipe, const void *value, size_t bytes) {
    struct offer made;
    switch (offer(pipe, value, bytes, &made)) {
    case SENT:
        return;
    case WAKE:
        fe_unpark(made.receiver);
        return;
    case TELL:
        tell(pipe);
        return;
    default:
        must_send_again(pipe, value, made.status);
    }
}

LONG void send_any(struct fe_pipe *pipe, const void *value) {
    if (pipe->kind == FE_PIPE_MEETING)
        fe_meet_send(pipe, value);
    else
        send(pipe, value, pipe->value_bytes);
}

FE_LENIENT void fe_pipe_send(fe_sender sender, const void *value) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_SEND(sender, value);
    if (sender.pipe->kind == FE_PIPE_MEETING_WORD)
        fe_meet_send_word(sender.pipe, value);
    else if (FE_LIKELY(sender.pipe->value_bytes == WORD))
        send(sender.pipe, value, WORD);
    else
        send_any(sender.pipe, value);
}

/* The runtime's text is neither preempted nor killed but where it waits; a send that has waited for its end returns. */
FE_LENIENT void fe_pipe_give(fe_sender sender, void *owner) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_SENDER(sender);
    if (FE_UNLIKELY(sender.pipe->value_bytes != sizeof(void *)))
        fe_fail("fe_pipe_give: the pipe is for values of %u bytes, not pointers", sender.pipe->value_bytes);
    fe_pipe_send(sender, owner);
    __builtin_memset(owner, 0, sizeof(void *));
}

FE_LENIENT fe_status fe_pipe_try_send(fe_sender sender, const void *value) {
    FE_CHECK_SEND(sender, value);
    struct fe_pipe *pipe = sender.pipe;
    if (fe_pipe_is_meeting(pipe))
        return fe_meet_try_send(pipe, value);
    if (pipe->kind == FE_PIPE_LIST && fe_scheduler_self()->core.interrupt_depth)
        return FE_ECONTEXT;
    fe_status status = put_any(pipe, value);
    if (status != FE_OK)
        return status;
    sent(pipe);
    tell(pipe);
    return FE_OK;
}

/* Receiving ------------------------------------------------------------------------------------------------------- */

/* Found nothing at first. What was sent may lie behind a push that another core has half done (inbox.h): for a moment. */
LONG fe_status take_later(struct fe_pipe *pipe, void *value) {
    while (pipe->kind == FE_PIPE_LIST && !fe_inbox_empty(&fe_pipe_list(pipe)->inbox)) {
        if (take_any(pipe, value))
            return FE_OK;
        fe_arch_relax();
    }
    if (!fe_ends_closed_last(&pipe->closed))
        return FE_EAGAIN;
    return take_any(pipe, value) ? FE_OK : FE_ECLOSED;
}

SHORT fe_status take_now(struct fe_pipe *pipe, void *value) {
    if (fe_pipe_is_meeting(pipe))
        return fe_meet_try_receive(pipe, value);
    return take_any(pipe, value) ? FE_OK : take_later(pipe, value);
}

fe_status fe_pipe_take(struct fe_pipe *pipe, void *value) {
    return take_now(pipe, value);
}

FE_LENIENT fe_status fe_pipe_try_receive(fe_port port, void *value) {
    FE_CHECK_PORT(port);
    if (FE_UNLIKELY(port.pipe->kind == FE_PIPE_LIST) && fe_scheduler_self()->core.interrupt_depth)
        return FE_ECONTEXT; /* what held the value goes back to the heap */
    return take_now(port.pipe, value);
}

/* Waits for a value. The caller has found none. */
SHORT fe_status receive_waiting(struct fe_pipe *pipe, void *value, size_t bytes, fe_nanoseconds deadline) {
    struct fe_tcb *self = fe_scheduler_self()->current;
    if (FE_UNLIKELY(fe_load_relaxed(&pipe->waiter) != FE_WAITER_NONE)) /* only receivers set it */
        return FE_EBUSY;
    for (;;) {
        fe_waiter_announce(&pipe->waiter, (uintptr_t)self);
        if (!fe_pipe_ready(pipe)) {
            if (deadline == FE_FOREVER)
                fe_scheduler_park(fe_scheduler_self(), self);
            else
                fe_park_until(deadline);
        }
        fe_waiter_retract(&pipe->waiter);
        if (FE_LIKELY(take(pipe, value, bytes))) {
            fe_pipe_tell_senders(pipe);
            return FE_OK;
        }
        if (FE_UNLIKELY(fe_ends_closed_last(&pipe->closed)))
            return take_any(pipe, value) ? FE_OK : FE_ECLOSED;
        if (FE_UNLIKELY(deadline != FE_FOREVER) && fe_time_now() >= deadline)
            return FE_ETIMEDOUT;
        if (FE_UNLIKELY(fe_kill_due(self)))
            fe_kill_act(self);
    }
}

FE_LENIENT fe_status fe_pipe_receive_until(fe_port port, void *value, fe_nanoseconds deadline) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_PORT(port);
    if (fe_pipe_is_meeting(port.pipe))
        return fe_meet_receive_until(port.pipe, value, deadline);
    fe_status status = fe_pipe_take(port.pipe, value);
    return status == FE_EAGAIN ? receive_waiting(port.pipe, value, port.pipe->value_bytes, deadline) : status;
}

/* There was nothing. */
SHORT void must_receive(struct fe_pipe *pipe, void *value, size_t bytes) {
    fe_status status;
    if (FE_UNLIKELY(fe_ends_closed_last(&pipe->closed)))
        status = take_any(pipe, value) ? FE_OK : FE_ECLOSED;
    else
        status = receive_waiting(pipe, value, bytes, FE_FOREVER);
    if (FE_UNLIKELY(status != FE_OK))
        fe_pipe_must(status, "receive");
}

LONG void must_receive_word(struct fe_pipe *pipe, void *value) {
    must_receive(pipe, value, WORD);
}

LONG void receive_any(struct fe_pipe *pipe, void *value) {
    if (pipe->kind == FE_PIPE_MEETING)
        fe_meet_receive(pipe, value);
    else if (!take_any(pipe, value))
        must_receive(pipe, value, pipe->value_bytes);
}

FE_LENIENT void fe_pipe_receive(fe_port port, void *value) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_PORT(port);
    struct fe_pipe *pipe = port.pipe;
    if (pipe->kind == FE_PIPE_MEETING_WORD)
        fe_meet_receive_word(pipe, value);
    else if (FE_UNLIKELY(pipe->value_bytes != WORD))
        receive_any(pipe, value);
    else if (FE_LIKELY(take(pipe, value, WORD)))
        fe_pipe_tell_senders(pipe);
    else
        must_receive_word(pipe, value);
}

FE_LENIENT size_t fe_port_pending(fe_port port) {
    FE_CHECK_PORT(port);
    struct fe_pipe *pipe = port.pipe;
    uint32_t word = fe_load_relaxed(&pipe->word); /* a figure */
    if (fe_pipe_is_meeting(pipe))
        return fe_meet_look(&pipe->meeting) & FE_MEET_SENDER;
    if (pipe->kind == FE_PIPE_CELL)
        return (word & FE_CELL_STATE) == FE_CELL_FULL;
    return word - pipe->head;
}
