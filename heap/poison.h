/*
 * Poison: what a free block is filled with, to be found unchanged when it is given out again. All bits set, so that checking
 * it is one AND a word, and following it as a pointer faults (the last page of the address space and the first are never
 * mapped).
 *
 * By default the first 64 bytes of a block, so that the cost is bounded; in a checked build all of it. `poison=` on the
 * command line chooses. The fast paths know the commonest case, exactly 64 bytes; fe_poison.common_from says for which
 * classes it is the case.
 */
#ifndef FERRITE_HEAP_POISON_H
#define FERRITE_HEAP_POISON_H

#include "size.h"

#define FE_POISON UINT64_MAX

struct fe_poison {
    uint32_t most;        /* bytes of a block that are poisoned */
    uint32_t common_from; /* classes from here on have exactly 64 bytes of it; FE_CLASSES: none has */
};
extern struct fe_poison fe_poison; /* immutable once the heap works */

#define FE_POISON_COMMON 64
#define FE_POISON_COMMON_CLASS 3 /* of 64 bytes */

static inline void fe_poison_fill_common(void *block) {
    uint64_t *word = block;
    word[0] = word[1] = word[2] = word[3] = word[4] = word[5] = word[6] = word[7] = FE_POISON;
}

static inline bool fe_poison_whole_common(const void *block) {
    const uint64_t *word = block;
    return (word[0] & word[1] & word[2] & word[3] & word[4] & word[5] & word[6] & word[7]) == FE_POISON;
}

/* The same for blocks of `size` bytes, however many of them are poisoned. */
static inline void fe_poison_fill(void *block, uint32_t size) {
    uint64_t *word = block;
    uint32_t words = (size < fe_poison.most ? size : fe_poison.most) / 8;
    for (uint32_t n = 0; n < words; n++)
        word[n] = FE_POISON;
}

static inline bool fe_poison_whole(const void *block, uint32_t size) {
    const uint64_t *word = block;
    uint64_t all = FE_POISON;
    uint32_t words = (size < fe_poison.most ? size : fe_poison.most) / 8;
    for (uint32_t n = 0; n < words; n++)
        all &= word[n];
    return all == FE_POISON;
}

#endif
