/*
 * The per-core state of this room. The boot core's lies with the page allocator's metadata, since pages and heap must
 * work before anything else does (and 20 KiB of the image that are used once are 20 KiB too many); the others' are
 * pages.
 */
#include "core.h"
#include "exchange.h"
#include "page.h"

struct fe_heap_state fe_heap_state;

/* Lays out the magazines, all empty, in zeroed memory. */
static void prepare(struct fe_heap_core *heap, unsigned index) {
    heap->index = index;
    struct fe_slot *slot = heap->slots;
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        struct fe_magazine *magazine = &heap->magazine[size_class];
        magazine->size_class = size_class;
        magazine->base = magazine->top = slot;
        slot += fe_class_magazine(size_class);
        magazine->limit = slot;
    }
}

static void fe_heap_register(struct fe_core *core, struct fe_heap_core *heap) {
    core->heap = heap;
    /* Release: pairs with the acquire in fe_heap_core_at. */
    __atomic_store_n(&fe_heap_state.core[core->index], heap, __ATOMIC_RELEASE);
}

void fe_heap_boot_core_init(struct fe_heap_core *heap) {
    struct fe_core *core = fe_arch_core();
    prepare(heap, core->index);
    fe_heap_register(core, heap);
}

fe_status fe_heap_core_init(struct fe_core *core) {
    if (core->index >= FE_CORES_MAX || fe_heap_core_at(core->index) != NULL)
        return FE_EINVAL;
    uint64_t physical = fe_page_alloc_run((sizeof(struct fe_heap_core) + FE_PAGE_SIZE - 1) / FE_PAGE_SIZE);
    if (physical == 0)
        return FE_ENOMEM;
    struct fe_heap_core *heap = fe_direct(physical);
    __builtin_memset(heap, 0, sizeof(*heap));
    prepare(heap, core->index);
    fe_heap_register(core, heap);
    return FE_OK;
}
