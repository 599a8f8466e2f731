/* Calls that a C compiler cannot make: on another stack, and with all registers laid open. */
    .text

/* intptr_t fe_arch_call_on(void *stack_top, intptr_t (*function)(void *), void *argument, uintptr_t *left); The frame is
 * found by rbp, whichever stack is below it, so unwinders and walks along frame pointers cross it. */
    .section .text.fe_arch_call_on, "ax"
    .balign 16
    .globl fe_arch_call_on
    .type fe_arch_call_on, @function
fe_arch_call_on:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register rbp
    movq %rsp, (%rcx)
    movq %rdi, %rsp
    movq %rdx, %rdi
    call *%rsi
    leave
    .cfi_def_cfa rsp, 8
    ret
    .cfi_endproc
    .size fe_arch_call_on, . - fe_arch_call_on

/* void fe_arch_call_spilled(void (*function)(void *argument, uintptr_t stack_pointer), void *argument); */
    .section .text.fe_arch_call_spilled, "ax"
    .balign 16
    .globl fe_arch_call_spilled
    .type fe_arch_call_spilled, @function
fe_arch_call_spilled:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rsp, %rsi
    call *%rax
    leave                   /* the callee has kept the others */
    .cfi_def_cfa rsp, 8
    ret
    .cfi_endproc
    .size fe_arch_call_spilled, . - fe_arch_call_spilled

    .section .note.GNU-stack, "", @progbits
