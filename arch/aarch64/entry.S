/*
 * First instructions: the arm64 Linux image header, the boot core's entry, and the entry of the other cores.
 *
 * The boot protocol: MMU off, x0 = physical address of the device tree, the image at a multiple of 2 MiB, cleaned to the
 * point of coherency; exception level 2 or 1. Everything is position-independent until the MMU is on.
 *
 * Tables made here (`fe_arm_boot_tables`, in memory that the clearing of bss leaves alone):
 *   root        entries n and 256 + n: the same table, so that the direct map is the identity map as well
 *   image L1    one entry
 *   image L2    the image at FE_IMAGE_BASE in 2 MiB blocks
 *   direct L1s  1 GiB blocks that hold the image and the device tree
 * They are the boot core's until fe_arch_paging_init; afterwards they serve as TTBR0 while a core turns its MMU on or
 * exchanges its root, and walks of TTBR0 are off at all other times.
 *
 * Caches: what is written with the MMU off goes past the caches. So lines of the tables are invalidated before they are
 * written (a dirty one could be evicted over them later) and after (one may have been fetched meanwhile).
 *
 * Rejected: an identity map of its own (costs two pages more); final protections from the start (needs the walker, which is C
 * and wants a stack, before there is memory to map).
 */
#include "asm.h"

#define DIRECT_TABLES 2
#define TABLES (3 + DIRECT_TABLES)
#define PAGE 4096

    .section .boot.stack, "aw", %nobits
    .balign PAGE
    .space FE_ARM_BOOT_STACK
boot_stack_end:

    .section .boot.tables, "aw", %nobits
    .balign PAGE
    .global fe_arm_boot_tables
fe_arm_boot_tables:
    .space TABLES * PAGE

/* The header that boot loaders look for (Linux: Documentation/arch/arm64/booting). */
    .section .head, "ax", %progbits
    .global fe_arm_head
fe_arm_head:
    b fe_arm_boot
    .long 0
    .quad 0              /* text_offset from a multiple of 2 MiB */
    .quad fe_image_bytes /* memory it takes, bss included */
    .quad 0xa            /* little-endian, 4 KiB pages, anywhere in memory */
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0              /* no PE header */

/* Invalidates the boot tables in all data caches. Clobbers x9-x11. */
.macro invalidate_tables
    mrs x9, ctr_el0
    ubfx x9, x9, #16, #4
    mov x10, #4
    lsl x9, x10, x9              /* bytes of the smallest data cache line */
    adrp x10, fe_arm_boot_tables
    add x11, x10, #TABLES * PAGE
.Linvalidate\@:
    dc ivac, x10
    add x10, x10, x9
    cmp x10, x11
    b.lo .Linvalidate\@
    dsb sy
.endm

/*
 * Maps the GiB that holds the physical address \address at itself and in the direct map. x22: root; x28: the next free direct
 * table; x27: their end. Clobbers x9-x12. An address above what the direct map covers, or tables all taken, stop here:
 * no console is known yet.
 */
.macro map_gib address
    lsr x9, \address, #39
    cmp x9, #64
    b.hs fe_arm_stop
    add x10, x22, x9, lsl #3
    ldr x11, [x10]
    cbnz x11, .Lhas_table\@
    cmp x28, x27
    b.hs fe_arm_stop
    orr x11, x28, #(FE_ARM_ENTRY_VALID | FE_ARM_ENTRY_TABLE)
    str x11, [x10]
    str x11, [x10, #256 * 8]
    add x28, x28, #PAGE
.Lhas_table\@:
    and x11, x11, #~(PAGE - 1)
    ubfx x9, \address, #30, #9
    and x12, \address, #~((1 << 30) - 1)
    add x12, x12, #FE_ARM_ENTRY_BOOT_BLOCK & 0x0ff
    add x12, x12, #FE_ARM_ENTRY_BOOT_BLOCK & 0xf00
    str x12, [x11, x9, lsl #3]
.endm

function fe_arm_boot
    mov x19, x0
    mrs x21, currentel
    lsr x21, x21, #2
    bl fe_arm_enter_el1
    mrs x20, cntvct_el0
    bl fe_arm_count_instructions
    mov x24, x0

    adrp x22, fe_arm_boot_tables
    invalidate_tables
    mov x9, x22
    add x10, x22, #TABLES * PAGE
1:  stp xzr, xzr, [x9], #16
    stp xzr, xzr, [x9], #16
    stp xzr, xzr, [x9], #16
    stp xzr, xzr, [x9], #16
    cmp x9, x10
    b.lo 1b

    /* The image: root[511] -> L1[510] -> L2. */
    adrp x23, fe_image_start
    tst x23, #(1 << 21) - 1
    b.ne fe_arm_stop
    add x9, x22, #PAGE
    add x10, x22, #2 * PAGE
    orr x11, x9, #(FE_ARM_ENTRY_VALID | FE_ARM_ENTRY_TABLE)
    str x11, [x22, #511 * 8]
    orr x11, x10, #(FE_ARM_ENTRY_VALID | FE_ARM_ENTRY_TABLE)
    str x11, [x9, #510 * 8]
    ldr x12, =fe_image_bytes
    add x25, x23, x12            /* its physical end */
    mov x11, #FE_ARM_ENTRY_BOOT_BLOCK
    add x11, x11, x23
2:  str x11, [x10], #8
    add x11, x11, #1 << 21
    subs x12, x12, #1 << 21
    b.hi 2b

    /* The GiBs of image and device tree; the protocol bounds the tree to 2 MiB. */
    add x28, x22, #3 * PAGE
    add x27, x28, #DIRECT_TABLES * PAGE
    map_gib x23
    sub x26, x25, #1
    map_gib x26
    cbz x19, 4f                  /* no tree: what lies at 0 may be devices, and must not be mapped as memory */
    map_gib x19
    add x26, x19, #1 << 21
    map_gib x26
4:
    dmb sy
    invalidate_tables

    mov x1, #FE_ARM_MAIR
    ldr x2, =FE_ARM_TCR_T0SZ | FE_ARM_TCR_T1SZ | FE_ARM_TCR_WALKS0 | FE_ARM_TCR_WALKS1 | FE_ARM_TCR_TG1_4K
    mrs x9, id_aa64mmfr0_el1
    and x9, x9, #15
    mov x10, #5                  /* 48 bits, the most that entries of this granule hold */
    cmp x9, x10
    csel x9, x9, x10, lo
    orr x2, x2, x9, lsl #FE_ARM_TCR_IPS_SHIFT
    mov x3, x22
    mov x4, x22
    ldr x5, =FE_ARM_SCTLR_ON
    bl fe_arm_mmu_on

    /* At home: stacks, vectors, bss. */
    msr spsel, #1
    mov x10, #0
    mov sp, x10                  /* none yet: an exception before fe_arch_core_init is a nested one, and stops */
    msr spsel, #0
    adrp x10, boot_stack_end
    add x10, x10, #:lo12:boot_stack_end
    mov sp, x10
    ldr x9, =fe_bss_start
    ldr x10, =fe_bss_end
3:  stp xzr, xzr, [x9], #16
    stp xzr, xzr, [x9], #16
    cmp x9, x10
    b.lo 3b

    adrp x9, fe_arm_instruction_source
    str w24, [x9, #:lo12:fe_arm_instruction_source]
    adrp x9, fe_arm_image_physical
    str x23, [x9, #:lo12:fe_arm_image_physical]
    mov x0, x19
    mov x1, x21
    mov x2, x20
    mov x29, #0
    bl fe_arm_boot_in_c
    b fe_arm_stop
end fe_arm_boot

/* A core started by fe_machine.core_start: MMU off, EL2 or EL1. All it may read is fe_arm_start and the boot tables. */
function fe_arm_core_entry
    bl fe_arm_enter_el1
    bl fe_arm_count_instructions
    adrp x19, fe_arm_start
    add x19, x19, #:lo12:fe_arm_start
    ldp x1, x2, [x19, #FE_ARM_START_MAIR]
    ldp x3, x4, [x19, #FE_ARM_START_TTBR0]
    ldp x5, x20, [x19, #FE_ARM_START_SCTLR]
    ldp x21, x22, [x19, #FE_ARM_START_STACK]
    bl fe_arm_mmu_on
    orr x5, x5, #1 << FE_ARM_SCTLR_WXN_BIT
    msr sctlr_el1, x5
    isb
    tlbi vmalle1                 /* WXN may be held in the TLB */
    dsb nsh
    isb
    msr spsel, #1
    mov x9, #0
    mov sp, x9                   /* none yet: an exception before fe_arch_core_init is a nested one */
    msr spsel, #0
    mov sp, x21
    mov x29, #0
    mov x0, x22
    blr x20
    b fe_arm_stop
end fe_arm_core_entry
