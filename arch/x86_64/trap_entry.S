/*
 * Traps: a stub for each vector, and the two ways from there into C.
 *
 * Every vector has a stack of its own kind (IST), so the interrupted stack is never touched: it may be tiny, unmapped below
 * its stack pointer, and its red zone is safe. The CPU aligns the new stack to 16 and pushes ss, rsp, rflags, cs, rip, and
 * for some faults an error code; the stubs even that out, and the layout is struct fe_trap_frame's (trap.h).
 *
 * An interrupt saves only what C may clobber; FP and SIMD registers need no saving, since the kernel uses none. A fault
 * saves all general registers. There is no swapgs: everything runs privileged, and gs always points to the core.
 */
#include "entry.h"

    .text
    .section .text.trap, "ax"

    .macro stub vector
    .balign 16
    .if \vector >= 32
        pushq $0
        .if \vector < 128
        pushq $\vector
        .else
        pushq $(\vector - 256) /* two bytes; only the low byte of it is looked at */
        .endif
        jmp interrupt
    .else
        .if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \
              \vector == 30)
            pushq $0
        .endif
        pushq $\vector
        jmp fault
    .endif
    .endm

    .balign 16
    .globl fe_x86_stubs
fe_x86_stubs:
    .altmacro
    .set vector, 0
    .rept 256
    stub %vector
    .set vector, vector + 1
    .endr
    .noaltmacro

    .macro save_clobbered
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    .endm
    .macro restore_clobbered
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    .endm

/* fe_arch_hooks.interrupt(vector, frame): the first member of fe_arch_hooks. */
    .balign 16
    .type interrupt, @function
interrupt:
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_def_cfa rsp, 56
    .cfi_offset rip, -40
    .cfi_offset rsp, -16
    save_clobbered
    .cfi_adjust_cfa_offset 72
    cld
    movzbl 72(%rsp), %edi
    leaq -48(%rsp), %rsi    /* the frame's lowest six registers are not saved; rbp is what the hook pushes first */
    call *fe_arch_hooks(%rip)
    testq %rax, %rax
    jnz fe_x86_preempt
    restore_clobbered
    .cfi_adjust_cfa_offset -88
    iretq
    .cfi_endproc
    .size interrupt, . - interrupt

/* fe_x86_fault(frame). */
    .balign 16
    .type fault, @function
fault:
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_def_cfa rsp, 56
    .cfi_offset rip, -40
    .cfi_offset rsp, -16
    save_clobbered
    .cfi_adjust_cfa_offset 72
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    cld
    movq %rsp, %rdi
    call fe_x86_fault
    popq %r15
    .cfi_adjust_cfa_offset -8
    popq %r14
    .cfi_adjust_cfa_offset -8
    popq %r13
    .cfi_adjust_cfa_offset -8
    popq %r12
    .cfi_adjust_cfa_offset -8
    popq %rbp
    .cfi_adjust_cfa_offset -8
    popq %rbx
    .cfi_adjust_cfa_offset -8
    restore_clobbered
    .cfi_adjust_cfa_offset -88
    iretq
    .cfi_endproc
    .size fault, . - fault

    .section .note.GNU-stack, "", @progbits
