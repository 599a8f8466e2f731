/* Ports on which no task is preempted (arch/host, arch/sim): every context is one that fe_arch_switch left. */
#include <arch/arch.h>

/* Never called: there are none. */
struct fe_trap_frame *fe_arch_saved_frame(void *area) {
    return area;
}

struct fe_arch_place fe_arch_context_place(const struct fe_arch_context *context) {
    uintptr_t frame = (uintptr_t)context->stack_pointer;
    uint64_t pc, frame_pointer;
    if (!fe_arch_probe(frame + 40, &frame_pointer) || !fe_arch_probe(frame + 48, &pc))
        return (struct fe_arch_place){0, 0};
    return (struct fe_arch_place){pc, frame_pointer};
}
