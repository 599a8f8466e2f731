/*
 * Exception vectors. Tasks and schedulers run on SP_EL0, so their exceptions arrive in the first group, on SP_EL1: the
 * interrupted stack is not touched. One that arrives in the second group was taken on the exception stack itself; it goes
 * to the core's panic stack and never returns.
 */
#include "asm.h"

    .section .text.fe_arm_vectors, "ax", %progbits
    .balign 2048
    .global fe_arm_vectors
    .type fe_arm_vectors, %function
fe_arm_vectors:
/* On SP_EL0. */
    .balign 128
    sub sp, sp, #FE_ARM_FRAME_BYTES
    stp x0, x1, [sp]
    mov x1, #FE_ARM_SYNCHRONOUS
    b fe_arm_fault
    .balign 128
    b fe_arm_interrupt
    .balign 128
    sub sp, sp, #FE_ARM_FRAME_BYTES
    stp x0, x1, [sp]
    mov x1, #FE_ARM_FIQ
    b fe_arm_fault
    .balign 128
    sub sp, sp, #FE_ARM_FRAME_BYTES
    stp x0, x1, [sp]
    mov x1, #FE_ARM_SERROR
    b fe_arm_fault
/* On SP_EL1; then from EL0, where nothing ever runs. */
    .set kind, 0
.rept 12
    .balign 128
    msr tpidr_el0, x1
    mov x1, #FE_ARM_NESTED + (kind & 3)
    b fe_arm_nested
    .set kind, kind + 1
.endr
    .balign 128
    .size fe_arm_vectors, . - fe_arm_vectors

/* x2 to x17 to struct fe_trap_frame at sp. */
.macro store_scratch
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
.endm

/* x0 to x17 from it. */
.macro load_scratch
    ldp x0, x1, [sp, #0]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
.endm

/*
 * An interrupt: what C may clobber is saved; kernel code has no FP registers. To the unwinder it is a signal frame: the
 * interrupted function goes on at the saved pc, on the saved stack.
 */
function fe_arm_interrupt
    sub sp, sp, #FE_ARM_FRAME_BYTES
    stp x0, x1, [sp, #0]
    store_scratch
    str x18, [sp, #144]
    stp x29, x30, [sp, #232]
    mrs x2, elr_el1
    mrs x3, spsr_el1
    stp x2, x3, [sp, #FE_ARM_FRAME_PC]
    adrp x2, fe_arch_hooks
    ldr x2, [x2, #:lo12:fe_arch_hooks]
    mov w0, #0
    mov x1, sp
    blr x2
    cbnz x0, fe_arm_preempt
    ldp x2, x3, [sp, #FE_ARM_FRAME_PC]
    msr elr_el1, x2
    msr spsr_el1, x3
    load_scratch
    ldr x18, [sp, #144]
    ldp x29, x30, [sp, #232]
    add sp, sp, #FE_ARM_FRAME_BYTES
    eret
end fe_arm_interrupt

/* Stores all but x0, x1 and sp of struct fe_trap_frame at sp. Clobbers x2-x5. */
.macro save_rest
    store_scratch
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    str x30, [sp, #240]
    mrs x2, elr_el1
    mrs x3, spsr_el1
    mrs x4, esr_el1
    mrs x5, far_el1
    stp x2, x3, [sp, #FE_ARM_FRAME_PC]
    stp x4, x5, [sp, #FE_ARM_FRAME_ESR]
.endm

/* A fault on SP_EL0: x0, x1 are saved, x1 = kind. Everything is saved; the handler may change it. */
function fe_arm_fault
    save_rest
    mrs x2, sp_el0
    str x2, [sp, #FE_ARM_FRAME_SP]
    mov x0, sp
    bl fe_arm_trap
    ldp x2, x3, [sp, #FE_ARM_FRAME_PC]
    ldr x4, [sp, #FE_ARM_FRAME_SP]
    msr elr_el1, x2
    msr spsr_el1, x3
    msr sp_el0, x4
    load_scratch
    ldp x18, x19, [sp, #144]
    ldp x20, x21, [sp, #160]
    ldp x22, x23, [sp, #176]
    ldp x24, x25, [sp, #192]
    ldp x26, x27, [sp, #208]
    ldp x28, x29, [sp, #224]
    ldr x30, [sp, #240]
    add sp, sp, #FE_ARM_FRAME_BYTES
    eret
end fe_arm_fault

/*
 * An exception on SP_EL1, which may be what is broken: x1 is in TPIDR_EL0 (the program's thread pointer, no longer needed)
 * and holds the kind. Goes to the panic stack of this core (core 0's before fe_arch_core_set).
 */
function fe_arm_nested
    msr tpidrro_el0, x0
    mrs x0, tpidr_el1
    cbz x0, 1f
    ldr w0, [x0, #FE_ARM_CORE_INDEX]
1:
    lsl x0, x0, #3
    orr x1, x1, x0, lsl #16      /* kind below, offset of the stack above: a third register is not free */
    adrp x0, fe_arm_panic_stacks
    add x0, x0, #:lo12:fe_arm_panic_stacks
    add x0, x0, x1, lsr #16
    ldr x0, [x0]
    cbz x0, fe_arm_stop
    sub x0, x0, #FE_ARM_FRAME_BYTES
    and x1, x1, #0xffff
    stp x2, x3, [x0, #16]
    mov x2, sp
    str x2, [x0, #FE_ARM_FRAME_SP]
    ldr x2, [x0, #16]
    mov sp, x0
    mrs x0, tpidrro_el0
    str x0, [sp, #0]
    mrs x0, tpidr_el0
    str x0, [sp, #8]
    save_rest
    mov x0, sp
    bl fe_arm_trap
    b fe_arm_stop
end fe_arm_nested
