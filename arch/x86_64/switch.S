/*
 * The context switch, and where a new context begins.
 *
 * A context that is not running has this on its stack, from its stack pointer up:
 *     r15, r14, r13, r12, rbx, rbp, the address to go on at
 * and in the red zone below it mxcsr and the x87 control word: nothing else runs on its stack meanwhile, and interrupts
 * have stacks of their own.
 *
 * It goes on by `jmp`, not `ret`: the return predictor would have the caller of the other context, so a `ret` always misses
 * (8.5 ns against 2.6). The floating-point control words are saved and loaded each time: they are callee-saved by the ABI,
 * a program may set its rounding mode, and comparing them first would cost about as much as loading them.
 */
    .text

/* Takes up the context whose stack pointer has been loaded. */
    .macro resume
    ldmxcsr -8(%rsp)
    fldcw -4(%rsp)
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    popq %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    jmp *%rcx
    .endm

/* void *fe_arch_switch(struct fe_arch_context *from, const struct fe_arch_context *to, void *passed); */
    .section .text.fe_arch_switch, "ax"
    .balign 16
    .globl fe_arch_switch
    .type fe_arch_switch, @function
fe_arch_switch:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
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
    stmxcsr -8(%rsp)
    fnstcw -4(%rsp)
    movq %rsp, (%rdi)
    movq (%rsi), %rsp       /* the same layout on the other stack, so the CFI still holds */
    movq %rdx, %rax
    resume
    .cfi_endproc
    .size fe_arch_switch, . - fe_arch_switch

/* void fe_arch_resume(void *passed, const struct fe_arch_context *to); */
    .section .text.fe_arch_resume, "ax"
    .balign 16
    .globl fe_arch_resume
    .type fe_arch_resume, @function
fe_arch_resume:
    .cfi_startproc
    movq (%rsi), %rsp
    .cfi_def_cfa rsp, 56
    .cfi_offset rbp, -16
    .cfi_offset rbx, -24
    .cfi_offset r12, -32
    .cfi_offset r13, -40
    .cfi_offset r14, -48
    .cfi_offset r15, -56
    movq %rdi, %rax
    resume
    .cfi_endproc
    .size fe_arch_resume, . - fe_arch_resume

/* A new context goes on here: rbx is its entry function, rax what the switch passed, the stack empty and aligned. The
 * nop stands before the label because unwinders look up the address before a return address. */
    .section .text.fe_x86_context_begin, "ax"
    .balign 16
    .globl fe_x86_context_begin
    .type fe_x86_context_begin, @function
    .cfi_startproc
    .cfi_undefined rip
    nop
fe_x86_context_begin:
    movq %rax, %rdi
    call *%rbx
    ud2
    .cfi_endproc
    .size fe_x86_context_begin, . - fe_x86_context_begin

/* Interrupted code seems to call from here. The stack: its rip and rsp, the function, the argument, r10. All else is in the registers
 * still; a signal frame, since rip is the instruction itself, and not the one after a call. */
    .section .text.fe_x86_trap_call, "ax"
    .balign 16
    .globl fe_x86_trap_call
    .type fe_x86_trap_call, @function
fe_x86_trap_call:
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_def_cfa rsp, 48
    .cfi_offset rip, -48
    .cfi_offset rsp, -40
    .cfi_offset r10, -16
    .cfi_offset r11, -8
    movq 24(%rsp), %rdi
    call *16(%rsp)
    ud2
    .cfi_endproc
    .size fe_x86_trap_call, . - fe_x86_trap_call

/* void fe_arch_return_overflowed(void): returned to. What the return took off the stack is put there again, as it was. */
    .section .text.fe_arch_return_overflowed, "ax"
    .balign 16
    .globl fe_arch_return_overflowed
    .type fe_arch_return_overflowed, @function
fe_arch_return_overflowed:
    .cfi_startproc
    .cfi_undefined rip
    subq $8, %rsp           /* aligned as after a call, so one word more for this one */
    subq $8, %rsp
    call fe_task_return_address
    addq $8, %rsp
    movq %rax, (%rsp)
    jmp fe_task_overflowed
    .cfi_endproc
    .size fe_arch_return_overflowed, . - fe_arch_return_overflowed

    .section .note.GNU-stack, "", @progbits
