/*
 * A hierarchical timing wheel (Varghese and Lauck, 1987; scheme 6), one per core, touched by that core only.
 *
 * Six levels of 64 slots. A timer sits on the level of the highest six-bit digit in which its tick differs from the
 * wheel's, so that it is moved at most five times before it fires. All timers of a level are due before those of the levels
 * above it, so the first slot of the lowest level in use, found by two bit scans, holds the timer that is due next.
 * Insertion and removal take constant time.
 *
 * Invariants: wheel->now never goes back; every timer in the wheel has tick > wheel->now; a timer's slot follows from its
 * tick and wheel->now alone; no timer is due before wheel->next. What lies further ahead than the wheel spans (2^36 ticks)
 * waits on the last level and is placed again when that level turns.
 *
 * Turning is put off until something is due, so that an idle core is not woken merely to move timers down.
 *
 * Rejected: a pairing heap, which makes cancelling, by far the commonest operation, the dearest one.
 */
#ifndef FERRITE_SCHED_WHEEL_H
#define FERRITE_SCHED_WHEEL_H

#include <ferrite/base.h>

#define FE_WHEEL_LEVELS 6
#define FE_WHEEL_BITS 6
#define FE_WHEEL_SLOTS (1u << FE_WHEEL_BITS)
#define FE_WHEEL_NEVER UINT64_MAX

struct fe_wheel_node {
    struct fe_wheel_node *next;
    struct fe_wheel_node **link; /* what points to this node; NULL: not in a wheel */
    uint64_t tick;               /* when it is due */
};

struct fe_wheel {
    uint64_t now;    /* everything due up to and including this tick has been taken out */
    uint64_t next;   /* nothing is due before this tick; early if `removed`. FE_WHEEL_NEVER: nothing is */
    void *removed;   /* where the latest timer was taken out, NULL if none was since `next` was looked for */
    uint32_t levels; /* bit per level: it has slots in use */
    uint64_t used[FE_WHEEL_LEVELS]; /* bit per slot */
    struct fe_wheel_node *slots[FE_WHEEL_LEVELS][FE_WHEEL_SLOTS];
};

static inline void fe_wheel_init(struct fe_wheel *wheel) {
    *wheel = (struct fe_wheel){.next = FE_WHEEL_NEVER};
}

static inline bool fe_wheel_contains(const struct fe_wheel_node *node) {
    return node->link != NULL;
}

static inline unsigned fe_wheel_level(uint64_t now, uint64_t tick) {
    unsigned level = (63u - (unsigned)__builtin_clzll(now ^ tick)) / FE_WHEEL_BITS;
    return level < FE_WHEEL_LEVELS ? level : FE_WHEEL_LEVELS - 1;
}

/* The slot of `level` in which `tick` lies. */
static inline unsigned fe_wheel_slot(unsigned level, uint64_t tick) {
    return (unsigned)(tick >> (level * FE_WHEEL_BITS)) & (FE_WHEEL_SLOTS - 1);
}

/* Puts `node` in for node->tick, which must be later than wheel->now. */
static inline void fe_wheel_insert(struct fe_wheel *wheel, struct fe_wheel_node *node) {
    unsigned level = fe_wheel_level(wheel->now, node->tick);
    unsigned slot = fe_wheel_slot(level, node->tick);
    struct fe_wheel_node **head = &wheel->slots[level][slot];
    node->next = *head;
    if (node->next)
        node->next->link = &node->next;
    node->link = head;
    *head = node;
    wheel->used[level] |= UINT64_C(1) << slot;
    wheel->levels |= 1u << level;
    if (node->tick < wheel->next)
        wheel->next = node->tick;
}

/* A slot has become empty. */
static inline void fe_wheel_slot_empty(struct fe_wheel *wheel, unsigned level, unsigned slot) {
    wheel->used[level] &= ~(UINT64_C(1) << slot);
    if (wheel->used[level] == 0)
        wheel->levels &= ~(1u << level);
}

/* Takes `node`, which must be in this wheel, out. */
static inline void fe_wheel_remove(struct fe_wheel *wheel, struct fe_wheel_node *node) {
    struct fe_wheel_node **link = node->link;
    *link = node->next;
    if (node->next) {
        node->next->link = link;
    } else if ((uintptr_t)link - (uintptr_t)wheel->slots < sizeof wheel->slots) { /* it was the slot's last */
        size_t index = ((uintptr_t)link - (uintptr_t)wheel->slots) / sizeof *link;
        fe_wheel_slot_empty(wheel, (unsigned)(index / FE_WHEEL_SLOTS), index % FE_WHEEL_SLOTS);
    }
    node->link = NULL;
    wheel->removed = link; /* at hand: a flag would cost another instruction */
}

/* Moves the wheel to `now` and calls due(node) for every timer whose tick is at most `now`, in order of their ticks'
 * slots. The node is out of the wheel when it is called, and may be put in again. Looks for `next` afresh, which is all
 * that it does if `now` is wheel->now. */
void fe_wheel_advance(struct fe_wheel *wheel, uint64_t now, void (*due)(struct fe_wheel_node *node));

#endif
