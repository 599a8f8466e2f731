/*
 * The map from chunks to spans (span.h). Made at the first grant, from pages; never given back.
 */
#include "internal.h"
#include "page.h"

struct fe_heap_map fe_heap_map;
struct fe_span fe_span_none = {.kind = FE_SPAN_NONE};
struct fe_span fe_span_freed = {.kind = FE_SPAN_FREED};

/* On a machine with holes so large that the map would take more than a hundredth of its memory, the heap uses only what
 * lies within this many times its memory from the lowest page. */
#define SPREAD_MOST 20

static fe_status make_map(void) {
    struct fe_page_statistics statistics;
    uint64_t base, end;
    fe_page_statistics(&statistics);
    fe_page_extent(&base, &end);
    uint64_t spread = statistics.total_pages * FE_PAGE_SIZE * SPREAD_MOST;
    uint64_t bytes = end - base < spread ? end - base : spread;
    size_t capacity = (size_t)(bytes >> FE_CHUNK_SHIFT) & ~(size_t)7;
    size_t pages = (capacity * sizeof(struct fe_span *) + FE_PAGE_SIZE - 1) / FE_PAGE_SIZE;
    uint64_t physical = fe_page_alloc_run(pages);
    if (physical == 0)
        return FE_ENOMEM;
    fe_heap_map.span = fe_direct(physical);
    fe_heap_map.capacity = capacity;
    fe_heap_map.pages = pages;
    fe_heap_map.origin = (uintptr_t)fe_direct(base);
    return FE_OK;
}

/* Says that the chunks from `limit` on are none of ours: to *end, and so much further that eight are written at a time. */
static void extend(size_t limit, size_t *end) {
    struct fe_span **entry = fe_heap_map.span;
    size_t to = (*end + 7) & ~(size_t)7;
    *end = to;
    for (size_t chunk = limit; chunk < to; chunk += 8)
        for (unsigned n = 0; n < 8; n++)
            entry[chunk + n] = &fe_span_none;
}

fe_status fe_span_publish(uintptr_t base, size_t bytes, struct fe_span *span) {
    if (fe_heap_map.span == NULL && make_map() != FE_OK)
        return FE_ENOMEM;
    size_t first = (base - fe_heap_map.origin) >> FE_CHUNK_SHIFT;
    size_t last = (base + bytes - 1 - fe_heap_map.origin) / FE_CHUNK_SIZE + 1, end = last;
    if (last > fe_heap_map.capacity)
        return FE_ENOMEM;
    size_t limit = fe_heap_map.limit;
    if (end > limit)
        extend(limit, &end);
    for (size_t chunk = first; chunk < last; chunk++)
        fe_heap_map.span[chunk] = span;
    /* Release, and no acquire on the fast side, which would cost every free on Arm: who has a block of the new span got
     * it by a hand-over that comes after this, and so sees the entry whatever limit it reads. Only a wild pointer into
     * memory that is being granted at that very moment could, on Arm, meet an entry from before it was filled. */
    if (end > limit)
        __atomic_store_n(&fe_heap_map.limit, end, __ATOMIC_RELEASE);
    return FE_OK;
}
