/* Where unwinding meets the machine (sched/unwind/). struct fe_arch_frame (context.h): registers by their DWARF numbers. */

#define RBX 24
#define RBP 48
#define RSP 56
#define R12 96
#define R13 104
#define R14 112
#define R15 120
#define RIP 128
#define FRAME 136

    .text

/* void fe_unwind(void), void _Unwind_Resume(void *): unwinds from the caller. */
    .section .text.fe_unwind, "ax"
    .balign 16
    .globl fe_unwind
    .type fe_unwind, @function
    .globl _Unwind_Resume
    .type _Unwind_Resume, @function
fe_unwind:
_Unwind_Resume:
    .cfi_startproc
    movq (%rsp), %rax
    leaq 8(%rsp), %rcx
    subq $FRAME, %rsp       /* aligned as before a call */
    .cfi_adjust_cfa_offset FRAME
    movq %rbx, RBX(%rsp)
    movq %rbp, RBP(%rsp)
    movq %rcx, RSP(%rsp)
    movq %r12, R12(%rsp)
    movq %r13, R13(%rsp)
    movq %r14, R14(%rsp)
    movq %r15, R15(%rsp)
    movq %rax, RIP(%rsp)
    movq %rsp, %rdi
    call fe_unwind_frame
    ud2
    .cfi_endproc
    .size fe_unwind, . - fe_unwind
    .size _Unwind_Resume, . - _Unwind_Resume

/* void fe_arch_frame_enter(const struct fe_arch_frame *, uintptr_t pc); A landing pad gets an exception object, which it hands
 * to _Unwind_Resume, and a number: 0 and 0. */
    .section .text.fe_arch_frame_enter, "ax"
    .balign 16
    .globl fe_arch_frame_enter
    .type fe_arch_frame_enter, @function
fe_arch_frame_enter:
    .cfi_startproc
    .cfi_undefined rip
    movq RBX(%rdi), %rbx
    movq RBP(%rdi), %rbp
    movq R12(%rdi), %r12
    movq R13(%rdi), %r13
    movq R14(%rdi), %r14
    movq R15(%rdi), %r15
    xorl %eax, %eax
    xorl %edx, %edx
    movq RSP(%rdi), %rsp
    jmp *%rsi
    .cfi_endproc
    .size fe_arch_frame_enter, . - fe_arch_frame_enter

    .section .note.GNU-stack, "", @progbits
