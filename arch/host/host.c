/* The hosted port's functions: see port.h. */
#define _GNU_SOURCE
#include <arch/arch.h>

#include <sched.h>
#include <sys/mman.h>
#include <time.h>

const char fe_arch_name[] = "host";

uintptr_t fe_host_direct_base;

static __thread struct fe_core *core_of_thread;

bool fe_host_memory(uint64_t bytes) {
    /* Aligned as no physical memory ever is by itself: what is aligned physically must be so by its address. */
    const uint64_t alignment = UINT64_C(1) << 30;
    void *memory =
        mmap(NULL, bytes + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    fe_host_direct_base = ((uintptr_t)memory + alignment - 1) & ~(uintptr_t)(alignment - 1);
    return true;
}

struct fe_core *fe_host_core(void) {
    return core_of_thread;
}

void fe_host_core_set(struct fe_core *core) {
    core_of_thread = core;
}

uint64_t fe_host_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void fe_host_idle(void) {
    sched_yield();
}
