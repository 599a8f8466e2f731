/*
 * Faults, which Linux passes on as signals. The handler runs on a stack of its own, one a thread, as an exception does on a bare
 * machine: nothing is ever written to the stack that was interrupted, and a fault of the handler itself is known by its
 * stack pointer. What the CPU said is in the signal's context; arch/x86_64/frame.c makes of it what it makes of it on a PC.
 *
 * A touched stack page comes as SIGBUS (paging.c), a bad pointer as SIGSEGV.
 */
#define _GNU_SOURCE
#include "../x86_64/trap.h"
#include "host.h"

#include <ferrite/panic.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define SIGNAL_STACK ((size_t)256 << 10) /* of addresses; a sanitizer's report needs most of it */

struct fe_arch_hooks fe_arch_hooks;

static __thread uintptr_t signal_stack;
static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

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

/* What fe_arch_trap_redirect may have changed. */
static void restore(greg_t *r, const struct fe_trap_frame *frame) {
    r[REG_RIP] = (greg_t)frame->rip;
    r[REG_RDI] = (greg_t)frame->rdi;
    r[REG_RSP] = (greg_t)frame->rsp;
    r[REG_RBP] = (greg_t)frame->rbp;
    r[REG_EFL] = (greg_t)frame->rflags;
}

static void handle(int number, siginfo_t *information, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    /* Sent by somebody (si_code is not the kernel's), or before there is a core to handle it: as if nobody handled it. */
    if (information->si_code <= 0 || !fe_arch_core() || !fe_arch_hooks.fault) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    struct fe_trap_frame frame;
    struct fe_fault fault;
    save(&frame, registers);
    fe_x86_describe_fault(&frame, (uintptr_t)registers[REG_CR2], &fault);
    fault.nested = frame.rsp - signal_stack < SIGNAL_STACK;
    fe_arch_hooks.fault(&fault);
#ifdef __SANITIZE_ADDRESS__
    if (frame.rsp != fault.stack_pointer) /* redirected */
        fe_host_frames_dropped(fault.stack_pointer, (void *)frame.rsp);
#endif
    restore(registers, &frame);
}

bool fe_host_traps_init(void) {
    void *stack = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    stack_t alternate = {.ss_sp = stack, .ss_size = SIGNAL_STACK};
    if (stack == MAP_FAILED || sigaltstack(&alternate, NULL) != 0)
        return false;
    signal_stack = (uintptr_t)stack;
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(signals); i++)
        if (sigaction(signals[i], &action, NULL) != 0)
            return false;
    return true;
}
