/* Where unwinding meets the machine (sched/unwind/). struct fe_arch_frame (port.h): x19 to x30, sp, d8 to d15, x12, pc. */
#include "../asm.h"

#define SP_AT 96
#define PC_AT 176
#define FRAME 192

/* void fe_unwind(void), void _Unwind_Resume(void *): unwinds from the caller. */
    .global _Unwind_Resume
    .type _Unwind_Resume, %function
function fe_unwind
_Unwind_Resume:
    mov x9, sp
    sub sp, sp, #FRAME
    .cfi_def_cfa_offset FRAME
    stp x19, x20, [sp]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    str x9, [sp, #SP_AT]
    stp d8, d9, [sp, #104]
    stp d10, d11, [sp, #120]
    stp d12, d13, [sp, #136]
    stp d14, d15, [sp, #152]
    str x30, [sp, #PC_AT]
    mov x0, sp
    bl fe_unwind_frame
    b fe_arm_stop
    .size _Unwind_Resume, . - _Unwind_Resume
end fe_unwind

/* void fe_arch_frame_enter(const struct fe_arch_frame *, uintptr_t pc); A landing pad gets an exception object, which it hands
 * to _Unwind_Resume, and a number: 0 and 0. */
function fe_arch_frame_enter
    .cfi_undefined x30
    ldp x19, x20, [x0]
    ldp x21, x22, [x0, #16]
    ldp x23, x24, [x0, #32]
    ldp x25, x26, [x0, #48]
    ldp x27, x28, [x0, #64]
    ldp x29, x30, [x0, #80]
    ldr x9, [x0, #SP_AT]
    ldp d8, d9, [x0, #104]
    ldp d10, d11, [x0, #120]
    ldp d12, d13, [x0, #136]
    ldp d14, d15, [x0, #152]
    mov x16, x1
    mov x0, #0
    mov x1, #0
    mov sp, x9
    br x16
end fe_arch_frame_enter
