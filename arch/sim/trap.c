/*
 * Faults, which Linux passes on as signals. The handler of the signal does nothing but to go on on the core's exception stack, where
 * the hook runs as an interrupt handler does, so that other cores may run meanwhile (it may wait for a lock that one of them
 * holds). The return from it is a signal too: a breakpoint, whose handler puts back all registers as they were.
 *
 * The hooks of watched code run on that code's stack. A fault there counts as one at the instruction of the watched code.
 */
#define _GNU_SOURCE
#include "../x86_64/trap.h"
#include "sim.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK ((size_t)64 << 10)
#define STATE_MAX 4096 /* of the floating-point state in a signal's frame */

struct fe_arch_hooks fe_arch_hooks;

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static struct exception {
    gregset_t registers;
    unsigned char state[STATE_MAX] __attribute__((aligned(64)));
    struct fe_trap_frame frame;
    uint64_t rip, rdi, rsp; /* before the hook, which may redirect */
} exceptions[FE_CORES_MAX];

static unsigned char stacks[FE_CORES_MAX][STACK] __attribute__((aligned(4096)));
static unsigned char fault_stacks[FE_CORES_MAX][STACK] __attribute__((aligned(4096)));

void fe_sim_exception_stack(unsigned core, uintptr_t *bottom, uintptr_t *top) {
    *bottom = (uintptr_t)stacks[core];
    *top = *bottom + STACK;
}

static void save(struct fe_trap_frame *frame, const greg_t *r) {
    *frame = (struct fe_trap_frame){
        .r15 = (uint64_t)r[REG_R15],
        .r14 = (uint64_t)r[REG_R14],
        .r13 = (uint64_t)r[REG_R13],
        .r12 = (uint64_t)r[REG_R12],
        .rbp = (uint64_t)r[REG_RBP],
        .rbx = (uint64_t)r[REG_RBX],
        .r11 = (uint64_t)r[REG_R11],
        .r10 = (uint64_t)r[REG_R10],
        .r9 = (uint64_t)r[REG_R9],
        .r8 = (uint64_t)r[REG_R8],
        .rdi = (uint64_t)r[REG_RDI],
        .rsi = (uint64_t)r[REG_RSI],
        .rdx = (uint64_t)r[REG_RDX],
        .rcx = (uint64_t)r[REG_RCX],
        .rax = (uint64_t)r[REG_RAX],
        .vector = (uint64_t)r[REG_TRAPNO],
        .error = (uint64_t)r[REG_ERR],
        .rip = (uint64_t)r[REG_RIP],
        .rflags = (uint64_t)r[REG_EFL],
        .rsp = (uint64_t)r[REG_RSP],
    };
}

/* The instruction of watched code behind one of the hooks. */
static uint64_t watched_pc(const struct fe_trap_frame *frame) {
    uint64_t pc = frame->rip, frame_pointer = frame->rbp;
    if (pc - (uintptr_t)__start_sim_text < (uintptr_t)(__stop_sim_text - __start_sim_text) &&
        *(const unsigned char *)pc == 0x55) /* push %rbp: the frame is not made yet, and the caller's address on top */
        pc = *(const uint64_t *)frame->rsp;
    for (int i = 0; i < 16 && pc - (uintptr_t)__start_sim_text < (uintptr_t)(__stop_sim_text - __start_sim_text); i++) {
        pc = ((const uint64_t *)frame_pointer)[1];
        frame_pointer = ((const uint64_t *)frame_pointer)[0];
    }
    return pc;
}

static void run_hook(uintptr_t cr2) {
    struct exception *exception = &exceptions[fe_sim.core];
    uintptr_t bottom = (uintptr_t)fault_stacks[fe_sim.core];
    struct fe_fault fault;
    fe_x86_describe_fault(&exception->frame, cr2, &fault);
    fault.pc = watched_pc(&exception->frame);
    fault.nested = exception->frame.rsp - bottom < STACK;
    uintptr_t masked = fe_sim_mask();
    if (fe_arch_hooks.fault)
        fe_arch_hooks.fault(&fault);
    exception = &exceptions[fe_sim.core];
    bool redirected = exception->frame.rip != exception->rip || exception->frame.rsp != exception->rsp;
    fe_sim_unmask(redirected ? 0 : masked);
    __asm__ volatile("int3");
    __builtin_unreachable();
}

static size_t state_bytes(const ucontext_t *context) {
    const struct _libc_fpstate *state = context->uc_mcontext.fpregs;
    const uint32_t *reserved = (const uint32_t *)((const char *)state + 464); /* struct _fpx_sw_bytes: its mark, its size */
    size_t bytes = reserved[0] == 0x46505853u ? reserved[1] : 512;
    return bytes < STATE_MAX ? bytes : STATE_MAX;
}

static void on_fault(int number, siginfo_t *information, void *data) {
    ucontext_t *context = data;
    greg_t *registers = context->uc_mcontext.gregs;
    struct exception *exception = &exceptions[fe_sim.core];
    if (information->si_code <= 0 || !fe_sim_core) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    memcpy(exception->registers, registers, sizeof exception->registers);
    memcpy(exception->state, context->uc_mcontext.fpregs, state_bytes(context));
    save(&exception->frame, registers);
    exception->rip = exception->frame.rip;
    exception->rsp = exception->frame.rsp;
    uintptr_t top = (uintptr_t)fault_stacks[fe_sim.core] + STACK;
    if (exception->frame.rsp - (top - STACK) < STACK)
        top = exception->frame.rsp - 1024; /* a fault of the handler itself, which will say so */
    registers[REG_RSP] = (greg_t)((top & ~(uintptr_t)15) - 8);
    registers[REG_RIP] = (greg_t)(uintptr_t)run_hook;
    registers[REG_RDI] = registers[REG_CR2];
    registers[REG_RBP] = 0;
}

/* The end of run_hook: back to what was interrupted, or to where the hook has redirected it. */
static void on_return(int number, siginfo_t *information, void *data) {
    (void)number;
    (void)information;
    ucontext_t *context = data;
    greg_t *registers = context->uc_mcontext.gregs;
    struct exception *exception = &exceptions[fe_sim.core];
    memcpy(registers, exception->registers, sizeof exception->registers);
    memcpy(context->uc_mcontext.fpregs, exception->state, state_bytes(context));
    registers[REG_RIP] = (greg_t)exception->frame.rip;
    registers[REG_RDI] = (greg_t)exception->frame.rdi;
    registers[REG_RSP] = (greg_t)exception->frame.rsp;
    registers[REG_RBP] = (greg_t)exception->frame.rbp;
}

void fe_sim_traps_init(void) {
    static unsigned char stack[STACK];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(signals); i++)
        sigaction(signals[i], &fault, NULL);
    struct sigaction back = {.sa_sigaction = on_return, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaction(SIGTRAP, &back, NULL);
}
