/*
 * The buddy allocator behind page.h, over page indices. Its invariants:
 *
 *   - Index space is RAM without its holes: physical addresses are cut into sections of 4 MiB, and each section that
 *     has RAM has a place among the indices. A buddy never reaches over a section, so index arithmetic is address
 *     arithmetic.
 *   - free[o] holds the free blocks of order o, by index >> o. A page is in at most one free block; two free buddies of
 *     one order exist only at the largest order.
 *   - state[index] is FE_PAGE_HELD | o at the first page of a block that was given out, FE_PAGE_NEXT | o at the first
 *     page of each further block of a run, FE_PAGE_CACHED for a page in a core's cache, and 0 for all others. So what
 *     is freed can be checked exactly, and no free page is ever read or written: they need not even be mapped.
 *
 * What describes a section's pages (its `state`, and its words in free[0] to free[FE_PAGE_WORDS_ORDER]) is undefined while
 * the section is in `fresh`: never yet used, and either free as a whole or not given to the allocator. So booting does not cost the
 * more the more memory there is.
 *
 * The lowest free block is always taken, whatever its order: so what is in use stays together at the low end, long runs
 * stay whole at the high one, and what is sized by the highest address in use (the exchange heap's map) stays small.
 *
 * Rejected: lists threaded through the free pages (they touch a cold line a step, trust memory that a wild write may
 * have changed, and need the memory mapped); one flat map by physical address (gigabytes of it on machines with RAM far
 * up).
 */
#ifndef FERRITE_HEAP_BUDDY_H
#define FERRITE_HEAP_BUDDY_H

#include "bitset.h"
#include "page.h"
#include "spinlock.h"

#define FE_SECTION_SHIFT (FE_PAGE_SHIFT + FE_PAGE_ORDER_MAX)
#define FE_SECTION_PAGES ((size_t)1 << FE_PAGE_ORDER_MAX)
#define FE_SECTION_NONE UINT32_MAX

#define FE_PAGE_HELD 0x40
#define FE_PAGE_NEXT 0x80
#define FE_PAGE_CACHED 0x20

#define FE_PAGE_INDEX_NONE SIZE_MAX

/* Up to this order a section has whole words of a free set: 64 blocks or more. */
#define FE_PAGE_WORDS_ORDER (FE_PAGE_ORDER_MAX - 6)

struct fe_buddy {
    /* Immutable after fe_page_init. */
    uint64_t first_section; /* number of the lowest section with RAM */
    uint64_t sections;      /* from it to the highest, holes included */
    uint32_t *place;        /* [sections]: its place among the indices, or FE_SECTION_NONE */
    uint32_t *section_at;   /* [places]: the other way round, relative to first_section */
    size_t places;

    /* A byte belongs to whoever holds the page that it describes; of free pages, to the holder of the lock. Undefined in fresh
     * sections: a page that was never given out, freed by mistake, may then pass for one that was. */
    uint8_t *state;

    /* Under the lock. */
    struct fe_spinlock lock __attribute__((aligned(FE_CACHE_LINE)));
    struct fe_bitset free[FE_PAGE_ORDER_MAX + 1];
    uint64_t *fresh;                      /* a bit for each place: sections that were never used */
    size_t lowest[FE_PAGE_ORDER_MAX + 1]; /* index of the first page of free's least member, or FE_PAGE_INDEX_NONE */
    uint32_t stale;       /* bit per order: its lowest has been taken, and is looked for when next asked for */
    uint64_t free_pages;  /* written under the lock, read by anyone */
    uint64_t total_pages; /* the same */

    bool wanted; /* any core, atomic: somebody has asked in vain, and more may come */
};
extern struct fe_buddy fe_buddy;

/* The index of the page at `page`, or FE_PAGE_INDEX_NONE where there is no RAM. */
static inline size_t fe_buddy_index(uint64_t page) {
    uint64_t section = (page >> FE_SECTION_SHIFT) - fe_buddy.first_section;
    if (FE_UNLIKELY(section >= fe_buddy.sections))
        return FE_PAGE_INDEX_NONE;
    uint32_t place = fe_buddy.place[section];
    if (FE_UNLIKELY(place == FE_SECTION_NONE))
        return FE_PAGE_INDEX_NONE;
    return (size_t)place * FE_SECTION_PAGES + ((page >> FE_PAGE_SHIFT) & (FE_SECTION_PAGES - 1));
}

static inline uint64_t fe_buddy_address(size_t index) {
    uint64_t section = fe_buddy.first_section + fe_buddy.section_at[index / FE_SECTION_PAGES];
    return section << FE_SECTION_SHIFT | (uint64_t)(index % FE_SECTION_PAGES) << FE_PAGE_SHIFT;
}

static inline bool fe_buddy_is_fresh(size_t index) {
    size_t place = index / FE_SECTION_PAGES;
    return fe_buddy.fresh[place / 64] >> (place % 64) & 1;
}

/* All of these under the lock. */

/* Takes the lowest block of at least the order `least`, cut down to the order `*most`, or FE_PAGE_INDEX_NONE; *most
 * becomes the order that it has. Does not set its state. */
size_t fe_buddy_take(unsigned least, unsigned *most);
/* Takes 2^FE_PAGE_ORDER_MAX * `blocks` pages in a row, aligned to one block. */
size_t fe_buddy_take_blocks(size_t blocks);
/* Returns a block, joined with its free buddies. Its state must be cleared already. */
void fe_buddy_give(size_t index, unsigned order);
/* Whether the page is part of a free block. */
bool fe_buddy_is_free(size_t index);
/* Gives the pages of [index, index + pages), none of them in it, to the allocator for the first time. */
void fe_buddy_add(size_t index, size_t pages);

/* The order of the longest block that starts at index and fits `pages`. */
static inline unsigned fe_buddy_order_at(size_t index, size_t pages) {
    unsigned order = index == 0 ? FE_PAGE_ORDER_MAX : (unsigned)__builtin_ctzll(index);
    unsigned fits = 63 - (unsigned)__builtin_clzll(pages);
    order = order < fits ? order : fits;
    return order < FE_PAGE_ORDER_MAX ? order : FE_PAGE_ORDER_MAX;
}

#endif
