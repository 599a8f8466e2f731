/*
 * Allocation sites, in checked builds only: the return address of each allocation, out of line, so that a leak report
 * can say where. A word a slot, kept as long as the slab.
 */
#include "internal.h"

#ifdef FE_CHECKED
#include "page.h"

static unsigned order_for(size_t bytes) {
    unsigned order = 0;
    while ((FE_PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

bool fe_site_prepare(struct fe_span *span) {
    size_t bytes = span->count * sizeof(*span->site);
    if (bytes <= FE_METADATA_MOST) {
        span->site = fe_metadata_alloc(bytes);
        return span->site != NULL;
    }
    uint64_t page = fe_page_alloc(order_for(bytes));
    if (page == 0)
        return false;
    span->site = fe_direct(page);
    fe_heap_grants.metadata_pages += (uint64_t)1 << order_for(bytes);
    return true;
}

void fe_site_release(struct fe_span *span) {
    size_t bytes = span->count * sizeof(*span->site);
    if (bytes <= FE_METADATA_MOST) {
        fe_metadata_free(span->site);
        return;
    }
    fe_heap_grants.metadata_pages -= (uint64_t)1 << order_for(bytes);
    fe_page_free(fe_direct_physical(span->site), order_for(bytes));
}

void *fe_site_note(void *block, const void *site) {
    if (block == NULL)
        return NULL;
    struct fe_heap_place place = fe_heap_find(block);
    if (place.span->kind == FE_SPAN_LARGE)
        place.span->site_of_large = site;
    else
        place.span->site[place.state - place.span->state] = site;
    return block;
}

const void *fe_site_of(const struct fe_span *span, uint32_t slot) {
    return span->kind == FE_SPAN_LARGE ? span->site_of_large : span->site[slot];
}
#endif
