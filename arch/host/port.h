/*
 * The inline part of the hosted port: a Linux process. So far as much as host tests of the rooms' pure parts need: a
 * core is a thread that has called fe_arch_core_set, physical memory is one mapping made by fe_host_memory, and there
 * are no interrupts.
 */
#ifndef FERRITE_HOST_PORT_H
#define FERRITE_HOST_PORT_H

#define FE_ARCH_TLB_BROADCAST 1

/* Where the process has its "physical" memory: decided when it is mapped. */
#undef FE_DIRECT_BASE
#define FE_DIRECT_BASE fe_host_direct_base
extern uintptr_t fe_host_direct_base;

/* Maps `bytes` of physical memory, from physical address 0; memory is taken from Linux as it is touched. False if
 * Linux has none. Once. */
bool fe_host_memory(uint64_t bytes);

/* Functions, not inlined: a compiler may keep the address of a thread's variables over a switch of tasks. */
struct fe_core *fe_host_core(void);
void fe_host_core_set(struct fe_core *core);
uint64_t fe_host_nanoseconds(void);
void fe_host_idle(void);

static inline struct fe_core *fe_arch_core(void) {
    return fe_host_core();
}

static inline void fe_arch_core_set(struct fe_core *core) {
    fe_host_core_set(core);
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
    return false;
}

static inline void fe_arch_idle_wait(void) {
    fe_host_idle();
}

/* Threads outnumber cores at times, so a spinner lets its holder run. */
static inline void fe_arch_relax(void) {
    fe_host_idle();
}

/* Tasks do not run here yet: there is no switch, and so no context to make. */
static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    (void)stack_top, (void)entry;
    context->stack_pointer = NULL;
}

FE_NORETURN static inline void fe_arch_restart(void *stack_top, void (*entry)(void *argument), void *argument) {
    (void)stack_top, (void)entry, (void)argument;
    __builtin_trap();
}

static inline uint64_t fe_arch_counter(void) {
    return fe_host_nanoseconds();
}

static inline uint64_t fe_arch_instructions(void) {
    return fe_host_nanoseconds();
}

static inline void fe_arch_device_barrier(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
