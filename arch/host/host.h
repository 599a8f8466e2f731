/*
 * The hosted port's own: what drivers/host and unit tests use besides the contract. Nothing else includes it.
 */
#ifndef FERRITE_HOST_HOST_H
#define FERRITE_HOST_HOST_H

#include <arch/arch.h>

/* Maps `bytes` of physical memory, from physical address 0; memory is taken from Linux as it is touched. False if Linux
 * has none. Once. */
bool fe_host_memory(uint64_t bytes);
/* Maps [address, address + bytes) to physical memory; `protection` is Linux's. False if part of it is mapped already. */
bool fe_host_map(uintptr_t address, uint64_t physical, size_t bytes, int protection);

/* What the process was started with; what entry->information points to. */
struct fe_host_boot {
    uint64_t memory_bytes;
    unsigned cores;
    const char *initrd;       /* path, or NULL */
    const char *command_line; /* never NULL */
};

/* What fe_arch_core_prepare was told; for the thread that drivers/host makes. Called on it. */
FE_NORETURN void fe_host_core_begin(uint64_t prepared);

/* Gives the calling thread a stack for its signals, and, once for all threads, takes the signals of faults. False: Linux
 * refuses. */
bool fe_host_traps_init(void);

#endif
