/*
 * The inline part of the hosted port: a Linux process on x86_64. A core is a thread; physical memory is a file in memory,
 * mapped whole at FE_DIRECT_BASE; stacks grow by faults that come as signals. Devices do not interrupt a core: it looks at
 * them when it waits and at times besides (fe_machine.poll), so there is no interrupt to be masked.
 *
 * The core pointer is a variable of the thread. It is read by an instruction that the compiler neither repeats nor keeps,
 * since a task goes on in another thread after a switch; for the same reason programs must not hold the address of a
 * variable of a thread, such as errno, over a switch.
 */
#ifndef FERRITE_HOST_PORT_H
#define FERRITE_HOST_PORT_H

#ifndef __x86_64__
#error "the hosted port is for x86_64; another needs a switch.S, context.h and the signal part of arch/host/trap.c"
#endif

/* Translations are Linux's business. */
#define FE_ARCH_TLB_BROADCAST 1
#define FE_ARCH_PREEMPTS 0

/* User addresses that Linux leaves alone, clear of AddressSanitizer's shadow. ThreadSanitizer allows a program but the low
 * 512 GiB, which is enough for the few tasks that it can follow. */
#undef FE_DIRECT_BASE
#undef FE_STACKS_BASE
#undef FE_STACKS_BYTES
#undef FE_FILES_BASE
#undef FE_DEVICES_BASE
#undef FE_IMAGE_BASE
#ifdef __SANITIZE_THREAD__
#define FE_DIRECT_BASE UINT64_C(0x1000000000)
#define FE_STACKS_BASE UINT64_C(0x2000000000)
#define FE_STACKS_BYTES (UINT64_C(1) << 38)
#define FE_FILES_BASE UINT64_C(0x7000000000)
#else
#define FE_DIRECT_BASE UINT64_C(0x200000000000)
#define FE_STACKS_BASE UINT64_C(0x240000000000)
#define FE_STACKS_BYTES (UINT64_C(1) << 41)
#define FE_FILES_BASE UINT64_C(0x2a0000000000)
#endif

#include "../x86_64/context.h"
#include "sanitizer.h"

extern __thread struct fe_core *fe_host_core;

static inline struct fe_core *fe_arch_core(void) {
    struct fe_core *core;
    __asm__ volatile("movq fe_host_core@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(core));
    return core;
}

static inline void fe_arch_core_set(struct fe_core *core) {
    fe_host_core = core;
}

static inline uintptr_t fe_arch_interrupts_disable(void) {
    return 0;
}

static inline void fe_arch_interrupts_restore(uintptr_t state) {
    (void)state;
}

static inline void fe_arch_interrupts_enable(void) {
}

static inline bool fe_arch_interrupts_enabled(void) {
    return true;
}

/* Lets another thread run. The machine's own loop does the waiting here. */
void fe_host_yield(void);
static inline void fe_arch_idle_wait(void) {
    fe_host_yield();
}

/* Cores may outnumber those of the host, so one that spins for long lets the others run. */
void fe_host_relax(void);
static inline void fe_arch_relax(void) {
    fe_host_relax();
}

/* Not before the loads that come before it: another thread's later reading, seen in memory, must not be ahead of ours. */
static inline uint64_t fe_arch_counter(void) {
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static inline uint64_t fe_arch_instructions(void) {
    return fe_arch_counter();
}

static inline void fe_arch_device_barrier(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
