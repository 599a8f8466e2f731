/*
 * The per-core state of this room. The boot core's lies with the page allocator's metadata, since pages and heap must
 * work before anything else does (and 20 KiB of the image that are used once are 20 KiB too many); the others' are
 * pages.
 */
#include "internal.h"
#include "page.h"

struct fe_heap_state fe_heap_state;

uint8_t fe_slot_none = FE_SLOT_NONE;
#ifdef FE_HEAP_PLAIN
struct fe_slot fe_slot_nothing[1];
#else
struct fe_slot fe_slot_nothing[1] = {{NULL, &fe_slot_none}};
#endif

#ifdef FE_CHECKED
struct fe_poison fe_poison = {UINT32_MAX, FE_CLASSES};
#define POISON_DEFAULT FE_HEAP_POISON_ALL
#else
struct fe_poison fe_poison = {FE_POISON_COMMON, FE_POISON_COMMON_CLASS};
#define POISON_DEFAULT FE_HEAP_POISON_FIRST
#endif

struct fe_heap_settings fe_heap_default_settings(void) {
    return (struct fe_heap_settings){.poison = POISON_DEFAULT, .quarantine = FE_QUARANTINE_DEFAULT};
}

void fe_heap_configure(const struct fe_heap_settings *settings) {
    static const struct fe_poison poisons[] = {
        [FE_HEAP_POISON_OFF] = {0, FE_CLASSES},
        [FE_HEAP_POISON_FIRST] = {FE_POISON_COMMON, FE_POISON_COMMON_CLASS},
        [FE_HEAP_POISON_ALL] = {UINT32_MAX, FE_CLASSES},
    };
    fe_heap_state.seed = settings->seed;
    fe_poison = poisons[settings->poison];
#ifdef FE_CHECKED
    fe_heap_state.quarantine = settings->quarantine;
#endif
}

/* Makes zeroed memory the heap of core `index`, without a magazine yet. */
static void prepare(struct fe_heap_core *heap, unsigned index) {
    heap->index = index;
    /* Any odd multiplier will do: cores differ, none has 0, and few bits of the seed are lost. */
    heap->random = (fe_heap_state.seed + index) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        fe_magazine_none(&heap->magazine[size_class]);
        heap->magazine[size_class].common = size_class >= fe_poison.common_from;
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
