/*
 * Size classes: multiples of 16 bytes to 128, then four per doubling to 32 KiB, so that at most a fifth of a block is
 * unused. Larger blocks are runs of pages.
 *
 * Slots of a class lie in slabs of 16 KiB (to 1 KiB), 64 KiB (to 8 KiB) or 128 KiB: at least 4 to a slab, and at most
 * an eighth of a slab left over.
 */
#ifndef FERRITE_HEAP_SIZE_H
#define FERRITE_HEAP_SIZE_H

#include <ferrite/base.h>

#define FE_CLASSES_LINEAR 8 /* 16 .. 128 */
#define FE_CLASSES 40
#define FE_CLASS_NONE FE_CLASSES

#define FE_SMALL_MOST 1024 /* found by table */
#define FE_CLASS_SMALL_LAST 19
#define FE_SLAB_MOST 32768 /* the largest class */

#define FE_CHUNK_SHIFT 14 /* slabs are made of chunks, and aligned to one */
#define FE_CHUNK_SIZE ((uintptr_t)1 << FE_CHUNK_SHIFT)

/* Slots of a magazine: as many as are worth a trip to the slabs (and an atomic exchange, when they go to another core),
 * and no more than 256 KiB of memory. */
#define FE_MAGAZINE_SMALL 32  /* to 1 KiB */
#define FE_MAGAZINE_MIDDLE 16 /* to 8 KiB */
#define FE_MAGAZINE_BIG 8

/* Full magazines that a core keeps of a class: at most this much memory, and this many. */
#define FE_DEPOT_BYTES ((uint32_t)128 << 10)
#define FE_DEPOT_MOST 8u
/* The class of blocks of 1 .. FE_SLAB_MOST bytes. */
static inline unsigned fe_class_of(size_t bytes) {
    size_t last = bytes - 1;
    if (last < 128)
        return (unsigned)(last / 16);
    unsigned top = 63 - (unsigned)__builtin_clzll(last);
    return FE_CLASSES_LINEAR + (top - 7) * 4 + ((unsigned)(last >> (top - 2)) & 3);
}

static inline uint32_t fe_class_size(unsigned size_class) {
    if (size_class < FE_CLASSES_LINEAR)
        return (size_class + 1) * 16;
    unsigned step = size_class - FE_CLASSES_LINEAR;
    return (5 + step % 4) << (step / 4 + 5);
}

/* Pages of a slab of the class, as a power of two. */
static inline unsigned fe_class_slab_order(unsigned size_class) {
    return size_class <= FE_CLASS_SMALL_LAST ? 2 : size_class < 32 ? 4 : 5;
}

static inline uint32_t fe_class_slab_bytes(unsigned size_class) {
    return (uint32_t)4096 << fe_class_slab_order(size_class);
}

static inline uint32_t fe_class_count(unsigned size_class) {
    return fe_class_slab_bytes(size_class) / fe_class_size(size_class);
}

static inline uint32_t fe_class_magazine(unsigned size_class) {
    return size_class <= FE_CLASS_SMALL_LAST ? FE_MAGAZINE_SMALL
           : size_class < 32                 ? FE_MAGAZINE_MIDDLE
                                             : FE_MAGAZINE_BIG;
}

static inline uint32_t fe_class_depot(unsigned size_class) {
    uint32_t fit = FE_DEPOT_BYTES / (fe_class_magazine(size_class) * fe_class_size(size_class));
    return fit > FE_DEPOT_MOST ? FE_DEPOT_MOST : fit < 1 ? 1 : fit;
}

#endif
