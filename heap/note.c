/*
 * Notes, in checked builds only: what is known of each live block beyond its state, out of line. The place where it was
 * allocated, so that a leak report can say so. Kept as long as the slab.
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

bool fe_note_prepare(struct fe_span *span) {
    size_t bytes = span->count * sizeof(*span->note);
    if (bytes <= FE_METADATA_MOST) {
        span->note = fe_metadata_alloc(bytes);
        return span->note != NULL;
    }
    uint64_t page = fe_page_alloc(order_for(bytes));
    if (page == 0)
        return false;
    span->note = fe_direct(page);
    fe_heap_grants.metadata_pages += (uint64_t)1 << order_for(bytes);
    return true;
}

void fe_note_release(struct fe_span *span) {
    size_t bytes = span->count * sizeof(*span->note);
    if (bytes <= FE_METADATA_MOST) {
        fe_metadata_free(span->note);
        return;
    }
    fe_heap_grants.metadata_pages -= (uint64_t)1 << order_for(bytes);
    fe_page_free(fe_direct_physical(span->note), order_for(bytes));
}

void *fe_note_allocated(void *block, const void *site) {
    if (block == NULL)
        return NULL;
    struct fe_heap_place place = fe_heap_find(block);
    place.span->note[place.state - place.span->state].site = site;
    return block;
}

const void *fe_note_site(const struct fe_span *span, uint32_t slot) {
    return span->note[slot].site;
}
#endif
