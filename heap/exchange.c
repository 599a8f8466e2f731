/*
 * The exchange heap: the fast paths. An allocation takes the top slot of the core's magazine for the size's class; a
 * free finds the block's span by the map, checks the slot, poisons the block and pushes the slot. No lock, no atomic
 * read-modify-write, and no line that another core writes.
 *
 * Preemption is off inside the runtime's text, interrupt handlers never come here, and nothing here switches: so the
 * core that an operation started on is the one that it ends on, and its state needs no atomics.
 *
 * The magazine of a class is a stack of slots in a batch (batch.h). Below its last slot lies one that is none: its state is
 * not FREE, so that one test finds the empty magazine, the slot that has never been out, and the one that has been freed
 * by two cores at once.
 *
 * Hardening is always on: about half of the instructions of a pair are poison written and checked. A slot's state says
 * whether a block is live, so that any pointer but that to a live block's start is refused before anything is changed.
 * (FE_HEAP_PLAIN builds it out, to be measured against; no other build has it.)
 *
 * Rejected: links through free blocks (not to be poisoned, and one overrun takes the heap); one bit per slot
 * (neighbours freed on two cores would need atomic operations); looking the slot's metadata up again at each allocation
 * (a magazine entry that carries it is two instructions more on free and ten less on allocation).
 *
 * After: snmalloc (batches sent home), mimalloc and tcmalloc (per-core caches), Bonwick's magazines and depot.
 */
#include "internal.h"

#include <ferrite/panic.h>

#define CALLER __builtin_return_address(0)
/* The block that an operation allocates, noted with its caller in a checked build. */
#ifdef FE_CHECKED
#define NOTED(block) fe_note_allocated(block, CALLER)
#else
#define NOTED(block) (block)
#endif
#define ALIGNMENT_MOST ((size_t)2 << 20)

/* The magazine of each size up to FE_SMALL_MOST, in words: a load in place of five instructions. */
#define M(size_class) ((size_class)*FE_MAGAZINE_WORDS)
#define FOUR(first, size_class)                                                                                        \
    [(first)...(first) + 15] = M(size_class), [(first) + 16 ...(first) + 31] = M((size_class) + 1),                    \
                         [(first) + 32 ...(first) + 47] = M((size_class) + 2),                                         \
                         [(first) + 48 ...(first) + 63] = M((size_class) + 3)
static const uint8_t magazine_of[FE_SMALL_MOST + 1] = {
    [0] = M(0),
    FOUR(1, 0),
    FOUR(65, 4),
    [129 ... 160] = M(8),
    [161 ... 192] = M(9),
    [193 ... 224] = M(10),
    [225 ... 256] = M(11),
    [257 ... 320] = M(12),
    [321 ... 384] = M(13),
    [385 ... 448] = M(14),
    [449 ... 512] = M(15),
    [513 ... 640] = M(16),
    [641 ... 768] = M(17),
    [769 ... 896] = M(18),
    [897 ... 1024] = M(19),
};
#undef FOUR
#undef M

static inline struct fe_magazine *magazine_at(struct fe_heap_core *heap, uint8_t words) {
    return (struct fe_magazine *)(void *)((uint64_t *)(void *)heap + words);
}

/* Interrupt handlers must not come here; a checked build says so. */
static inline void check_context(void) {
#ifdef FE_CHECKED
    if (fe_arch_core()->interrupt_depth != 0)
        fe_panic("the exchange heap was called in an interrupt handler, by %p", CALLER);
#endif
}

/* Allocation --------------------------------------------------------------------------------------------------- */

static inline unsigned class_of(const struct fe_heap_core *heap, const struct fe_magazine *magazine) {
    return (unsigned)(magazine - heap->magazine);
}

/* Memory is out: `function` is NULL for the forms that say so by NULL. */
static __attribute__((noinline, cold)) void *nothing(size_t bytes, const char *function) {
    if (function != NULL)
        fe_heap_out_of_memory(function, bytes);
    fe_arch_memory_is_out();
    return NULL;
}

#ifndef FE_HEAP_PLAIN
/* A free block that has been written to: leaves it out of use, and complains. */
static __attribute__((noinline, cold)) void *spoiled(struct fe_magazine *magazine, void *block) {
    struct fe_heap_core *heap = fe_heap_core();
    fe_slot_set(magazine->top->state, FE_SLOT_RETIRED);
    heap->store[class_of(heap, magazine)].returned++; /* not given out, as far as figures go */
    fe_heap_spoiled(block, fe_span_at(block));
    return NULL;
}

static __attribute__((noinline)) void *check_unusual(struct fe_magazine *magazine, void *block) {
    if (FE_UNLIKELY(!fe_poison_whole(block, fe_class_size(class_of(fe_heap_core(), magazine)))))
        return spoiled(magazine, block);
    return block;
}

/* The block of a FREE slot that has just been taken. */
static inline __attribute__((always_inline)) void *check(struct fe_magazine *magazine, void *block) {
    if (FE_UNLIKELY(!magazine->common))
        return check_unusual(magazine, block);
    if (FE_UNLIKELY(!fe_poison_whole_common(block)))
        return spoiled(magazine, block);
    return block;
}

/* The top slot is not FREE: there is none, or it is FRESH, or it is none of ours any more. */
static __attribute__((noinline)) void *allocate_slowly(struct fe_magazine *magazine, size_t bytes, const char *function) {
    struct fe_heap_core *heap = fe_heap_core();
    if (fe_arch_core_heapless())
        return fe_arch_alloc_heapless(bytes);
    for (;;) {
        struct fe_slot *top = magazine->top - 1;
        uint8_t state = fe_slot_state(top->state);
        if (FE_UNLIKELY(state == FE_SLOT_NONE)) {
            if (fe_slab_refill(heap, class_of(heap, magazine)))
                continue;
            return nothing(bytes, function);
        }
        magazine->top = top;
        if (FE_UNLIKELY(state != FE_SLOT_FRESH && state != FE_SLOT_FREE)) {
            heap->store[class_of(heap, magazine)].returned++;
            fe_heap_misuse("fe_heap_free", top->block); /* two cores freed it at once */
        }
        fe_slot_set(top->state, FE_SLOT_LIVE);
        return state == FE_SLOT_FRESH ? top->block : check(magazine, top->block);
    }
}

static inline __attribute__((always_inline)) void *allocate_from(struct fe_magazine *magazine, size_t bytes,
                                                                 const char *function) {
    struct fe_slot *top = magazine->top;
    void *block = top[-1].block;
    uint8_t *state = top[-1].state;
    /* A plain load: nobody else writes the state of a slot that lies in a magazine. */
    if (FE_UNLIKELY(*state != FE_SLOT_FREE))
        return allocate_slowly(magazine, bytes, function);
    magazine->top = top - 1;
    fe_slot_set(state, FE_SLOT_LIVE);
    return check(magazine, block);
}
#else
static __attribute__((noinline)) void *allocate_slowly(struct fe_magazine *magazine, size_t bytes, const char *function) {
    struct fe_heap_core *heap = fe_heap_core();
    if (fe_slab_refill(heap, class_of(heap, magazine)))
        return (--magazine->top)->block;
    return nothing(bytes, function);
}

static inline __attribute__((always_inline)) void *allocate_from(struct fe_magazine *magazine, size_t bytes,
                                                                 const char *function) {
    struct fe_slot *top = magazine->top;
    void *block = top[-1].block;
    if (FE_UNLIKELY(block == NULL))
        return allocate_slowly(magazine, bytes, function);
    magazine->top = top - 1;
    return block;
}
#endif

static __attribute__((noinline)) void *allocate_large(size_t bytes, size_t alignment, const char *function) {
    if (fe_arch_core_heapless())
        return fe_arch_alloc_heapless(bytes);
    void *block = bytes <= PTRDIFF_MAX ? fe_large_alloc(bytes, alignment) : NULL;
    if (block == NULL && bytes <= PTRDIFF_MAX) {
        fe_heap_trim();
        block = fe_large_alloc(bytes, alignment);
    }
    return block != NULL ? block : nothing(bytes, function);
}

/* Above FE_SMALL_MOST. */
static __attribute__((noinline)) void *allocate_more(size_t bytes, const char *function) {
    if (bytes > FE_SLAB_MOST)
        return allocate_large(bytes, 1, function);
    return allocate_from(&fe_heap_core()->magazine[fe_class_of(bytes)], bytes, function);
}

static inline __attribute__((always_inline)) void *allocate(size_t bytes, const char *function) {
    check_context();
    if (FE_UNLIKELY(bytes > FE_SMALL_MOST))
        return allocate_more(bytes, function);
    return allocate_from(magazine_at(fe_heap_core(), magazine_of[bytes]), bytes, function);
}

/* For the forms that do more than allocate: one copy of the fast path does for them. */
static __attribute__((noinline)) void *allocate_apart(size_t bytes, const char *function) {
    return allocate(bytes, function);
}

void *fe_heap_alloc(size_t bytes) {
    return NOTED(allocate(bytes, "fe_heap_alloc"));
}

void *fe_heap_try_alloc(size_t bytes) {
    return NOTED(allocate(bytes, NULL));
}

static __attribute__((noinline)) void *allocate_zeroed(size_t count, size_t bytes, const char *function) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        total = SIZE_MAX;
    void *block = allocate_apart(total, function);
    if (block != NULL)
        __builtin_memset(block, 0, total);
    return block;
}

void *fe_heap_alloc_zeroed(size_t count, size_t bytes) {
    return NOTED(allocate_zeroed(count, bytes, "fe_heap_alloc_zeroed"));
}

void *fe_heap_try_alloc_zeroed(size_t count, size_t bytes) {
    return NOTED(allocate_zeroed(count, bytes, NULL));
}

/* Slots of a class are aligned to the largest power of two that divides its size, since slabs are aligned to theirs. */
static __attribute__((noinline)) void *allocate_aligned(size_t alignment, size_t bytes, const char *function) {
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > ALIGNMENT_MOST) {
        if (function != NULL)
            fe_heap_bad_alignment(function, alignment);
        return NULL;
    }
    if (alignment <= 16)
        return allocate_apart(bytes, function);
    check_context();
    size_t least = bytes > alignment ? bytes : alignment;
    if (least > FE_SLAB_MOST)
        return allocate_large(least, alignment, function);
    unsigned size_class = fe_class_of(least);
    while ((fe_class_size(size_class) & (alignment - 1)) != 0)
        size_class++;
    return allocate_from(&fe_heap_core()->magazine[size_class], bytes, function);
}

void *fe_heap_alloc_aligned(size_t alignment, size_t bytes) {
    return NOTED(allocate_aligned(alignment, bytes, "fe_heap_alloc_aligned"));
}

void *fe_heap_try_alloc_aligned(size_t alignment, size_t bytes) {
    return NOTED(allocate_aligned(alignment, bytes, NULL));
}

/* Freeing ------------------------------------------------------------------------------------------------------ */

static __attribute__((noinline, cold)) void refuse_free(void *block) {
    fe_heap_misuse("fe_heap_free", block);
}

/* Whatever does not look like a block of a slab. */
static __attribute__((noinline)) void free_unusual(void *block) {
    if (block == NULL)
        return;
    struct fe_heap_place place = fe_heap_find(block);
    if (FE_UNLIKELY(!place.live) || place.span->kind != FE_SPAN_LARGE)
        return refuse_free(block);
    fe_large_free(block);
}

/* Another core's block: into the batch for its owner. */
static inline __attribute__((always_inline)) void free_remote(struct fe_heap_core *heap, struct fe_span *slab,
                                                              struct fe_slot slot) {
    struct fe_gather *gather = &heap->gather[slab->gather];
    if (FE_UNLIKELY(gather->key != slab->key))
        return fe_remote_begin(heap, slab, slot);
    struct fe_slot *top = gather->top;
    *top++ = slot;
    gather->top = top;
    if (FE_UNLIKELY(top == gather->limit))
        fe_remote_post(heap, slab);
}

static __attribute__((noinline)) void magazine_full(struct fe_heap_core *heap, struct fe_magazine *magazine) {
    fe_magazine_full(heap, class_of(heap, magazine));
}

static inline __attribute__((always_inline)) void push(struct fe_heap_core *heap, struct fe_magazine *magazine,
                                                       struct fe_slot slot) {
    struct fe_slot *top = magazine->top;
    *top++ = slot;
    magazine->top = top;
    if (FE_UNLIKELY(top == magazine->limit))
        magazine_full(heap, magazine);
}

static inline __attribute__((always_inline)) void free_local(struct fe_heap_core *heap, struct fe_magazine *magazine,
                                                             struct fe_slot slot) {
    magazine->frees++;
#ifdef FE_CHECKED
    if (fe_quarantine_enter(heap, slot)) {
        while (fe_quarantine_leave(heap, false, &slot))
            push(heap, magazine_at(heap, fe_span_at(slot.block)->magazine), slot);
        return;
    }
#endif
    push(heap, magazine, slot);
}

static inline __attribute__((always_inline)) void free_slot(struct fe_heap_core *heap, struct fe_span *slab,
                                                            struct fe_slot slot) {
    if (FE_LIKELY(slab->owner == heap))
        return free_local(heap, magazine_at(heap, slab->magazine), slot);
    free_remote(heap, slab, slot);
}

#ifndef FE_HEAP_PLAIN
/* A slot whose poison is not exactly 64 bytes long. */
static __attribute__((noinline)) void free_small_or_large(struct fe_heap_core *heap, struct fe_span *slab,
                                                          struct fe_slot slot) {
    fe_poison_fill(slot.block, slab->size);
    free_slot(heap, slab, slot);
}
#endif

/* A pointer beyond the part of the map that this core knows: NULL, foreign, or of a slab that is newer than that. */
static __attribute__((noinline)) void free_beyond(void *block) {
    struct fe_map_view *map = &fe_heap_core()->map;
    if (block == NULL)
        return;
    if (fe_arch_core_heapless())
        return fe_arch_free_heapless(block);
    size_t limit = __atomic_load_n(&fe_heap_map.limit, __ATOMIC_ACQUIRE); /* pairs with fe_span_publish */
    if (map->limit == limit)
        return free_unusual(block);
    *map = (struct fe_map_view){fe_heap_map.origin, limit, fe_heap_map.span};
    fe_heap_free(block);
}

void fe_heap_free(void *block) {
    check_context();
    struct fe_heap_core *heap = fe_heap_core();
    size_t chunk = ((uintptr_t)block - heap->map.origin) >> FE_CHUNK_SHIFT;
    if (FE_UNLIKELY(chunk >= heap->map.limit))
        return free_beyond(block);
    struct fe_span *slab = heap->map.span[chunk];
#ifndef FE_HEAP_PLAIN
    uint64_t index = fe_span_slot((uint32_t)(uintptr_t)block - slab->base_low, slab->reciprocal);
    if (FE_UNLIKELY((uint32_t)index >= slab->reciprocal)) /* not the start of a slot, or no slab */
        return free_unusual(block);
    /* A plain load and store: while the block is live, and we ask no more, its state is ours alone. */
    uint8_t *state = slab->state + (index >> 32);
    if (FE_UNLIKELY(*state != FE_SLOT_LIVE))
        return refuse_free(block);
    fe_slot_set(state, FE_SLOT_FREE);
    struct fe_slot slot = {block, state};
    if (FE_UNLIKELY(!slab->common))
        return free_small_or_large(heap, slab, slot);
    fe_poison_fill_common(block);
#else
    struct fe_slot slot = {block};
    if (FE_UNLIKELY(slab->owner == NULL))
        return free_unusual(block);
#endif
    free_slot(heap, slab, slot);
}

size_t fe_heap_usable_size(const void *block) {
    struct fe_heap_place place = fe_heap_find(block);
    if (FE_UNLIKELY(!place.live))
        fe_heap_misuse("fe_heap_usable_size", block);
    return place.size;
}

static __attribute__((noinline)) void *reallocate(void *block, size_t bytes, const char *function) {
    if (block == NULL)
        return allocate_apart(bytes, function);
    struct fe_heap_place place = fe_heap_find(block);
    if (FE_UNLIKELY(!place.live))
        fe_heap_misuse("fe_heap_realloc", block);
    /* In place as long as at least half of it stays in use. */
    if (bytes <= place.size && (bytes > place.size / 2 || place.size == 16))
        return block;
    void *moved = allocate_apart(bytes, function);
    if (moved != NULL) {
        __builtin_memcpy(moved, block, bytes < place.size ? bytes : place.size);
        fe_heap_free(block);
    }
    return moved;
}

void *fe_heap_realloc(void *block, size_t bytes) {
    return NOTED(reallocate(block, bytes, "fe_heap_realloc"));
}

void *fe_heap_try_realloc(void *block, size_t bytes) {
    return NOTED(reallocate(block, bytes, NULL));
}
