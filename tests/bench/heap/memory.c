/*
 * The "physical" memory of the process: a range of addresses, reserved once, from which Linux gives pages as they are
 * touched. The page allocator's metadata for it lies at its low end; being fresh memory it is zero, and is touched only where
 * it is used, so that a short-lived process pays for what it allocates and not for what it could.
 */
#include "host.h"

#include <heap/buddy.h>

#include <sys/mman.h>

uintptr_t fe_host_base;

#define SECTION ((uint64_t)1 << FE_SECTION_SHIFT)
#define RANGE_MOST ((uint64_t)64 << 30)
#define RANGE_LEAST ((uint64_t)256 << 20)

static uint64_t reserve(void) {
    for (uint64_t bytes = RANGE_MOST; bytes >= RANGE_LEAST; bytes /= 2) {
        char *memory =
            mmap(NULL, bytes + SECTION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            continue;
        fe_host_base = ((uintptr_t)memory + SECTION - 1) & ~(uintptr_t)(SECTION - 1);
        return bytes;
    }
    return 0;
}

static void *carve(uint64_t *used, uint64_t bytes) {
    void *memory = fe_direct(*used);
    *used = (*used + bytes + FE_CACHE_LINE - 1) & ~(uint64_t)(FE_CACHE_LINE - 1);
    return memory;
}

bool fe_host_memory_init(struct fe_heap_core *first) {
    uint64_t bytes = reserve(), used = 0;
    if (bytes == 0)
        return false;
    size_t places = (size_t)(bytes / SECTION);
    fe_buddy.first_section = 0;
    fe_buddy.sections = fe_buddy.places = places;
    fe_buddy.place = carve(&used, places * sizeof(*fe_buddy.place));
    fe_buddy.section_at = carve(&used, places * sizeof(*fe_buddy.section_at));
    for (size_t n = 0; n < places; n++)
        fe_buddy.place[n] = fe_buddy.section_at[n] = (uint32_t)n;
    size_t fresh = (places + 63) / 64 * sizeof(*fe_buddy.fresh);
    fe_buddy.fresh = carve(&used, fresh);
    __builtin_memset(fe_buddy.fresh, 0xff, fresh);
    for (unsigned order = 0; order <= FE_PAGE_ORDER_MAX; order++) {
        size_t bits = (places * FE_SECTION_PAGES) >> order;
        fe_bitset_place(&fe_buddy.free[order], bits, carve(&used, fe_bitset_words(bits) * sizeof(uint64_t)));
        fe_buddy.lowest[order] = FE_PAGE_INDEX_NONE;
    }
    fe_buddy.state = carve(&used, places * FE_SECTION_PAGES);
    size_t taken = (size_t)((used + FE_PAGE_SIZE - 1) >> FE_PAGE_SHIFT);
    fe_buddy_add(taken, places * FE_SECTION_PAGES - taken);
    (void)first;
    return true;
}
