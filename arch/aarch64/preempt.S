/*
 * Preemption: an interrupted context is saved whole, and taken up again.
 *
 * In the area (struct fe_arm_saved) lie a trap frame with all general registers, q0 to q31 with FPSR and FPCR, and what
 * fe_arch_switch takes up, which leads to fe_arm_preempted_resume. So whoever switches to a preempted context need not know
 * that it is one.
 */
#include "asm.h"

/* From fe_arm_interrupt, on SP_EL1: x0 is the struct fe_arch_preemption, the frame at sp. */
function fe_arm_preempt
    .cfi_undefined x30
    stp x19, x20, [sp, #152]
    stp x21, x22, [sp, #168]
    stp x23, x24, [sp, #184]
    stp x25, x26, [sp, #200]
    stp x27, x28, [sp, #216]
    mrs x2, sp_el0
    str x2, [sp, #FE_ARM_FRAME_SP]
    ldr x1, [x0, #FE_ARM_PREEMPTION_AREA]
    mov x4, x1
    mov x5, #FE_ARM_FRAME_BYTES / 16
1:
    ldp x2, x3, [sp], #16        /* leaves SP_EL1 at its top */
    stp x2, x3, [x4], #16
    subs x5, x5, #1
    b.ne 1b
    stp q0, q1, [x4, #0]
    stp q2, q3, [x4, #32]
    stp q4, q5, [x4, #64]
    stp q6, q7, [x4, #96]
    stp q8, q9, [x4, #128]
    stp q10, q11, [x4, #160]
    stp q12, q13, [x4, #192]
    stp q14, q15, [x4, #224]
    stp q16, q17, [x4, #256]
    stp q18, q19, [x4, #288]
    stp q20, q21, [x4, #320]
    stp q22, q23, [x4, #352]
    stp q24, q25, [x4, #384]
    stp q26, q27, [x4, #416]
    stp q28, q29, [x4, #448]
    stp q30, q31, [x4, #480]
    mrs x2, fpsr
    mrs x3, fpcr
    str x2, [x1, #FE_ARM_SAVED_STATUS]
    str x3, [x1, #FE_ARM_SAVED_STATUS + 8]
    add x4, x1, #FE_ARM_SAVED_CONTEXT
    adrp x2, fe_arm_preempted_resume
    add x2, x2, #:lo12:fe_arm_preempted_resume
    stp xzr, x2, [x4, #80]       /* x29, x30 */
    str xzr, [x4, #160]          /* FPCR */
    ldr x2, [x0, #FE_ARM_PREEMPTION_FROM]
    str x4, [x2]
    ldr x1, [x0, #FE_ARM_PREEMPTION_TO]
    ldr x0, [x0, #FE_ARM_PREEMPTION_PASSED]
    msr spsel, #0
    msr daifclr, #4              /* system errors, as outside handlers */
    b fe_arch_resume
end fe_arm_preempt

/*
 * Where a preempted context goes on: sp is the area's end, x0 what the switch passed. fe_arch_hooks.resumed runs below the
 * scheduler, which is suspended, and masks interrupts; from there on nothing touches the area but this.
 */
function fe_arm_preempted_resume
    .cfi_undefined x30
    sub x19, sp, #FE_ARM_SAVED_END
    mrs x1, tpidr_el1
    ldr x1, [x1, #FE_ARM_CORE_SCHEDULER]
    mov sp, x1
    mov x1, x19
    adrp x2, fe_arch_hooks + 8
    ldr x2, [x2, #:lo12:fe_arch_hooks + 8]
    blr x2
    msr daifset, #6              /* no system error between the next lines, which would take ELR_EL1 */
    add x4, x19, #FE_ARM_SAVED_FP
    ldp q0, q1, [x4, #0]
    ldp q2, q3, [x4, #32]
    ldp q4, q5, [x4, #64]
    ldp q6, q7, [x4, #96]
    ldp q8, q9, [x4, #128]
    ldp q10, q11, [x4, #160]
    ldp q12, q13, [x4, #192]
    ldp q14, q15, [x4, #224]
    ldp q16, q17, [x4, #256]
    ldp q18, q19, [x4, #288]
    ldp q20, q21, [x4, #320]
    ldp q22, q23, [x4, #352]
    ldp q24, q25, [x4, #384]
    ldp q26, q27, [x4, #416]
    ldp q28, q29, [x4, #448]
    ldp q30, q31, [x4, #480]
    ldr x2, [x19, #FE_ARM_SAVED_STATUS]
    ldr x3, [x19, #FE_ARM_SAVED_STATUS + 8]
    msr fpsr, x2
    msr fpcr, x3
    ldr x2, [x19, #FE_ARM_FRAME_SP]
    mov sp, x2
    ldp x2, x3, [x19, #FE_ARM_FRAME_PC]
    msr elr_el1, x2
    msr spsr_el1, x3
    mov x0, x19
    ldp x2, x3, [x0, #16]
    ldp x4, x5, [x0, #32]
    ldp x6, x7, [x0, #48]
    ldp x8, x9, [x0, #64]
    ldp x10, x11, [x0, #80]
    ldp x12, x13, [x0, #96]
    ldp x14, x15, [x0, #112]
    ldp x16, x17, [x0, #128]
    ldp x18, x19, [x0, #144]
    ldp x20, x21, [x0, #160]
    ldp x22, x23, [x0, #176]
    ldp x24, x25, [x0, #192]
    ldp x26, x27, [x0, #208]
    ldp x28, x29, [x0, #224]
    ldr x30, [x0, #240]
    ldp x0, x1, [x0]
    eret
end fe_arm_preempted_resume
