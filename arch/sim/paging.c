/*
 * The paging part of arch/arch.h. Memory is this process's own, at fixed addresses, so that a run repeats and a fork has a copy.
 * Behind a stack's page is memory of its own; which physical page the books have there is kept in a table.
 *
 * Translations may outlive an unmapping on the cores that had no chance to forget them, so a page that was behind a stack must not
 * be used again before every core has flushed: that is checked.
 */
#define _GNU_SOURCE
#include "sim.h"

#include <sys/mman.h>

#define ALIASES 80
#define PAGES (1u << 16) /* of physical memory: 256 MiB */

const char fe_arch_name[] = "sim";

uint64_t (*fe_arch_table_source)(void);
static uint64_t memory_bytes;
static uint32_t *stack_pages;
static struct {
    uintptr_t address;
    uint64_t physical;
    size_t bytes;
} aliases[ALIASES];
static unsigned alias_count;

static uint64_t flushes[FE_CORES_MAX]; /* what `unmappings` was when the core flushed last */
static uint64_t unmappings;
static uint64_t unmapped[PAGES]; /* by physical page: what `unmappings` was when it left a stack; 0: it was in none */

static void *reserve(uintptr_t address, size_t bytes, int protection) {
    void *got = mmap((void *)address, bytes, protection,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (address ? MAP_FIXED_NOREPLACE : 0), -1, 0);
    return got == MAP_FAILED || (address && got != (void *)address) ? NULL : got;
}

bool fe_sim_memory(uint64_t bytes) {
    memory_bytes = bytes;
    return bytes <= PAGES * FE_PAGE_SIZE && reserve(FE_DIRECT_BASE, bytes, PROT_READ | PROT_WRITE);
}

fe_status fe_arch_paging_init(const struct fe_memory_range *ram, size_t count) {
    (void)ram;
    (void)count;
    stack_pages = reserve(0, (FE_STACKS_BYTES >> FE_PAGE_SHIFT) * sizeof *stack_pages, PROT_READ | PROT_WRITE);
    return stack_pages && reserve(FE_STACKS_BASE, FE_STACKS_BYTES, PROT_NONE) ? FE_OK : FE_ENOMEM;
}

void fe_arch_early_direct(uint64_t *base, uint64_t *end) {
    *base = 0;
    *end = UINT64_MAX;
}

uint64_t fe_arch_table_pages(void) {
    return 0;
}

static bool in_stacks(uintptr_t address) {
    return address - FE_STACKS_BASE < FE_STACKS_BYTES;
}

static uint32_t *stack_page(uintptr_t address) {
    return &stack_pages[(address - FE_STACKS_BASE) >> FE_PAGE_SHIFT];
}

/* Cores' stacks and files: a copy, which is never looked at through its physical address again. */
fe_status fe_arch_map(uintptr_t address, uint64_t physical, size_t bytes, unsigned protection) {
    if ((address | physical | bytes) & (FE_PAGE_SIZE - 1))
        return FE_EINVAL;
    if ((protection & FE_PROTECTION_WRITE) && (protection & FE_PROTECTION_EXECUTE))
        return FE_EINVAL;
    if (alias_count == ALIASES || !reserve(address, bytes, PROT_READ | PROT_WRITE))
        return FE_ENOMEM;
    __builtin_memcpy((void *)address, fe_direct(physical), bytes);
    aliases[alias_count].address = address;
    aliases[alias_count].physical = physical;
    aliases[alias_count++].bytes = bytes;
    return FE_OK;
}

void fe_arch_unmap(uintptr_t address, size_t bytes) {
    for (uintptr_t page = address; page < address + bytes; page += FE_PAGE_SIZE)
        fe_arch_unmap_page(page);
}

fe_status fe_arch_reserve_tables(uintptr_t address, size_t bytes) {
    (void)address;
    (void)bytes;
    return FE_OK;
}

void fe_arch_map_page(uintptr_t address, uint64_t physical) {
    uint64_t page = physical >> FE_PAGE_SHIFT;
    if (!in_stacks(address) || *stack_page(address))
        fe_sim_fail("fe_arch_map_page of %#lx: mapped already, or no page of a stack", (unsigned long)address);
    if (unmapped[page])
        for (unsigned core = 0; core < FE_CORES_MAX; core++)
            if (fe_arch_core() && flushes[core] && flushes[core] < unmapped[page])
                fe_sim_fail("page %#lx is used again, and core %u may have its old translation",
                            (unsigned long)physical, core);
    unmapped[page] = 0;
    if (mprotect((void *)address, FE_PAGE_SIZE, PROT_READ | PROT_WRITE) != 0)
        fe_sim_fail("Linux does not map the stack page at %#lx", (unsigned long)address);
    *stack_page(address) = (uint32_t)page;
    flushes[fe_sim.core] = flushes[fe_sim.core] ? flushes[fe_sim.core] : ++unmappings; /* a core that uses stacks */
}

uint64_t fe_arch_unmap_page(uintptr_t address) {
    if (!in_stacks(address) || *stack_page(address) == 0)
        return 0;
    uint64_t page = *stack_page(address);
    *stack_page(address) = 0;
    unmapped[page] = ++unmappings;
    if (madvise((void *)address, FE_PAGE_SIZE, MADV_DONTNEED) != 0 ||
        mprotect((void *)address, FE_PAGE_SIZE, PROT_NONE) != 0)
        fe_sim_fail("Linux does not take back the stack page at %#lx", (unsigned long)address);
    return page << FE_PAGE_SHIFT;
}

/* A page that is mapped elsewhere still, as only the zeros of retired stacks are, is not waited for. */
void fe_arch_exchange_pages(const uintptr_t *addresses, uint64_t *pages, unsigned count) {
    static uint64_t shared;
    for (unsigned i = 0; i < count; i++) {
        uintptr_t address = addresses[i];
        uint64_t page = in_stacks(address) ? *stack_page(address) : 0;
        if (page == 0)
            fe_sim_fail("fe_arch_exchange_pages at %#lx: nothing is mapped there", (unsigned long)address);
        if (i + 1 < count && pages[i] == pages[i + 1])
            shared = pages[i] >> FE_PAGE_SHIFT;
        *stack_page(address) = 0;
        if (page != shared)
            unmapped[page] = ++unmappings;
        if (madvise((void *)address, FE_PAGE_SIZE, MADV_DONTNEED) != 0)
            fe_sim_fail("Linux does not take back the stack page at %#lx", (unsigned long)address);
        fe_arch_map_page(address, pages[i]);
        pages[i] = page << FE_PAGE_SHIFT;
    }
}

void fe_arch_tlb_flush(uintptr_t address, size_t bytes) {
    (void)address;
    (void)bytes;
    flushes[fe_sim.core] = ++unmappings;
}

bool fe_arch_translate(uintptr_t address, uint64_t *physical) {
    if (in_stacks(address)) {
        *physical = ((uint64_t)*stack_page(address) << FE_PAGE_SHIFT) + (address & (FE_PAGE_SIZE - 1));
        return *stack_page(address) != 0;
    }
    if (address - FE_DIRECT_BASE < memory_bytes) {
        *physical = address - FE_DIRECT_BASE;
        return true;
    }
    for (unsigned i = 0; i < alias_count; i++)
        if (address - aliases[i].address < aliases[i].bytes) {
            *physical = aliases[i].physical + (address - aliases[i].address);
            return true;
        }
    *physical = address;
    return address >= (uintptr_t)fe_image_start && address < (uintptr_t)fe_image_end;
}

void *fe_arch_map_device(uint64_t physical, size_t bytes) {
    (void)physical;
    (void)bytes;
    return NULL;
}

bool fe_arch_probe(uintptr_t address, uint64_t *value) {
    uint64_t physical;
    if (!fe_arch_translate(address, &physical) || !fe_arch_translate(address + 7, &physical))
        return false;
    *value = *(const uint64_t *)address;
    return true;
}
