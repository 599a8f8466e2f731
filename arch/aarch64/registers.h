/* System registers and firmware calls, for the drivers of AArch64 machines. */
#ifndef FERRITE_AARCH64_REGISTERS_H
#define FERRITE_AARCH64_REGISTERS_H

#include <stdint.h>

/* Reads or writes a system register by name; names that the assembler may not know are given by their encoding. */
#define fe_arm_read(name)                                                                                              \
    ({                                                                                                                 \
        uint64_t fe_arm_value;                                                                                         \
        __asm__ volatile("mrs %0, " name : "=r"(fe_arm_value)::"memory");                                              \
        fe_arm_value;                                                                                                  \
    })
#define fe_arm_write(name, value) __asm__ volatile("msr " name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define fe_arm_instruction_barrier() __asm__ volatile("isb" ::: "memory")

/* GICv3's CPU interface. */
#define FE_ICC_PMR "s3_0_c4_c6_0"
#define FE_ICC_IAR1 "s3_0_c12_c12_0"
#define FE_ICC_EOIR1 "s3_0_c12_c12_1"
#define FE_ICC_BPR1 "s3_0_c12_c12_3"
#define FE_ICC_CTLR "s3_0_c12_c12_4"
#define FE_ICC_SRE "s3_0_c12_c12_5"
#define FE_ICC_IGRPEN1 "s3_0_c12_c12_7"
#define FE_ICC_SGI1R "s3_0_c12_c11_5"

/* A call to the firmware by the SMC calling convention: the result is x0. */
static inline int64_t fe_arm_call(bool hypervisor, uint64_t function, uint64_t a, uint64_t b, uint64_t c) {
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;
    if (hypervisor)
        __asm__ volatile("hvc #0"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
                           "x11", "x12", "x13", "x14", "x15", "x16", "x17");
    else
        __asm__ volatile("smc #0"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
                           "x11", "x12", "x13", "x14", "x15", "x16", "x17");
    return (int64_t)x0;
}

#endif
