/*
 * A core's set-up: features, control registers, descriptor tables and exception stacks; and the first C code of the image.
 *
 * Each core has a GDT and a TSS of its own, and five exception stacks, one for each slot of the interrupt stack table, with
 * an unmapped page below each, so that an overflow becomes a double fault with a stack to report it on.
 *
 * Address space from EXCEPTION_STACKS, for core n at n * CORE_SPAN: for each slot a guard page, then its pages. The top of
 * the interrupt slot's stack holds the core's descriptors.
 */
#include "entry.h"
#include "port_paging.h"
#include "trap.h"

#include <ferrite/panic.h>

#define EXCEPTION_STACKS UINT64_C(0xffffc00000000000)
#define CORE_SPAN (UINT64_C(32) * FE_PAGE_SIZE)

#define CR4_OSFXSR (UINT64_C(1) << 9)
#define CR4_OSXMMEXCPT (UINT64_C(1) << 10)
#define CR4_UMIP (UINT64_C(1) << 11)
#define CR4_FSGSBASE (UINT64_C(1) << 16)
#define CR4_SMEP (UINT64_C(1) << 20)
#define CR4_SMAP (UINT64_C(1) << 21)

/* Pages of each slot's stack, by slot. Faults and double faults may end in a panic with its backtrace and formatting. */
static const unsigned slot_pages[FE_X86_IST_COUNT + 1] = {
    [FE_X86_IST_INTERRUPT] = 2,    [FE_X86_IST_FAULT] = 4,         [FE_X86_IST_NMI] = 1,
    [FE_X86_IST_DOUBLE_FAULT] = 2, [FE_X86_IST_MACHINE_CHECK] = 2,
};

struct task_state {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; /* slot 1 first */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} __attribute__((packed));

struct descriptors {
    uint64_t gdt[5]; /* none, code, data, and the TSS in two */
    struct task_state tss;
} __attribute__((aligned(16)));

_Static_assert(sizeof(struct task_state) == 104, "the CPU's layout");
_Static_assert(FE_X86_IMAGE_OFFSET == FE_IMAGE_BASE - FE_X86_LOAD, "entry.h agrees with arch.h");

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* From bit 0 up: the handler's address, 16 bits; selector, 16; slot of the interrupt stack table, 8; type, 8; the address, 48. */
struct gate {
    uint64_t low, high;
};
#define GATE_INTERRUPT (UINT64_C(0x8e) << 40) /* present, interrupts masked */

const char fe_arch_name[] = "x86_64";
struct fe_x86_features fe_x86_features;

static struct gate idt[256] __attribute__((aligned(16)));

extern const char fe_x86_stubs[];
void fe_x86_start(uint64_t information, uint64_t counter);

void fe_x86_detect(void) {
    struct fe_x86_features *f = &fe_x86_features;
    f->largest_leaf = fe_x86_cpuid(0, 0).eax;
    struct fe_x86_cpuid basic = fe_x86_cpuid(1, 0);
    f->x2apic = basic.ecx >> 21 & 1;
    f->tsc_deadline = basic.ecx >> 24 & 1;
    f->hypervisor = basic.ecx >> 31 & 1;
    if (f->largest_leaf >= 7) {
        struct fe_x86_cpuid structured = fe_x86_cpuid(7, 0);
        f->fsgsbase = structured.ebx & 1;
        f->smep = structured.ebx >> 7 & 1;
        f->smap = structured.ebx >> 20 & 1;
        f->umip = structured.ecx >> 2 & 1;
    }
    uint32_t extended = fe_x86_cpuid(0x80000000, 0).eax;
    if (extended >= 0x80000001)
        f->pages_1g = fe_x86_cpuid(0x80000001, 0).edx >> 26 & 1;
    if (extended >= 0x80000007)
        f->tsc_invariant = fe_x86_cpuid(0x80000007, 0).edx >> 8 & 1;
}

uint32_t fe_arch_hardware_id(void) {
    if (fe_x86_features.largest_leaf >= 0xb) {
        struct fe_x86_cpuid topology = fe_x86_cpuid(0xb, 0);
        if (topology.ebx & 0xffff) /* the leaf is there: its first level has cores */
            return topology.edx;
    }
    return fe_x86_cpuid(1, 0).ebx >> 24;
}

/* The first C code, on the boot core, from entry.S. */
void fe_x86_start(uint64_t information, uint64_t counter) {
    fe_x86_detect();
    static struct fe_boot_entry entry;
    entry = (struct fe_boot_entry){
        .protocol = FE_BOOT_PVH,
        .information = information,
        .image_base = FE_X86_LOAD,
        .image_bytes = (uint64_t)(fe_boot_end - fe_image_start),
        .counter = counter,
        .instructions = counter,
    };
    fe_kernel_boot(&entry);
}

void fe_arch_early_direct(uint64_t *base, uint64_t *end) {
    *base = 0;
    *end = UINT64_C(1) << 32;
}

static unsigned slot_of(unsigned vector) {
    switch (vector) {
    case FE_X86_VECTOR_NMI:
        return FE_X86_IST_NMI;
    case FE_X86_VECTOR_DOUBLE_FAULT:
        return FE_X86_IST_DOUBLE_FAULT;
    case FE_X86_VECTOR_MACHINE_CHECK:
        return FE_X86_IST_MACHINE_CHECK;
    default:
        return vector < 32 ? FE_X86_IST_FAULT : FE_X86_IST_INTERRUPT;
    }
}

static void idt_fill(void) {
    for (unsigned vector = 0; vector < 256; vector++) {
        uint64_t stub = (uint64_t)(uintptr_t)fe_x86_stubs + 16 * (uint64_t)vector;
        idt[vector].low = (stub & 0xffff) | FE_X86_CODE_SELECTOR << 16 | (uint64_t)slot_of(vector) << 32 |
                          GATE_INTERRUPT | (stub >> 16 & 0xffff) << 48;
        idt[vector].high = stub >> 32;
    }
}

/* Maps the exception stacks of core `index`; tops[slot] are their ends. Pages taken before a failure stay mapped for a
 * later attempt to find: a core that cannot start is not tried again. */
static fe_status stacks_map(unsigned index, uint64_t tops[FE_X86_IST_COUNT + 1]) {
    if (!fe_arch_table_source)
        return FE_ENOMEM;
    uintptr_t address = EXCEPTION_STACKS + index * CORE_SPAN;
    for (unsigned slot = 1; slot <= FE_X86_IST_COUNT; slot++) {
        address += FE_PAGE_SIZE; /* the guard */
        for (unsigned i = 0; i < slot_pages[slot]; i++, address += FE_PAGE_SIZE) {
            uint64_t page = fe_arch_table_source();
            if (page == 0)
                return FE_ENOMEM;
            fe_status status = fe_arch_map(address, page, FE_PAGE_SIZE, FE_PROTECTION_READ | FE_PROTECTION_WRITE);
            if (status != FE_OK)
                return status;
        }
        tops[slot] = address;
    }
    return FE_OK;
}

bool fe_x86_on_fault_stack(uintptr_t stack_pointer) {
    struct table_register gdt;
    __asm__ volatile("sgdt %0" : "=m"(gdt));
    const struct descriptors *d = (const struct descriptors *)(uintptr_t)gdt.base;
    uint64_t top = d->tss.ist[FE_X86_IST_FAULT - 1];
    return stack_pointer <= top && stack_pointer > top - slot_pages[FE_X86_IST_FAULT] * FE_PAGE_SIZE;
}

static void descriptors_load(struct descriptors *d, const uint64_t tops[FE_X86_IST_COUNT + 1]) {
    d->tss = (struct task_state){.io_map = sizeof(struct task_state)};
    for (unsigned slot = 1; slot <= FE_X86_IST_COUNT; slot++)
        d->tss.ist[slot - 1] = tops[slot];
    uint64_t base = (uint64_t)(uintptr_t)&d->tss;
    d->gdt[0] = 0;
    d->gdt[1] = UINT64_C(0x00af9b000000ffff); /* code: 64-bit, accessed */
    d->gdt[2] = UINT64_C(0x00cf93000000ffff); /* data: accessed */
    d->gdt[3] =
        (sizeof(struct task_state) - 1) | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
    d->gdt[4] = base >> 32;

    const struct table_register gdt = {sizeof(d->gdt) - 1, (uint64_t)(uintptr_t)d->gdt};
    const struct table_register interrupts = {sizeof(idt) - 1, (uint64_t)(uintptr_t)idt};
    /* Loading gs would clear its base, and with it the core pointer: it stays as it is, a null selector. */
    __asm__ volatile("lgdt %0\n\t"
                     "lidt %1\n\t"
                     "pushq %2\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %3, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%ss\n\t"
                     "ltr %4"
                     :
                     : "m"(gdt), "m"(interrupts), "i"(FE_X86_CODE_SELECTOR), "i"(FE_X86_DATA_SELECTOR),
                       "r"((uint16_t)FE_X86_TASK_SELECTOR)
                     : "rax", "memory");
}

static void control_registers(void) {
    uint64_t cr0, cr4;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 &= ~(uint64_t)(FE_X86_CR0_EM | FE_X86_CR0_TS | FE_X86_CR0_NW) & ~(UINT64_C(1) << 30);
    cr0 |= FE_X86_CR0_MP | FE_X86_CR0_NE | FE_X86_CR0_WP;
    __asm__ volatile("mov %0, %%cr0" ::"r"(cr0) : "memory");
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    const struct fe_x86_features *f = &fe_x86_features;
    cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | (f->umip ? CR4_UMIP : 0) | (f->fsgsbase ? CR4_FSGSBASE : 0) |
           (f->smep ? CR4_SMEP : 0) | (f->smap ? CR4_SMAP : 0);
    __asm__ volatile("mov %0, %%cr4" ::"r"(cr4) : "memory");
    const uint32_t mxcsr = FE_X86_MXCSR;
    __asm__ volatile("fninit\n\tldmxcsr %0" ::"m"(mxcsr));
}

fe_status fe_arch_core_init(struct fe_core *core) {
    fe_check(core->index < FE_CORES_MAX);
    if (core->index == 0)
        idt_fill();
    uint64_t tops[FE_X86_IST_COUNT + 1];
    fe_status status = stacks_map(core->index, tops);
    if (status != FE_OK)
        return status;
    tops[FE_X86_IST_INTERRUPT] -= (sizeof(struct descriptors) + 15) & ~(uint64_t)15;
    struct descriptors *descriptors = (struct descriptors *)(uintptr_t)tops[FE_X86_IST_INTERRUPT];
    control_registers();
    descriptors_load(descriptors, tops);
    return FE_OK;
}

void fe_arch_tlb_flush(uintptr_t address, size_t bytes) {
    if (bytes > 64 * FE_PAGE_SIZE) { /* beyond some dozens of pages a full flush is cheaper */
        fe_port_root_install(fe_port_root());
        return;
    }
    for (uintptr_t end = address + bytes; address < end; address += FE_PAGE_SIZE)
        __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

void fe_arch_halt(void) {
    for (;;)
        __asm__ volatile("cli; hlt" ::: "memory");
}

void fe_x86_reset(void) {
    const struct table_register none = {0, 0};
    __asm__ volatile("lidt %0; int3" ::"m"(none));
    fe_arch_halt();
}
