/*
 * A pipe's memory, and what pipe.c (ends), transfer.c (send and receive), pipe_wait.c and select.c share.
 *
 * One heap block: three cache lines by who writes them, then the queue, whose kind follows from the capacity:
 *   meeting  none: a rendezvous (pipe_meet.h, meet.c)
 *   cell     at most one value (pipe_cell.h)
 *   ring     bounded (pipe_ring.h): sequences, then values
 *   list     unbounded (pipe_list.h): nodes from the heap, one of which is kept for the next send
 */
#ifndef FERRITE_SCHED_PIPE_H
#define FERRITE_SCHED_PIPE_H

#include "core.h"
#include "inbox.h"
#include "pipe_cell.h"
#include "pipe_ends.h"
#include "pipe_list.h"
#include "pipe_meet.h"
#include "pipe_ring.h"
#include "pipe_select.h"
#include "pipe_waiter.h"

#include <arch/atomic.h>
#include <ferrite/pipe.h>
#include <heap/spinlock.h>

/* Set in checked builds while a pipe or a selector lives; see misuse.h. */
#define FE_PIPE_MARK 0x65706970u
#define FE_SELECTOR_MARK 0x746c6573u

enum fe_pipe_kind {
    FE_PIPE_CELL,
    FE_PIPE_RING,
    FE_PIPE_LIST,
    FE_PIPE_MEETING,
    FE_PIPE_MEETING_WORD, /* the same, of values of 8 bytes */
};

/* A sender that waits for room; on its stack, in the pipe's list. */
struct fe_pipe_sender {
    struct fe_pipe_sender *next;
    struct fe_pipe_sender **link;
    struct fe_tcb *task;
    fe_atomic_u32 queued; /* written under the pipe's lock; read by the task that waits */
};

struct fe_pipe_node {
    struct fe_inbox_node node;
    unsigned char value[];
};

struct fe_pipe {
    /* Immutable. */
    uint32_t value_bytes;
    uint32_t mask; /* ring: capacity - 1 */
    uint8_t kind;
    bool shared;
    uint8_t flags;
#ifdef FE_CHECKED
    uint32_t mark; /* FE_PIPE_MARK */
#endif
    /* Both ends, seldom. */
    fe_atomic_u32 closed;    /* pipe_ends.h */
    fe_atomic_u32 ends;      /* not closed yet: the memory goes with the last */
    struct fe_spinlock lock; /* with interrupts masked: the lists below and the selector's node */
    fe_atomic_u32 crowded;   /* pipe_waiter.h */
    struct fe_pipe_sender *waiting, **waiting_tail;

    /* Senders. */
    FE_CACHE_ALIGNED fe_atomic_u32 word; /* cell: its word; ring: tail; list: values sent */
    fe_atomic_u32 senders;               /* open copies of the sending end */
    fe_atomic_uptr meeting;              /* rendezvous: pipe_meet.h */

    /* The receiver. */
    FE_CACHE_ALIGNED uint32_t head; /* ring: position; list: values received */
    fe_atomic_u32 selected;         /* pipe_select.h */
    fe_atomic_uptr waiter;          /* pipe_waiter.h */
    struct fe_inbox_node node;      /* in the selector's queue */
    uintptr_t tag;

    _Alignas(8) unsigned char queue[]; /* cell: value; ring: sequences, values; list: struct fe_pipe_list */
};

struct fe_pipe_list {
    struct fe_inbox inbox;
    fe_atomic_pointer spare; /* struct fe_pipe_node */
};

struct fe_selector_state {
#ifdef FE_CHECKED
    uint32_t mark;            /* FE_SELECTOR_MARK */
    fe_atomic_uptr selecting; /* the task that is in fe_select */
#endif
    struct fe_inbox ready; /* pipes that became ready, by their nodes */
    fe_atomic_uptr owner;  /* the task that selects; read by senders */
    struct fe_pipe *last;  /* answered by the last wait: looked at again by the next */
    unsigned ports;
};

static inline fe_atomic_u32 *fe_pipe_sequences(struct fe_pipe *pipe) {
    return (fe_atomic_u32 *)(void *)pipe->queue;
}

static inline struct fe_pipe_list *fe_pipe_list(struct fe_pipe *pipe) {
    return (struct fe_pipe_list *)(void *)(((uintptr_t)pipe->queue + FE_CACHE_LINE - 1) & ~(uintptr_t)(FE_CACHE_LINE - 1));
}

static inline bool fe_pipe_is_meeting(const struct fe_pipe *pipe) {
    return pipe->kind >= FE_PIPE_MEETING;
}

/* Reads the ends of a value: commits its pages where it lies on a stack, and faults now if it is nowhere. A value is too
 * small to touch a third page. */
static inline void fe_pipe_touch(const void *value, size_t bytes) {
    (void)*(const volatile char *)value;
    (void)*((const volatile char *)value + bytes - 1);
}

/* `bytes` is pipe->value_bytes. */
static inline unsigned char *fe_pipe_slot(struct fe_pipe *pipe, uint32_t position, size_t bytes) {
    return pipe->queue + ((size_t)(pipe->mask + 1) * sizeof(fe_atomic_u32)) + (size_t)(position & pipe->mask) * bytes;
}

/* The end of the plain forms: fails the task unless `status` is FE_OK. */
void fe_pipe_must(fe_status status, const char *what);

/* fe_pipe_try_receive, by whoever may: the receiver, or who closes the last end. */
fe_status fe_pipe_take(struct fe_pipe *pipe, void *value);
/* Whether a receive would not wait, by a receiver that has announced itself. */
bool fe_pipe_ready(struct fe_pipe *pipe);
/* Tells the receiver of a value or of closing; true if a waiting receiver was claimed. */
bool fe_pipe_tell_receiver(struct fe_pipe *pipe);
/* Wakes one sender that waits for room, or all. */
void fe_pipe_wake_senders(struct fe_pipe *pipe, bool all);
/* The same for one, after room was made. */
static inline void fe_pipe_tell_senders(struct fe_pipe *pipe) {
    if (FE_UNLIKELY(fe_crowd_waits(&pipe->crowded)))
        fe_pipe_wake_senders(pipe, false);
}
/* Waits until there may be room, or the pipe is closed. FE_OK, FE_ETIMEDOUT. `again`: the caller has waited before. */
fe_status fe_pipe_wait_for_room(struct fe_pipe *pipe, bool again, fe_nanoseconds deadline);
/* The selector's part of fe_pipe_tell_receiver. */
void fe_select_notify(struct fe_pipe *pipe);
/* Takes the port out of its selector if it is in one. */
void fe_select_forget(struct fe_pipe *pipe);

#endif
