/*
 * Local heaps: pages, pools, allocation, and the end. The layout is in local.h, collection in collector.c.
 *
 * A pool has slots of one size at hand; when it has none, a page that has some gives them: all of them while no
 * collection is under way, BATCH otherwise, and each time the collector does a step. So the fast path has no
 * counter for the collector, and still no allocation does much.
 *
 * Whether an arbitrary word points to a box is asked of the exchange heap's map: the block that it points into is ours if
 * it begins as a page does. So there is no table of pages, which would have to grow at some allocation.
 *
 * Rejected: reference counts (cycles, and a cost on every copy of a pointer); bump allocation and copying (boxes on a
 * conservative stack cannot move); marks beside the boxes (a second line to touch, where the state word is at hand).
 */
#include "local.h"

#include "internal.h"

struct fe_local fe_local_none;

#define BATCH 16u

static struct fe_local_pool *pool_at(struct fe_local *heap, size_t offset) {
    return (struct fe_local_pool *)(void *)((char *)heap + offset);
}

struct fe_local *fe_local_create(void (*roots)(struct fe_local *heap, void *argument), void *argument) {
    struct fe_local *heap = fe_heap_try_alloc_zeroed(1, sizeof(*heap));
    if (heap == NULL)
        return NULL;
    heap->colour = FE_LOCAL_EVEN;
    heap->white = FE_LOCAL_NO_COLOUR;
    heap->gray = FE_LOCAL_GRAY_END;
    heap->lowest = UINTPTR_MAX;
    heap->threshold = FE_LOCAL_THRESHOLD_LEAST;
    heap->held = sizeof(*heap);
    heap->roots = roots;
    heap->argument = argument;
    return heap;
}

/* Pages ----------------------------------------------------------------------------------------------------------- */

void fe_local_open(struct fe_local *heap, struct fe_local_page *page) {
    if (page->entered != NULL)
        return;
    struct fe_local_pool *pool = pool_at(heap, page->pool);
    page->open = pool->open;
    page->entered = &pool->open;
    if (page->open != NULL)
        page->open->entered = &page->open;
    pool->open = page;
}

void fe_local_close(struct fe_local_page *page) {
    if (page->entered == NULL)
        return;
    *page->entered = page->open;
    if (page->open != NULL)
        page->open->entered = page->entered;
    page->entered = NULL;
}

static size_t page_bytes(const struct fe_local_page *page) {
    return page->slots == 1 ? sizeof(*page) + page->slot_bytes : FE_LOCAL_PAGE;
}

/* A page of slots of `slot_bytes` each, as many as go into `bytes`; NULL: no memory. */
static struct fe_local_page *make_page(struct fe_local *heap, size_t bytes, size_t slot_bytes, size_t pool) {
    struct fe_local_page *page = fe_heap_try_alloc(bytes);
    if (page == NULL)
        return NULL;
    *page = (struct fe_local_page){
        .heap = heap,
        .mark = FE_LOCAL_MARK ^ (uintptr_t)page,
        .next = heap->pages,
        .slot_bytes = (uint32_t)slot_bytes,
        .slots = (uint16_t)((bytes - sizeof(*page)) / slot_bytes),
        .pool = (uint16_t)pool,
        .finalized = pool >= 16 * FE_LOCAL_POOLS,
    };
    /* Between two pages the collector may be about to look at the first one. */
    if (heap->cursor == &heap->pages && heap->pages != NULL)
        heap->cursor = &page->next;
    heap->pages = page;
    heap->held += page_bytes(page);
    if (page->finalized)
        heap->has_finalizers = true;
    if ((uintptr_t)page < heap->lowest)
        heap->lowest = (uintptr_t)page;
    if ((uintptr_t)page + bytes > heap->highest)
        heap->highest = (uintptr_t)page + bytes;
    return page;
}

/* Gives back the page that *link points to. */
void fe_local_page_free(struct fe_local *heap, struct fe_local_page **link) {
    struct fe_local_page *page = *link;
    *link = page->next;
    fe_local_close(page);
    page->mark = 0;
    heap->held -= page_bytes(page);
    fe_heap_free(page);
}

/* Allocation ------------------------------------------------------------------------------------------------------ */

/* Takes at most `most` slots out of the page to the front of `pool`; returns how many. */
static unsigned hand_over(struct fe_local_page *page, struct fe_local_pool *pool, unsigned most) {
    struct fe_local_box *list = pool->free;
    unsigned count = 0, fresh = page->slots - page->carved;
    while (page->free != NULL && count < most) {
        struct fe_local_box *slot = page->free;
        page->free = (struct fe_local_box *)slot->state;
        slot->state = (uintptr_t)list;
        list = slot;
        count++;
    }
    if (fresh > most - count)
        fresh = most - count;
    /* Backwards, so that they are taken in the order of their addresses. */
    struct fe_local_box *first = fe_local_slot(page, page->carved), *slot = fe_local_slot(page, page->carved + fresh);
    while (slot > first) {
        slot = (struct fe_local_box *)(void *)((char *)slot - page->slot_bytes);
        *slot = (struct fe_local_box){NULL, (uintptr_t)list};
        list = slot;
    }
    pool->free = list;
    page->carved = (uint16_t)(page->carved + fresh);
    page->used = (uint16_t)(page->used + count + fresh);
    if (page->free == NULL && page->carved == page->slots)
        fe_local_close(page);
    return count + fresh;
}

/* Leaves the pool as it is if there is no memory. */
static void refill(struct fe_local *heap, struct fe_local_pool *pool) {
    struct fe_local_page *page = pool->open;
    if (page == NULL) {
        size_t offset = (size_t)((char *)pool - (char *)heap);
        size_t slot_bytes = offset % (16 * FE_LOCAL_POOLS) + sizeof(struct fe_local_box);
        page = make_page(heap, FE_LOCAL_PAGE, slot_bytes, offset);
        if (page == NULL)
            return;
        fe_local_open(heap, page);
    }
    unsigned count = hand_over(page, pool, heap->phase == FE_LOCAL_IDLE ? UINT16_MAX : BATCH);
    heap->since += (uint64_t)count * page->slot_bytes;
    heap->handed += count;
}

static struct fe_local_box *take_small(struct fe_local *heap, size_t offset) {
    struct fe_local_pool *pool = pool_at(heap, offset);
    if (pool->free == NULL)
        refill(heap, pool);
    struct fe_local_box *box = pool->free;
    if (box != NULL)
        pool->free = (struct fe_local_box *)box->state;
    return box;
}

static struct fe_local_box *take_large(struct fe_local *heap, size_t bytes, size_t offset) {
    size_t slot_bytes = sizeof(struct fe_local_box) + bytes;
    struct fe_local_page *page = make_page(heap, sizeof(*page) + slot_bytes, slot_bytes, offset);
    if (page == NULL)
        return NULL;
    page->carved = page->used = 1;
    heap->since += slot_bytes;
    heap->handed++;
    return fe_local_slot(page, 0);
}

static struct fe_local_box *take(struct fe_local *heap, size_t bytes, bool finalized) {
    size_t offset = FE_LOCAL_POOL(bytes, finalized);
    return bytes <= FE_LOCAL_SMALL ? take_small(heap, offset) : take_large(heap, bytes, offset);
}

void *fe_local_make(struct fe_local *heap, const struct fe_local_type *type, size_t bytes) {
    if (bytes == 0 || bytes > FE_LOCAL_BOX_MAX || heap->ended)
        return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    bool finalized = type->finalize != NULL;
    if (bytes > FE_LOCAL_SMALL || pool_at(heap, FE_LOCAL_POOL(bytes, finalized))->free == NULL)
        fe_local_step(heap);
    struct fe_local_box *box = take(heap, bytes, finalized);
    if (box == NULL && !heap->busy) {
        fe_local_collect_all(heap);
        box = take(heap, bytes, finalized);
    }
    if (box == NULL)
        return NULL;
    box->type = type;
    box->state = heap->colour;
    __builtin_memset(box + 1, 0, bytes);
    return box + 1;
}

/* Which box ------------------------------------------------------------------------------------------------------- */

/* A stack that is scanned may hold the address of any block, which another core is writing: its words are only compared. */
FE_GLANCE struct fe_local_box *fe_local_find(const struct fe_local *heap, uintptr_t address) {
    struct fe_heap_place place = fe_heap_find((const void *)address);
    if (place.state == NULL || fe_slot_state(place.state) != FE_SLOT_LIVE)
        return NULL;
    struct fe_local_page *page = place.start; /* it may be anybody's: only the words that tell are looked at first */
    if (place.size < sizeof(*page) || page->mark != (FE_LOCAL_MARK ^ (uintptr_t)page) ||
        (heap != NULL && page->heap != heap))
        return NULL;
    size_t offset = address - (uintptr_t)(page + 1);
    if (address < (uintptr_t)(page + 1) || offset / page->slot_bytes >= page->carved)
        return NULL;
    struct fe_local_box *box = fe_local_slot(page, (unsigned)(offset / page->slot_bytes));
    return box->type != NULL ? box : NULL;
}

bool fe_local_is_box(const void *pointer, const char **name) {
    struct fe_local_box *box = fe_local_find(NULL, (uintptr_t)pointer);
    if (box == NULL || (const void *)(box + 1) != pointer)
        return false;
    if (name != NULL)
        *name = box->type->name;
    return true;
}

/* Figures and the end --------------------------------------------------------------------------------------------- */

static uint64_t at_hand(const struct fe_local *heap) {
    uint64_t count = 0;
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(heap->pools); i++) {
        for (const struct fe_local_box *box = heap->pools[i].free; box != NULL; box = (struct fe_local_box *)box->state)
            count++;
    }
    return count;
}

void fe_local_figures(const struct fe_local *heap, struct fe_local_statistics *statistics) {
    uint64_t allocations = heap->handed - at_hand(heap);
    *statistics = (struct fe_local_statistics){
        .allocations = allocations,
        .frees = heap->frees,
        .finalized = heap->finalized,
        .live_boxes = allocations - heap->frees,
        .collections = heap->collections,
        .held_bytes = heap->held,
    };
}

static void finalize_page(struct fe_local *heap, struct fe_local_page *page) {
    for (unsigned i = 0; i < page->carved; i++) {
        struct fe_local_box *box = fe_local_slot(page, i);
        if (box->type == NULL || box->state == FE_LOCAL_DOOMED)
            continue;
        box->state = FE_LOCAL_DOOMED; /* before the call, which may not return */
        heap->finalized++;
        box->type->finalize(box + 1);
    }
}

void fe_local_annihilate(struct fe_local *heap) {
    heap->ended = true;
    heap->phase = FE_LOCAL_IDLE;
    heap->cursor = NULL;
    heap->white = FE_LOCAL_NO_COLOUR;
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(heap->pools); i++)
        heap->pools[i] = (struct fe_local_pool){NULL, NULL};
    for (struct fe_local_page *page = heap->pages; page != NULL; page = page->next) {
        page->entered = NULL;
        if (page->finalized)
            finalize_page(heap, page);
    }
    while (heap->pages != NULL)
        fe_local_page_free(heap, &heap->pages);
    fe_heap_free(heap);
}
