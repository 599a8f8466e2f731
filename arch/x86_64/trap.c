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
_Static_assert(offsetof(struct fe_arch_hooks, resumed) == 8, "preempt.S calls the second");
_Static_assert(offsetof(struct fe_arch_preemption, area) == FE_X86_PREEMPTION_AREA, "preempt.S");
_Static_assert(offsetof(struct fe_arch_preemption, from) == FE_X86_PREEMPTION_FROM, "preempt.S");
_Static_assert(offsetof(struct fe_arch_preemption, to) == FE_X86_PREEMPTION_TO, "preempt.S");
_Static_assert(offsetof(struct fe_arch_preemption, passed) == FE_X86_PREEMPTION_PASSED, "preempt.S");
_Static_assert(offsetof(struct fe_x86_saved, frame) == FE_X86_SAVED_FRAME, "preempt.S");
_Static_assert(offsetof(struct fe_x86_saved, switched.r15) == FE_X86_SAVED_CONTEXT, "preempt.S");
_Static_assert(sizeof(struct fe_x86_saved) == FE_X86_SAVED_END, "preempt.S");
_Static_assert(sizeof(struct fe_x86_saved) <= FE_ARCH_SAVED_BYTES, "the area is large enough");
_Static_assert(offsetof(struct fe_core, scheduler.stack_pointer) == FE_X86_CORE_SCHEDULER, "preempt.S");
_Static_assert(sizeof(struct fe_trap_frame) == (size_t)22 * 8, "trap_entry.S pushes 22 words");

volatile bool fe_x86_stopping;
struct fe_x86_sample fe_x86_samples[FE_CORES_MAX];

/* Called by trap_entry.S on the stack of the vector's kind, interrupts masked. */
void fe_x86_fault(struct fe_trap_frame *frame) {
    unsigned vector = fe_x86_frame_vector(frame);
    if (vector == FE_X86_VECTOR_NMI && fe_x86_stopping)
        fe_arch_halt();
    if (vector == FE_X86_VECTOR_NMI && fe_arch_core() && fe_x86_samples[fe_arch_core()->index].wanted) {
        struct fe_x86_sample *sample = &fe_x86_samples[fe_arch_core()->index];
        sample->place = fe_arch_trap_place(frame);
        __atomic_store_n(&sample->wanted, false, __ATOMIC_RELEASE); /* pairs with fe_apic_sample: the place is written */
        return;
    }
    uintptr_t address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    struct fe_fault fault;
    fe_x86_describe_fault(frame, address, &fault);
    fault.nested = fe_x86_on_fault_stack(frame->rsp);
    fe_arch_hooks.fault(&fault);
    if (vector == FE_X86_VECTOR_DOUBLE_FAULT || vector == FE_X86_VECTOR_MACHINE_CHECK)
        fe_arch_halt(); /* aborts: the interrupted state is not to be trusted */
}

struct fe_trap_frame *fe_arch_saved_frame(void *area) {
    return &((struct fe_x86_saved *)area)->frame;
}

struct fe_arch_place fe_arch_context_place(const struct fe_arch_context *context) {
    uintptr_t frame = (uintptr_t)context->stack_pointer;
    uint64_t pc, frame_pointer;
    if (!fe_arch_probe(frame + 40, &frame_pointer) || !fe_arch_probe(frame + 48, &pc))
        return (struct fe_arch_place){0, 0};
    if (pc == (uintptr_t)fe_x86_preempted_resume) {
        frame -= offsetof(struct fe_x86_saved, switched.r15);
        if (!fe_arch_probe(frame + offsetof(struct fe_x86_saved, frame.rip), &pc) ||
            !fe_arch_probe(frame + offsetof(struct fe_x86_saved, frame.rbp), &frame_pointer))
            return (struct fe_arch_place){0, 0};
    }
    return (struct fe_arch_place){pc, frame_pointer};
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
