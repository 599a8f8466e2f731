/*
 * The first instructions of a secondary core: copied to a page below 1 MiB, where a start-up IPI makes it begin in real mode,
 * and from there straight to long mode.
 *
 * The page holds code and, behind it, what fe_arch_core_prepare fills in (smp.h). Once paging is on it is only read: it is
 * mapped read-only and executable, under tables that have nothing else in the low half.
 */
#include "entry.h"
#include "smp.h"

#define HERE(symbol) ((symbol) - fe_x86_trampoline)

    .section .rodata.trampoline, "a"
    .balign 16
    .globl fe_x86_trampoline, fe_x86_trampoline_end
    .code16
fe_x86_trampoline:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movl $1, FE_X86_TRAMPOLINE_REACHED
    lgdtl HERE(trampoline_gdt_register)
    movl $FE_X86_CR4_PAE, %eax
    movl %eax, %cr4
    movl FE_X86_TRAMPOLINE_ROOT, %eax
    movl %eax, %cr3
    movl $FE_X86_MSR_EFER, %ecx
    rdmsr
    orl $(FE_X86_EFER_LME | FE_X86_EFER_NXE), %eax
    wrmsr
    /* INIT leaves caches off (CD, NW). */
    movl $(FE_X86_CR0_PG | FE_X86_CR0_WP | FE_X86_CR0_NE | FE_X86_CR0_MP | FE_X86_CR0_PE), %eax
    movl %eax, %cr0
    ljmpl *HERE(trampoline_far)

    .code64
trampoline_64:
    movl $FE_X86_DATA_SELECTOR, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    xorl %ebp, %ebp
    /* By address within the page: rip-relative offsets would be right too, but not to the assembler. */
    leaq fe_x86_trampoline(%rip), %rbx
    movq FE_X86_TRAMPOLINE_STACK(%rbx), %rsp
    movq FE_X86_TRAMPOLINE_FINAL_ROOT(%rbx), %rsi
    movq FE_X86_TRAMPOLINE_ENTRY(%rbx), %rax
    movq FE_X86_TRAMPOLINE_ARGUMENT(%rbx), %rdi
    jmp *FE_X86_TRAMPOLINE_HIGH(%rbx)

    .balign 8
trampoline_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* code, 64-bit, accessed: the CPU need not write it */
    .quad 0x00cf93000000ffff /* data, accessed */
trampoline_gdt_register:
    .word . - trampoline_gdt - 1
    .globl fe_x86_trampoline_gdt_base
fe_x86_trampoline_gdt_base: /* both hold offsets, to which fe_arch_core_prepare adds the page's address */
    .long HERE(trampoline_gdt)
    .globl fe_x86_trampoline_far
fe_x86_trampoline_far:
trampoline_far:
    .long HERE(trampoline_64)
    .word FE_X86_CODE_SELECTOR
fe_x86_trampoline_end:

/* At FE_IMAGE_BASE, on the core's stack: to the final tables, then entry(argument). rax entry, rdi argument, rsi root. */
    .section .text.fe_x86_core_begin, "ax"
    .globl fe_x86_core_begin
    .type fe_x86_core_begin, @function
fe_x86_core_begin:
    .cfi_startproc
    .cfi_undefined rip
    movq %rsi, %cr3
    call *%rax
    ud2
    .cfi_endproc
    .size fe_x86_core_begin, . - fe_x86_core_begin

    .section .note.GNU-stack, "", @progbits
