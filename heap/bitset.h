/*
 * A set of small integers in which the least member is found in constant time: a bitmap, a bitmap of its words that are
 * not zero, and so on up to one word. Six levels hold 2^36 members; a bit set or cleared seldom touches more than one.
 *
 * The owner provides the memory and the locking. Invariant: a bit at level n + 1 is set exactly if its word at level n
 * is not zero.
 */
#ifndef FERRITE_HEAP_BITSET_H
#define FERRITE_HEAP_BITSET_H

#include <ferrite/base.h>

#define FE_BITSET_LEVELS 6

/* How many bits are set. (The builtin is a call to a library that kernels have not, on machines without an instruction.) */
static inline uint32_t fe_bits_count(uint64_t bits) {
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(bits * UINT64_C(0x0101010101010101) >> 56);
}

struct fe_bitset {
    uint64_t *level[FE_BITSET_LEVELS]; /* level[0]: the members */
    unsigned depth;                    /* levels in use; the last has one word */
    size_t bits;                       /* members are below this */
};

/* The words of memory that a set of `bits` members needs; `bits` is at least 1. */
static inline size_t fe_bitset_words(size_t bits) {
    size_t words = 0;
    do {
        bits = (bits + 63) / 64;
        words += bits;
    } while (bits > 1);
    return words;
}

/* Makes *set an empty set in `memory`, which holds fe_bitset_words(bits) zero words: the members' own come first. */
static inline void fe_bitset_place(struct fe_bitset *set, size_t bits, uint64_t *memory) {
    set->bits = bits;
    set->depth = 0;
    do {
        bits = (bits + 63) / 64;
        set->level[set->depth++] = memory;
        memory += bits;
    } while (bits > 1);
}

static inline bool fe_bitset_has(const struct fe_bitset *set, size_t member) {
    return member < set->bits && (set->level[0][member / 64] >> (member % 64) & 1) != 0;
}

static inline void fe_bitset_add(struct fe_bitset *set, size_t member) {
    for (unsigned n = 0; n < set->depth; n++, member /= 64) {
        uint64_t *word = &set->level[n][member / 64];
        uint64_t before = *word;
        *word = before | UINT64_C(1) << (member % 64);
        if (before != 0)
            return;
    }
}

/* Adds [first, first + count), none of which is a member: a word at a time. */
static inline void fe_bitset_add_run(struct fe_bitset *set, size_t first, size_t count) {
    while (count > 0) {
        size_t bit = first % 64, last = count < 64 - bit ? bit + count - 1 : 63;
        fe_bitset_add(set, first); /* and the levels above */
        set->level[0][first / 64] |= (UINT64_MAX << bit) & (UINT64_MAX >> (63 - last));
        first += last - bit + 1;
        count -= last - bit + 1;
    }
}

static inline void fe_bitset_remove(struct fe_bitset *set, size_t member) {
    for (unsigned n = 0; n < set->depth; n++, member /= 64) {
        uint64_t *word = &set->level[n][member / 64];
        *word &= ~(UINT64_C(1) << (member % 64));
        if (*word != 0)
            return;
    }
}

/* The least member, or SIZE_MAX if there is none. */
static inline size_t fe_bitset_first(const struct fe_bitset *set) {
    if (set->depth == 0 || set->level[set->depth - 1][0] == 0)
        return SIZE_MAX;
    size_t member = 0;
    for (unsigned n = set->depth; n-- > 0;)
        member = member * 64 + (size_t)__builtin_ctzll(set->level[n][member]);
    return member;
}

#endif
