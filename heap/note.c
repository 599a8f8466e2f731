/*
 * Checked builds only. Notes: what is known of each live block beyond its state, out of line: the place where it was
 * allocated, so that a leak report can say so. Kept as long as the slab. And the quarantine.
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

bool fe_quarantine_enter(struct fe_heap_core *heap, struct fe_slot slot) {
    struct fe_quarantine *quarantine = &heap->quarantine;
    const struct fe_span *slab = fe_span_at(slot.block);
    if (slab->size > fe_heap_state.quarantine)
        return false;
    quarantine->slot[quarantine->tail++ % FE_QUARANTINE_SLOTS] = slot;
    quarantine->bytes += slab->size;
    heap->store[slab->size_class].quarantined++;
    return true;
}

bool fe_quarantine_leave(struct fe_heap_core *heap, bool any, struct fe_slot *slot) {
    struct fe_quarantine *quarantine = &heap->quarantine;
    uint32_t slots = quarantine->tail - quarantine->head;
    bool over = quarantine->bytes > fe_heap_state.quarantine || slots == FE_QUARANTINE_SLOTS;
    if (slots == 0 || (!any && !over))
        return false;
    *slot = quarantine->slot[quarantine->head++ % FE_QUARANTINE_SLOTS];
    const struct fe_span *slab = fe_span_at(slot->block);
    quarantine->bytes -= slab->size;
    heap->store[slab->size_class].quarantined--;
    return true;
}
#endif
