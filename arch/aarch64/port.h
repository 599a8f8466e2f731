/* The inline part of the AArch64 port; the contract is arch/arch.h. */
#ifndef FERRITE_AARCH64_PORT_H
#define FERRITE_AARCH64_PORT_H

/* fe_arch_tlb_flush reaches every core of the inner shareable domain. */
#define FE_ARCH_TLB_BROADCAST 1
#define FE_ARCH_PREEMPTS 1

/* TPIDR_EL1 is the address of the core's struct fe_core. Volatile: read afresh each time. */
static inline struct fe_core *fe_arch_core(void) {
    struct fe_core *core;
    __asm__ volatile("mrs %0, tpidr_el1" : "=r"(core));
    return core;
}

static inline void fe_arch_core_set(struct fe_core *core) {
    __asm__ volatile("msr tpidr_el1, %0" ::"r"(core) : "memory");
}

static inline uintptr_t fe_arch_interrupts_disable(void) {
    uintptr_t state;
    __asm__ volatile("mrs %0, daif\n\tmsr daifset, #2" : "=r"(state)::"memory");
    return state;
}

static inline void fe_arch_interrupts_enable(void) {
    __asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void fe_arch_interrupts_restore(uintptr_t state) {
    __asm__ volatile("msr daif, %0" ::"r"(state) : "memory");
}

static inline bool fe_arch_interrupts_enabled(void) {
    uintptr_t state;
    __asm__ volatile("mrs %0, daif" : "=r"(state)::"memory");
    return !(state & 0x80);
}

/* WFI ends for an interrupt that is pending though masked, so none can slip in between; it is taken by the unmasking. */
static inline void fe_arch_idle_wait(void) {
    __asm__ volatile("dsb sy\n\twfi\n\tmsr daifclr, #2\n\tisb" ::: "memory");
}

static inline void fe_arch_relax(void) {
    __asm__ volatile("yield" ::: "memory");
}

/* The virtual count: entry code has set its offset to zero where it could. The barrier keeps it from being read early, so
 * that an instant read after a message is not before the one that was sent in it. */
static inline uint64_t fe_arch_counter(void) {
    uint64_t count;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count)::"memory");
    return count;
}

/*
 * What the core's PMU can count, found at entry. Event 8 (instructions retired) is in QEMU under -icount only, and then
 * exact and blind to idle time; it is used where counters have 64 bits. Cycles are nanoseconds in QEMU: under
 * -icount shift=0 instructions plus idle time.
 */
enum fe_arm_instruction_source {
    FE_ARM_COUNT_TICKS,
    FE_ARM_COUNT_CYCLES,
    FE_ARM_COUNT_RETIRED,
};
extern uint32_t fe_arm_instruction_source; /* immutable after entry */

static inline uint64_t fe_arch_instructions(void) {
    uint64_t count;
    if (FE_LIKELY(fe_arm_instruction_source == FE_ARM_COUNT_RETIRED))
        __asm__ volatile("mrs %0, pmevcntr0_el0" : "=r"(count)::"memory");
    else if (fe_arm_instruction_source == FE_ARM_COUNT_CYCLES)
        __asm__ volatile("mrs %0, pmccntr_el0" : "=r"(count)::"memory");
    else
        count = fe_arch_counter();
    return count;
}

static inline void fe_arch_device_barrier(void) {
    __asm__ volatile("dsb sy" ::: "memory");
}

/* What switch.S saves. */
struct fe_arm_switch_frame {
    uint64_t x19[10]; /* x19 to x28 */
    uint64_t x29, x30;
    uint64_t d8[8]; /* d8 to d15 */
    uint64_t fpcr, unused;
};
_Static_assert(sizeof(struct fe_arm_switch_frame) == 176, "switch.S");

void fe_arm_context_start(void);

/* switch.S: where code that a trap interrupted goes on, to call; its stack is what fe_arch_trap_call makes. */
void fe_arm_trap_call(void);
#define FE_ARCH_TRAP_CALL_BYTES 48u

/* A frame to be unwound: x19 to x30, sp, d8 to d15, x12 (see struct call in trap.c), pc. unwind/frame.S has the
 * same layout. */
#define FE_ARCH_FRAME_REGISTERS 23u
#define FE_ARCH_FRAME_STACK 12u
#define FE_ARCH_FRAME_PC 22u
struct fe_arch_frame {
    uint64_t registers[FE_ARCH_FRAME_REGISTERS];
};

static inline unsigned fe_arch_frame_index(uint64_t column) {
    if (column - 19 < 13)
        return (unsigned)column - 19;
    if (column - 72 < 8)
        return (unsigned)column - 72 + 13;
    if (column == 12)
        return 21;
    return column == 96 ? FE_ARCH_FRAME_PC : FE_ARCH_FRAME_REGISTERS;
}
#define FE_ARCH_RED_ZONE 0u

static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    struct fe_arm_switch_frame *frame = (struct fe_arm_switch_frame *)stack_top - 1;
    /* Other registers hold what lay there: a new task has no claim on them, and writing them would cost more. */
    frame->x19[0] = (uint64_t)(uintptr_t)entry;
    frame->x29 = 0;
    frame->x30 = (uint64_t)(uintptr_t)fe_arm_context_start;
    frame->fpcr = 0; /* round to nearest, no traps, IEEE denormals */
    context->stack_pointer = frame;
}

FE_NORETURN static inline void fe_arch_restart(void *stack_top, void (*entry)(void *argument), void *argument) {
    register void *first __asm__("x0") = argument;
    __asm__ volatile("mov sp, %0\n\tmov x29, xzr\n\tmov x30, xzr\n\tbr %1" ::"r"(stack_top), "r"(entry), "r"(first)
                     : "memory");
    __builtin_unreachable();
}

#endif
