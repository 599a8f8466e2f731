/*
 * Physical pages: a buddy allocator over the machine's RAM, with a cache of single pages per core.
 *
 * A page is named by its physical address; fe_direct(page) is where it can be read and written. Address 0 is never given
 * out and means "none". Not for interrupt handlers.
 */
#ifndef FERRITE_HEAP_PAGE_H
#define FERRITE_HEAP_PAGE_H

#include <arch/arch.h>

#define FE_PAGE_ORDER_MAX 10 /* 4 MiB, the largest run that the buddy keeps */

/* Gives the allocator the RAM in `ram` less `reserved`. Its metadata (about a byte a page) is carved out of the largest
 * range within [early_base, early_end), the only memory that is mapped yet; pages outside it are given out only after
 * fe_page_late. FE_ENOMEM: too little memory, and `*needed` says how many bytes would have done. */
FE_MUST_CHECK fe_status fe_page_init(const struct fe_memory_range *ram, size_t ram_count,
                                     const struct fe_memory_range *reserved, size_t reserved_count, uint64_t early_base,
                                     uint64_t early_end, uint64_t *needed);
/* All RAM is mapped now. */
void fe_page_late(void);

/* A run of 2^order pages, aligned to its size, contents undefined; 0 when there is none. */
FE_MUST_CHECK uint64_t fe_page_alloc(unsigned order);
/* One zeroed page; 0 when there is none. Fits fe_arch_table_source. */
FE_MUST_CHECK uint64_t fe_page_alloc_zeroed(void);
void fe_page_free(uint64_t page, unsigned order);

/* A run of `pages` pages of any length (rounded up inside to a power of two or split, as the allocator likes); free with
 * the same count. */
FE_MUST_CHECK uint64_t fe_page_alloc_run(size_t pages);
void fe_page_free_run(uint64_t page, size_t pages);

struct fe_page_statistics {
    uint64_t total_pages, free_pages;
};
void fe_page_statistics(struct fe_page_statistics *statistics);

#endif
