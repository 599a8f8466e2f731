/*
 * Preemption: an interrupted context is saved whole, and taken up again.
 *
 * In the area (struct fe_x86_saved) lie what fxsave stores, a trap frame with all general registers, and what fe_arch_switch
 * takes up, which leads to fe_x86_preempted_resume. So whoever switches to a preempted context need not know that it is one.
 * fxsave is all there is to save: CR4.OSXSAVE is off, so that instructions with further state are refused.
 */
#include "preempt.h"

    .text

/* From `interrupt` (trap_entry.S), on the interrupt stack: rax is the struct fe_arch_preemption, the frame from r11 up at rsp. */
    .section .text.fe_x86_preempt, "ax"
    .balign 16
    .globl fe_x86_preempt
    .type fe_x86_preempt, @function
fe_x86_preempt:
    .cfi_startproc
    .cfi_undefined rip
    movq FE_X86_PREEMPTION_AREA(%rax), %rdx
    fxsave64 (%rdx)
    fninit                  /* what the program left pending is not to be raised in the scheduler */
    movq %r15, FE_X86_SAVED_FRAME + 0(%rdx)
    movq %r14, FE_X86_SAVED_FRAME + 8(%rdx)
    movq %r13, FE_X86_SAVED_FRAME + 16(%rdx)
    movq %r12, FE_X86_SAVED_FRAME + 24(%rdx)
    movq %rbp, FE_X86_SAVED_FRAME + 32(%rdx)
    movq %rbx, FE_X86_SAVED_FRAME + 40(%rdx)
    movq %rsp, %rsi
    leaq FE_X86_SAVED_FRAME + 48(%rdx), %rdi
    movl $16, %ecx
    rep movsq
    movl $FE_X86_MXCSR, FE_X86_SAVED_CONTEXT - 8(%rdx)
    movl $FE_X86_FP_CONTROL, FE_X86_SAVED_CONTEXT - 4(%rdx)
    movq $fe_x86_preempted_resume, FE_X86_SAVED_END - 8(%rdx)
    addq $FE_X86_SAVED_CONTEXT, %rdx
    movq FE_X86_PREEMPTION_FROM(%rax), %rcx
    movq %rdx, (%rcx)
    movq FE_X86_PREEMPTION_TO(%rax), %rsi
    movq FE_X86_PREEMPTION_PASSED(%rax), %rdi
    jmp fe_arch_resume
    .cfi_endproc
    .size fe_x86_preempt, . - fe_x86_preempt

/*
 * Where a preempted context goes on: rsp is the area's end, rax what the switch passed. fe_arch_hooks.resumed runs below the
 * scheduler, which is suspended, and masks interrupts; from there on nothing touches the area but this.
 */
    .section .text.fe_x86_preempted_resume, "ax"
    .balign 16
    .globl fe_x86_preempted_resume
    .type fe_x86_preempted_resume, @function
    .cfi_startproc
    .cfi_undefined rip
    nop                     /* as in fe_x86_context_begin */
fe_x86_preempted_resume:
    leaq -FE_X86_SAVED_END(%rsp), %rbx
    movq %gs:FE_X86_CORE_SCHEDULER, %rsp
    subq $128, %rsp         /* its control words lie there */
    andq $-16, %rsp
    movq %rax, %rdi
    movq %rbx, %rsi
    call *fe_arch_hooks + 8(%rip)
    fxrstor64 (%rbx)
    leaq FE_X86_SAVED_FRAME(%rbx), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
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
    iretq
    .cfi_endproc
    .size fe_x86_preempted_resume, . - fe_x86_preempted_resume

    .section .note.GNU-stack, "", @progbits
