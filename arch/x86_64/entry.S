/*
 * Entry of the boot core: from the PVH loader's 32-bit mode to fe_x86_start in long mode at FE_IMAGE_BASE.
 *
 * The PVH contract: flat 32-bit segments, paging off, interrupts masked, ebx the physical address of the start info; no
 * stack, no usable GDT. All addresses here are physical until the jump to the high half.
 *
 * The tables made here live until fe_arch_paging_init: the low 4 GiB in 2 MiB pages, seen twice (at 0, for the moment when
 * paging goes on under our feet, and at FE_DIRECT_BASE, where the root entry's NX bit covers all of it), and the image at
 * FE_IMAGE_BASE. Later fe_arch_core_prepare reuses them for the same moment of the other cores.
 */
#include "entry.h"

#define PHYSICAL(symbol) ((symbol) - FE_X86_IMAGE_OFFSET)
#define PRESENT_WRITE 0x3
#define LARGE 0x80
#define NX_HIGH 0x80000000 /* bit 63, in an entry's upper half */

/* The note by which QEMU, Xen and others enter at fe_x86_entry. Owner "Xen", type 18: XEN_ELFNOTE_PHYS32_ENTRY. */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long PHYSICAL(fe_x86_entry)

/* Not cleared with bss: in use by then. */
    .section .boot.tables, "aw", @nobits
    .balign 4096
    .globl fe_x86_boot_root, fe_x86_boot_low, fe_x86_boot_pages
fe_x86_boot_root:
    .skip 4096
fe_x86_boot_low: /* the low 512 GiB, of which 4 GiB are used */
    .skip 4096
boot_high: /* the high 512 GiB */
    .skip 4096
boot_image: /* the GiB at FE_IMAGE_BASE */
    .skip 4096
fe_x86_boot_pages: /* four tables: the low 4 GiB */
    .skip 4 * 4096

/* What is below is not mapped, once the final tables stand. */
    .section .boot.stack, "aw", @nobits
    .balign 4096
    .skip FE_X86_BOOT_STACK
boot_stack_end:

    .section .rodata.entry, "a"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* code, 64-bit, accessed */
    .quad 0x00cf93000000ffff /* data, accessed */
boot_gdt_register:
    .word . - boot_gdt - 1
    .long PHYSICAL(boot_gdt)
boot_far_entry:
    .long PHYSICAL(entry_64)
    .word FE_X86_CODE_SELECTOR
refusal:
    .asciz "\r\n# ferrite: this CPU has no 64-bit mode with no-execute pages (CPUID 0x80000001 EDX bits 29, 20): stopped\r\n"

    .section .text.entry, "ax"
    .code32
    .globl fe_x86_entry
fe_x86_entry:
    cli
    cld
    movl $PHYSICAL(boot_stack_end), %esp
    movl %ebx, %ebp
    rdtsc
    pushl %edx
    pushl %eax

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb refuse
    movl $0x80000001, %eax
    cpuid
    andl $0x20100000, %edx
    cmpl $0x20100000, %edx
    jne refuse

    /* The upper three tables and the image's, zeroed; the other four are filled whole. */
    movl $PHYSICAL(fe_x86_boot_root), %edi
    movl $(4 * 1024), %ecx
    xorl %eax, %eax
    rep stosl
    movl $(PHYSICAL(fe_x86_boot_low) + PRESENT_WRITE), %eax
    movl %eax, PHYSICAL(fe_x86_boot_root)
    movl %eax, PHYSICAL(fe_x86_boot_root) + 256 * 8
    movl $NX_HIGH, PHYSICAL(fe_x86_boot_root) + 256 * 8 + 4
    movl $(PHYSICAL(boot_high) + PRESENT_WRITE), PHYSICAL(fe_x86_boot_root) + 511 * 8
    movl $(PHYSICAL(boot_image) + PRESENT_WRITE), PHYSICAL(boot_high) + 510 * 8
    movl $(PHYSICAL(fe_x86_boot_pages) + PRESENT_WRITE), %eax
    movl $PHYSICAL(fe_x86_boot_low), %edi
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $4096, %eax
    cmpl $(PHYSICAL(fe_x86_boot_low) + 4 * 8), %edi
    jne 1b

    movl $PHYSICAL(fe_x86_boot_pages), %edi
    movl $(LARGE | PRESENT_WRITE), %eax
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $8, %edi
    addl $0x200000, %eax
    jnc 1b

    /* The image, as many 2 MiB pages as it takes. */
    movl $PHYSICAL(boot_image), %edi
    movl $(FE_X86_LOAD + LARGE + PRESENT_WRITE), %eax
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    cmpl $PHYSICAL(fe_boot_end), %eax
    jb 1b

    movl $FE_X86_CR4_PAE, %eax
    movl %eax, %cr4
    movl $PHYSICAL(fe_x86_boot_root), %eax
    movl %eax, %cr3
    movl $FE_X86_MSR_EFER, %ecx
    rdmsr
    orl $(FE_X86_EFER_LME | FE_X86_EFER_NXE), %eax
    wrmsr
    movl $(FE_X86_CR0_PG | FE_X86_CR0_WP | FE_X86_CR0_NE | FE_X86_CR0_MP | FE_X86_CR0_PE), %eax
    movl %eax, %cr0
    lgdt PHYSICAL(boot_gdt_register)
    ljmpl *PHYSICAL(boot_far_entry)

/* Nothing is known of this machine yet; COM1 is the best guess, and a machine without it ignores the writes. */
refuse:
    movl $PHYSICAL(refusal), %esi
1:  movb (%esi), %al
    testb %al, %al
    jz 3f
    movb %al, %bl
    movl $100000, %ecx
    movw $0x3fd, %dx
2:  inb %dx, %al
    testb $0x20, %al
    loopz 2b
    movb %bl, %al
    movw $0x3f8, %dx
    outb %al, %dx
    incl %esi
    jmp 1b
3:  hlt
    jmp 3b

    .code64
entry_64:
    movl $FE_X86_DATA_SELECTOR, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    popq %rsi               /* counter, pushed as two halves */
    movl %ebp, %r8d
    movabsq $entry_high, %rax
    jmp *%rax

entry_high:
    movq $boot_stack_end, %rsp
    xorl %ebp, %ebp         /* the frame-pointer chain ends here */
    movq $fe_x86_bss_start, %rdi
    movq $fe_x86_bss_words, %rcx
    xorl %eax, %eax
    rep stosq
    movq %r8, %rdi
    call fe_x86_start
    ud2

    .section .note.GNU-stack, "", @progbits
