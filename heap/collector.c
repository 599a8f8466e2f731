/*
 * The collector of a local heap: incremental mark and sweep, in steps at allocations (local.h has the phases).
 *
 * Marking keeps to a snapshot: what the task could reach when the collection began will be found alive. The stack is
 * looked at once, then, at one go; from there on whatever pointer in a box is overwritten is marked first (fe_local_keep),
 * and new boxes count as marked. So the stack need not be looked at again, a task that works on its stack cannot keep the
 * collection from ending, and stores to the stack cost nothing. What dies meanwhile is found the next time.
 *
 * All finalizers of a collection run before its first box is freed, so that they may look at each other's boxes.
 *
 * Work is counted in units of about ten instructions. A step does FE_STEP of them, for 16 slots given out: 60 boxes or so
 * are traced, or 500 slots swept. So while n live boxes are marked and swept, about n / 2 new ones are made.
 *
 * Rejected: marking what is stored instead of what is overwritten (Dijkstra; the stack would have to be scanned again
 * when all else is done, and again); generations (a card table, and few tasks live long enough); a barrier by page
 * protection (a fault costs more than a thousand barriers, and the direct map has large pages).
 */
#define FE_LENIENT_UNIT "collector"
#include "local.h"

#include <arch/lenient.h>

#include <ferrite/task.h>

#define FE_STEP 512
#define COST_BOX 6 /* and one for each pointer that it shows */
#define COST_FINALIZER 10
#define COST_PAGE 6 /* and one for each slot */

static void shade(struct fe_local *heap, struct fe_local_box *box) {
    box->state = heap->gray;
    heap->gray = (uintptr_t)box;
}

/* Roots ----------------------------------------------------------------------------------------------------------- */

/* Between a stack's variables lie red zones, where AddressSanitizer watches. */
__attribute__((no_sanitize("address"))) void fe_local_scan(struct fe_local *heap, uintptr_t low, uintptr_t high) {
    uintptr_t lowest = heap->lowest, extent = heap->highest - lowest;
    for (const uintptr_t *word = (const uintptr_t *)low; word < (const uintptr_t *)high; word++) {
        if (FE_LIKELY(*word - lowest > extent))
            continue;
        /* One less: then a pointer just behind a box counts, and one to its first byte is in its own header. */
        struct fe_local_box *box = fe_local_find(heap, *word - 1);
        if (box != NULL && box->state == heap->white)
            shade(heap, box);
    }
}

static void begin(struct fe_local *heap) {
    heap->white = heap->dead = heap->colour;
    heap->colour = heap->colour == FE_LOCAL_EVEN ? FE_LOCAL_ODD : FE_LOCAL_EVEN;
    heap->since = 0;
    heap->phase = FE_LOCAL_MARKING; /* edge 1 */
    heap->roots(heap, heap->argument);
}

/* Marking --------------------------------------------------------------------------------------------------------- */

#ifdef FE_CHECKED
/* A box of another heap, or none at all, where one of this heap's was meant. */
static void check_pointer(struct fe_local *heap, const void *box) {
    struct fe_local_box *found = fe_local_find(heap, (uintptr_t)box);
    const char *type = heap->tracing != NULL ? heap->tracing->type->name : "?";
    if (found == NULL || (const void *)(found + 1) != box)
        fe_fail("a box of type '%s' points to %p, which is no live box of the task's", type, box);
}
#endif

FE_LENIENT void fe_local_visit(struct fe_local *heap, const void *box) {
    heap->visits++;
#ifdef FE_CHECKED
    if (box != NULL)
        check_pointer(heap, box);
#endif
    fe_local_keep(heap, box);
}

static void trace(struct fe_local *heap, struct fe_local_box *box) {
    const struct fe_local_type *type = box->type;
    if (type->trace == NULL)
        return;
    heap->tracing = box;
    heap->busy = true;
    type->trace(box + 1, heap);
    heap->busy = false;
    heap->tracing = NULL;
}

#ifdef FE_CHECKED
/* With nothing grey left, no marked box may point to one that is not: nothing is shaded then, and we see. */
static void check_marks(struct fe_local *heap) {
    for (struct fe_local_page *page = heap->pages; page != NULL; page = page->next) {
        for (unsigned i = 0; i < page->carved; i++) {
            struct fe_local_box *box = fe_local_slot(page, i);
            if (box->type == NULL || box->state != heap->colour)
                continue;
            trace(heap, box);
            if (heap->gray != FE_LOCAL_GRAY_END)
                fe_fail("'%s' was stored in '%s' without fe_local_set, or kept elsewhere than in boxes",
                        ((struct fe_local_box *)heap->gray)->type->name, box->type->name);
        }
    }
}
#endif

/* Returns what is left of `units`. */
static int64_t mark(struct fe_local *heap, int64_t units) {
    while (units > 0 && heap->gray != FE_LOCAL_GRAY_END) {
        struct fe_local_box *box = (struct fe_local_box *)heap->gray;
        uint64_t visits = heap->visits;
        heap->gray = box->state;
        box->state = heap->colour;
        trace(heap, box);
        units -= COST_BOX + (int64_t)(heap->visits - visits);
    }
    if (heap->gray != FE_LOCAL_GRAY_END)
        return units;
#ifdef FE_CHECKED
    check_marks(heap);
#endif
    heap->white = FE_LOCAL_NO_COLOUR;
    heap->phase = FE_LOCAL_FINALIZING; /* edge 2 */
    heap->cursor = heap->has_finalizers ? &heap->pages : NULL;
    heap->cursor_slot = 0;
    return units;
}

/* Finalizing and sweeping ----------------------------------------------------------------------------------------- */

/* On through the page at the cursor; true when it is done. */
static bool finalize_some(struct fe_local *heap, struct fe_local_page *page, int64_t *units) {
    while (heap->cursor_slot < page->carved) {
        if (*units <= 0)
            return false;
        struct fe_local_box *box = fe_local_slot(page, heap->cursor_slot++);
        *units -= 1;
        if (box->type == NULL || box->state != heap->dead)
            continue;
        *units -= COST_FINALIZER;
        box->state = FE_LOCAL_DOOMED; /* before the call, which may not return */
        heap->finalized++;
        heap->busy = true;
        box->type->finalize(box + 1);
        heap->busy = false;
    }
    heap->cursor_slot = 0;
    return true;
}

static int64_t finalize(struct fe_local *heap, int64_t units) {
    while (heap->cursor != NULL && *heap->cursor != NULL) {
        struct fe_local_page *page = *heap->cursor;
        if (units <= 0 || (page->finalized && !finalize_some(heap, page, &units)))
            return units;
        units -= 1;
        heap->cursor = &page->next;
    }
    heap->phase = FE_LOCAL_SWEEPING; /* edge 3 */
    heap->cursor = &heap->pages;
    heap->surviving = 0;
    return units;
}

static void sweep_page(struct fe_local *heap, struct fe_local_page *page) {
    struct fe_local_box *free = page->free;
    unsigned freed = 0, slot_bytes = page->slot_bytes;
    uintptr_t dead = heap->dead;
    struct fe_local_box *box = fe_local_slot(page, 0), *end = fe_local_slot(page, page->carved);
    for (; box < end; box = (struct fe_local_box *)(void *)((char *)box + slot_bytes)) {
        if (box->type == NULL || (box->state != dead && box->state != FE_LOCAL_DOOMED))
            continue;
        box->type = NULL;
        box->state = (uintptr_t)free;
        free = box;
        freed++;
    }
    page->free = free;
    page->used = (uint16_t)(page->used - freed);
    heap->frees += freed;
    heap->surviving += (uint64_t)page->used * slot_bytes;
}

static int64_t sweep(struct fe_local *heap, int64_t units) {
    while (*heap->cursor != NULL) {
        if (units <= 0)
            return units;
        struct fe_local_page *page = *heap->cursor;
        units -= COST_PAGE + page->carved;
        sweep_page(heap, page);
        if (page->used == 0) {
            fe_local_page_free(heap, heap->cursor);
            continue;
        }
        if (page->free != NULL)
            fe_local_open(heap, page);
        heap->cursor = &page->next;
    }
    heap->phase = FE_LOCAL_IDLE; /* edge 4 */
    heap->cursor = NULL;
    heap->collections++;
    heap->threshold = heap->surviving > FE_LOCAL_THRESHOLD_LEAST ? heap->surviving : FE_LOCAL_THRESHOLD_LEAST;
    return units;
}

/* Steps ----------------------------------------------------------------------------------------------------------- */

static void work(struct fe_local *heap, int64_t units) {
    if (heap->tracing != NULL) { /* its trace function did not return: the task fails, and its cleanups allocate */
        shade(heap, heap->tracing);
        heap->tracing = NULL;
    }
    if (heap->phase == FE_LOCAL_MARKING)
        units = mark(heap, units);
    if (heap->phase == FE_LOCAL_FINALIZING)
        units = finalize(heap, units);
    if (heap->phase == FE_LOCAL_SWEEPING)
        sweep(heap, units);
}

void fe_local_step(struct fe_local *heap) {
    if (heap->busy)
        return;
    if (heap->phase != FE_LOCAL_IDLE)
        work(heap, FE_STEP);
    else if (heap->since >= heap->threshold)
        begin(heap);
}

uint64_t fe_local_collect_all(struct fe_local *heap) {
    uint64_t frees = heap->frees;
    while (heap->phase != FE_LOCAL_IDLE)
        work(heap, INT64_MAX);
    begin(heap);
    while (heap->phase != FE_LOCAL_IDLE)
        work(heap, INT64_MAX);
    return heap->frees - frees;
}
