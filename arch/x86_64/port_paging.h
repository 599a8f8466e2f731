/* x86_64's page-table entries, for arch/bare/paging.c. */
#ifndef FERRITE_X86_64_PORT_PAGING_H
#define FERRITE_X86_64_PORT_PAGING_H

#include "x86.h"

#define FE_X86_PRESENT (UINT64_C(1) << 0)
#define FE_X86_WRITE (UINT64_C(1) << 1)
#define FE_X86_WRITE_THROUGH (UINT64_C(1) << 3)
#define FE_X86_CACHE_DISABLE (UINT64_C(1) << 4)
#define FE_X86_ACCESSED (UINT64_C(1) << 5)
#define FE_X86_DIRTY (UINT64_C(1) << 6)
#define FE_X86_LARGE (UINT64_C(1) << 7)
#define FE_X86_NO_EXECUTE (UINT64_C(1) << 63)
#define FE_X86_ADDRESS UINT64_C(0x000ffffffffff000)

static inline uint64_t fe_port_leaf(unsigned level, uint64_t physical, unsigned protection) {
    uint64_t entry = physical | FE_X86_PRESENT | FE_X86_ACCESSED | FE_X86_DIRTY;
    if (level > 0)
        entry |= FE_X86_LARGE;
    if (protection & FE_PROTECTION_WRITE)
        entry |= FE_X86_WRITE;
    if (!(protection & FE_PROTECTION_EXECUTE))
        entry |= FE_X86_NO_EXECUTE;
    if (protection & FE_PROTECTION_DEVICE)
        entry |= FE_X86_CACHE_DISABLE | FE_X86_WRITE_THROUGH; /* PAT entry 3 at reset: uncacheable */
    return entry;
}

static inline uint64_t fe_port_table(uint64_t physical) {
    return physical | FE_X86_PRESENT | FE_X86_WRITE | FE_X86_ACCESSED;
}

static inline bool fe_port_entry_valid(uint64_t entry) {
    return entry & FE_X86_PRESENT;
}

static inline bool fe_port_entry_leaf(unsigned level, uint64_t entry) {
    return level == 0 || (entry & FE_X86_LARGE);
}

static inline uint64_t fe_port_entry_physical(unsigned level, uint64_t entry) {
    uint64_t physical = entry & FE_X86_ADDRESS;
    if (level > 0 && (entry & FE_X86_LARGE)) /* bit 12 of a large leaf is part of its memory type */
        physical &= ~((UINT64_C(1) << (12 + 9 * level)) - 1);
    return physical;
}

static inline bool fe_port_level_can_map(unsigned level) {
    return level < 2 || fe_x86_features.pages_1g;
}

static inline void fe_port_entries_written(void) {
    /* The walker is coherent and entries that are not valid are never cached; stores stay in order. */
    __asm__ volatile("" ::: "memory");
}

static inline uint64_t fe_port_root(void) {
    uint64_t root;
    __asm__ volatile("mov %%cr3, %0" : "=r"(root));
    return root & FE_X86_ADDRESS;
}

static inline void fe_port_root_install(uint64_t physical) {
    __asm__ volatile("mov %0, %%cr3" ::"r"(physical) : "memory");
}

#endif
