/* See arch/test.h. */
#include "../asm.h"

/* On the stack, from its pointer up. */
#define SAVED 0       /* x19 to x30, d8 to d15 */
#define ROUNDS 160
#define SEED 168
#define WRONG 176
#define GENERAL 192   /* x0, x2 to x30 by number */
#define SIMD 448      /* q0 to q31 */
#define FRAME 960

#define ROUND_TO_ZERO 0x00c00000 /* FPCR */
#define SATURATED 0x08000000     /* FPSR.QC */

function fe_test_registers
    sub sp, sp, #FRAME
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    str x1, [sp, #ROUNDS]
    str x0, [sp, #SEED]
    str xzr, [sp, #WRONG]
    mov x2, #ROUND_TO_ZERO
    msr fpcr, x2
    mov x2, #SATURATED
    msr fpsr, x2
    .altmacro
    .macro fill_simd number
    add x2, x0, #(100 + \number)
    dup v\number\().2d, x2
    .endm
    .set i, 0
    .rept 31
    fill_simd %i
    .set i, i + 1
    .endr
    mov x2, #1
    dup v31.2d, x2
    .macro fill number
    add x\number, x0, #\number
    .endm
    .set i, 2
    .rept 29
    fill %i
    .set i, i + 1
    .endr
    cmp xzr, xzr                 /* Z and C */

    /* None of these changes the flags. */
1:
    add x0, x0, #1
    .macro count number
    add x\number, x\number, #1
    .endm
    .set i, 2
    .rept 29
    count %i
    .set i, i + 1
    .endr
    .macro count_simd number
    add v\number\().2d, v\number\().2d, v31.2d
    .endm
    .set i, 0
    .rept 31
    count_simd %i
    .set i, i + 1
    .endr
    b.eq 2f
    str x1, [sp, #WRONG]
2:
    sub x1, x1, #1
    cbnz x1, 1b

    str x0, [sp, #GENERAL]
    .macro store number
    str x\number, [sp, #(GENERAL + 8 * \number)]
    .endm
    .set i, 2
    .rept 29
    store %i
    .set i, i + 1
    .endr
    .macro store_simd number
    str q\number, [sp, #(SIMD + 16 * \number)]
    .endm
    .set i, 0
    .rept 32
    store_simd %i
    .set i, i + 1
    .endr
    .noaltmacro

    ldr x0, [sp, #WRONG]
    ldr x2, [sp, #SEED]
    ldr x3, [sp, #ROUNDS]
    add x2, x2, x3
    add x4, sp, #GENERAL
    add x5, x2, #1
    str x5, [x4, #8]             /* x1 was the count */
    mov x3, #0
1:
    add x5, x2, x3
    ldr x6, [x4, x3, lsl #3]
    cmp x5, x6
    cinc x0, x0, ne
    add x3, x3, #1
    cmp x3, #31
    b.lo 1b

    add x4, sp, #SIMD
    add x5, x2, #100
    mov x3, #0
1:
    ldp x6, x7, [x4], #16
    cmp x5, x6
    ccmp x5, x7, #0, eq
    cinc x0, x0, ne
    add x5, x5, #1
    add x3, x3, #1
    cmp x3, #31
    b.lo 1b
    ldp x6, x7, [x4]
    cmp x6, #1
    ccmp x7, #1, #0, eq
    cinc x0, x0, ne

    mrs x2, fpcr
    mov x3, #ROUND_TO_ZERO
    cmp x2, x3
    cinc x0, x0, ne
    mrs x2, fpsr
    mov x3, #SATURATED
    cmp x2, x3
    cinc x0, x0, ne
    msr fpcr, xzr
    msr fpsr, xzr
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #FRAME
    ret
end fe_test_registers

function fe_test_red_zone
    mov x2, #0
    mov x3, #16
1:
    add x4, x0, x3
    sub x5, sp, x3, lsl #3
    str x4, [x5]
    subs x3, x3, #1
    b.ne 1b
2:
    mov x3, #16
3:
    add x4, x0, x3
    sub x5, sp, x3, lsl #3
    ldr x6, [x5]
    cmp x4, x6
    cinc x2, x2, ne
    subs x3, x3, #1
    b.ne 3b
    subs x1, x1, #1
    b.ne 2b
    mov x0, x2
    ret
end fe_test_red_zone
