/*
 * Setting up the page allocator: from the machine's ranges to sections, metadata and free blocks.
 *
 * Whatever the ranges look like, what comes out is sound: they are cut to whole pages inwards (and reserved ones
 * outwards), a range that starts below the end of the one before it counts only from there, and page 0 is left out.
 */
#include "buddy.h"
#include "core.h"

#include <ferrite/panic.h>

#define MEBIBYTE (UINT64_C(1) << 20)

struct pieces {
    struct fe_memory_range range[2 * FE_PAGE_RANGES_MAX + 1];
    size_t count;
};

/* What may be given out: RAM less reserved, page-aligned, sorted. Needed until fe_page_late. */
FE_BOOT_MEMORY static struct pieces usable;
/* The part of it that fe_page_init has given out. */
static uint64_t early_base, early_end;

static uint64_t page_up(uint64_t address) {
    uint64_t up = (address + FE_PAGE_SIZE - 1) & ~(uint64_t)(FE_PAGE_SIZE - 1);
    return up < address ? UINT64_MAX & ~(uint64_t)(FE_PAGE_SIZE - 1) : up;
}

static uint64_t page_down(uint64_t address) {
    return address & ~(uint64_t)(FE_PAGE_SIZE - 1);
}

static uint64_t end_of(const struct fe_memory_range *range) {
    return range->base + range->bytes < range->base ? UINT64_MAX : range->base + range->bytes;
}

static void add_piece(struct pieces *pieces, uint64_t base, uint64_t end) {
    if (base < end && pieces->count < FE_ARRAY_LENGTH(pieces->range))
        pieces->range[pieces->count++] = (struct fe_memory_range){base, end - base};
}

/* The reserved range that ends after `from` and starts first; NULL if there is none. */
static const struct fe_memory_range *next_reserved(const struct fe_memory_range *reserved, size_t count, uint64_t from) {
    const struct fe_memory_range *next = NULL;
    for (size_t n = 0; n < count; n++)
        if (reserved[n].bytes != 0 && page_up(end_of(&reserved[n])) > from &&
            (next == NULL || reserved[n].base < next->base))
            next = &reserved[n];
    return next;
}

/* usable = ram - reserved. Each ram range and each reserved range adds at most one piece, and reserve_end
 * one more, so they fit. */
static void find_usable(const struct fe_memory_range *ram, size_t ram_count, const struct fe_memory_range *reserved,
                        size_t reserved_count) {
    uint64_t from = FE_PAGE_SIZE;
    usable.count = 0;
    for (size_t n = 0; n < ram_count; n++) {
        uint64_t base = page_up(ram[n].base), end = page_down(end_of(&ram[n]));
        from = base > from ? base : from;
        while (from < end) {
            const struct fe_memory_range *hole = next_reserved(reserved, reserved_count, from);
            if (hole == NULL || hole->base >= end) {
                add_piece(&usable, from, end);
                from = end;
                break;
            }
            add_piece(&usable, from, page_down(hole->base));
            from = page_up(end_of(hole));
        }
    }
}

/* Cuts [base, end) out of the usable piece that holds it, at its end. */
static void reserve_end(struct fe_memory_range *piece, uint64_t end, uint64_t bytes) {
    uint64_t piece_end = end_of(piece);
    piece->bytes = end - bytes - piece->base;
    add_piece(&usable, end, piece_end); /* not in order any more: nothing below needs that */
}

/* The part of a range that lies within [base, end). */
static struct fe_memory_range within(const struct fe_memory_range *range, uint64_t base, uint64_t end) {
    uint64_t low = range->base > base ? range->base : base;
    uint64_t high = end_of(range) < end ? end_of(range) : end;
    return (struct fe_memory_range){low, low < high ? high - low : 0};
}

struct plan {
    uint64_t bytes, place_bytes, section_bytes, fresh_bytes, state_bytes;
    uint64_t heap_at; /* offset of the boot core's struct fe_heap_core */
    size_t words[FE_PAGE_ORDER_MAX + 1];
};

/* How much metadata `sections` sections need, of which `places` have RAM. */
static struct plan plan_metadata(uint64_t sections, size_t places) {
    struct plan plan = {0};
    plan.place_bytes = (sections * sizeof(uint32_t) + 7) & ~UINT64_C(7);
    plan.section_bytes = (places * sizeof(uint32_t) + 7) & ~UINT64_C(7);
    plan.fresh_bytes = (places + 63) / 64 * sizeof(uint64_t);
    plan.state_bytes = places * FE_SECTION_PAGES;
    plan.bytes = plan.place_bytes + plan.section_bytes + plan.fresh_bytes + plan.state_bytes;
    for (unsigned order = 0; order <= FE_PAGE_ORDER_MAX; order++) {
        plan.words[order] = fe_bitset_words((places * FE_SECTION_PAGES) >> order);
        plan.bytes += plan.words[order] * sizeof(uint64_t);
    }
    plan.heap_at = (plan.bytes + FE_CACHE_LINE - 1) & ~(uint64_t)(FE_CACHE_LINE - 1);
    plan.bytes = page_up(plan.heap_at + sizeof(struct fe_heap_core));
    return plan;
}

/* Numbers the sections that hold usable memory; with table == NULL only counts them. */
static size_t number_sections(uint32_t *place, uint32_t *section_at) {
    size_t places = 0;
    uint64_t next = 0; /* the first section not numbered yet */
    for (size_t n = 0; n < usable.count; n++) {
        uint64_t section = usable.range[n].base >> FE_SECTION_SHIFT;
        uint64_t last = (end_of(&usable.range[n]) - 1) >> FE_SECTION_SHIFT;
        section = section > next ? section : next;
        if (place == NULL && section <= last)
            places += last + 1 - section;
        else
            for (; section <= last; section++, places++) {
                place[section - fe_buddy.first_section] = (uint32_t)places;
                section_at[places] = (uint32_t)(section - fe_buddy.first_section);
            }
        next = last + 1 > next ? last + 1 : next;
    }
    return places;
}

/* All sections are fresh: what describes their pages, nearly all of the metadata, is left as it is. */
static void place_metadata(const struct plan *plan, uint64_t physical, size_t places) {
    char *start = fe_direct(physical), *memory = start;
    fe_buddy.place = (uint32_t *)(void *)memory;
    __builtin_memset(memory, 0xff, plan->place_bytes);
    memory += plan->place_bytes;
    fe_buddy.section_at = (uint32_t *)(void *)memory;
    memory += plan->section_bytes;
    fe_buddy.fresh = (uint64_t *)(void *)memory;
    __builtin_memset(memory, 0xff, plan->fresh_bytes);
    memory += plan->fresh_bytes;
    for (unsigned order = 0; order <= FE_PAGE_ORDER_MAX; order++) {
        size_t blocks = (places * FE_SECTION_PAGES) >> order, bytes = plan->words[order] * sizeof(uint64_t);
        size_t undefined = order <= FE_PAGE_WORDS_ORDER ? blocks / 8 : 0;
        fe_bitset_place(&fe_buddy.free[order], blocks, (uint64_t *)(void *)memory);
        __builtin_memset(memory + undefined, 0, bytes - undefined);
        fe_buddy.lowest[order] = FE_PAGE_INDEX_NONE;
        memory += bytes;
    }
    fe_buddy.state = (uint8_t *)memory;
    fe_buddy.places = places;
    __builtin_memset(start + plan->heap_at, 0, sizeof(struct fe_heap_core));
}

/* Gives the usable memory that lies (`inside`) or does not lie in the early range to the buddy. */
static void add_usable(bool inside) {
    for (size_t n = 0; n < usable.count; n++) {
        struct fe_memory_range early = within(&usable.range[n], early_base, early_end);
        struct fe_memory_range part[2] = {early, {0, 0}};
        if (!inside) {
            part[0] = within(&usable.range[n], 0, early_base);
            part[1] = within(&usable.range[n], early_end, UINT64_MAX);
        }
        for (unsigned k = 0; k < 2; k++) /* in one: the sections of a range have neighbouring places */
            if (part[k].bytes > 0)
                fe_buddy_add(fe_buddy_index(part[k].base), part[k].bytes >> FE_PAGE_SHIFT);
    }
}

static uint64_t total_of(const struct fe_memory_range *ranges, size_t count) {
    uint64_t bytes = 0;
    for (size_t n = 0; n < count; n++)
        bytes += ranges[n].bytes;
    return bytes;
}

fe_status fe_page_init(const struct fe_memory_range *ram, size_t ram_count, const struct fe_memory_range *reserved,
                       size_t reserved_count, uint64_t early_from, uint64_t early_to, uint64_t *needed) {
    *needed = FE_PAGE_MACHINE_LEAST;
    if (early_from >= early_to || ram_count > FE_PAGE_RANGES_MAX || reserved_count > FE_PAGE_RANGES_MAX)
        return FE_EINVAL;
    early_base = page_up(early_from);
    early_end = page_down(early_to);
    find_usable(ram, ram_count, reserved, reserved_count);

    uint64_t have = total_of(ram, ram_count), free = total_of(usable.range, usable.count);
    if (usable.count == 0 || have + FE_PAGE_FIRMWARE_MOST < FE_PAGE_MACHINE_LEAST)
        return FE_ENOMEM;

    uint64_t top = end_of(&usable.range[usable.count - 1]);
    fe_buddy.first_section = usable.range[0].base >> FE_SECTION_SHIFT;
    fe_buddy.sections = ((top - 1) >> FE_SECTION_SHIFT) + 1 - fe_buddy.first_section;
    size_t places = number_sections(NULL, NULL);
    struct plan plan = plan_metadata(fe_buddy.sections, places);

    struct fe_memory_range *best = NULL, best_part = {0, 0};
    for (size_t n = 0; n < usable.count; n++) {
        struct fe_memory_range part = within(&usable.range[n], early_base, early_end);
        if (part.bytes > best_part.bytes) {
            best = &usable.range[n];
            best_part = part;
        }
    }
    if (best == NULL || best_part.bytes < plan.bytes || free < plan.bytes + FE_PAGE_FREE_LEAST) {
        /* What is in use stays so; the rest must hold the metadata and leave the least that must be free. */
        uint64_t least = (have - free) + plan.bytes + FE_PAGE_FREE_LEAST;
        least = (least + MEBIBYTE - 1) / MEBIBYTE * MEBIBYTE;
        if (least <= have)
            least = have + plan.bytes;
        *needed = least > *needed ? least : *needed;
        return FE_ENOMEM;
    }

    uint64_t metadata = best_part.base + best_part.bytes - plan.bytes;
    place_metadata(&plan, metadata, places);
    number_sections(fe_buddy.place, fe_buddy.section_at);
    reserve_end(best, metadata + plan.bytes, plan.bytes);

    fe_spinlock_acquire(&fe_buddy.lock);
    fe_buddy.free_pages = fe_buddy.total_pages = 0;
    add_usable(true);
    fe_spinlock_release(&fe_buddy.lock);
    fe_heap_boot_core_init(fe_direct(metadata + plan.heap_at));
    return FE_OK;
}

void fe_page_late(void) {
    fe_spinlock_acquire(&fe_buddy.lock);
    add_usable(false);
    fe_spinlock_release(&fe_buddy.lock);
    early_base = 0;
    early_end = UINT64_MAX;
}

void fe_page_add(uint64_t base, uint64_t bytes) {
    fe_check(((base | bytes) & (FE_PAGE_SIZE - 1)) == 0);
    fe_spinlock_acquire(&fe_buddy.lock);
    /* Section by section: not each need have a place. */
    for (uint64_t at = base, end = base + bytes; at < end;) {
        uint64_t next = ((at >> FE_SECTION_SHIFT) + 1) << FE_SECTION_SHIFT;
        next = next < end ? next : end;
        size_t index = fe_buddy_index(at);
        if (index != FE_PAGE_INDEX_NONE)
            fe_buddy_add(index, (next - at) >> FE_PAGE_SHIFT);
        at = next;
    }
    fe_spinlock_release(&fe_buddy.lock);
}
