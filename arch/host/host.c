/*
 * The thread as a core, and physical memory: a file that exists in memory only, so that any page of it can be mapped a second
 * time (fe_arch_map). Linux gives it real memory as it is touched.
 */
#define _GNU_SOURCE
#include "host.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

const char fe_arch_name[] = "host";

__thread struct fe_core *fe_host_core;

static int memory_file = -1;

bool fe_host_map(uintptr_t address, uint64_t physical, size_t bytes, int protection) {
    void *wanted = (void *)address;
    return mmap(wanted, bytes, protection, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, memory_file,
                (off_t)physical) == wanted;
}

bool fe_host_memory(uint64_t bytes) {
    memory_file = memfd_create("ferrite", MFD_CLOEXEC);
    return memory_file >= 0 && ftruncate(memory_file, (off_t)bytes) == 0 &&
           fe_host_map(FE_DIRECT_BASE, 0, bytes, PROT_READ | PROT_WRITE);
}

void fe_host_yield(void) {
    sched_yield();
}

void fe_host_relax(void) {
    enum { SPINS = 64 }; /* some microseconds: longer than any lock is held by a thread that runs */
    static __thread unsigned spins;
    __builtin_ia32_pause();
    if (++spins % SPINS == 0)
        sched_yield();
}
