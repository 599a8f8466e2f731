/*
 * What is said of a bad pointer. A task that misuses the heap fails; outside a task, where nobody else can be blamed,
 * the machine panics. The heap's own state is sound by then, and no lock is held.
 */
#include "internal.h"

#include <ferrite/context.h>
#include <ferrite/panic.h>
#include <ferrite/task.h>

#define COMPLAIN(...) (fe_context() == FE_CONTEXT_TASK ? fe_fail(__VA_ARGS__) : fe_panic(__VA_ARGS__))

/* A large block has an entry for its first chunk only: looks back for one that reaches to `address`. */
static struct fe_span *large_around(const void *address) {
    size_t chunk = ((uintptr_t)address - fe_heap_map.origin) >> FE_CHUNK_SHIFT;
    if (chunk >= fe_heap_map.capacity)
        return NULL;
    size_t limit = __atomic_load_n(&fe_heap_map.limit, __ATOMIC_ACQUIRE); /* pairs with fe_span_publish */
    if (chunk >= limit)
        chunk = limit;
    while (chunk-- > 0) {
        struct fe_span *span = fe_heap_map.span[chunk];
        if (span->kind == FE_SPAN_LARGE)
            return (uintptr_t)address - span->base < span->bytes ? span : NULL;
        if (span->kind == FE_SPAN_SLAB)
            return NULL;
    }
    return NULL;
}

void fe_heap_misuse(const char *function, const void *block) {
    struct fe_heap_place place = fe_heap_find(block);
    struct fe_span *large = place.state == NULL ? large_around(block) : NULL;
    if (large != NULL)
        COMPLAIN("%s: %p is %zu bytes into a block of %zu bytes of core %u", function, block,
                 (size_t)((uintptr_t)block - large->base), large->bytes, large->core);
    if (place.state == NULL && place.span->kind == FE_SPAN_FREED)
        COMPLAIN("%s: %p was freed already (its memory went back to the page allocator)", function, block);
    if (place.state == NULL)
        COMPLAIN("%s: %p is not a block of the heap", function, block);

    unsigned state = fe_slot_state(place.state), core = place.span->core;
    if (place.start != block)
        COMPLAIN("%s: %p is %zu bytes into a %s block of %zu bytes of core %u", function, block,
                 (size_t)((uintptr_t)block - (uintptr_t)place.start), state == FE_SLOT_LIVE ? "live" : "free",
                 place.size, core);
    if (state == FE_SLOT_FRESH)
        COMPLAIN("%s: %p, a block of %zu bytes of core %u, was never given out", function, block, place.size, core);
    if (state == FE_SLOT_LIVE)
        COMPLAIN("%s: %p, a block of %zu bytes of core %u, was freed by two cores at once", function, block, place.size,
                 core);
    COMPLAIN("%s: %p, a block of %zu bytes of core %u, was freed already%s", function, block, place.size, core,
             state == FE_SLOT_STRANDED ? " (by another core)" : "");
}

void fe_heap_spoiled(const void *block, const struct fe_span *span) {
    const unsigned char *byte = block;
    uint32_t at = 0, most = span->size < fe_poison.most ? span->size : fe_poison.most;
    while (at + 1 < most && byte[at] == 0xff)
        at++;
    COMPLAIN("fe_heap_alloc: %p, a block of %u bytes of core %u, was written after it was freed: byte %u is %#x", block,
             span->size, span->core, at, byte[at]);
}

void fe_heap_out_of_memory(const char *function, size_t bytes) {
    COMPLAIN("%s: out of memory: %zu bytes wanted", function, bytes);
}

void fe_heap_bad_alignment(const char *function, size_t alignment) {
    COMPLAIN("%s: alignment %zu is not a power of two of at most 2 MiB", function, alignment);
}
