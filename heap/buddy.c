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

/* The section that `index` is in is about to be used. */
static void begin_section(size_t index) {
    size_t place = index / FE_SECTION_PAGES, first = place * FE_SECTION_PAGES;
    if (FE_LIKELY(!fe_buddy_is_fresh(index)))
        return;
    fe_buddy.fresh[place / 64] &= ~(UINT64_C(1) << (place % 64));
    __builtin_memset(fe_buddy.state + first, 0, FE_SECTION_PAGES);
    for (unsigned order = 0; order <= FE_PAGE_WORDS_ORDER; order++)
        __builtin_memset(&fe_buddy.free[order].level[0][(first >> order) / 64], 0, (FE_SECTION_PAGES >> order) / 8);
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

/* Relaxed: read as a figure without the lock. */
static inline void count_free(uint64_t more) {
    __atomic_store_n(&fe_buddy.free_pages, fe_buddy.free_pages + more, __ATOMIC_RELAXED);
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
    begin_section(index);
    while (have > *most) {
        have--;
        put(have, index + ((size_t)1 << have));
    }
    *most = have;
    count_free(-((uint64_t)1 << have));
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
        for (size_t n = first; n <= block; n++) {
            drop(FE_PAGE_ORDER_MAX, n << FE_PAGE_ORDER_MAX);
            begin_section(n << FE_PAGE_ORDER_MAX);
        }
        count_free(-((uint64_t)blocks << FE_PAGE_ORDER_MAX));
        return first << FE_PAGE_ORDER_MAX;
    }
    return FE_PAGE_INDEX_NONE;
}

void fe_buddy_give(size_t index, unsigned order) {
    count_free((uint64_t)1 << order);
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
    if (fe_buddy_is_fresh(index))
        return fe_bitset_has(&fe_buddy.free[FE_PAGE_ORDER_MAX], index >> FE_PAGE_ORDER_MAX);
    for (unsigned order = 0; order <= FE_PAGE_ORDER_MAX; order++)
        if (fe_bitset_has(&fe_buddy.free[order], index >> order))
            return true;
    return false;
}

/* A part of a section. */
static void add_part(size_t index, size_t pages) {
    if (pages > 0)
        begin_section(index);
    while (pages > 0) {
        unsigned order = fe_buddy_order_at(index, pages);
        fe_buddy_give(index, order);
        index += (size_t)1 << order;
        pages -= (size_t)1 << order;
    }
}

void fe_buddy_add(size_t index, size_t pages) {
    fe_buddy.total_pages += pages;
    size_t before = (FE_SECTION_PAGES - index % FE_SECTION_PAGES) % FE_SECTION_PAGES;
    before = before < pages ? before : pages;
    add_part(index, before);
    index += before;
    pages -= before;
    size_t whole = pages / FE_SECTION_PAGES;
    if (whole > 0) {
        fe_bitset_add_run(&fe_buddy.free[FE_PAGE_ORDER_MAX], index >> FE_PAGE_ORDER_MAX, whole);
        if (index < fe_buddy.lowest[FE_PAGE_ORDER_MAX])
            fe_buddy.lowest[FE_PAGE_ORDER_MAX] = index;
        count_free(whole * FE_SECTION_PAGES);
    }
    add_part(index + whole * FE_SECTION_PAGES, pages % FE_SECTION_PAGES);
}
