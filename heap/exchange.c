/*
 * The exchange heap: the fast paths. An allocation takes the top slot of the core's magazine for the size's class; a
 * free finds the block's span by the map, checks the slot, poisons the block and pushes the slot. No lock, no atomic
 * read-modify-write, and no line that another core writes.
 *
 * Preemption is off inside the runtime's text, interrupt handlers never come here, and nothing here switches: so the
 * core that an operation started on is the one that it ends on, and its state needs no atomics.
 *
 * Hardening is always on: about half of the instructions of a pair are poison written and checked. A slot's state says
 * whether a block is live, so that any pointer but that to a live block's start is refused before anything is changed.
 *
 * Rejected: links through free blocks (not to be poisoned, and one overrun takes the heap); one bit per slot
 * (neighbours freed on two cores would need atomic operations); looking the slot's metadata up again at each allocation
 * (a magazine entry that carries it is two instructions more on free and ten less on allocation).
 *
 * After: snmalloc (batches sent home), mimalloc and tcmalloc (per-core caches), Bonwick's magazines.
 */
#include "internal.h"

#include <ferrite/panic.h>

#define CALLER __builtin_return_address(0)
#define ALIGNMENT_MOST ((size_t)2 << 20)

/* The offset in struct fe_heap_core of the magazine for sizes of 16 * (n - 1) + 1 .. 16 * n bytes. */
#define M(size_class) (uint16_t)(offsetof(struct fe_heap_core, magazine) + (size_class) * sizeof(struct fe_magazine))
static const uint16_t small_magazine[FE_SMALL_MOST / 16 + 1] = {
    [0 ... 1] = M(0),    [2] = M(1),          [3] = M(2),          [4] = M(3),          [5] = M(4),
    [6] = M(5),          [7] = M(6),          [8] = M(7),          [9 ... 10] = M(8),   [11 ... 12] = M(9),
    [13 ... 14] = M(10), [15 ... 16] = M(11), [17 ... 20] = M(12), [21 ... 24] = M(13), [25 ... 28] = M(14),
    [29 ... 32] = M(15), [33 ... 40] = M(16), [41 ... 48] = M(17), [49 ... 56] = M(18), [57 ... 64] = M(19),
};
#undef M

static inline struct fe_magazine *magazine_at(struct fe_heap_core *heap, size_t offset) {
    return (struct fe_magazine *)(void *)((char *)heap + offset);
}

/* Interrupt handlers must not come here; a checked build says so. */
static inline void check_context(void) {
#ifdef FE_CHECKED
    if (fe_arch_core()->interrupt_depth != 0)
        fe_panic("the exchange heap was called in an interrupt handler, by %p", CALLER);
#endif
}

/* The slot was free and its block has been written to: leaves it out of use, and complains. */
static __attribute__((noinline, cold)) void *spoiled(struct fe_magazine *magazine, void *block, uint8_t *state) {
    fe_slot_set(state, FE_SLOT_RETIRED);
    magazine->returned++; /* not given out, as far as figures go */
    fe_heap_spoiled(block, fe_span_at(block));
    return NULL;
}

/* Takes the top slot of a magazine that has one; `size` is the class's, or any number of at least 64 for the same. */
static inline __attribute__((always_inline)) void *pop(struct fe_magazine *magazine, uint32_t size) {
    struct fe_slot *top = magazine->top - 1;
    void *block = top->block;
    uint8_t *state = top->state;
    magazine->top = top;
    fe_slot_set(state, FE_SLOT_LIVE);
    if (FE_UNLIKELY(!fe_poison_whole(block, size)))
        return spoiled(magazine, block, state);
    return block;
}

/* The slow path of all forms: `function` is NULL for those that return NULL. */
static __attribute__((noinline)) void *refill_and_pop(struct fe_magazine *magazine, size_t bytes, const char *function) {
    if (!fe_slab_refill(fe_heap_core(), magazine)) {
        if (function != NULL)
            fe_heap_out_of_memory(function, bytes);
        return NULL;
    }
    return pop(magazine, fe_class_size(magazine->size_class));
}

static inline void *allocate_class(unsigned size_class, size_t bytes, const char *function) {
    struct fe_magazine *magazine = &fe_heap_core()->magazine[size_class];
    if (FE_UNLIKELY(magazine->top == magazine->base))
        return refill_and_pop(magazine, bytes, function);
    return pop(magazine, fe_class_size(size_class));
}

static __attribute__((noinline)) void *allocate_large(size_t bytes, size_t alignment, const char *function) {
    void *block = bytes <= PTRDIFF_MAX ? fe_large_alloc(bytes, alignment) : NULL;
    if (block == NULL && bytes <= PTRDIFF_MAX) {
        fe_heap_trim();
        block = fe_large_alloc(bytes, alignment);
    }
    if (block == NULL && function != NULL)
        fe_heap_out_of_memory(function, bytes);
    return block;
}

/* Above FE_SMALL_MOST. */
static __attribute__((noinline)) void *allocate_more(size_t bytes, const char *function) {
    if (bytes > FE_SLAB_MOST)
        return allocate_large(bytes, 1, function);
    return allocate_class(fe_class_of(bytes), bytes, function);
}

static inline __attribute__((always_inline)) void *allocate(size_t bytes, const char *function) {
    check_context();
    if (FE_UNLIKELY(bytes > FE_SMALL_MOST))
        return allocate_more(bytes, function);
    struct fe_magazine *magazine = magazine_at(fe_heap_core(), small_magazine[(bytes + 15) / 16]);
    if (FE_UNLIKELY(magazine->top == magazine->base))
        return refill_and_pop(magazine, bytes, function);
#ifdef FE_CHECKED
    return pop(magazine, fe_class_size(magazine->size_class));
#else
    return pop(magazine, bytes > 48 ? 64 : (uint32_t)(bytes + 15) & ~15u);
#endif
}

void *fe_heap_alloc(size_t bytes) {
    return fe_site_note(allocate(bytes, "fe_heap_alloc"), CALLER);
}

void *fe_heap_try_alloc(size_t bytes) {
    return fe_site_note(allocate(bytes, NULL), CALLER);
}

static void *allocate_zeroed(size_t count, size_t bytes, const char *function) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        total = SIZE_MAX;
    void *block = allocate(total, function);
    if (block != NULL)
        __builtin_memset(block, 0, total);
    return block;
}

void *fe_heap_alloc_zeroed(size_t count, size_t bytes) {
    return fe_site_note(allocate_zeroed(count, bytes, "fe_heap_alloc_zeroed"), CALLER);
}

void *fe_heap_try_alloc_zeroed(size_t count, size_t bytes) {
    return fe_site_note(allocate_zeroed(count, bytes, NULL), CALLER);
}

/* Slots of a class are aligned to the largest power of two that divides its size, since slabs are aligned to theirs. */
static void *allocate_aligned(size_t alignment, size_t bytes, const char *function) {
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > ALIGNMENT_MOST) {
        if (function != NULL)
            fe_heap_bad_alignment(function, alignment);
        return NULL;
    }
    if (alignment <= 16)
        return allocate(bytes, function);
    check_context();
    size_t least = bytes > alignment ? bytes : alignment;
    if (least > FE_SLAB_MOST)
        return allocate_large(least, alignment, function);
    unsigned size_class = fe_class_of(least);
    while ((fe_class_size(size_class) & (alignment - 1)) != 0)
        size_class++;
    return allocate_class(size_class, bytes, function);
}

void *fe_heap_alloc_aligned(size_t alignment, size_t bytes) {
    return fe_site_note(allocate_aligned(alignment, bytes, "fe_heap_alloc_aligned"), CALLER);
}

void *fe_heap_try_alloc_aligned(size_t alignment, size_t bytes) {
    return fe_site_note(allocate_aligned(alignment, bytes, NULL), CALLER);
}

/* A full magazine: half of it goes home. */
static __attribute__((noinline)) void spill_half(struct fe_heap_core *heap, struct fe_magazine *magazine) {
    fe_slab_spill(heap, magazine, (size_t)(magazine->limit - magazine->base) / 2);
}

/* Whatever is not a block of the calling core's slabs. */
static __attribute__((noinline)) void free_elsewhere(void *block) {
    if (block == NULL)
        return;
    struct fe_heap_place place = fe_heap_find(block);
    if (FE_UNLIKELY(!place.live))
        fe_heap_misuse("fe_heap_free", block);
    if (place.span->kind == FE_SPAN_LARGE)
        fe_large_free(block);
    else
        fe_remote_free(fe_heap_core(), place.span, block, place.state);
}

static __attribute__((noinline, cold)) void refuse_free(void *block) {
    fe_heap_misuse("fe_heap_free", block);
}

void fe_heap_free(void *block) {
    check_context();
    struct fe_heap_core *heap = fe_heap_core();
    size_t chunk = ((uintptr_t)block - fe_heap_map.origin) >> FE_CHUNK_SHIFT;
    if (FE_UNLIKELY(chunk >= fe_heap_map.limit)) /* NULL, or foreign */
        return free_elsewhere(block);
    struct fe_span *slab = fe_heap_map.span[chunk];
    if (FE_UNLIKELY(slab->owner != heap))
        return free_elsewhere(block);

    uint64_t slot = fe_span_slot((uint32_t)(uintptr_t)block - slab->base_low, slab->reciprocal);
    uint8_t *state = &slab->state[slot >> 32];
    /* A plain load, which is one instruction less: while the block is live, and we ask no more, the slot is ours alone. */
    if (FE_UNLIKELY((uint32_t)slot >= slab->reciprocal || *state != FE_SLOT_LIVE))
        return refuse_free(block);
    fe_slot_set(state, FE_SLOT_FREE);
    fe_poison_fill(block, FE_LIKELY(!slab->tiny) && FE_POISON_MOST == 64 ? 64 : slab->size);

    struct fe_magazine *magazine = magazine_at(heap, slab->magazine);
    struct fe_slot *top = magazine->top;
    top->block = block;
    top->state = state;
    magazine->top = ++top;
    magazine->frees++;
    if (FE_UNLIKELY(top == magazine->limit))
        return spill_half(heap, magazine);
}

size_t fe_heap_usable_size(const void *block) {
    struct fe_heap_place place = fe_heap_find(block);
    if (FE_UNLIKELY(!place.live))
        fe_heap_misuse("fe_heap_usable_size", block);
    return place.size;
}

static void *reallocate(void *block, size_t bytes, const char *function) {
    if (block == NULL)
        return allocate(bytes, function);
    struct fe_heap_place place = fe_heap_find(block);
    if (FE_UNLIKELY(!place.live))
        fe_heap_misuse("fe_heap_realloc", block);
    /* In place as long as at least half of it stays in use. */
    if (bytes <= place.size && (bytes > place.size / 2 || place.size == 16))
        return block;
    void *moved = allocate(bytes, function);
    if (moved != NULL) {
        __builtin_memcpy(moved, block, bytes < place.size ? bytes : place.size);
        fe_heap_free(block);
    }
    return moved;
}

void *fe_heap_realloc(void *block, size_t bytes) {
    return fe_site_note(reallocate(block, bytes, "fe_heap_realloc"), CALLER);
}

void *fe_heap_try_realloc(void *block, size_t bytes) {
    return fe_site_note(reallocate(block, bytes, NULL), CALLER);
}
