/* Exception level, MMU and instruction counter of a core that starts; exchange of the root table. */
#include "asm.h"

#define ICC_SRE_EL2 s3_4_c12_c9_5
#define ICH_HCR_EL2 s3_4_c12_c11_0
#define HFGRTR_EL2 s3_4_c1_c1_4
#define HFGWTR_EL2 s3_4_c1_c1_5
#define HFGITR_EL2 s3_4_c1_c1_6
#define HDFGRTR_EL2 s3_4_c3_c1_4
#define HDFGWTR_EL2 s3_4_c3_c1_5

/*
 * Returns at EL1 on SP_EL1, exceptions masked, whether entered at EL2 or EL1. Nothing that EL1 uses is trapped or
 * virtualised afterwards. Clobbers x9, x10. For cores with their MMU off.
 */
function fe_arm_enter_el1
    msr daifset, #15
    mrs x9, currentel
    cmp x9, #2 << 2
    b.hi fe_arm_stop             /* EL3: firmware's place */
    b.lo 9f
    ldr x9, =(1 << 31) | (3 << 40) /* EL1 is AArch64; pointer authentication is its own; not E2H: */
    msr hcr_el2, x9
    isb                          /* from here on the names below mean what they say */
    ldr x9, =FE_ARM_SCTLR_ONES
    msr sctlr_el1, x9
    mov x9, #3                   /* physical counter and timer */
    msr cnthctl_el2, x9
    msr cntvoff_el2, xzr
    mov x9, #0x33ff              /* reserved ones: FP and SIMD are not trapped */
    msr cptr_el2, x9
    msr hstr_el2, xzr
    msr vttbr_el2, xzr
    mrs x9, midr_el1
    msr vpidr_el2, x9
    mrs x9, mpidr_el1
    msr vmpidr_el2, x9

    mrs x9, id_aa64dfr0_el1      /* all PMU counters are EL1's, debug is not trapped */
    ubfx x10, x9, #8, #4
    mov x9, #0
    cbz x10, 1f
    cmp x10, #15
    b.eq 1f
    mrs x9, pmcr_el0
    ubfx x9, x9, #11, #5
1:  msr mdcr_el2, x9

    mrs x9, id_aa64pfr0_el1      /* GICv3: EL1 may use its system registers */
    ubfx x9, x9, #24, #4
    cbz x9, 2f
    mrs x9, ICC_SRE_EL2
    orr x9, x9, #1               /* SRE */
    orr x9, x9, #8               /* Enable */
    msr ICC_SRE_EL2, x9
    isb
    mrs x9, ICC_SRE_EL2
    tbz x9, #0, 2f
    msr ICH_HCR_EL2, xzr
2:
    mrs x9, id_aa64mmfr0_el1     /* fine-grained traps: none */
    ubfx x9, x9, #56, #4
    cbz x9, 3f
    msr HFGRTR_EL2, xzr
    msr HFGWTR_EL2, xzr
    msr HFGITR_EL2, xzr
    msr HDFGRTR_EL2, xzr
    msr HDFGWTR_EL2, xzr
3:
    mov x9, #0x3c5               /* EL1h, all masked */
    msr spsr_el2, x9
    msr elr_el2, x30
    eret
9:  msr spsel, #1
    ret
end fe_arm_enter_el1

/* Starts the PMU and returns the enum fe_arm_instruction_source that it allows. Clobbers x9-x11. */
function fe_arm_count_instructions
    mov x0, #0                   /* FE_ARM_COUNT_TICKS */
    mrs x9, id_aa64dfr0_el1
    ubfx x9, x9, #8, #4
    cbz x9, 9f
    cmp x9, #15                  /* a PMU of another kind */
    b.eq 9f
    mov x0, #1                   /* FE_ARM_COUNT_CYCLES */
    mov x11, #1 << 31            /* counters to enable: cycles */
    mov x10, #0x47               /* E, P, C, LC: on, all zero, cycles in 64 bits */
    msr pmccfiltr_el0, xzr
    cmp x9, #6                   /* PMUv3p5: event counters of 64 bits */
    b.lo 1f
    mrs x9, pmceid0_el0
    tbz x9, #8, 1f
    mrs x9, pmcr_el0
    ubfx x9, x9, #11, #5
    cbz x9, 1f
    mov x9, #8
    msr pmevtyper0_el0, x9
    mov x0, #2                   /* FE_ARM_COUNT_RETIRED */
    orr x11, x11, #1
    orr x10, x10, #0x80          /* LP */
1:  msr pmcr_el0, x10
    msr pmcntenset_el0, x11
    isb
9:  ret
end fe_arm_count_instructions

/*
 * Turns the MMU on and returns to the caller's virtual address. x1: MAIR, x2: TCR, x3: TTBR0, which maps this code at
 * itself, x4: TTBR1, x5: SCTLR. Walks of TTBR0 are off on return. Clobbers x6, x7, x9.
 */
function fe_arm_mmu_on
    mov x9, #(1 << 13 | 1)  /* single steps, of this level, where they are not masked: fe_arch_trap_step */
    msr mdscr_el1, x9
    msr oslar_el1, xzr
    mov x9, #3 << 20             /* FP and SIMD at EL1 (and EL0) */
    msr cpacr_el1, x9
    msr tpidr_el1, xzr
    msr mair_el1, x1
    msr tcr_el1, x2
    msr ttbr0_el1, x3
    msr ttbr1_el1, x4
    isb
    tlbi vmalle1
    ic iallu
    dsb sy
    isb
    ldr x6, =1f
    adr x7, 1f
    msr sctlr_el1, x5
    isb
    br x6
1:  sub x30, x30, x7
    add x30, x30, x6
    orr x2, x2, #1 << FE_ARM_TCR_EPD0_BIT
    msr tcr_el1, x2
    adrp x9, fe_arm_vectors
    add x9, x9, #:lo12:fe_arm_vectors
    msr vbar_el1, x9
    isb
    tlbi vmalle1                 /* the identity map's entries */
    dsb nsh
    isb
    ret
end fe_arm_mmu_on

/*
 * void fe_arm_root_exchange(uint64_t root);
 *
 * Break before make for a whole root: two tables may map one address by pages of different size, which a TLB must not see
 * together. So the exchange runs in the identity map, with walks of TTBR1 off. WXN is on afterwards.
 */
function fe_arm_root_exchange
    mrs x9, daif
    msr daifset, #15
    dsb sy                       /* the new tables are in memory */
    mrs x10, tcr_el1
    bic x10, x10, #1 << FE_ARM_TCR_EPD0_BIT
    msr tcr_el1, x10
    mrs x11, sctlr_el1           /* the identity map is writable */
    bic x11, x11, #1 << FE_ARM_SCTLR_WXN_BIT
    msr sctlr_el1, x11
    isb
    tlbi vmalle1
    dsb nsh
    isb
    adr x12, 1f
    adrp x13, fe_image_start
    sub x12, x12, x13
    adrp x13, fe_arm_image_physical
    ldr x13, [x13, #:lo12:fe_arm_image_physical]
    add x12, x12, x13
    adr x13, 2f
    br x12
1:  orr x10, x10, #1 << FE_ARM_TCR_EPD1_BIT
    msr tcr_el1, x10
    isb
    tlbi vmalle1
    dsb nsh
    isb
    msr ttbr1_el1, x0
    isb
    bic x10, x10, #1 << FE_ARM_TCR_EPD1_BIT
    msr tcr_el1, x10
    isb
    br x13
2:  orr x10, x10, #1 << FE_ARM_TCR_EPD0_BIT
    msr tcr_el1, x10
    orr x11, x11, #1 << FE_ARM_SCTLR_WXN_BIT
    msr sctlr_el1, x11
    isb
    tlbi vmalle1
    dsb nsh
    isb
    msr daif, x9
    ret
end fe_arm_root_exchange

/* Nothing more can be done here. */
function fe_arm_stop
    msr daifset, #15
1:  wfi
    b 1b
end fe_arm_stop
