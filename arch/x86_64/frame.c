/*
 * Faults as the CPU tells them, in terms of struct fe_fault, and changes to what was interrupted. Shared with arch/host, where
 * Linux passes on the same vector, error code and registers.
 */
#include "trap.h"

#include <ferrite/io.h>

#define ERROR_PRESENT 1
#define ERROR_WRITE 2
#define ERROR_FETCH 16
#define FLAG_TRAP (1u << 8)
#define FLAG_INTERRUPT (1u << 9)
#define FLAG_DIRECTION (1u << 10)
#define FLAG_ALIGNMENT (1u << 18)

struct fe_arch_place fe_arch_trap_place(const struct fe_trap_frame *frame) {
    return (struct fe_arch_place){frame->rip, frame->rbp};
}

struct description {
    const char *name;
    enum fe_fault_kind kind;
};

static const struct description descriptions[32] = {
    [0] = {"divide error", FE_FAULT_ARITHMETIC},
    [1] = {"debug exception", FE_FAULT_BREAKPOINT},
    [2] = {"non-maskable interrupt", FE_FAULT_OTHER},
    [3] = {"breakpoint", FE_FAULT_BREAKPOINT},
    [4] = {"overflow", FE_FAULT_ARITHMETIC},
    [5] = {"bound range exceeded", FE_FAULT_OTHER},
    [6] = {"invalid opcode", FE_FAULT_ILLEGAL},
    [7] = {"device not available", FE_FAULT_OTHER},
    [8] = {"double fault", FE_FAULT_OTHER},
    [10] = {"invalid TSS", FE_FAULT_OTHER},
    [11] = {"segment not present", FE_FAULT_OTHER},
    [12] = {"stack segment fault", FE_FAULT_MEMORY}, /* in 64-bit mode: rsp or rbp not canonical */
    [13] = {"general protection fault", FE_FAULT_ILLEGAL},
    [14] = {"page fault", FE_FAULT_MEMORY},
    [16] = {"x87 floating-point exception", FE_FAULT_ARITHMETIC},
    [17] = {"alignment check", FE_FAULT_ALIGNMENT},
    [18] = {"machine check", FE_FAULT_OTHER},
    [19] = {"SIMD floating-point exception", FE_FAULT_ARITHMETIC},
    [20] = {"virtualization exception", FE_FAULT_OTHER},
    [21] = {"control protection exception", FE_FAULT_OTHER},
    [28] = {"hypervisor injection exception", FE_FAULT_OTHER},
    [29] = {"VMM communication exception", FE_FAULT_OTHER},
    [30] = {"security exception", FE_FAULT_OTHER},
};

void fe_x86_describe_fault(struct fe_trap_frame *frame, uintptr_t cr2, struct fe_fault *fault) {
    unsigned vector = fe_x86_frame_vector(frame);
    const struct description *known = &descriptions[vector & 31];
    *fault = (struct fe_fault){
        .kind = known->name ? known->kind : FE_FAULT_OTHER,
        .pc = frame->rip,
        .stack_pointer = frame->rsp,
        .frame_pointer = frame->rbp,
        .code = (uint64_t)vector << 32 | (uint32_t)frame->error,
        .name = known->name ? known->name : "reserved exception",
        .step = vector == 1 && (frame->rflags & FLAG_TRAP),
        .frame = frame,
    };
    if (vector == FE_X86_VECTOR_PAGE_FAULT) {
        fault->address = cr2;
        fault->present = frame->error & ERROR_PRESENT;
        fault->write = frame->error & ERROR_WRITE;
        fault->execute = frame->error & ERROR_FETCH;
    } else if (vector == 12 || (vector == 13 && frame->error == 0)) {
        if (fe_x86_wild_address(frame, &fault->address, &fault->write))
            fault->kind = FE_FAULT_MEMORY;
        fault->execute = fault->kind == FE_FAULT_MEMORY && fault->address == fault->pc;
    }
}

void fe_arch_trap_redirect(struct fe_trap_frame *frame, void (*entry)(void *), void *argument, void *stack_top) {
    frame->rip = (uint64_t)(uintptr_t)entry;
    frame->rdi = (uint64_t)(uintptr_t)argument;
    frame->rsp = (uint64_t)(uintptr_t)stack_top - 8; /* as after a call; entry does not return */
    frame->rflags &= ~(uint64_t)(FLAG_TRAP | FLAG_DIRECTION | FLAG_ALIGNMENT);
    frame->rflags |= FLAG_INTERRUPT;
    if (fe_x86_frame_vector(frame) < 32)
        frame->rbp = 0; /* the frame-pointer chain ends */
}

void fe_arch_trap_step(struct fe_trap_frame *frame, bool on) {
    frame->rflags = on ? frame->rflags | FLAG_TRAP : frame->rflags & ~(uint64_t)FLAG_TRAP;
}

struct call {
    uint64_t rip, rsp; /* of the code that seems to call */
    void (*entry)(void *);
    void *argument;
    /* By these a function finds its frame at first: one that realigns its stack, and one that makes a large frame page by page. */
    uint64_t r10, r11;
};
_Static_assert(sizeof(struct call) == FE_ARCH_TRAP_CALL_BYTES, "switch.S, fe_x86_trap_call");

void fe_arch_trap_call(struct fe_trap_frame *frame, void (*entry)(void *), void *argument, uintptr_t stack) {
    *(struct call *)stack = (struct call){frame->rip, frame->rsp, entry, argument, frame->r10, frame->r11};
    frame->rip = (uint64_t)(uintptr_t)fe_x86_trap_call;
    frame->rsp = stack;
    frame->rflags &= ~(uint64_t)(FLAG_TRAP | FLAG_DIRECTION | FLAG_ALIGNMENT);
    frame->rflags |= FLAG_INTERRUPT;
}

bool fe_arch_trap_to_caller(struct fe_trap_frame *frame) {
    uint64_t address;
    if ((frame->rsp & 7) || !fe_arch_probe(frame->rsp, &address))
        return false;
    frame->rip = address - 1; /* inside the call */
    frame->rsp += 8;
    return true;
}

/* At a function's first instruction only, and where it was called directly: what else lies on top may be an old return address. */
uintptr_t *fe_arch_trap_link(struct fe_trap_frame *frame) {
    enum { CALL = 0xe8, CALL_BYTES = 5 };
    uint64_t address;
    if ((frame->rsp & 7) || !fe_arch_probe(frame->rsp, &address) || address < (uintptr_t)fe_text_start + CALL_BYTES ||
        address > (uintptr_t)fe_text_end)
        return NULL;
    const uint8_t *call = (const uint8_t *)(uintptr_t)address - CALL_BYTES;
    int32_t distance;
    __builtin_memcpy(&distance, call + 1, sizeof distance);
    return *call == CALL && address + (uint64_t)distance == frame->rip ? (uintptr_t *)frame->rsp : NULL;
}

uintptr_t fe_arch_trap_pc(const struct fe_trap_frame *frame) {
    return frame->rip;
}

uintptr_t fe_arch_trap_stack(const struct fe_trap_frame *frame) {
    return frame->rsp;
}

void fe_arch_trap_registers(const struct fe_trap_frame *frame, void (*line)(const char *text)) {
    char text[128];
#define LINE(...) (fe_format(text, sizeof(text), __VA_ARGS__), line(text))
    LINE("rip %016llx  rsp %016llx  rflags %08llx  vector %u error %llx", (unsigned long long)frame->rip,
         (unsigned long long)frame->rsp, (unsigned long long)frame->rflags, fe_x86_frame_vector(frame),
         (unsigned long long)frame->error);
    LINE("rax %016llx  rcx %016llx  rdx %016llx  rsi %016llx", (unsigned long long)frame->rax,
         (unsigned long long)frame->rcx, (unsigned long long)frame->rdx, (unsigned long long)frame->rsi);
    LINE("rdi %016llx  r8  %016llx  r9  %016llx  r10 %016llx", (unsigned long long)frame->rdi,
         (unsigned long long)frame->r8, (unsigned long long)frame->r9, (unsigned long long)frame->r10);
    if (fe_x86_frame_vector(frame) >= 32) {
        LINE("r11 %016llx  (an interrupt saves no more)", (unsigned long long)frame->r11);
        return;
    }
    LINE("r11 %016llx  rbx %016llx  rbp %016llx  r12 %016llx", (unsigned long long)frame->r11,
         (unsigned long long)frame->rbx, (unsigned long long)frame->rbp, (unsigned long long)frame->r12);
    LINE("r13 %016llx  r14 %016llx  r15 %016llx", (unsigned long long)frame->r13, (unsigned long long)frame->r14,
         (unsigned long long)frame->r15);
#undef LINE
}
