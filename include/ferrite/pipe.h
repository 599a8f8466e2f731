/*
 * Pipes: typed, one-way channels between tasks. What goes through a pipe moves: small values by copy, blocks of the
 * exchange heap by pointer.
 *
 * A pipe has a sending end (fe_sender) and a receiving end (fe_port). Each end closes by itself; the memory goes when
 * both are closed. What was sent before the sending end closed is still received; then receives answer FE_ECLOSED.
 * FIFO per sender. One task receives at a time; one sender (stream) or many (shared, FE_PIPE_SHARED) send.
 *
 *     FE_PIPE_TYPE(numbers, uint64_t)                       declares numbers_sender, numbers_port and functions on them
 *     numbers_sender out; numbers_port in;
 *     numbers_open(&out, &in, 64, 0);
 *     numbers_send(out, 42);
 *     uint64_t n = numbers_receive(in);
 *
 * A wrong type is then a compile-time error.
 */
#ifndef FERRITE_PIPE_H
#define FERRITE_PIPE_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fe_pipe;

/* The two ends. Plain pointers to one pipe, of different types so that they cannot be confused. */
typedef struct fe_sender {
    struct fe_pipe *pipe;
} fe_sender;
typedef struct fe_port {
    struct fe_pipe *pipe;
} fe_port;

#define FE_RENDEZVOUS ((size_t)0) /* a send waits until its value is received */
#define FE_UNBOUNDED (SIZE_MAX)   /* a send never waits */
#define FE_PIPE_CAPACITY_MAX ((size_t)1 << 20)
#define FE_PIPE_VALUE_MAX ((size_t)256) /* bytes; larger things go by pointer */

enum fe_pipe_flags {
    FE_PIPE_STREAM = 0,  /* one task sends at a time */
    FE_PIPE_SHARED = 1,  /* several tasks may send at once */
    FE_PIPE_ONESHOT = 2, /* closes after one value; not together with FE_PIPE_SHARED */
    FE_PIPE_BLOCKS = 4,  /* values are pointers to exchange-heap blocks (or NULL): freed if they are never received */
};

/*
 * Makes a pipe for values of `value_bytes` bytes (1 to FE_PIPE_VALUE_MAX). `capacity`: FE_RENDEZVOUS, FE_UNBOUNDED, or
 * how many values it holds (rounded up to a power of two, at most FE_PIPE_CAPACITY_MAX). Task or scheduler context;
 * allocates one block. FE_ENOMEM; FE_EINVAL: a size, capacity or flag out of range, or FE_PIPE_BLOCKS and not a pointer's size.
 */
FE_MUST_CHECK fe_status fe_pipe_try_open(fe_sender *sender, fe_port *port, size_t value_bytes, size_t capacity,
                                         unsigned flags);
void fe_pipe_open(fe_sender *sender, fe_port *port, size_t value_bytes, size_t capacity, unsigned flags);

/*
 * Sends the value at `value`.
 *
 * fe_pipe_send        waits while the pipe is full; fails the task if it is closed.       Task context.
 * fe_pipe_send_until  the same until `deadline`; FE_OK, FE_ECLOSED, FE_ETIMEDOUT,
 *                     FE_ENOMEM (unbounded).                                              Task context.
 * fe_pipe_try_send    never waits; FE_OK, FE_ECLOSED, FE_EAGAIN (full), FE_ENOMEM
 *                     (unbounded). Any context; from an interrupt handler only on a
 *                     bounded pipe.
 *
 * Unless FE_OK is returned the value was not sent and still belongs to the caller. At most one atomic exchange when
 * nobody waits.
 */
void fe_pipe_send(fe_sender sender, const void *value);
FE_MUST_CHECK fe_status fe_pipe_send_until(fe_sender sender, const void *value, fe_nanoseconds deadline);
FE_MUST_CHECK fe_status fe_pipe_try_send(fe_sender sender, const void *value);

/*
 * Sends the pointer at `owner` (a `type **`) as fe_pipe_send does, and clears it: both or neither, even if the task is killed. So
 * a block is never owned twice, nor by nobody: for owners (defer.h) of blocks. The pipe's values must be pointers. (A receive
 * into an owner that is NULL is as safe.) Task context.
 */
void fe_pipe_give(fe_sender sender, void *owner);

/*
 * Receives into *value.
 *
 * fe_pipe_receive        waits while the pipe is empty; fails the task once it is closed and drained.  Task context.
 * fe_pipe_receive_until  the same until `deadline`; FE_OK, FE_ECLOSED, FE_ETIMEDOUT, FE_EBUSY.         Task context.
 * fe_pipe_try_receive    never waits; FE_OK, FE_ECLOSED, FE_EAGAIN (empty), FE_ECONTEXT (unbounded,    Any context.
 *                        in an interrupt handler).
 *
 * FE_EBUSY: another task waits to receive, or the port is in a selector; the plain form fails the task then.
 */
void fe_pipe_receive(fe_port port, void *value);
FE_MUST_CHECK fe_status fe_pipe_receive_until(fe_port port, void *value, fe_nanoseconds deadline);
FE_MUST_CHECK fe_status fe_pipe_try_receive(fe_port port, void *value);

/*
 * Another sending end of the same pipe, which must be FE_PIPE_SHARED: the pipe counts its senders, and closes when the
 * last is closed. Any context but interrupt handlers. Cost: one atomic add.
 */
fe_sender fe_sender_copy(fe_sender sender);

/* Closes an end, which must not be used after that, nor closed again: a checked build fails the task that does. Never
 * blocks. Waiting peers are woken. A port leaves its selector first. Any context but interrupt handlers. */
void fe_sender_close(fe_sender sender);
void fe_port_close(fe_port port);

/* Whether nobody will receive what `sender` sends, its port being closed, or the oneshot pipe used up. Any context. */
bool fe_sender_is_closed(fe_sender sender);

/* How many values wait in the pipe; exact only when nobody else is using it. Any context. */
size_t fe_port_pending(fe_port port);

/*
 * Select: waits until one of several ports has a value (or is closed), or a deadline passes. A port is added once and
 * stays; a wait costs the same however many idle ports there are, and ports that are always ready take turns.
 *
 * A selector belongs to the task that uses it. A port can be in one selector at a time, and may not be received from
 * by a blocking receive while it is.
 */
typedef struct fe_selector {
    struct fe_selector_state *state;
} fe_selector;

FE_MUST_CHECK fe_status fe_selector_try_open(fe_selector *selector);
void fe_selector_open(fe_selector *selector);
/* Its ports must have been removed, or closed: otherwise the task fails. */
void fe_selector_close(fe_selector selector);

/* Adds `port`; `tag` is what fe_select answers for it. FE_OK; FE_EBUSY: it is in a selector already. Task context. */
fe_status fe_selector_add(fe_selector selector, fe_port port, uintptr_t tag);
/* Takes `port` out again. FE_OK, FE_ENOENT. Task context; before the port is closed. */
fe_status fe_selector_remove(fe_selector selector, fe_port port);

/*
 * Waits until a port is ready: FE_OK with its tag in *tag, and a try_receive on it then gives a value or FE_ECLOSED.
 * FE_ETIMEDOUT once `deadline` passes (0: poll). FE_ENOENT: the selector has no ports and there is no deadline.
 */
FE_MUST_CHECK fe_status fe_select(fe_selector selector, fe_nanoseconds deadline, uintptr_t *tag);

/*
 * Typed pipes: FE_PIPE_TYPE(name, type) declares name_sender, name_port and
 *   void      name_open(name_sender *, name_port *, size_t capacity, unsigned flags);
 *   void      name_send(name_sender, type);                type      name_receive(name_port);
 *   fe_status name_try_send(name_sender, type);            fe_status name_try_receive(name_port, type *);
 *   fe_status name_send_until(name_sender, type, fe_nanoseconds);
 *   fe_status name_receive_until(name_port, type *, fe_nanoseconds);
 *   name_sender name_copy(name_sender);  void name_close_sender(name_sender);  void name_close_port(name_port);
 * Use sender.end / port.end where an untyped end is wanted (fe_selector_add, fe_port_pending).
 */
#define FE_PIPE_TYPE(name, type)                                                                                       \
    typedef struct name##_sender {                                                                                     \
        fe_sender end;                                                                                                 \
    } name##_sender;                                                                                                   \
    typedef struct name##_port {                                                                                       \
        fe_port end;                                                                                                   \
    } name##_port;                                                                                                     \
    _Static_assert(sizeof(type) <= FE_PIPE_VALUE_MAX, "values of pipe " #name " are too large: send a pointer");       \
    __attribute__((unused)) static inline void name##_open(name##_sender *sender, name##_port *port, size_t capacity,  \
                                                           unsigned flags) {                                           \
        fe_pipe_open(&sender->end, &port->end, sizeof(type), capacity, flags);                                         \
    }                                                                                                                  \
    __attribute__((unused)) static inline void name##_send(name##_sender sender, type value) {                         \
        fe_pipe_send(sender.end, &value);                                                                              \
    }                                                                                                                  \
    __attribute__((unused)) static inline fe_status name##_try_send(name##_sender sender, type value) {                \
        return fe_pipe_try_send(sender.end, &value);                                                                   \
    }                                                                                                                  \
    __attribute__((unused)) static inline fe_status name##_send_until(name##_sender sender, type value,                \
                                                                      fe_nanoseconds deadline) {                       \
        return fe_pipe_send_until(sender.end, &value, deadline);                                                       \
    }                                                                                                                  \
    __attribute__((unused)) static inline type name##_receive(name##_port port) {                                      \
        type value;                                                                                                    \
        fe_pipe_receive(port.end, &value);                                                                             \
        return value;                                                                                                  \
    }                                                                                                                  \
    __attribute__((unused)) static inline fe_status name##_try_receive(name##_port port, type *value) {                \
        return fe_pipe_try_receive(port.end, value);                                                                   \
    }                                                                                                                  \
    __attribute__((unused)) static inline fe_status name##_receive_until(name##_port port, type *value,                \
                                                                         fe_nanoseconds deadline) {                    \
        return fe_pipe_receive_until(port.end, value, deadline);                                                       \
    }                                                                                                                  \
    __attribute__((unused)) static inline name##_sender name##_copy(name##_sender sender) {                            \
        return (name##_sender){fe_sender_copy(sender.end)};                                                            \
    }                                                                                                                  \
    __attribute__((unused)) static inline void name##_close_sender(name##_sender sender) {                             \
        fe_sender_close(sender.end);                                                                                   \
    }                                                                                                                  \
    __attribute__((unused)) static inline void name##_close_port(name##_port port) {                                   \
        fe_port_close(port.end);                                                                                       \
    }                                                                                                                  \
    _Static_assert(1, "")

#ifdef __cplusplus
}
#endif
#endif
