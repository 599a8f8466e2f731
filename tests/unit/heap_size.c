/*
 * Size classes: every size, and the arithmetic that finds a slot, tried exhaustively.
 *
 * Links: heap/span.c
 */
#include "support.h"

#include <heap/page.h>
#include <heap/span.h>

/* heap/span.c makes its map from pages; nothing here makes a map. */
void fe_page_statistics(struct fe_page_statistics *statistics) {
    (void)statistics;
}
void fe_page_extent(uint64_t *base, uint64_t *end) {
    *base = *end = 0;
}
uint64_t fe_page_alloc_run(size_t pages) {
    (void)pages;
    return 0;
}

Test(heap_size, the_least_class_that_fits) {
    for (size_t bytes = 1; bytes <= FE_SLAB_MOST; bytes++) {
        unsigned size_class = fe_class_of(bytes);
        cr_assert_lt(size_class, FE_CLASSES);
        cr_assert_geq(fe_class_size(size_class), bytes);
        if (size_class > 0)
            cr_assert_lt(fe_class_size(size_class - 1), bytes);
    }
}

Test(heap_size, little_is_wasted) {
    for (size_t bytes = 129; bytes <= FE_SLAB_MOST; bytes++)
        cr_assert_leq(fe_class_size(fe_class_of(bytes)) - bytes, bytes / 4, "%zu bytes", bytes);
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        cr_assert_geq(fe_class_count(size_class), 4);
        cr_assert_eq(fe_class_size(size_class) % 16, 0);
        cr_assert_leq(fe_class_slab_bytes(size_class) - fe_class_count(size_class) * fe_class_size(size_class),
                      fe_class_slab_bytes(size_class) / 8);
    }
}

Test(heap_size, slots_are_found_exactly) {
    for (unsigned size_class = 0; size_class < FE_CLASSES; size_class++) {
        uint32_t size = fe_class_size(size_class), reciprocal = fe_span_reciprocal(size);
        for (uint32_t offset = 0; offset < fe_class_slab_bytes(size_class); offset++) {
            uint64_t slot = fe_span_slot(offset, reciprocal);
            cr_assert_eq(slot >> 32, offset / size);
            cr_assert_eq((uint32_t)slot < reciprocal, offset % size == 0, "class %u, offset %u", size_class, offset);
        }
    }
}
