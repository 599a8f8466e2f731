/* Numbers that x86_64's assembly, C and linker script share. */
#ifndef FERRITE_X86_64_ENTRY_H
#define FERRITE_X86_64_ENTRY_H

/* Where the loader puts the image; linker/x86_64.ld has the same number. */
#define FE_X86_LOAD 0x200000
/* What an image address less its physical address is: FE_IMAGE_BASE - FE_X86_LOAD. */
#define FE_X86_IMAGE_OFFSET 0xffffffff7fe00000

#define FE_X86_BOOT_STACK 16384

#define FE_X86_CODE_SELECTOR 0x08
#define FE_X86_DATA_SELECTOR 0x10
#define FE_X86_TASK_SELECTOR 0x18

#define FE_X86_MSR_EFER 0xc0000080
#define FE_X86_EFER_LME (1 << 8)
#define FE_X86_EFER_NXE (1 << 11)

#define FE_X86_CR0_PE (1 << 0)
#define FE_X86_CR0_MP (1 << 1)
#define FE_X86_CR0_EM (1 << 2)
#define FE_X86_CR0_TS (1 << 3)
#define FE_X86_CR0_NE (1 << 5)
#define FE_X86_CR0_WP (1 << 16)
#define FE_X86_CR0_NW (1 << 29)
#define FE_X86_CR0_CD (1 << 30)
#define FE_X86_CR0_PG (1 << 31)
#define FE_X86_CR4_PAE (1 << 5)

/* Interrupt stack table slots, 1 to 7. */
#define FE_X86_IST_INTERRUPT 1
#define FE_X86_IST_FAULT 2
#define FE_X86_IST_NMI 3
#define FE_X86_IST_DOUBLE_FAULT 4
#define FE_X86_IST_MACHINE_CHECK 5
#define FE_X86_IST_COUNT 5

#endif
