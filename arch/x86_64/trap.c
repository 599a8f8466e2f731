/*
 * Faults: from the CPU to the hook (frame.c says what a fault is about), and memory read without one.
 *
 * Nothing here can fault in turn: a backtrace's memory is read after a look into the page tables, since a fault taken on the
 * fault stack would begin at its top and overwrite the frame of the first. If one is taken all the same (a bug), `nested` says
 * so, and all that the hook can do is to panic.
 */
#include "trap.h"

struct fe_arch_hooks fe_arch_hooks;
_Static_assert(offsetof(struct fe_arch_hooks, interrupt) == 0, "trap_entry.S calls the first");
_Static_assert(sizeof(struct fe_trap_frame) == (size_t)22 * 8, "trap_entry.S pushes 22 words");

volatile bool fe_x86_stopping;

/* Called by trap_entry.S on the stack of the vector's kind, interrupts masked. */
void fe_x86_fault(struct fe_trap_frame *frame) {
    unsigned vector = fe_x86_frame_vector(frame);
    if (vector == FE_X86_VECTOR_NMI && fe_x86_stopping)
        fe_arch_halt();
    uintptr_t address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    struct fe_fault fault;
    fe_x86_describe_fault(frame, address, &fault);
    fault.nested = fe_x86_on_fault_stack(frame->rsp);
    fe_arch_hooks.fault(&fault);
    if (vector == FE_X86_VECTOR_DOUBLE_FAULT || vector == FE_X86_VECTOR_MACHINE_CHECK)
        fe_arch_halt(); /* aborts: the interrupted state is not to be trusted */
}

bool fe_arch_probe(uintptr_t address, uint64_t *value) {
    uint64_t physical;
    uint64_t top = address >> 47;
    if ((top != 0 && top != 0x1ffff) || address > UINTPTR_MAX - 8)
        return false;
    if (!fe_arch_translate(address, &physical) || !fe_arch_translate(address + 7, &physical))
        return false;
    __builtin_memcpy(value, (const void *)address, sizeof(*value));
    return true;
}
