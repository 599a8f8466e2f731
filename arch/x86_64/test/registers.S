/* See arch/test.h. */

/* On the stack, from its pointer up. */
#define ROUNDS 0
#define SEED 8
#define WRONG 16
#define CONTROL 24
#define X87 32
#define GENERAL 64   /* rax ... by number, from 1 */
#define SIMD 192     /* xmm0 ... xmm15 */
#define FRAME 456    /* aligned to 16 with six saved registers and the return address */

#define MXCSR 0x7f80 /* round to zero, all masked */
#define FP_CONTROL 0xf7f

    .text
    .section .text.fe_test_registers, "ax"
    .globl fe_test_registers
    .type fe_test_registers, @function
fe_test_registers:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $FRAME, %rsp
    movq %rsi, ROUNDS(%rsp)
    movq %rdi, SEED(%rsp)
    movq $0, WRONG(%rsp)
    movl $MXCSR, CONTROL(%rsp)
    ldmxcsr CONTROL(%rsp)
    movl $FP_CONTROL, CONTROL(%rsp)
    fninit
    fldcw CONTROL(%rsp)
    fld1
    fldz

    .altmacro
    .macro fill number
    leaq 100 + \number(%rdi), %rax
    movq %rax, %xmm\number
    punpcklqdq %xmm\number, %xmm\number
    .endm
    .set i, 0
    .rept 15
    fill %i
    .set i, i + 1
    .endr
    movl $1, %eax
    movq %rax, %xmm15
    punpcklqdq %xmm15, %xmm15

    movq %rsi, %rcx
    leaq 1(%rdi), %rax
    leaq 2(%rdi), %rbx
    leaq 3(%rdi), %rdx
    leaq 4(%rdi), %rbp
    leaq 5(%rdi), %rsi
    leaq 7(%rdi), %r8
    leaq 8(%rdi), %r9
    leaq 9(%rdi), %r10
    leaq 10(%rdi), %r11
    leaq 11(%rdi), %r12
    leaq 12(%rdi), %r13
    leaq 13(%rdi), %r14
    leaq 14(%rdi), %r15
    leaq 6(%rdi), %rdi
    stc

    /* None of these changes the carry. */
1:  leaq 1(%rax), %rax
    leaq 1(%rbx), %rbx
    leaq 1(%rdx), %rdx
    leaq 1(%rbp), %rbp
    leaq 1(%rsi), %rsi
    leaq 1(%rdi), %rdi
    leaq 1(%r8), %r8
    leaq 1(%r9), %r9
    leaq 1(%r10), %r10
    leaq 1(%r11), %r11
    leaq 1(%r12), %r12
    leaq 1(%r13), %r13
    leaq 1(%r14), %r14
    leaq 1(%r15), %r15
    .macro count number
    paddq %xmm15, %xmm\number
    .endm
    .set i, 0
    .rept 15
    count %i
    .set i, i + 1
    .endr
    fadd %st(1), %st
    jc 2f
    incq WRONG(%rsp)
    stc
2:  decq %rcx
    jnz 1b

    movq %rax, GENERAL + 8(%rsp)
    movq %rbx, GENERAL + 16(%rsp)
    movq %rdx, GENERAL + 24(%rsp)
    movq %rbp, GENERAL + 32(%rsp)
    movq %rsi, GENERAL + 40(%rsp)
    movq %rdi, GENERAL + 48(%rsp)
    movq %r8, GENERAL + 56(%rsp)
    movq %r9, GENERAL + 64(%rsp)
    movq %r10, GENERAL + 72(%rsp)
    movq %r11, GENERAL + 80(%rsp)
    movq %r12, GENERAL + 88(%rsp)
    movq %r13, GENERAL + 96(%rsp)
    movq %r14, GENERAL + 104(%rsp)
    movq %r15, GENERAL + 112(%rsp)
    .macro store number
    movdqu %xmm\number, SIMD + 16 * \number(%rsp)
    .endm
    .set i, 0
    .rept 16
    store %i
    .set i, i + 1
    .endr
    .noaltmacro
    fistpll X87(%rsp)
    fstp %st(0)

    movq WRONG(%rsp), %rax
    movq SEED(%rsp), %rdx
    addq ROUNDS(%rsp), %rdx

    movl $1, %ecx
1:  leaq (%rdx, %rcx), %rsi
    cmpq GENERAL(%rsp, %rcx, 8), %rsi
    je 2f
    incq %rax
2:  incl %ecx
    cmpl $14, %ecx
    jbe 1b

    xorl %ecx, %ecx
    leaq 100(%rdx), %rsi
1:  cmpq SIMD(%rsp, %rcx), %rsi
    jne 2f
    cmpq SIMD + 8(%rsp, %rcx), %rsi
    je 3f
2:  incq %rax
3:  incq %rsi
    addl $16, %ecx
    cmpl $(15 * 16), %ecx
    jb 1b
    cmpq $1, SIMD + 15 * 16(%rsp)
    je 1f
    incq %rax
1:
    movq X87(%rsp), %rcx
    cmpq ROUNDS(%rsp), %rcx
    je 1f
    incq %rax
1:  stmxcsr CONTROL(%rsp)
    movl CONTROL(%rsp), %ecx
    andl $0xffc0, %ecx
    cmpl $MXCSR, %ecx
    je 1f
    incq %rax
1:  fnstcw CONTROL(%rsp)
    cmpw $FP_CONTROL, CONTROL(%rsp)
    je 1f
    incq %rax
1:  movl $0x1f80, CONTROL(%rsp)
    ldmxcsr CONTROL(%rsp)
    fninit
    addq $FRAME, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size fe_test_registers, . - fe_test_registers

    .section .text.fe_test_red_zone, "ax"
    .globl fe_test_red_zone
    .type fe_test_red_zone, @function
fe_test_red_zone:
    xorl %eax, %eax
    movl $16, %ecx
1:  leaq (%rdi, %rcx), %rdx
    negq %rcx
    movq %rdx, (%rsp, %rcx, 8)
    negq %rcx
    decq %rcx
    jnz 1b
2:  movl $16, %ecx
3:  leaq (%rdi, %rcx), %rdx
    negq %rcx
    cmpq (%rsp, %rcx, 8), %rdx
    je 4f
    incq %rax
4:  negq %rcx
    decq %rcx
    jnz 3b
    decq %rsi
    jnz 2b
    ret
    .size fe_test_red_zone, . - fe_test_red_zone

    .section .note.GNU-stack, "", @progbits
