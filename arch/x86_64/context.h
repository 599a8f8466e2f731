/* What a context that does not run has on its stack; switch.S has the same layout. Shared with arch/host. */
#ifndef FERRITE_X86_64_CONTEXT_H
#define FERRITE_X86_64_CONTEXT_H

#include "preempt.h"

/* A new context's stack, as fe_arch_switch leaves an old one's. */
struct fe_x86_switch_frame {
    uint32_t mxcsr;
    uint16_t control, unused;
    uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};
_Static_assert(sizeof(struct fe_x86_switch_frame) == 64, "switch.S has the same layout, and the stack stays aligned");

void fe_x86_context_begin(void);

/* switch.S: where code that a trap interrupted goes on, to call; its stack is what fe_arch_trap_call makes. */
void fe_x86_trap_call(void);
#define FE_ARCH_TRAP_CALL_BYTES 48u
#define FE_ARCH_RED_ZONE 128u

/* A frame to be unwound: registers by their DWARF numbers, the last of which is the instruction pointer. unwind/frame.S has the
 * same layout. */
#define FE_ARCH_FRAME_REGISTERS 17u
#define FE_ARCH_FRAME_STACK 7u
#define FE_ARCH_FRAME_PC 16u
struct fe_arch_frame {
    uint64_t registers[FE_ARCH_FRAME_REGISTERS];
};

static inline unsigned fe_arch_frame_index(uint64_t column) {
    return column < FE_ARCH_FRAME_REGISTERS ? (unsigned)column : FE_ARCH_FRAME_REGISTERS;
}

static inline void fe_x86_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    struct fe_x86_switch_frame *frame = (struct fe_x86_switch_frame *)stack_top - 1;
    /* r12 to r15 hold what lay there: a new task has no claim on them, and writing them would cost more. */
    frame->mxcsr = FE_X86_MXCSR;
    frame->control = FE_X86_FP_CONTROL;
    frame->rbx = (uint64_t)(uintptr_t)entry;
    frame->rbp = 0;
    frame->rip = (uint64_t)(uintptr_t)fe_x86_context_begin;
    context->stack_pointer = &frame->r15; /* the control words lie in the red zone */
}

/* The word on top is where `entry` would find its return address: none, and the chain of frames ends. */
FE_NORETURN static inline void fe_x86_restart(void *stack_top, void (*entry)(void *argument), void *argument) {
    __asm__ volatile("movq %0, %%rsp\n\txorl %%ebp, %%ebp\n\tpushq $0\n\tjmpq *%1" ::"a"(stack_top), "c"(entry), "D"(argument)
                     : "memory");
    __builtin_unreachable();
}

#endif
