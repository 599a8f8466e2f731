/*
 * Cores: what entry code hands to C, exception stacks, contexts, the start of other cores.
 *
 * Tasks and schedulers run on SP_EL0; SP_EL1 is the core's exception stack, always at its top while no handler runs. A core's
 * second stack is for what goes wrong on the first. Both are mapped above the devices' root entry, each above an unmapped
 * page.
 */
#include "port_paging.h"

#include <ferrite/panic.h>

const char fe_arch_name[] = "aarch64";

uint64_t fe_arm_image_physical;
uint32_t fe_arm_instruction_source;
uint64_t fe_arm_panic_stacks[FE_CORES_MAX];

/* A core's exception stacks: guard, trap, guard, panic. */
#define CORE_STACKS_SPAN (UINT64_C(64) << 10)

struct fe_arm_start fe_arm_start __attribute__((aligned(64)));
_Static_assert(offsetof(struct fe_arm_start, mair) == FE_ARM_START_MAIR, "entry.S");
_Static_assert(offsetof(struct fe_arm_start, ttbr0) == FE_ARM_START_TTBR0, "entry.S");
_Static_assert(offsetof(struct fe_arm_start, sctlr) == FE_ARM_START_SCTLR, "entry.S");
_Static_assert(offsetof(struct fe_arm_start, stack) == FE_ARM_START_STACK, "entry.S");
_Static_assert(offsetof(struct fe_core, index) == FE_ARM_CORE_INDEX, "vectors.S");

/* Entry ----------------------------------------------------------------------------------------------------------- */

static uint64_t image_bytes(void) {
    return (uint64_t)(fe_boot_end - fe_image_start);
}

static uint64_t physical_of(const void *in_image) {
    return (uint64_t)((const char *)in_image - fe_image_start) + fe_arm_image_physical;
}

/* The boot core's first C: on the boot stack, MMU on, bss clear. */
FE_NORETURN void fe_arm_boot_in_c(uint64_t tree, uint64_t level, uint64_t counter);
void fe_arm_boot_in_c(uint64_t tree, uint64_t level, uint64_t counter) {
    const struct fe_boot_entry entry = {
        .protocol = FE_BOOT_DEVICE_TREE,
        .information = tree,
        .image_base = fe_arm_image_physical,
        .image_bytes = image_bytes(),
        .level = (unsigned)level,
        .counter = counter,
        /* The PMU counts from zero at entry. */
        .instructions = fe_arm_instruction_source == FE_ARM_COUNT_TICKS ? counter : 0,
    };
    fe_kernel_boot(&entry);
}

void fe_arch_early_direct(uint64_t *base, uint64_t *end) {
    const uint64_t gib = UINT64_C(1) << 30;
    *base = fe_arm_image_physical & ~(gib - 1);
    *end = ((fe_arm_image_physical + image_bytes() - 1) & ~(gib - 1)) + gib;
}

uint32_t fe_arch_hardware_id(void) {
    uint64_t mpidr;
    __asm__ volatile("mrs %0, mpidr_el1" : "=r"(mpidr));
    return (uint32_t)((mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24);
}

void fe_arch_halt(void) {
    for (;;)
        __asm__ volatile("msr daifset, #15\n\twfi" ::: "memory");
}

/* Exception stacks ------------------------------------------------------------------------------------------------ */

static void exception_stack_set(uint64_t top) {
    __asm__ volatile("msr spsel, #1\n\tmov sp, %0\n\tmsr spsel, #0" ::"r"(top) : "memory");
}

static fe_status stack_map(uint64_t base, uint64_t bytes) {
    for (uint64_t offset = 0; offset < bytes; offset += FE_PAGE_SIZE) {
        uint64_t page = fe_arch_table_source();
        if (!page)
            return FE_ENOMEM;
        fe_status status = fe_arch_map(base + offset, page, FE_PAGE_SIZE, FE_PROTECTION_READ | FE_PROTECTION_WRITE);
        if (status != FE_OK)
            return status;
    }
    return FE_OK;
}

/* So that what the memory system reports late is said, and not held back for ever; with interrupts it has nothing to do. */
static void system_errors_enable(void) {
    __asm__ volatile("msr daifclr, #4" ::: "memory");
}

fe_status fe_arch_core_init(struct fe_core *core) {
    fe_check(core->index < FE_CORES_MAX);
    if (!fe_arch_table_source)
        return FE_ENOMEM;
    uint64_t trap = FE_ARM_CORE_STACKS_BASE + core->index * CORE_STACKS_SPAN + FE_ARM_GUARD;
    uint64_t panic = trap + FE_ARM_TRAP_STACK + FE_ARM_GUARD;
    _Static_assert(2 * FE_ARM_GUARD + FE_ARM_TRAP_STACK + FE_ARM_PANIC_STACK <= CORE_STACKS_SPAN, "stacks overlap");
    fe_status status = stack_map(trap, FE_ARM_TRAP_STACK);
    if (status == FE_OK)
        status = stack_map(panic, FE_ARM_PANIC_STACK);
    if (status != FE_OK)
        return status;
    fe_arm_panic_stacks[core->index] = panic + FE_ARM_PANIC_STACK;
    exception_stack_set(trap + FE_ARM_TRAP_STACK);
    system_errors_enable();
    return FE_OK;
}

/* Translations ---------------------------------------------------------------------------------------------------- */

void fe_arch_tlb_flush(uintptr_t address, size_t bytes) {
    __asm__ volatile("dsb ishst" ::: "memory");
    if (bytes > 64 * FE_PAGE_SIZE) { /* beyond some dozens of pages a full flush is cheaper */
        __asm__ volatile("tlbi vmalle1is" ::: "memory");
    } else {
        for (uintptr_t end = address + bytes; address < end; address += FE_PAGE_SIZE)
            __asm__ volatile("tlbi vaae1is, %0" ::"r"(address >> FE_PAGE_SHIFT & UINT64_C(0xfffffffffff)) : "memory");
    }
    __asm__ volatile("dsb ish\n\tisb" ::: "memory");
}

/* Other cores ----------------------------------------------------------------------------------------------------- */

/* Writes [start, start + bytes) back to memory, for a core whose caches are off. */
static void clean_to_memory(const void *start, size_t bytes) {
    uint64_t ctr;
    __asm__ volatile("mrs %0, ctr_el0" : "=r"(ctr));
    uintptr_t line = (uintptr_t)4 << (ctr >> 16 & 15);
    uintptr_t address = (uintptr_t)start & ~(line - 1);
    for (; address < (uintptr_t)start + bytes; address += line)
        __asm__ volatile("dc cvac, %0" ::"r"(address) : "memory");
    __asm__ volatile("dsb sy" ::: "memory");
}

uint64_t fe_arch_core_prepare(void *stack_top, void (*entry)(void *), void *argument) {
    uint64_t mair, tcr;
    __asm__ volatile("mrs %0, mair_el1\n\tmrs %1, tcr_el1" : "=r"(mair), "=r"(tcr));
    fe_arm_start = (struct fe_arm_start){
        .mair = mair,
        .tcr = tcr & ~(UINT64_C(1) << FE_ARM_TCR_EPD0_BIT),
        .ttbr0 = physical_of(fe_arm_boot_tables),
        .ttbr1 = fe_port_root(),
        .sctlr = FE_ARM_SCTLR_ON,
        .entry = (uint64_t)(uintptr_t)entry,
        .stack = (uint64_t)(uintptr_t)stack_top,
        .argument = (uint64_t)(uintptr_t)argument,
    };
    clean_to_memory(&fe_arm_start, sizeof fe_arm_start);
    return physical_of(fe_arm_core_entry);
}
