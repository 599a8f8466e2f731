/*
 * Slabs: spans of equal slots, owned by one core. Magazines are filled from them and emptied into them.
 *
 * A slab is in its class's `partial` list exactly if it has a slot to give (used < count), else in `full`. A slot that
 * is in its slab is either marked in `returned` or has never been out (carved and up); slots are carved in order and
 * poisoned as they are, so that a grant does not touch the slab's memory.
 *
 * One empty slab a class is kept where slabs are small (320 KiB a core at most); all others go back to the page
 * allocator at once. The magazine itself keeps a program that allocates and frees at the edge from coming here each
 * time.
 */
#include "internal.h"
#include "page.h"

static void list_add(struct fe_span **head, struct fe_span *slab) {
    slab->previous = NULL;
    slab->next = *head;
    if (*head != NULL)
        (*head)->previous = slab;
    *head = slab;
}

static void list_remove(struct fe_span **head, struct fe_span *slab) {
    if (slab->previous != NULL)
        slab->previous->next = slab->next;
    else
        *head = slab->next;
    if (slab->next != NULL)
        slab->next->previous = slab->previous;
}

static void describe(struct fe_span *slab, struct fe_heap_core *heap, unsigned size_class, uintptr_t base) {
    uint32_t size = fe_class_size(size_class), bytes = fe_class_slab_bytes(size_class);
    size_t states = (bytes + size - 1) / size;
    *slab = (struct fe_span){
        .owner = heap,
        .base_low = (uint32_t)base,
        .reciprocal = fe_span_reciprocal(size),
        .size = size,
        .magazine = (uint16_t)(offsetof(struct fe_heap_core, magazine) + size_class * sizeof(struct fe_magazine)),
        .kind = FE_SPAN_SLAB,
        .tiny = size < 64,
        .size_class = size_class,
        .base = base,
        .bytes = bytes,
        .core = heap->index,
        .count = fe_class_count(size_class),
    };
    size_t tail = (states + 7) & ~(size_t)7;
    slab->returned = (uint64_t *)(void *)(slab->state + tail);
    __builtin_memset(slab->state, 0, tail + (slab->count + 63) / 64 * sizeof(uint64_t));
}

static size_t metadata_bytes(unsigned size_class) {
    size_t count = fe_class_count(size_class);
    return sizeof(struct fe_span) + ((count + 1 + 7) & ~(size_t)7) + (count + 63) / 64 * sizeof(uint64_t);
}
_Static_assert(sizeof(struct fe_span) + 1024 + 8 + 128 <= FE_METADATA_MOST, "the largest slab's metadata fits");
_Static_assert(offsetof(struct fe_heap_core, magazine) + FE_CLASSES * sizeof(struct fe_magazine) <= UINT16_MAX,
               "magazine offsets fit");

/* A slab of its own for the class; NULL when there is no memory. */
static struct fe_span *grant(struct fe_heap_core *heap, unsigned size_class) {
    unsigned order = fe_class_slab_order(size_class);
    fe_spinlock_acquire(&fe_heap_grants.lock);
    struct fe_span *slab = fe_metadata_alloc(metadata_bytes(size_class));
    uint64_t pages = slab != NULL ? fe_page_alloc(order) : 0;
    if (pages != 0) {
        describe(slab, heap, size_class, (uintptr_t)fe_direct(pages));
        bool sites = fe_site_prepare(slab);
        if (!sites || fe_span_publish(slab->base, slab->bytes, slab) != FE_OK) {
            if (sites)
                fe_site_release(slab);
            fe_page_free(pages, order);
            pages = 0;
        }
    }
    if (pages == 0 && slab != NULL) {
        fe_metadata_free(slab);
        slab = NULL;
    }
    fe_spinlock_release(&fe_heap_grants.lock);
    if (slab != NULL) {
        heap->magazine[size_class].slabs++;
        list_add(&heap->slabs[size_class].partial, slab);
    }
    return slab;
}

/* Gives an empty slab's pages back. */
static void release(struct fe_heap_core *heap, struct fe_span *slab) {
    unsigned order = fe_class_slab_order(slab->size_class);
    list_remove(&heap->slabs[slab->size_class].partial, slab);
    heap->magazine[slab->size_class].slabs--;
    fe_spinlock_acquire(&fe_heap_grants.lock);
    if (fe_span_publish(slab->base, slab->bytes, &fe_span_freed) == FE_OK)
        fe_page_free(fe_direct_physical((void *)slab->base), order);
    fe_site_release(slab);
    fe_metadata_free(slab);
    fe_spinlock_release(&fe_heap_grants.lock);
}

static void push(struct fe_magazine *magazine, struct fe_span *slab, uint32_t slot) {
    magazine->top->block = (void *)(slab->base + (uintptr_t)slot * slab->size);
    magazine->top->state = &slab->state[slot];
    magazine->top++;
}

/* Moves up to `want` slots from the slab to the magazine; the least first, so that high ones stay whole. */
static uint32_t take(struct fe_magazine *magazine, struct fe_span *slab, uint32_t want) {
    uint32_t got = 0;
    uint32_t waiting = slab->carved - slab->used;
    for (uint64_t *word = slab->returned; waiting > 0 && got < want; word++) {
        for (; *word != 0 && got < want; waiting--, got++) {
            push(magazine, slab, (uint32_t)(word - slab->returned) * 64 + (uint32_t)__builtin_ctzll(*word));
            *word &= *word - 1;
        }
    }
    while (got < want && slab->carved < slab->count) {
        push(magazine, slab, slab->carved++);
        fe_poison_fill(magazine->top[-1].block, slab->size);
        got++;
    }
    slab->used += got;
    magazine->supplied += got;
    return got;
}

static bool fill(struct fe_heap_core *heap, struct fe_magazine *magazine) {
    struct fe_slab_lists *lists = &heap->slabs[magazine->size_class];
    uint32_t want = (uint32_t)(magazine->limit - magazine->base) / 2;
    while (want > 0) {
        struct fe_span *slab = lists->partial;
        if (slab == NULL && magazine->top == magazine->base)
            slab = grant(heap, magazine->size_class);
        if (slab == NULL)
            break;
        want -= take(magazine, slab, want);
        if (slab->used == slab->count) {
            list_remove(&lists->partial, slab);
            list_add(&lists->full, slab);
        }
    }
    return magazine->top != magazine->base;
}

bool fe_slab_refill(struct fe_heap_core *heap, struct fe_magazine *magazine) {
    fe_remote_drain(heap, FE_MAGAZINE_SMALL / 2);
    if (magazine->top != magazine->base || fill(heap, magazine))
        return true;
    /* No memory: what this core holds free in other classes may be enough. */
    fe_heap_trim();
    return fill(heap, magazine);
}

/* After slots came back: moves the slab to the list where it belongs now, or gives it back. */
static void settle(struct fe_heap_core *heap, struct fe_span *slab, bool was_full) {
    struct fe_slab_lists *lists = &heap->slabs[slab->size_class];
    if (was_full) {
        list_remove(&lists->full, slab);
        list_add(&lists->partial, slab);
    }
    bool alone = slab->next == NULL && slab->previous == NULL;
    if (slab->used == 0 && (!alone || slab->size_class > FE_CLASS_SMALL_LAST))
        release(heap, slab);
}

void fe_slab_return(struct fe_heap_core *heap, struct fe_span *slab, uint32_t slot) {
    slab->returned[slot / 64] |= UINT64_C(1) << (slot % 64);
    bool was_full = slab->used-- == slab->count;
    if (was_full || slab->used == 0)
        settle(heap, slab, was_full);
}

void fe_slab_spill(struct fe_heap_core *heap, struct fe_magazine *magazine, size_t count) {
    struct fe_slot *from = magazine->base;
    for (size_t n = 0; n < count; n++, from++) {
        struct fe_span *slab = fe_span_at(from->block);
        fe_slab_return(heap, slab, (uint32_t)(from->state - slab->state));
    }
    struct fe_slot *to = magazine->base;
    while (from < magazine->top)
        *to++ = *from++;
    magazine->top = to;
    magazine->returned += count;
}

void fe_slab_release_empty(struct fe_heap_core *heap) {
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++)
        for (struct fe_span *slab = heap->slabs[size_class].partial, *next; slab != NULL; slab = next) {
            next = slab->next;
            if (slab->used == 0)
                release(heap, slab);
        }
}

/* Takes the slab's stranded slots back; true if there were any. */
static uint32_t sweep(struct fe_span *slab) {
    uint32_t found = 0;
    for (uint32_t slot = 0; slot < slab->carved; slot++) {
        /* Acquire: pairs with the release in fe_remote_free, so that the slot's poison is seen. */
        if (__atomic_load_n(&slab->state[slot], __ATOMIC_ACQUIRE) != FE_SLOT_STRANDED)
            continue;
        fe_slot_set(&slab->state[slot], FE_SLOT_FREE);
        slab->returned[slot / 64] |= UINT64_C(1) << (slot % 64);
        found++;
    }
    slab->used -= found;
    return found;
}

size_t fe_slab_sweep(struct fe_heap_core *heap) {
    size_t total = 0;
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        struct fe_slab_lists *lists = &heap->slabs[size_class];
        /* Full slabs that get slots back move to the partial list, so that one goes first. */
        for (unsigned full = 0; full < 2; full++)
            for (struct fe_span *slab = full ? lists->full : lists->partial, *next; slab != NULL; slab = next) {
                next = slab->next;
                uint32_t found = sweep(slab);
                if (found != 0)
                    settle(heap, slab, full != 0);
                total += found;
            }
    }
    return total;
}
