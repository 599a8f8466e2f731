/*
 * Context switch. A suspended context is its stack pointer; above it lie, in this order: x19-x30, d8-d15, FPCR. What else a
 * caller may keep over a call (SP_EL0 itself apart) the procedure call standard does not have.
 *
 * FPCR is only written when it differs: the write stalls real cores, and programs hardly ever change it.
 *
 * Returns by `br`, not `ret`: the return predictor has seen other calls than those of the context that is resumed, so a
 * `ret` would miss and, worse, shift what it predicts for the returns that follow.
 */
#include "asm.h"

#define SAVED 176

/* Takes up the context whose stack pointer has been loaded; x9 is FPCR now, x2 what is passed. */
    .macro resume
    ldr x10, [sp, #160]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    cmp x9, x10
    b.ne 2f
1:  ldp x19, x20, [sp], #SAVED
    .cfi_remember_state
    .cfi_def_cfa_offset 0
    mov x0, x2
    br x30
2:  .cfi_restore_state
    msr fpcr, x10
    b 1b
    .endm

/* void *fe_arch_switch(struct fe_arch_context *from, const struct fe_arch_context *to, void *passed); */
function fe_arch_switch
    stp x19, x20, [sp, #-SAVED]!
    .cfi_def_cfa_offset SAVED
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    .cfi_offset x19, -SAVED
    .cfi_offset x20, -SAVED + 8
    .cfi_offset x21, -SAVED + 16
    .cfi_offset x22, -SAVED + 24
    .cfi_offset x23, -SAVED + 32
    .cfi_offset x24, -SAVED + 40
    .cfi_offset x25, -SAVED + 48
    .cfi_offset x26, -SAVED + 56
    .cfi_offset x27, -SAVED + 64
    .cfi_offset x28, -SAVED + 72
    .cfi_offset x29, -SAVED + 80
    .cfi_offset x30, -SAVED + 88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    .cfi_offset d8, -SAVED + 96
    .cfi_offset d9, -SAVED + 104
    .cfi_offset d10, -SAVED + 112
    .cfi_offset d11, -SAVED + 120
    .cfi_offset d12, -SAVED + 128
    .cfi_offset d13, -SAVED + 136
    .cfi_offset d14, -SAVED + 144
    .cfi_offset d15, -SAVED + 152
    mrs x9, fpcr
    str x9, [sp, #160]
    mov x10, sp
    str x10, [x0]

    /* The other stack has the same layout, so the rules above hold for it too. */
    ldr x11, [x1]
    mov sp, x11
    resume
end fe_arch_switch

/* void fe_arch_resume(void *passed, const struct fe_arch_context *to); */
function fe_arch_resume
    mrs x9, fpcr
    mov x2, x0
    ldr x11, [x1]
    mov sp, x11
    .cfi_def_cfa sp, SAVED
    resume
end fe_arch_resume

/* Where a new context begins: x19 = entry, x0 = what the first switch passed. The chain of frames ends here. */
function fe_arm_context_start
    .cfi_undefined x30
    mov x29, #0
    blr x19
    b fe_arm_stop
end fe_arm_context_start

/*
 * Interrupted code seems to call from here. The stack: its pc, x30 and sp, the function, the argument. All else is in the
 * registers still. A signal frame, since pc is the instruction itself; column 96 is where unwinders take it from, as x30 may
 * hold something else.
 */
    .section .text.fe_arm_trap_call, "ax", %progbits
    .balign 16
    .global fe_arm_trap_call
    .type fe_arm_trap_call, %function
fe_arm_trap_call:
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_return_column 96
    .cfi_def_cfa sp, 48
    .cfi_offset 96, -48
    .cfi_offset 30, -40
    .cfi_offset 31, -32
    .cfi_offset 12, -8
    ldp x1, x0, [sp, #24]
    blr x1
    b fe_arm_stop
    .cfi_endproc
    .size fe_arm_trap_call, . - fe_arm_trap_call

/* void fe_arch_return_overflowed(void): returned to. x30 becomes what it was. */
function fe_arch_return_overflowed
    .cfi_undefined x30
    bl fe_task_return_address
    mov x30, x0
    b fe_task_overflowed
end fe_arch_return_overflowed
