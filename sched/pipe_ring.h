/*
 * The queue of a bounded pipe: a ring of slots, each with a sequence number of its own (Vyukov's bounded queue, with
 * one consumer). Capacity is a power of two, at least 2.
 *
 *   sequence of slot i:  == position      free, for the sender of that position
 *                        == position + 1  full
 *                        == position + capacity  free again, for the next turn
 *
 * With several senders a position is reserved by compare-and-swap on `tail`; with one, by a store. A value becomes
 * visible by one exchange of the slot's sequence, which is also the fence before the look at a waiting receiver.
 *
 * Rejected: head and tail indices alone (with several senders, one that stops between reserving and writing would let
 * the receiver read an unwritten slot, or make the others wait for it).
 */
#ifndef FERRITE_SCHED_PIPE_RING_H
#define FERRITE_SCHED_PIPE_RING_H

#include <arch/atomic.h>

static inline void fe_pipe_ring_init(fe_atomic_u32 *sequences, uint32_t capacity) {
    for (uint32_t i = 0; i < capacity; i++)
        fe_store_relaxed(&sequences[i], i); /* published with the pipe */
}

/* The right to write the slot of *position; false if the ring is full. */
static inline bool fe_pipe_ring_reserve(fe_atomic_u32 *tail, const fe_atomic_u32 *sequences, uint32_t mask, bool shared,
                                        uint32_t *position) {
    uint32_t at = fe_load_relaxed(tail); /* the slot's sequence decides whether it is free */
    for (;;) {
        /* Pairs with fe_pipe_ring_release: the slot's last value has been read. */
        uint32_t sequence = fe_load_acquire(&sequences[at & mask]);
        if ((int32_t)(sequence - at) < 0)
            return false;
        if (sequence == at) {
            *position = at;
            if (!shared) {
                fe_store_relaxed(tail, at + 1); /* ours alone */
                return true;
            }
            if (fe_cas_relaxed(tail, &at, at + 1)) /* hands nothing on: the sequences do */
                return true;
        } else {
            at = fe_load_relaxed(tail); /* another sender was here first */
        }
    }
}

/* The value is written. A waiting receiver must be looked for after this. */
static inline void fe_pipe_ring_publish(fe_atomic_u32 *sequences, uint32_t mask, uint32_t position) {
    /* Pairs with fe_pipe_ring_ready: the value is visible. seq_cst: before the look at the waiting receiver. */
    (void)fe_exchange_seq_cst(&sequences[position & mask], position + 1);
}

/* Whether there is a value at `head`, the receiver's own position. */
static inline bool fe_pipe_ring_ready(const fe_atomic_u32 *sequences, uint32_t mask, uint32_t head) {
    return fe_load_acquire(&sequences[head & mask]) == head + 1; /* pairs with fe_pipe_ring_publish */
}

/* The same, by a receiver that has just announced that it waits. */
static inline bool fe_pipe_ring_ready_after_announcing(const fe_atomic_u32 *sequences, uint32_t mask, uint32_t head) {
    return fe_load_seq_cst(&sequences[head & mask]) == head + 1; /* pairs with fe_pipe_ring_publish */
}

/* The value at `head` has been read. Senders that wait for room must be looked for after this. */
static inline void fe_pipe_ring_release(fe_atomic_u32 *sequences, uint32_t mask, uint32_t head) {
    /* Pairs with fe_pipe_ring_reserve. seq_cst: before the look at the waiting senders, and with
     * fe_pipe_ring_has_room. */
    (void)fe_exchange_seq_cst(&sequences[head & mask], head + mask + 1);
}

/* Whether a slot is free, by a sender that has just announced that it waits for room. */
static inline bool fe_pipe_ring_has_room(const fe_atomic_u32 *tail, const fe_atomic_u32 *sequences, uint32_t mask) {
    uint32_t at = fe_load_relaxed(tail); /* one behind only says that there is room, and the sender tries again */
    return (int32_t)(fe_load_seq_cst(&sequences[at & mask]) - at) >= 0; /* pairs with fe_pipe_ring_release */
}

#endif
