/*
 * What a bare-metal port gives to the shared page-table walker (arch/bare/paging.c), as static inlines in its own
 * `port_paging.h`. Tables have four levels of 512 entries of eight bytes; level 0 maps 4 KiB pages, level 1 2 MiB, level 2
 * 1 GiB, level 3 is the root. An entry that is all zero is not valid.
 *
 * The walker reaches tables through the direct map, so the entry code must have direct-mapped the image (its own tables
 * included) before fe_kernel_boot; the page source gives out only what is direct-mapped.
 */
#ifndef FERRITE_ARCH_BARE_PAGING_H
#define FERRITE_ARCH_BARE_PAGING_H

#include <arch/arch.h>

#define FE_TABLE_ENTRIES 512
#define FE_TABLE_ROOT_LEVEL 3

/* The entry that maps a page of `level` (0, 1 or 2) at `physical` with `protection`, ready for use (accessed, dirty). Never
 * usable by unprivileged code. It holds the physical address in place: the entry for the next page is this one plus the
 * page's size. */
static inline uint64_t fe_port_leaf(unsigned level, uint64_t physical, unsigned protection);
/* The entry, of any level above 0, that points to the table at `physical`. Grants everything: leaves decide. */
static inline uint64_t fe_port_table(uint64_t physical);
static inline bool fe_port_entry_valid(uint64_t entry);
/* Of a valid entry at `level`: whether it maps a page (at level 0 always), and the physical address it holds. */
static inline bool fe_port_entry_leaf(unsigned level, uint64_t entry);
static inline uint64_t fe_port_entry_physical(unsigned level, uint64_t entry);
/* Whether this CPU can map pages of `level` (1: 2 MiB, 2: 1 GiB). */
static inline bool fe_port_level_can_map(unsigned level);
/* After entries that were not valid have become so: makes the hardware walker see them, on all cores, before later
 * accesses of this core. */
static inline void fe_port_entries_written(void);
/* Physical address of the root table in use. */
static inline uint64_t fe_port_root(void);
/* Makes `physical` the calling core's root, cached translations dropped. */
static inline void fe_port_root_install(uint64_t physical);

#include "port_paging.h"

#endif
