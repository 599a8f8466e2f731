/*
 * Sorted, disjoint ranges in a small array. Memory maps have a dozen entries, so linear passes are right.
 */
#include "ranges.h"

static uint64_t end_of(const struct fe_memory_range *range) {
    return range->base + range->bytes;
}

static void delete_at(struct fe_ranges list, size_t index) {
    for (size_t i = index; i + 1 < *list.count; i++)
        list.ranges[i] = list.ranges[i + 1];
    --*list.count;
}

/* Inserts where the order wants it. When the array is full, the smallest of all, the new one included, goes. */
static bool insert(struct fe_ranges list, struct fe_memory_range range) {
    bool room = *list.count < FE_BOOT_RANGES_MAX;
    if (!room) {
        size_t smallest = 0;
        for (size_t i = 1; i < *list.count; i++)
            if (list.ranges[i].bytes < list.ranges[smallest].bytes)
                smallest = i;
        if (list.ranges[smallest].bytes >= range.bytes)
            return false;
        delete_at(list, smallest);
    }
    size_t at = *list.count;
    for (; at > 0 && list.ranges[at - 1].base > range.base; at--)
        list.ranges[at] = list.ranges[at - 1];
    list.ranges[at] = range;
    ++*list.count;
    return room;
}

bool fe_ranges_add(struct fe_ranges list, uint64_t base, uint64_t end) {
    if (base >= end)
        return true;
    for (size_t i = 0; i < *list.count;) {
        const struct fe_memory_range *r = &list.ranges[i];
        if (r->base > end || end_of(r) < base) {
            i++;
            continue;
        }
        if (r->base < base)
            base = r->base;
        if (end_of(r) > end)
            end = end_of(r);
        delete_at(list, i);
    }
    return insert(list, (struct fe_memory_range){base, end - base});
}

bool fe_ranges_remove(struct fe_ranges list, uint64_t base, uint64_t end) {
    bool kept = true;
    for (size_t i = 0; i < *list.count;) {
        struct fe_memory_range r = list.ranges[i];
        if (base >= end || r.base >= end || end_of(&r) <= base) {
            i++;
            continue;
        }
        delete_at(list, i);
        if (r.base < base) {
            kept &= insert(list, (struct fe_memory_range){r.base, base - r.base});
            i++;
        }
        if (end_of(&r) > end) {
            kept &= insert(list, (struct fe_memory_range){end, end_of(&r) - end});
            i++;
        }
    }
    return kept;
}

bool fe_ranges_contain(struct fe_ranges list, uint64_t base, uint64_t end) {
    for (size_t i = 0; i < *list.count; i++)
        if (list.ranges[i].base <= base && end <= end_of(&list.ranges[i]))
            return true;
    return false;
}

bool fe_ranges_touch(struct fe_ranges list, uint64_t base, uint64_t end) {
    for (size_t i = 0; i < *list.count; i++)
        if (list.ranges[i].base < end && base < end_of(&list.ranges[i]))
            return true;
    return false;
}
