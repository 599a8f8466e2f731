/* AArch64's page-table entries, for arch/bare/paging.c. */
#ifndef FERRITE_AARCH64_PORT_PAGING_H
#define FERRITE_AARCH64_PORT_PAGING_H

#include "arm.h"

#define FE_ARM_ENTRY_ADDRESS UINT64_C(0x0000fffffffff000)

static inline uint64_t fe_port_leaf(unsigned level, uint64_t physical, unsigned protection) {
    uint64_t entry = physical | FE_ARM_ENTRY_VALID | FE_ARM_ENTRY_ACCESSED | UINT64_C(1) << FE_ARM_ENTRY_UXN_BIT;
    if (level == 0)
        entry |= FE_ARM_ENTRY_TABLE;
    if (!(protection & FE_PROTECTION_WRITE))
        entry |= FE_ARM_ENTRY_READ_ONLY;
    if (!(protection & FE_PROTECTION_EXECUTE))
        entry |= UINT64_C(1) << FE_ARM_ENTRY_PXN_BIT;
    if (protection & FE_PROTECTION_DEVICE)
        entry |= FE_ARM_TYPE_DEVICE << 2;
    else
        entry |= FE_ARM_TYPE_NORMAL << 2 | FE_ARM_ENTRY_INNER_SHAREABLE;
    return entry;
}

static inline uint64_t fe_port_table(uint64_t physical) {
    return physical | FE_ARM_ENTRY_VALID | FE_ARM_ENTRY_TABLE;
}

static inline bool fe_port_entry_valid(uint64_t entry) {
    return entry & FE_ARM_ENTRY_VALID;
}

static inline bool fe_port_entry_leaf(unsigned level, uint64_t entry) {
    return level == 0 || !(entry & FE_ARM_ENTRY_TABLE);
}

static inline uint64_t fe_port_entry_physical(unsigned level, uint64_t entry) {
    (void)level; /* the bits between a large page's address and bit 12 are zero as we write them */
    return entry & FE_ARM_ENTRY_ADDRESS;
}

static inline bool fe_port_level_can_map(unsigned level) {
    (void)level; /* the 4 KiB granule has 2 MiB and 1 GiB blocks on every CPU */
    return true;
}

/* The store reaches the walkers of all cores; then what this core fetched or translated ahead is dropped. */
static inline void fe_port_entries_written(void) {
    __asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

static inline uint64_t fe_port_root(void) {
    uint64_t root;
    __asm__ volatile("mrs %0, ttbr1_el1" : "=r"(root));
    return root & FE_ARM_ENTRY_ADDRESS;
}

static inline void fe_port_root_install(uint64_t physical) {
    fe_arm_root_exchange(physical);
}

#endif
