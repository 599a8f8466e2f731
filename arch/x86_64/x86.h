/*
 * x86_64's own: registers, instructions and the few services that only drivers/pc uses. Nothing else includes it.
 */
#ifndef FERRITE_X86_64_X86_H
#define FERRITE_X86_64_X86_H

#include <arch/arch.h>

/* Vectors. The CPU's own are 0 to 31; the others are handed out here so that no two users collide. */
#define FE_X86_VECTOR_NMI 2
#define FE_X86_VECTOR_DOUBLE_FAULT 8
#define FE_X86_VECTOR_PAGE_FAULT 14
#define FE_X86_VECTOR_MACHINE_CHECK 18
#define FE_X86_VECTOR_FIRST 32 /* device lines: FE_X86_VECTOR_FIRST + n, up to FE_X86_VECTOR_TIMER */
#define FE_X86_VECTOR_TIMER 0xf0
#define FE_X86_VECTOR_WAKE 0xf1
#define FE_X86_VECTOR_ERROR 0xf2
#define FE_X86_VECTOR_SPURIOUS 0xff /* low four bits set: some APICs require it */

/* What the boot core can do. Set by fe_x86_detect before paging, read-only afterwards. */
struct fe_x86_features {
    bool pages_1g, smep, smap, umip, fsgsbase, x2apic, tsc_deadline, tsc_invariant, hypervisor;
    uint32_t largest_leaf; /* of CPUID */
};
extern struct fe_x86_features fe_x86_features;
/* Fills fe_x86_features. By the entry code, before anything else in C. */
void fe_x86_detect(void);

struct fe_x86_cpuid {
    uint32_t eax, ebx, ecx, edx;
};
static inline struct fe_x86_cpuid fe_x86_cpuid(uint32_t leaf, uint32_t subleaf) {
    struct fe_x86_cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t fe_x86_msr_read(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}
static inline void fe_x86_msr_write(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint8_t fe_x86_in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
static inline uint16_t fe_x86_in16(uint16_t port) {
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
static inline uint32_t fe_x86_in32(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
static inline void fe_x86_out8(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
static inline void fe_x86_out16(uint16_t port, uint16_t value) {
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
static inline void fe_x86_out32(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

/*
 * A page of RAM below 1 MiB, which drivers/pc has found in the memory map and reserved, for the first instructions of
 * secondary cores; without it fe_arch_core_prepare answers 0.
 */
void fe_x86_trampoline_set(uint64_t page);

/* Whether the core that fe_arch_core_prepare was last called for has begun to run. */
bool fe_x86_trampoline_reached(void);

/* A core that is sent an NMI while `wanted` says where it is, and clears that. */
struct fe_x86_sample {
    volatile bool wanted;
    struct fe_arch_place place;
};
extern struct fe_x86_sample fe_x86_samples[FE_CORES_MAX];

/* Set before the other cores are sent an NMI to stop them; they then halt instead of reporting a fault. */
extern volatile bool fe_x86_stopping;

/* Resets the machine the hard way: a triple fault. When nothing else worked. */
FE_NORETURN void fe_x86_reset(void);

#endif
