/*
 * Physical pages: a buddy allocator over the machine's RAM, with a cache of single pages per core.
 *
 * A page is named by its physical address; fe_direct(page) is where it can be read and written. Address 0 is never
 * given out and means "none". Task and scheduler context, and boot; not in interrupt handlers. Nothing here blocks.
 *
 * A page that is freed twice, was never given out, or is freed with another length than it was given is a bug of the
 * kernel and panics with the page's address and what was wrong.
 */
#ifndef FERRITE_HEAP_PAGE_H
#define FERRITE_HEAP_PAGE_H

#include <arch/arch.h>

#define FE_PAGE_ORDER_MAX                                                                                              \
    10 /* 4 MiB, the largest run that the buddy keeps; longer ones are neighbours taken together */

/* Machines with less memory than this are refused... */
#define FE_PAGE_MACHINE_LEAST (UINT64_C(64) << 20)
/* ...where firmware may have kept this much of it for itself... */
#define FE_PAGE_FIRMWARE_MOST (UINT64_C(2) << 20)
/* ...and so are those where image, initrd and our own metadata leave less than this. */
#define FE_PAGE_FREE_LEAST (UINT64_C(8) << 20)

/*
 * Gives the allocator the RAM in `ram` (sorted, disjoint) less `reserved` (in any order). Its metadata (about a byte
 * and a quarter a page) is carved out of the largest range within [early_base, early_end), the only memory that is
 * mapped yet; pages outside it are given out only after fe_page_late. The boot core's heap works from here on: sets
 * fe_arch_core()->heap. Boot core, once. FE_ENOMEM: too little memory, and `*needed` says how many bytes of memory
 * would have done; FE_EINVAL: early_base >= early_end or more ranges than FE_PAGE_RANGES_MAX.
 */
#define FE_PAGE_RANGES_MAX 64 /* of ram, and of reserved */
FE_MUST_CHECK fe_status fe_page_init(const struct fe_memory_range *ram, size_t ram_count,
                                     const struct fe_memory_range *reserved, size_t reserved_count, uint64_t early_base,
                                     uint64_t early_end, uint64_t *needed);
/* All RAM is mapped now. */
void fe_page_late(void);
/* Gives the allocator pages that were reserved until now. Those in a section (4 MiB) that was reserved whole stay so. */
void fe_page_add(uint64_t base, uint64_t bytes);

/* A run of 2^order pages, aligned to its size, contents undefined; 0 when there is none. About 25 instructions for
 * order 0, and 200 more for each 16th; about 200 for others. */
FE_MUST_CHECK uint64_t fe_page_alloc(unsigned order);
/* One zeroed page; 0 when there is none. Fits fe_arch_table_source. */
FE_MUST_CHECK uint64_t fe_page_alloc_zeroed(void);
void fe_page_free(uint64_t page, unsigned order);

/* A run of `pages` pages of any length, aligned to the next power of two (at most 4 MiB); 0 when there is none. Free
 * with the same count. */
FE_MUST_CHECK uint64_t fe_page_alloc_run(size_t pages);
/* The same, aligned to at least 2^order pages. */
FE_MUST_CHECK uint64_t fe_page_alloc_run_aligned(size_t pages, unsigned order);
void fe_page_free_run(uint64_t page, size_t pages);

/* Gives the calling core's cached pages back. */
void fe_page_trim(void);

/* Whether the calling core is in none of the operations above, so that its fault handler may call them. */
bool fe_page_is_at_rest(void);

/* Whether what is kept for later use had better be given back: less than a quarter of all pages is free, those that cores cache not
 * counted, or an allocation has failed, maybe because what is free is in pieces. Any context. Some five instructions. */
bool fe_page_is_scarce(void);
/* Whoever has given back all that he kept says so, and an allocation that has failed counts no more. Whether there was one. */
bool fe_page_no_more(void);

/* The addresses between which all pages lie. */
void fe_page_extent(uint64_t *base, uint64_t *end);

struct fe_page_statistics {
    uint64_t total_pages; /* given to the allocator, its metadata excluded */
    uint64_t free_pages;  /* of them, free, those cached by cores included */
};
/* Any context; exact when nobody allocates. */
void fe_page_statistics(struct fe_page_statistics *statistics);

#endif
