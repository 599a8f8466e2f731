/* The buddy allocator: see buddy.h. Each operation is bounded: ten levels up or down, a bitset step each. */
#include "buddy.h"

struct fe_buddy fe_buddy;

static void put(unsigned order, size_t index) {
    fe_bitset_add(&fe_buddy.free[order], index >> order);
    if (index > fe_buddy.lowest[order])
        return;
    fe_buddy.lowest[order] = index;
    fe_buddy.stale &= ~(UINT32_C(1) << order);
}

static void drop(unsigned order, size_t index) {
    fe_bitset_remove(&fe_buddy.free[order], index >> order);
    if (index == fe_buddy.lowest[order])
        fe_buddy.stale |= UINT32_C(1) << order;
}

/* Whoever takes looks for the lowest blocks; who gives, which may join ten pairs of buddies, need not. */
static void refresh(unsigned least) {
    uint32_t above = UINT32_MAX << least;
    for (uint32_t stale = fe_buddy.stale & above; stale != 0; stale &= stale - 1) {
        unsigned order = (unsigned)__builtin_ctz(stale);
        size_t first = fe_bitset_first(&fe_buddy.free[order]);
        fe_buddy.lowest[order] = first == SIZE_MAX ? FE_PAGE_INDEX_NONE : first << order;
    }
    fe_buddy.stale &= ~above;
}

size_t fe_buddy_take(unsigned least, unsigned *most) {
    size_t index = FE_PAGE_INDEX_NONE;
    unsigned have = least;
    if (fe_buddy.stale >> least != 0)
        refresh(least);
    for (unsigned order = least; order <= FE_PAGE_ORDER_MAX; order++)
        if (fe_buddy.lowest[order] < index) {
            index = fe_buddy.lowest[order];
            have = order;
        }
    if (index == FE_PAGE_INDEX_NONE)
        return index;
    drop(have, index);
    while (have > *most) {
        have--;
        put(have, index + ((size_t)1 << have));
    }
    *most = have;
    fe_buddy.free_pages -= (uint64_t)1 << have;
    return index;
}

/* First fit over the largest blocks; neighbours among the indices are so among the addresses only if their sections
 * are. A linear scan: 4096 blocks on a machine of 16 GB, and only for runs beyond 4 MiB. */
size_t fe_buddy_take_blocks(size_t blocks) {
    const struct fe_bitset *free = &fe_buddy.free[FE_PAGE_ORDER_MAX];
    size_t run = 0;
    for (size_t block = 0; block < fe_buddy.places; block++) {
        if (!fe_bitset_has(free, block)) {
            run = 0;
            continue;
        }
        if (run > 0 && fe_buddy.section_at[block] != fe_buddy.section_at[block - 1] + 1)
            run = 0;
        if (++run < blocks)
            continue;
        size_t first = block + 1 - blocks;
        for (size_t n = first; n <= block; n++)
            drop(FE_PAGE_ORDER_MAX, n << FE_PAGE_ORDER_MAX);
        fe_buddy.free_pages -= (uint64_t)blocks << FE_PAGE_ORDER_MAX;
        return first << FE_PAGE_ORDER_MAX;
    }
    return FE_PAGE_INDEX_NONE;
}

void fe_buddy_give(size_t index, unsigned order) {
    fe_buddy.free_pages += (uint64_t)1 << order;
    for (; order < FE_PAGE_ORDER_MAX; order++) {
        size_t buddy = index ^ (size_t)1 << order;
        if (!fe_bitset_has(&fe_buddy.free[order], buddy >> order))
            break;
        drop(order, buddy);
        index &= ~((size_t)1 << order);
    }
    put(order, index);
}

bool fe_buddy_is_free(size_t index) {
    for (unsigned order = 0; order <= FE_PAGE_ORDER_MAX; order++)
        if (fe_bitset_has(&fe_buddy.free[order], index >> order))
            return true;
    return false;
}

void fe_buddy_add(size_t index, size_t pages) {
    fe_buddy.total_pages += pages;
    while (pages > 0) {
        unsigned order = fe_buddy_order_at(index, pages);
        fe_buddy_give(index, order);
        index += (size_t)1 << order;
        pages -= (size_t)1 << order;
    }
}
