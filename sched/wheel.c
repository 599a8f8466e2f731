/* The timing wheel's slow side: finding the next instant of interest, and turning. */
#include "wheel.h"

/*
 * The slot of `level` that comes first after the wheel's position on it. Slots at or before the position hold timers only
 * on the last level, where they belong to the next turn.
 */
static uint64_t next_on_level(const struct fe_wheel *wheel, unsigned level) {
    uint64_t used = wheel->used[level];
    if (!used)
        return FE_WHEEL_NEVER;
    unsigned shift = level * FE_WHEEL_BITS;
    unsigned position = (unsigned)(wheel->now >> shift) & (FE_WHEEL_SLOTS - 1);
    uint64_t turn_bits = shift + FE_WHEEL_BITS < 64 ? (UINT64_C(1) << (shift + FE_WHEEL_BITS)) - 1 : UINT64_MAX;
    uint64_t turn = wheel->now & ~turn_bits;
    uint64_t ahead = position == FE_WHEEL_SLOTS - 1 ? 0 : used & (UINT64_MAX << (position + 1));
    if (ahead)
        return turn + ((uint64_t)__builtin_ctzll(ahead) << shift);
    return turn + turn_bits + 1 + ((uint64_t)__builtin_ctzll(used) << shift);
}

uint64_t fe_wheel_next(const struct fe_wheel *wheel) {
    uint64_t next = FE_WHEEL_NEVER;
    for (unsigned level = 0; level < FE_WHEEL_LEVELS; level++) {
        uint64_t tick = next_on_level(wheel, level);
        if (tick < next)
            next = tick;
    }
    return next;
}

/* Empties the slots of every level that the wheel, now standing at wheel->now, has just reached. */
static void turn_to_now(struct fe_wheel *wheel, void (*due)(struct fe_wheel_node *node)) {
    for (unsigned level = FE_WHEEL_LEVELS; level-- > 0;) {
        unsigned shift = level * FE_WHEEL_BITS;
        if (wheel->now & ((UINT64_C(1) << shift) - 1))
            continue;
        unsigned slot = (unsigned)(wheel->now >> shift) & (FE_WHEEL_SLOTS - 1);
        struct fe_wheel_node *list = wheel->slots[level][slot];
        wheel->slots[level][slot] = NULL;
        wheel->used[level] &= ~(UINT64_C(1) << slot);
        /* The list stays linked to a head of ours, so that due() may remove timers that have not been reached yet. */
        if (list)
            list->link = &list;
        while (list) {
            struct fe_wheel_node *node = list;
            list = node->next;
            if (list)
                list->link = &list;
            node->link = NULL;
            if (node->tick <= wheel->now)
                due(node);
            else
                fe_wheel_insert(wheel, node);
        }
    }
}

void fe_wheel_advance(struct fe_wheel *wheel, uint64_t now, void (*due)(struct fe_wheel_node *node)) {
    for (;;) {
        uint64_t next = fe_wheel_next(wheel);
        if (next > now)
            break;
        wheel->now = next;
        turn_to_now(wheel, due);
    }
    if (now > wheel->now)
        wheel->now = now;
}
