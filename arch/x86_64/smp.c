/*
 * Prepares secondary cores' start: the trampoline page and the tables with which they turn paging on.
 *
 * A core that turns paging on needs the next instruction at the same address before and after. The entry code's tables, out
 * of use since fe_arch_paging_init, are made over for that: in the low half they map the trampoline page alone, read-only and
 * executable, and their high half is the final root's. They lie in the image, so below 4 GiB, where a core in real mode can
 * name them.
 */
#include "entry.h"
#include "port_paging.h"
#include "smp.h"

extern const char fe_x86_trampoline[], fe_x86_trampoline_end[], fe_x86_trampoline_gdt_base[], fe_x86_trampoline_far[];
extern uint64_t fe_x86_boot_root[512], fe_x86_boot_low[512], fe_x86_boot_pages[2][512];
void fe_x86_core_begin(void);

static uint64_t trampoline_page; /* 0: none */

void fe_x86_trampoline_set(uint64_t page) {
    trampoline_page = page;
}

static uint64_t image_physical(const void *address) {
    return (uint64_t)(uintptr_t)address - FE_X86_IMAGE_OFFSET;
}

static void tables_make(void) {
    const uint64_t *final = fe_direct(fe_port_root());
    uint64_t *directory = fe_x86_boot_pages[0], *table = fe_x86_boot_pages[1];
    for (unsigned i = 0; i < 512; i++) {
        fe_x86_boot_root[i] = i < 256 ? 0 : final[i];
        fe_x86_boot_low[i] = directory[i] = table[i] = 0;
    }
    fe_x86_boot_root[0] = fe_port_table(image_physical(fe_x86_boot_low));
    fe_x86_boot_low[0] = fe_port_table(image_physical(directory));
    directory[0] = fe_port_table(image_physical(table));
    table[trampoline_page >> FE_PAGE_SHIFT] = fe_port_leaf(0, trampoline_page, FE_PROTECTION_READ | FE_PROTECTION_EXECUTE);
}

static void put32(uint8_t *page, size_t offset, uint32_t value) {
    *(volatile uint32_t *)(void *)(page + offset) = value;
}

static void put64(uint8_t *page, size_t offset, uint64_t value) {
    *(volatile uint64_t *)(void *)(page + offset) = value;
}

uint64_t fe_arch_core_prepare(void *stack_top, void (*entry)(void *), void *argument) {
    if (trampoline_page == 0)
        return 0;
    tables_make();
    uint8_t *page = fe_direct(trampoline_page);
    __builtin_memcpy(page, fe_x86_trampoline, (size_t)(fe_x86_trampoline_end - fe_x86_trampoline));
    size_t gdt = (size_t)(fe_x86_trampoline_gdt_base - fe_x86_trampoline);
    size_t far = (size_t)(fe_x86_trampoline_far - fe_x86_trampoline);
    uint32_t base = (uint32_t)trampoline_page, offset;
    __builtin_memcpy(&offset, page + gdt, 4);
    put32(page, gdt, base + offset);
    __builtin_memcpy(&offset, page + far, 4);
    put32(page, far, base + offset);
    put32(page, FE_X86_TRAMPOLINE_REACHED, 0);
    put32(page, FE_X86_TRAMPOLINE_ROOT, (uint32_t)image_physical(fe_x86_boot_root));
    put64(page, FE_X86_TRAMPOLINE_FINAL_ROOT, fe_port_root());
    put64(page, FE_X86_TRAMPOLINE_STACK, (uint64_t)(uintptr_t)stack_top);
    put64(page, FE_X86_TRAMPOLINE_ENTRY, (uint64_t)(uintptr_t)entry);
    put64(page, FE_X86_TRAMPOLINE_ARGUMENT, (uint64_t)(uintptr_t)argument);
    put64(page, FE_X86_TRAMPOLINE_HIGH, (uint64_t)(uintptr_t)fe_x86_core_begin);
    fe_arch_device_barrier(); /* all of it is in memory before the start-up IPI */
    return trampoline_page;
}

bool fe_x86_trampoline_reached(void) {
    return *(const volatile uint32_t *)((const uint8_t *)fe_direct(trampoline_page) + FE_X86_TRAMPOLINE_REACHED) != 0;
}
