/* The buddy allocator: see buddy.h. Each operation is bounded: ten levels up or down, a bitset step each. */
#include "buddy.h"

struct fe_buddy fe_buddy;

/* The lowest block that fits, whatever its order: so what is in use stays together at the low end, and what is sized by the
 * highest address in use (the exchange heap's map) stays small. */
size_t fe_buddy_take(unsigned order) {
    size_t index = FE_PAGE_INDEX_NONE;
    unsigned have = order;
    for (unsigned o = order; o <= FE_PAGE_ORDER_MAX; o++) {
        size_t block = fe_bitset_first(&fe_buddy.free[o]);
        if (block != SIZE_MAX && block << o < index) {
            index = block << o;
            have = o;
        }
    }
    if (index == FE_PAGE_INDEX_NONE)
        return index;
    fe_bitset_remove(&fe_buddy.free[have], index >> have);
    while (have > order) {
        have--;
        fe_bitset_add(&fe_buddy.free[have], (index >> have) + 1);
    }
    fe_buddy.free_pages -= (uint64_t)1 << order;
    return index;
}

/* First fit over the largest blocks; neighbours among the indices are so among the addresses only if their sections
 * are. A linear scan: 4096 blocks on a machine of 16 GB, and only for runs beyond 4 MiB. */
size_t fe_buddy_take_blocks(size_t blocks) {
    struct fe_bitset *free = &fe_buddy.free[FE_PAGE_ORDER_MAX];
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
            fe_bitset_remove(free, n);
        fe_buddy.free_pages -= (uint64_t)blocks << FE_PAGE_ORDER_MAX;
        return first << FE_PAGE_ORDER_MAX;
    }
    return FE_PAGE_INDEX_NONE;
}

void fe_buddy_give(size_t index, unsigned order) {
    fe_buddy.free_pages += (uint64_t)1 << order;
    for (; order < FE_PAGE_ORDER_MAX; order++) {
        size_t buddy = (index >> order) ^ 1;
        if (!fe_bitset_has(&fe_buddy.free[order], buddy))
            break;
        fe_bitset_remove(&fe_buddy.free[order], buddy);
        index &= ~((size_t)1 << order);
    }
    fe_bitset_add(&fe_buddy.free[order], index >> order);
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
