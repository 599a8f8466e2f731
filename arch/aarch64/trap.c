/*
 * Faults: from ESR_EL1 and FAR_EL1 to struct fe_fault, and back to wherever the hook wants.
 */
#include "arm.h"

#include <ferrite/io.h>

struct fe_arch_hooks fe_arch_hooks;
_Static_assert(offsetof(struct fe_arch_hooks, interrupt) == 0, "vectors.S calls the first");
_Static_assert(offsetof(struct fe_arch_hooks, resumed) == 8, "preempt.S calls the second");
_Static_assert(offsetof(struct fe_arch_preemption, area) == FE_ARM_PREEMPTION_AREA, "preempt.S");
_Static_assert(offsetof(struct fe_arch_preemption, from) == FE_ARM_PREEMPTION_FROM, "preempt.S");
_Static_assert(offsetof(struct fe_arch_preemption, to) == FE_ARM_PREEMPTION_TO, "preempt.S");
_Static_assert(offsetof(struct fe_arch_preemption, passed) == FE_ARM_PREEMPTION_PASSED, "preempt.S");
_Static_assert(offsetof(struct fe_arm_saved, q) == FE_ARM_SAVED_FP, "preempt.S");
_Static_assert(offsetof(struct fe_arm_saved, fpsr) == FE_ARM_SAVED_STATUS, "preempt.S");
_Static_assert(offsetof(struct fe_arm_saved, switched) == FE_ARM_SAVED_CONTEXT, "preempt.S");
_Static_assert(sizeof(struct fe_arm_saved) == FE_ARM_SAVED_END, "preempt.S");
_Static_assert(sizeof(struct fe_arm_saved) <= FE_ARCH_SAVED_BYTES, "the area is large enough");
_Static_assert(offsetof(struct fe_core, scheduler.stack_pointer) == FE_ARM_CORE_SCHEDULER, "preempt.S");
_Static_assert(offsetof(struct fe_trap_frame, sp) == FE_ARM_FRAME_SP, "vectors.S");
_Static_assert(offsetof(struct fe_trap_frame, pc) == FE_ARM_FRAME_PC, "vectors.S");
_Static_assert(offsetof(struct fe_trap_frame, esr) == FE_ARM_FRAME_ESR, "vectors.S");
_Static_assert(sizeof(struct fe_trap_frame) == FE_ARM_FRAME_BYTES, "vectors.S");

/* Exception classes, ESR_EL1 bits 31 to 26. */
#define CLASS_INSTRUCTION_ABORT 0x21
#define CLASS_DATA_ABORT 0x25
#define CLASS_STEP 0x33

struct description {
    const char *name;
    enum fe_fault_kind kind;
};

static const struct description classes[64] = {
    [0x00] = {"undefined instruction", FE_FAULT_ILLEGAL},
    [0x07] = {"floating-point access", FE_FAULT_ILLEGAL},
    [0x0d] = {"branch target exception", FE_FAULT_ILLEGAL},
    [0x0e] = {"illegal execution state", FE_FAULT_ILLEGAL},
    [0x15] = {"supervisor call", FE_FAULT_ILLEGAL},
    [0x16] = {"hypervisor call", FE_FAULT_ILLEGAL},
    [0x17] = {"secure monitor call", FE_FAULT_ILLEGAL},
    [0x18] = {"trapped system register", FE_FAULT_ILLEGAL},
    [0x19] = {"SVE access", FE_FAULT_ILLEGAL},
    [0x1c] = {"pointer authentication failure", FE_FAULT_ILLEGAL},
    [CLASS_INSTRUCTION_ABORT] = {"instruction abort", FE_FAULT_MEMORY},
    [0x22] = {"pc alignment fault", FE_FAULT_ALIGNMENT},
    [CLASS_DATA_ABORT] = {"data abort", FE_FAULT_MEMORY},
    [0x26] = {"sp alignment fault", FE_FAULT_ALIGNMENT},
    [0x2c] = {"floating-point exception", FE_FAULT_ARITHMETIC},
    [0x2f] = {"system error", FE_FAULT_OTHER},
    [0x31] = {"breakpoint", FE_FAULT_BREAKPOINT},
    [CLASS_STEP] = {"software step", FE_FAULT_BREAKPOINT},
    [0x35] = {"watchpoint", FE_FAULT_BREAKPOINT},
    [0x3c] = {"brk instruction", FE_FAULT_BREAKPOINT},
};

/* The parts of an abort: what the access was, and why it was refused. */
static void describe_abort(struct fe_fault *fault, const struct fe_trap_frame *frame, unsigned class) {
    unsigned status = (unsigned)frame->esr & 0x3f;
    fault->address = frame->far;
    fault->execute = class == CLASS_INSTRUCTION_ABORT;
    fault->write = class == CLASS_DATA_ABORT && (frame->esr & 1 << 6);
    switch (status & 0x3c) {
    case 0x00: /* address size */
    case 0x04: /* translation */
        break;
    case 0x08: /* access flag */
    case 0x0c: /* permission */
        fault->present = true;
        break;
    case 0x20:
        if (status == 0x21) {
            fault->kind = FE_FAULT_ALIGNMENT;
            fault->name = "alignment fault";
            fault->present = true;
            break;
        }
        /* fallthrough */
    default: /* external aborts, parity, TLB conflicts: the machine's trouble */
        fault->kind = FE_FAULT_OTHER;
        fault->present = true;
        fault->name = "external abort";
        break;
    }
}

void fe_arm_trap(struct fe_trap_frame *frame, unsigned kind) {
    static const char *const others[] = {"synchronous exception", "interrupt", "fast interrupt", "system error"};
    bool nested = kind >= FE_ARM_NESTED;
    kind %= FE_ARM_NESTED;
    unsigned class = (unsigned)(frame->esr >> 26) & 0x3f;
    struct fe_fault fault = {
        .kind = FE_FAULT_OTHER,
        .pc = frame->pc,
        .stack_pointer = frame->sp,
        .frame_pointer = frame->x[29],
        .nested = nested,
        .code = frame->esr,
        .name = others[kind],
        .frame = frame,
    };
    if (kind == FE_ARM_SYNCHRONOUS && classes[class].name) {
        fault.kind = classes[class].kind;
        fault.name = classes[class].name;
        if (class == CLASS_DATA_ABORT || class == CLASS_INSTRUCTION_ABORT)
            describe_abort(&fault, frame, class);
        else if (class == 0x22)
            fault.address = frame->far;
        fault.step = class == CLASS_STEP;
    }
    if (!fe_arch_hooks.fault)
        fe_arch_halt(); /* so early that there is nobody to tell */
    fe_arch_hooks.fault(&fault);
}

struct fe_arch_place fe_arch_trap_place(const struct fe_trap_frame *frame) {
    return (struct fe_arch_place){frame->pc, frame->x[29]};
}

struct fe_trap_frame *fe_arch_saved_frame(void *area) {
    return &((struct fe_arm_saved *)area)->frame;
}

struct fe_arch_place fe_arch_context_place(const struct fe_arch_context *context) {
    uintptr_t frame = (uintptr_t)context->stack_pointer;
    uint64_t pc, frame_pointer;
    if (!fe_arch_probe(frame + offsetof(struct fe_arm_switch_frame, x29), &frame_pointer) ||
        !fe_arch_probe(frame + offsetof(struct fe_arm_switch_frame, x30), &pc))
        return (struct fe_arch_place){0, 0};
    if (pc == (uintptr_t)fe_arm_preempted_resume) {
        frame -= offsetof(struct fe_arm_saved, switched);
        if (!fe_arch_probe(frame + offsetof(struct fe_arm_saved, frame.pc), &pc) ||
            !fe_arch_probe(frame + offsetof(struct fe_arm_saved, frame.x[29]), &frame_pointer))
            return (struct fe_arch_place){0, 0};
    }
    return (struct fe_arch_place){pc, frame_pointer};
}

void fe_arch_trap_redirect(struct fe_trap_frame *frame, void (*entry)(void *), void *argument, void *stack_top) {
    frame->pc = (uint64_t)(uintptr_t)entry;
    frame->x[0] = (uint64_t)(uintptr_t)argument;
    frame->x[29] = 0; /* the chain of frames ends here */
    frame->x[30] = 0;
    frame->sp = (uint64_t)(uintptr_t)stack_top;
    frame->pstate = FE_ARM_PSTATE_EL1T;
}

/* Debug exceptions are masked but for a task that is stepped; MDSCR_EL1 has them on (mmu.S). */
void fe_arch_trap_step(struct fe_trap_frame *frame, bool on) {
    const uint64_t step = UINT64_C(1) << 21, masked = UINT64_C(1) << 9;
    frame->pstate = on ? (frame->pstate & ~masked) | step : (frame->pstate & ~step) | masked;
}

struct call {
    uint64_t pc, x30, sp; /* of the code that seems to call */
    void (*entry)(void *);
    void *argument;
    uint64_t x12; /* by which a function finds its frame while it makes a large one page by page */
};
_Static_assert(sizeof(struct call) == FE_ARCH_TRAP_CALL_BYTES, "switch.S, fe_arm_trap_call");

void fe_arch_trap_call(struct fe_trap_frame *frame, void (*entry)(void *), void *argument, uintptr_t stack) {
    *(struct call *)stack = (struct call){frame->pc, frame->x[30], frame->sp, entry, argument, frame->x[12]};
    frame->pc = (uint64_t)(uintptr_t)fe_arm_trap_call;
    frame->sp = stack;
    frame->pstate = FE_ARM_PSTATE_EL1T;
}

bool fe_arch_trap_to_caller(struct fe_trap_frame *frame) {
    frame->pc = frame->x[30] - 4; /* the call */
    return true;
}

uintptr_t *fe_arch_trap_link(struct fe_trap_frame *frame) {
    return (uintptr_t *)&frame->x[30];
}

uintptr_t fe_arch_trap_pc(const struct fe_trap_frame *frame) {
    return frame->pc;
}

uintptr_t fe_arch_trap_stack(const struct fe_trap_frame *frame) {
    return frame->sp;
}

void fe_arch_trap_registers(const struct fe_trap_frame *frame, void (*line)(const char *text)) {
    char text[128];
    for (unsigned i = 0; i < 30; i += 3) {
        fe_format(text, sizeof text, "x%-2u %016llx  x%-2u %016llx  x%-2u %016llx", i, (unsigned long long)frame->x[i],
                  i + 1, (unsigned long long)frame->x[i + 1], i + 2, (unsigned long long)frame->x[i + 2]);
        line(text);
    }
    fe_format(text, sizeof text, "x30 %016llx  sp  %016llx  pc  %016llx", (unsigned long long)frame->x[30],
              (unsigned long long)frame->sp, (unsigned long long)frame->pc);
    line(text);
    fe_format(text, sizeof text, "pstate %08llx  esr %08llx  far %016llx", (unsigned long long)frame->pstate,
              (unsigned long long)frame->esr, (unsigned long long)frame->far);
    line(text);
}

bool fe_arch_probe(uintptr_t address, uint64_t *value) {
    if ((address & 7) || (fe_arm_translate_read(address) & 1))
        return false;
    uint64_t physical;
    if (address >= FE_DEVICES_BASE && address < FE_DEVICES_BASE + (UINT64_C(1) << 39))
        return false; /* reading a device may change it */
    if (!fe_arch_translate(address, &physical))
        return false;
    *value = *(const volatile uint64_t *)address;
    return true;
}
