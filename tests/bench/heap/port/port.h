/*
 * The inline part of a port to a Linux process in which threads are cores: all that the heap asks of one. Memory is one
 * reserved range (memory.c); the calling thread's struct fe_core is in its thread-local storage, and its heap one load away.
 */
#ifndef FERRITE_BENCH_HEAP_PORT_H
#define FERRITE_BENCH_HEAP_PORT_H

#define FE_ARCH_TLB_BROADCAST 1

#undef FE_DIRECT_BASE
#define FE_DIRECT_BASE fe_host_base
extern uintptr_t fe_host_base;

/* Initial-exec: an offset from the thread pointer, since the library comes with the program. A thread begins with a heap
 * that has nothing, fe_host_nobody; threads.c gives it one at its first allocation. */
extern __thread struct fe_core fe_host_core __attribute__((tls_model("initial-exec")));
extern struct fe_heap_core fe_host_nobody;

static inline struct fe_core *fe_arch_core(void) {
    return &fe_host_core;
}

#define FE_ARCH_CORE_HEAP
static inline void *fe_arch_core_heap(void) {
    return fe_host_core.heap;
}

/* Threads come and go, and some have no heap: threads.c, preload.c. */
#define FE_ARCH_CORES_COME_AND_GO
static inline bool fe_arch_core_heapless(void) {
    return fe_host_core.heap == &fe_host_nobody;
}
void *fe_arch_alloc_heapless(size_t bytes);
void fe_arch_free_heapless(void *block);
void fe_arch_memory_is_out(void);

static inline void fe_arch_core_set(struct fe_core *core) {
    (void)core;
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

void fe_host_yield(void);

static inline void fe_arch_idle_wait(void) {
    fe_host_yield();
}

/* Threads outnumber cores at times, so a spinner lets its holder run. */
static inline void fe_arch_relax(void) {
    fe_host_yield();
}

static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    (void)stack_top, (void)entry;
    context->stack_pointer = NULL;
}

static inline void fe_arch_restart(void *stack_top, void (*entry)(void *argument), void *argument) {
    (void)stack_top, (void)entry, (void)argument;
    __builtin_trap();
}

static inline uint64_t fe_arch_counter(void) {
    return 0;
}

static inline uint64_t fe_arch_instructions(void) {
    return 0;
}

static inline void fe_arch_device_barrier(void) {
}

#endif
