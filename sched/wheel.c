/* The timing wheel's slow side: finding the next instant of interest, and turning. */
#include "wheel.h"

/* Timers of a slot that are looked at to find the first that is due. */
#define FE_WHEEL_LOOK 8

/*
 * The tick at which the first slot in use of `level` begins. Slots at or before the wheel's position hold timers only on the
 * last level, where they belong to the next turn.
 */
static uint64_t first_slot(const struct fe_wheel *wheel, unsigned level) {
    uint64_t used = wheel->used[level];
    unsigned shift = level * FE_WHEEL_BITS;
    unsigned position = fe_wheel_slot(level, wheel->now);
    uint64_t turn_bits = (UINT64_C(1) << (shift + FE_WHEEL_BITS)) - 1; /* 36 bits on the last level */
    uint64_t turn = wheel->now & ~turn_bits;
    uint64_t ahead = used & (UINT64_MAX << position << 1);
    if (FE_LIKELY(ahead))
        return turn + ((uint64_t)__builtin_ctzll(ahead) << shift);
    return turn + turn_bits + 1 + ((uint64_t)__builtin_ctzll(used) << shift);
}

/* Takes the list out of the slot of `level` that begins at `begin`, and fires its timers or moves them down. */
static void turn_to(struct fe_wheel *wheel, unsigned level, uint64_t begin, void (*due)(struct fe_wheel_node *node)) {
    unsigned index = fe_wheel_slot(level, begin);
    struct fe_wheel_node *list = wheel->slots[level][index];
    wheel->slots[level][index] = NULL;
    fe_wheel_slot_empty(wheel, level, index);
    wheel->now = begin;
    /* The list stays linked to a head of ours, so that due() may remove timers that have not been reached yet. */
    list->link = &list;
    while (list) {
        struct fe_wheel_node *node = list;
        list = node->next;
        if (list)
            list->link = &list;
        node->link = NULL;
        if (node->tick <= begin)
            due(node);
        else
            fe_wheel_insert(wheel, node);
    }
}

/* The tick before which nothing is due: that of the first timer of the slot that begins at `begin`, if it has but a few. */
static uint64_t first_due(struct fe_wheel *wheel, unsigned level, uint64_t begin) {
    uint64_t first = FE_WHEEL_NEVER;
    unsigned left = FE_WHEEL_LOOK;
    if (level == 0 || level == FE_WHEEL_LEVELS - 1) /* the last level's may be for a later turn */
        return begin;
    for (const struct fe_wheel_node *node = wheel->slots[level][fe_wheel_slot(level, begin)]; node; node = node->next) {
        if (left-- == 0)
            return begin;
        if (node->tick < first)
            first = node->tick;
    }
    return first;
}

/*
 * The first slot of the lowest level is emptied again and again until it begins after `now`. No other slot begins at the
 * same tick: on higher levels those begin where this level's position is 0, which is never ahead of the wheel.
 */
void fe_wheel_advance(struct fe_wheel *wheel, uint64_t now, void (*due)(struct fe_wheel_node *node)) {
    uint64_t next = FE_WHEEL_NEVER;
    while (wheel->levels) {
        unsigned level = (unsigned)__builtin_ctz(wheel->levels);
        uint64_t begin = first_slot(wheel, level);
        if (begin > now) {
            next = first_due(wheel, level, begin);
            break;
        }
        unsigned index = fe_wheel_slot(level, begin);
        struct fe_wheel_node **slot = &wheel->slots[level][index], *only = *slot;
        bool in_turn = (only->tick - begin) >> (level * FE_WHEEL_BITS) == 0; /* else: on the last level, for a later turn */
        if (only->next == NULL && only->tick <= now && in_turn) {            /* need not be moved down step by step */
            *slot = NULL;
            fe_wheel_slot_empty(wheel, level, index);
            only->link = NULL;
            wheel->now = only->tick;
            due(only);
        } else {
            turn_to(wheel, level, begin, due);
        }
    }
    if (now > wheel->now)
        wheel->now = now;
    wheel->removed = NULL;
    wheel->next = next;
}
