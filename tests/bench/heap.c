/* malloc64, malloc64_plain, malloc4k, malloc_mixed, longest_alloc, longest_refill, longest_grant, longest_free. */
#include "bench.h"

#include <heap/core.h>

static uint64_t pairs(size_t bytes, uint64_t count) {
    uint64_t began = fe_arch_instructions();
    for (uint64_t i = 0; i < count; i += 4) { /* four a turn, so that the loop itself hardly counts */
        fe_heap_free(fe_heap_alloc(bytes));
        fe_heap_free(fe_heap_alloc(bytes));
        fe_heap_free(fe_heap_alloc(bytes));
        fe_heap_free(fe_heap_alloc(bytes));
    }
    return fe_arch_instructions() - began;
}

#define PAIRS 100000u

void bench_malloc64(void) {
    pairs(64, 1000);
    bench_report("malloc64", pairs(64, PAIRS), PAIRS, "insn");
}

/* The same in an image whose heap has no hardening: what hardening costs. */
void bench_malloc64_plain(void) {
    pairs(64, 1000);
    bench_report("malloc64_plain", pairs(64, PAIRS), PAIRS, "insn");
}

void bench_malloc4k(void) {
    pairs(4096, 1000);
    bench_report("malloc4k", pairs(4096, PAIRS), PAIRS, "insn");
}

/*
 * malloc_mixed: a million operations on 10,000 slots chosen at random: an empty one is filled, a full one freed. Sizes have
 * an octave chosen evenly from 16 B to 64 KiB and lie evenly within it.
 *
 * The longest calls are looked for in a run of their own, the first of the three, which also meets the heap cold; the
 * second is measured as a whole; the third is the same loop without the heap, whose cost is subtracted.
 */
#define OPERATIONS 1000000u
#define SLOTS 10000u
#define OCTAVE_FIRST 4
#define OCTAVES 12

struct mixed {
    void **slots;
    uint64_t random;
    uint64_t longest_alloc, longest_free;
    uint64_t longest_refill, longest_grant; /* of longest_alloc: without and with a slab from the page allocator */
};

/* The slabs of the size's class that this core has; 0 where blocks are runs of pages. */
static inline uint32_t slabs_of(size_t bytes) {
    return bytes <= FE_SLAB_MOST ? fe_heap_core()->store[fe_class_of(bytes)].slabs : 0;
}

static inline void longest(uint64_t *most, uint64_t taken) {
    *most = taken > *most ? taken : *most;
}

static inline uint64_t next_random(struct mixed *mixed) {
    uint64_t x = mixed->random; /* xorshift64 (Marsaglia, 2003) */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return mixed->random = x;
}

static inline size_t random_size(uint64_t random) {
    size_t octave = (size_t)1 << (OCTAVE_FIRST + (random >> 32) % OCTAVES);
    return octave + (random & (octave - 1));
}

enum work { TIMED, PLAIN, NONE };

static inline void operation(struct mixed *mixed, enum work work) {
    uint64_t random = next_random(mixed);
    void **slot = &mixed->slots[random % SLOTS];
    size_t bytes = random_size(next_random(mixed));
    if (work == NONE) {
        *slot = *slot ? NULL : (void *)bytes;
        return;
    }
    uint32_t slabs = work == TIMED ? slabs_of(bytes) : 0;
    uint64_t began = work == TIMED ? fe_arch_instructions() : 0;
    if (*slot) {
        fe_heap_free(*slot);
        if (work == TIMED)
            longest(&mixed->longest_free, fe_arch_instructions() - began);
        *slot = NULL;
        return;
    }
    void *block = fe_heap_alloc(bytes);
    *slot = block;
    if (work != TIMED)
        return;
    uint64_t taken = fe_arch_instructions() - began;
    longest(&mixed->longest_alloc, taken);
    if (bytes <= FE_SLAB_MOST)
        longest(slabs == slabs_of(bytes) ? &mixed->longest_refill : &mixed->longest_grant, taken);
}

#define MIXED_RUN(name, work)                                                                                          \
    static __attribute__((noinline)) uint64_t name(struct mixed *mixed) {                                              \
        mixed->random = 42;                                                                                            \
        uint64_t began = fe_arch_instructions();                                                                       \
        for (uint64_t i = 0; i < OPERATIONS; i++)                                                                      \
            operation(mixed, (work));                                                                                  \
        return fe_arch_instructions() - began;                                                                         \
    }
MIXED_RUN(mixed_timed, TIMED)
MIXED_RUN(mixed_plain, PLAIN)
MIXED_RUN(mixed_none, NONE)

static void free_all(struct mixed *mixed) {
    for (unsigned i = 0; i < SLOTS; i++) {
        fe_heap_free(mixed->slots[i]);
        mixed->slots[i] = NULL;
    }
}

void bench_malloc_mixed(void) {
    struct mixed mixed = {.slots = fe_heap_alloc_zeroed(SLOTS, sizeof(void *))};
    mixed_timed(&mixed);
    free_all(&mixed);
    uint64_t taken = mixed_plain(&mixed);
    free_all(&mixed);
    uint64_t loop = mixed_none(&mixed);
    uint64_t read = bench_read_cost();
    bench_report("malloc_mixed", taken - loop, OPERATIONS, "insn");
    bench_report("longest_alloc", mixed.longest_alloc - read, 1, "insn");
    bench_report("longest_refill", mixed.longest_refill - read, 1, "insn");
    bench_report("longest_grant", mixed.longest_grant - read, 1, "insn");
    bench_report("longest_free", mixed.longest_free - read, 1, "insn");
    fe_heap_free(mixed.slots);
}
