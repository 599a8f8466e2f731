/* The inline part of the x86_64 port; the contract is arch/arch.h. */
#ifndef FERRITE_X86_64_PORT_H
#define FERRITE_X86_64_PORT_H

/* fe_arch_tlb_flush reaches this core only. */
#define FE_ARCH_TLB_BROADCAST 0
#define FE_ARCH_PREEMPTS 1

#include "context.h"

/* GS base is the address of the core's struct fe_core, whose first word points to itself. Volatile: read afresh each time. */
static inline struct fe_core *fe_arch_core(void) {
    struct fe_core *core;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(core));
    return core;
}

#define FE_ARCH_CORE_HEAP
_Static_assert(offsetof(struct fe_core, heap) == 16, "as read here");
static inline void *fe_arch_core_heap(void) {
    void *heap;
    __asm__ volatile("movq %%gs:16, %0" : "=r"(heap));
    return heap;
}

static inline void fe_arch_core_set(struct fe_core *core) {
    uint64_t base = (uint64_t)(uintptr_t)core;
    __asm__ volatile("wrmsr" ::"c"(0xc0000101u), "a"((uint32_t)base), "d"((uint32_t)(base >> 32)) : "memory");
}

static inline uintptr_t fe_arch_interrupts_disable(void) {
    uintptr_t flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
    return flags;
}

static inline void fe_arch_interrupts_enable(void) {
    __asm__ volatile("sti" ::: "memory");
}

static inline void fe_arch_interrupts_restore(uintptr_t state) {
    if (state & 0x200)
        fe_arch_interrupts_enable();
    else
        __asm__ volatile("" ::: "memory");
}

static inline bool fe_arch_interrupts_enabled(void) {
    uintptr_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags)::"memory");
    return flags & 0x200;
}

/* sti takes effect after the instruction that follows it, so nothing comes in between. */
static inline void fe_arch_idle_wait(void) {
    __asm__ volatile("sti; hlt" ::: "memory");
}

static inline void fe_arch_relax(void) {
    __asm__ volatile("pause" ::: "memory");
}

static inline uint64_t fe_arch_counter(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

/* Under -icount shift=0 QEMU's TSC advances by one an instruction. */
static inline uint64_t fe_arch_instructions(void) {
    return fe_arch_counter();
}

static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    fe_x86_context_make(context, stack_top, entry);
}

FE_NORETURN static inline void fe_arch_restart(void *stack_top, void (*entry)(void *argument), void *argument) {
    fe_x86_restart(stack_top, entry, argument);
}

/* x86 keeps the order of accesses to uncacheable memory; a full fence orders ordinary memory around them too. */
static inline void fe_arch_device_barrier(void) {
    __asm__ volatile("mfence" ::: "memory");
}

#endif
