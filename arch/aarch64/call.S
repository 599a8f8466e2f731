/* Calls that a C compiler cannot make: on another stack, and with all registers laid open. */
#include "asm.h"

/* intptr_t fe_arch_call_on(void *stack_top, intptr_t (*function)(void *), void *argument, uintptr_t *left); The frame is
 * found by x29, whichever stack is below it, so unwinders and walks along frame pointers cross it. */
function fe_arch_call_on
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    .cfi_def_cfa x29, 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    str x29, [x3]
    mov sp, x0
    mov x0, x2
    blr x1
    mov sp, x29
    ldp x29, x30, [sp], #16
    .cfi_def_cfa sp, 0
    .cfi_restore x29
    .cfi_restore x30
    ret
end fe_arch_call_on

/* void fe_arch_call_spilled(void (*function)(void *argument, uintptr_t stack_pointer), void *argument); The callee keeps the
 * registers: they are only to be seen. */
function fe_arch_call_spilled
    stp x29, x30, [sp, #-160]!
    mov x29, sp
    .cfi_def_cfa x29, 160
    .cfi_offset x29, -160
    .cfi_offset x30, -152
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x2, x0
    mov x0, x1
    mov x1, sp
    blr x2
    ldp x29, x30, [sp], #160
    .cfi_def_cfa sp, 0
    .cfi_restore x29
    .cfi_restore x30
    ret
end fe_arch_call_spilled
