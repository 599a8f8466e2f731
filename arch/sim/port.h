/*
 * The inline part of the simulation: see README.md. Each of these is a point at which another core may be let run.
 */
#ifndef FERRITE_SIM_PORT_H
#define FERRITE_SIM_PORT_H

#ifndef __x86_64__
#error "the simulation is for x86_64: it uses that port's switch, and its decoding of faults"
#endif

/* So that the protocol by which stacks' pages are taken back is simulated too. */
#define FE_ARCH_TLB_BROADCAST 0
#define FE_ARCH_PREEMPTS 0

#undef FE_DIRECT_BASE
#undef FE_STACKS_BASE
#undef FE_STACKS_BYTES
#undef FE_FILES_BASE
#define FE_DIRECT_BASE UINT64_C(0x200000000000)
#define FE_STACKS_BASE UINT64_C(0x240000000000)
#define FE_STACKS_BYTES (UINT64_C(1) << 41)
#define FE_FILES_BASE UINT64_C(0x2a0000000000)

#include "../x86_64/context.h"

/* The core that runs. Read by an instruction that the compiler neither repeats nor keeps. */
extern struct fe_core *fe_sim_core;

static inline struct fe_core *fe_arch_core(void) {
    struct fe_core *core;
    __asm__ volatile("movq fe_sim_core, %0" : "=r"(core));
    return core;
}

static inline void fe_arch_core_set(struct fe_core *core) {
    __asm__ volatile("movq %0, fe_sim_core" ::"r"(core) : "memory");
}

static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    fe_x86_context_make(context, stack_top, entry);
}

FE_NORETURN static inline void fe_arch_restart(void *stack_top, void (*entry)(void *argument), void *argument) {
    fe_x86_restart(stack_top, entry, argument);
}

uintptr_t fe_sim_mask(void);
void fe_sim_unmask(uintptr_t state);
bool fe_sim_unmasked(void);
void fe_sim_wait(void);
void fe_sim_relax(void);
uint64_t fe_sim_time(void);

static inline uintptr_t fe_arch_interrupts_disable(void) {
    return fe_sim_mask();
}

static inline void fe_arch_interrupts_restore(uintptr_t state) {
    fe_sim_unmask(state);
}

static inline void fe_arch_interrupts_enable(void) {
    fe_sim_unmask(0);
}

static inline bool fe_arch_interrupts_enabled(void) {
    return fe_sim_unmasked();
}

static inline void fe_arch_idle_wait(void) {
    fe_sim_wait();
}

static inline void fe_arch_relax(void) {
    fe_sim_relax();
}

static inline uint64_t fe_arch_counter(void) {
    return fe_sim_time();
}

static inline uint64_t fe_arch_instructions(void) {
    return fe_sim_time();
}

static inline void fe_arch_device_barrier(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
