/* The ends of pipes: opening, copying, closing. What is not received when both are closed is released. */
#include "meet.h"
#include "misuse.h"

#include <ferrite/heap.h>
#include <ferrite/panic.h>

#define FE_PIPE_FLAGS ((unsigned)(FE_PIPE_SHARED | FE_PIPE_ONESHOT | FE_PIPE_BLOCKS))

static size_t queue_bytes(enum fe_pipe_kind kind, size_t value_bytes, size_t capacity) {
    switch (kind) {
    case FE_PIPE_MEETING:
    case FE_PIPE_MEETING_WORD:
        return 0;
    case FE_PIPE_CELL:
        return value_bytes;
    case FE_PIPE_RING:
        return capacity * (sizeof(fe_atomic_u32) + value_bytes);
    default:
        return sizeof(struct fe_pipe_list) + FE_CACHE_LINE;
    }
}

static enum fe_pipe_kind kind_for(size_t value_bytes, size_t capacity) {
    if (capacity == FE_RENDEZVOUS)
        return value_bytes == sizeof(uint64_t) ? FE_PIPE_MEETING_WORD : FE_PIPE_MEETING;
    if (capacity == FE_UNBOUNDED)
        return FE_PIPE_LIST;
    return capacity == 1 ? FE_PIPE_CELL : FE_PIPE_RING;
}

fe_status fe_pipe_try_open(fe_sender *sender, fe_port *port, size_t value_bytes, size_t capacity, unsigned flags) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    if ((flags & FE_PIPE_ONESHOT) && (flags & FE_PIPE_SHARED))
        return FE_EINVAL; /* whose value would be the one? */
    if (flags & FE_PIPE_ONESHOT)
        capacity = 1;
    if (!sender || !port || (flags & ~FE_PIPE_FLAGS) || value_bytes == 0 || value_bytes > FE_PIPE_VALUE_MAX ||
        (capacity > FE_PIPE_CAPACITY_MAX && capacity != FE_UNBOUNDED) ||
        ((flags & FE_PIPE_BLOCKS) && value_bytes != sizeof(void *)))
        return FE_EINVAL;
    enum fe_pipe_kind kind = kind_for(value_bytes, capacity);
    if (kind == FE_PIPE_RING)
        capacity = (size_t)1 << (64 - __builtin_clzll(capacity - 1));
    size_t bytes = offsetof(struct fe_pipe, queue) + queue_bytes(kind, value_bytes, capacity);
    if (bytes < sizeof(struct fe_pipe))
        bytes = sizeof(struct fe_pipe);
    struct fe_pipe *pipe = fe_heap_try_alloc_aligned(FE_CACHE_LINE, bytes);
    if (!pipe)
        return FE_ENOMEM;
    *pipe = (struct fe_pipe){
        .value_bytes = (uint32_t)value_bytes,
        .mask = (uint32_t)capacity - 1,
        .kind = (uint8_t)kind,
        .shared = (flags & FE_PIPE_SHARED) != 0,
        .flags = (uint8_t)flags,
    };
#ifdef FE_CHECKED
    pipe->mark = FE_PIPE_MARK;
#endif
    pipe->waiting_tail = &pipe->waiting;
    fe_store_relaxed(&pipe->ends, 2); /* all published with the pipe */
    fe_store_relaxed(&pipe->senders, 1);
    if (kind == FE_PIPE_RING) {
        fe_pipe_ring_init(fe_pipe_sequences(pipe), (uint32_t)capacity);
    } else if (kind == FE_PIPE_LIST) {
        fe_inbox_init(&fe_pipe_list(pipe)->inbox);
        fe_store_relaxed(&fe_pipe_list(pipe)->spare, NULL);
    }
    sender->pipe = pipe;
    port->pipe = pipe;
    return FE_OK;
}

void fe_pipe_open(fe_sender *sender, fe_port *port, size_t value_bytes, size_t capacity, unsigned flags) {
    fe_status status = fe_pipe_try_open(sender, port, value_bytes, capacity, flags);
    if (status != FE_OK)
        fe_fail("cannot open a pipe for values of %zu bytes: %s", value_bytes, fe_status_string(status));
}

/* Throws away what is queued. Receiver's side, or nobody's. */
static void drain(struct fe_pipe *pipe) {
    union {
        void *block;
        unsigned char bytes[FE_PIPE_VALUE_MAX];
    } value;
    fe_status status;
    while ((status = fe_pipe_take(pipe, &value)) == FE_OK) {
        if (pipe->flags & FE_PIPE_BLOCKS)
            fe_heap_free(value.block);
    }
}

static void drop_end(struct fe_pipe *pipe) {
    if (!fe_ends_drop(&pipe->ends))
        return;
    drain(pipe);
    if (pipe->kind == FE_PIPE_LIST)
        fe_heap_free(fe_load_relaxed(&fe_pipe_list(pipe)->spare)); /* nobody else is left */
#ifdef FE_CHECKED
    pipe->mark = 0;
#endif
    fe_heap_free(pipe);
}

fe_sender fe_sender_copy(fe_sender sender) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    FE_CHECK_SENDER(sender);
    if (!sender.pipe->shared)
        fe_fail("fe_sender_copy: the pipe was not opened with FE_PIPE_SHARED");
    fe_fetch_add_relaxed(&sender.pipe->senders, 1); /* the caller's own copy keeps the count above zero */
    return sender;
}

bool fe_sender_is_closed(fe_sender sender) {
    FE_CHECK_SENDER(sender);
    return fe_ends_closed(&sender.pipe->closed) != 0;
}

void fe_sender_close(fe_sender sender) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    FE_CHECK_SENDER(sender);
    struct fe_pipe *pipe = sender.pipe;
    if (!fe_ends_drop(&pipe->senders))
        return;
    fe_ends_close(&pipe->closed, FE_SENDER_CLOSED);
    if (fe_pipe_is_meeting(pipe))
        fe_meet_close(pipe, FE_MEET_RECEIVER);
    fe_pipe_tell_receiver(pipe);
    drop_end(pipe);
}

void fe_port_close(fe_port port) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    FE_CHECK_PORT(port);
    struct fe_pipe *pipe = port.pipe;
    fe_select_forget(pipe);
    fe_ends_close(&pipe->closed, FE_PORT_CLOSED);
    fe_pipe_wake_senders(pipe, true);
    if (fe_pipe_is_meeting(pipe))
        fe_meet_close(pipe, FE_MEET_SENDER); /* who keeps its value */
    else
        drain(pipe);
    drop_end(pipe);
}
