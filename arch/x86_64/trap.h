/* What a trap saves, and the port's own part of trap handling. */
#ifndef FERRITE_X86_64_TRAP_H
#define FERRITE_X86_64_TRAP_H

#include "x86.h"

/* As trap_entry.S pushes it, from the lowest address. Of an interrupt's (vector >= 32) nothing is in the first six, save that
 * the hook, which keeps a frame pointer, pushes rbp just where it belongs. */
struct fe_trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    uint64_t vector; /* low byte */
    uint64_t error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* The area of a preempted context (struct fe_arch_preemption), as preempt.S fills it. */
struct fe_x86_saved {
    uint8_t fp[512]; /* fxsave */
    struct fe_trap_frame frame;
    struct fe_x86_switch_frame switched; /* what fe_arch_switch takes up: it goes on at fe_x86_preempted_resume */
};
void fe_x86_preempted_resume(void);

static inline unsigned fe_x86_frame_vector(const struct fe_trap_frame *frame) {
    return (uint8_t)frame->vector;
}

/* The exception stack of this core that takes faults, to tell a fault inside a fault handler. */
bool fe_x86_on_fault_stack(uintptr_t stack_pointer);

/* What the CPU tells of a fault: vector and error code in the frame, and, of a page fault, the address (CR2). All but
 * `nested`. */
void fe_x86_describe_fault(struct fe_trap_frame *frame, uintptr_t cr2, struct fe_fault *fault);

/* From trap_entry.S. */
void fe_x86_fault(struct fe_trap_frame *frame);

/*
 * The address that the instruction at frame->rip would have accessed, where that is not canonical: the CPU answers such
 * an access with a general protection fault and does not say the address. False: no memory operand, a canonical one, or
 * an instruction that the decoder does not know.
 */
bool fe_x86_wild_address(const struct fe_trap_frame *frame, uintptr_t *address, bool *write);

#endif
