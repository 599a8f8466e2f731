/*
 * What the files of this port share, C and assembly alike: register fields, the layout of what assembly stores, and
 * addresses of the port's own. Offsets that assembly uses are held to the C by assertions in core.c and trap.c.
 */
#ifndef FERRITE_AARCH64_ARM_H
#define FERRITE_AARCH64_ARM_H

/* Translation: 48-bit addresses and 4 KiB granule on both sides; walks are inner-shareable, write-back. */
#define FE_ARM_TCR_T0SZ 16
#define FE_ARM_TCR_T1SZ (16 << 16)
#define FE_ARM_TCR_WALKS0 ((1 << 8) | (1 << 10) | (3 << 12))
#define FE_ARM_TCR_WALKS1 ((1 << 24) | (1 << 26) | (3 << 28))
#define FE_ARM_TCR_TG1_4K (2 << 30)
#define FE_ARM_TCR_EPD0_BIT 7  /* no walks for the low half: what is not there faults */
#define FE_ARM_TCR_EPD1_BIT 23 /* no walks for the high half: while its root is exchanged */
#define FE_ARM_TCR_IPS_SHIFT 32

/* Memory types, by index into MAIR: 0 normal write-back, 1 device nGnRE. */
#define FE_ARM_MAIR 0x04ff
#define FE_ARM_TYPE_NORMAL 0
#define FE_ARM_TYPE_DEVICE 1

/* SCTLR_EL1: the bits that Armv8.0 has as ones; then what each switches. */
#define FE_ARM_SCTLR_ONES 0x30d00800
#define FE_ARM_SCTLR_M (1 << 0)  /* MMU */
#define FE_ARM_SCTLR_C (1 << 2)  /* data cache */
#define FE_ARM_SCTLR_SA (1 << 3) /* fault when sp is not aligned to 16 */
#define FE_ARM_SCTLR_I (1 << 12) /* instruction cache */
#define FE_ARM_SCTLR_WXN_BIT 19  /* what is writable never executes */
#define FE_ARM_SCTLR_ON (FE_ARM_SCTLR_ONES | FE_ARM_SCTLR_M | FE_ARM_SCTLR_C | FE_ARM_SCTLR_SA | FE_ARM_SCTLR_I)

/* Page-table entries. */
#define FE_ARM_ENTRY_VALID (1 << 0)
#define FE_ARM_ENTRY_TABLE (1 << 1) /* at the lowest level: a page */
#define FE_ARM_ENTRY_READ_ONLY (1 << 7)
#define FE_ARM_ENTRY_INNER_SHAREABLE (3 << 8)
#define FE_ARM_ENTRY_ACCESSED (1 << 10)
#define FE_ARM_ENTRY_PXN_BIT 53
#define FE_ARM_ENTRY_UXN_BIT 54
/* A block of normal memory, writable and executable: entry code only. */
#define FE_ARM_ENTRY_BOOT_BLOCK (FE_ARM_ENTRY_VALID | FE_ARM_ENTRY_INNER_SHAREABLE | FE_ARM_ENTRY_ACCESSED)

/* PSTATE of code that runs on SP_EL0 with interrupts and aborts enabled, debug exceptions and fast interrupts masked: as
 * entry code masks them, once and for good. */
#define FE_ARM_PSTATE_EL1T 0x244

/* Stacks, each above a page that is not mapped. */
#define FE_ARM_GUARD 4096
#define FE_ARM_BOOT_STACK 16384
#define FE_ARM_TRAP_STACK 16384
#define FE_ARM_PANIC_STACK 8192

/* struct fe_trap_frame. */
#define FE_ARM_FRAME_SP 248
#define FE_ARM_FRAME_PC 256
#define FE_ARM_FRAME_ESR 272
#define FE_ARM_FRAME_BYTES 288

/* Kinds of exception, as vectors.S passes them. */
#define FE_ARM_SYNCHRONOUS 0
#define FE_ARM_IRQ 1
#define FE_ARM_FIQ 2
#define FE_ARM_SERROR 3
#define FE_ARM_NESTED 4 /* added: taken on an exception stack */

/* struct fe_arm_start. */
#define FE_ARM_START_MAIR 0
#define FE_ARM_START_TTBR0 16
#define FE_ARM_START_SCTLR 32
#define FE_ARM_START_STACK 48

/* struct fe_core. */
#define FE_ARM_CORE_INDEX 8
#define FE_ARM_CORE_SCHEDULER 48

/* struct fe_arch_preemption. */
#define FE_ARM_PREEMPTION_AREA 0
#define FE_ARM_PREEMPTION_FROM 8
#define FE_ARM_PREEMPTION_TO 16
#define FE_ARM_PREEMPTION_PASSED 24

/* struct fe_arm_saved. */
#define FE_ARM_SAVED_FP 288
#define FE_ARM_SAVED_STATUS 800
#define FE_ARM_SAVED_CONTEXT 816
#define FE_ARM_SAVED_END 992

#ifndef __ASSEMBLER__

#include <arch/arch.h>

/* Exception stacks: a root entry of the port's own, just above the devices'. */
#define FE_ARM_CORE_STACKS_BASE (FE_DEVICES_BASE + (UINT64_C(1) << 39))

/* Registers at an exception, as vectors.S stores them. At an interrupt x19 to x28, sp, esr and far are not stored. */
struct fe_trap_frame {
    uint64_t x[31];
    uint64_t sp; /* SP_EL0; of a nested exception SP_EL1 */
    uint64_t pc;
    uint64_t pstate;
    uint64_t esr;
    uint64_t far;
};

/* The area of a preempted context (struct fe_arch_preemption), as preempt.S fills it. */
struct fe_arm_saved {
    struct fe_trap_frame frame;
    uint8_t q[32][16];
    uint64_t fpsr, fpcr;
    struct fe_arm_switch_frame switched; /* what fe_arch_switch takes up: it goes on at fe_arm_preempted_resume */
};
void fe_arm_preempted_resume(void);

/* What a starting core reads with its MMU off: written back to memory by fe_arch_core_prepare. */
struct fe_arm_start {
    uint64_t mair, tcr;
    uint64_t ttbr0, ttbr1;
    uint64_t sctlr;
    uint64_t entry;
    uint64_t stack, argument;
};

/* Written by entry code; immutable afterwards. */
extern uint64_t fe_arm_image_physical; /* of fe_image_start */

/* entry.S */
extern char fe_arm_core_entry[];
extern char fe_arm_boot_tables[];
/* mmu.S: makes `root` the calling core's TTBR1, from the identity map, nothing of the old one kept. */
void fe_arm_root_exchange(uint64_t root);
/* vectors.S */
extern char fe_arm_vectors[];
/* Stores what `address` translates to for a privileged read in PAR_EL1, and returns that. */
static inline uint64_t fe_arm_translate_read(uintptr_t address) {
    uint64_t result;
    __asm__ volatile("at s1e1r, %1\n\tisb\n\tmrs %0, par_el1" : "=r"(result) : "r"(address) : "memory");
    return result;
}

/* trap.c, called by vectors.S */
void fe_arm_trap(struct fe_trap_frame *frame, unsigned kind);

/* core.c */
extern uint64_t fe_arm_panic_stacks[FE_CORES_MAX]; /* tops; each written before its core can take an exception */

#endif
#endif
