/*
 * The one-shot timer in each core's local APIC.
 *
 * Where the CPU has it, the timer compares with the counter itself (TSC deadline). Otherwise it counts down from a number
 * of ticks, made of counter ticks by one multiplication; of ticks 128 times as long if there are more than fit 32 bits. The
 * rates are measured, so the count may end before its time; then the interrupt finds that the target has not been reached
 * and counts down the rest. So the hook is never called too early, and deadlines still further off work.
 *
 * Each core's target is written by that core alone. An interrupt between the two steps of arming sees the new target, and at
 * worst arms for it a moment before we do.
 */
#include "pc.h"

#define MSR_TSC_DEADLINE 0x6e0
#define VECTOR_TIMER 0x320
#define VECTOR_MASKED (1u << 16)
#define MODE_DEADLINE (2u << 17)
#define INITIAL_COUNT 0x380
#define CURRENT_COUNT 0x390
#define DIVIDE 0x3e0
#define DIVIDE_BY_1 0xb
#define DIVIDE_BY_128 0xa
#define LONG_SHIFT 7

static uint64_t ratio; /* timer ticks per counter tick, times 2^32 */

static bool deadline_mode(void) {
    return fe_x86_features.tsc_deadline;
}

void fe_apic_timer_free_run(void) {
    fe_apic_write(DIVIDE, DIVIDE_BY_1);
    fe_apic_write(VECTOR_TIMER, VECTOR_MASKED);
    fe_apic_write(INITIAL_COUNT, UINT32_MAX);
}

uint32_t fe_apic_timer_elapsed(void) {
    return UINT32_MAX - fe_apic_read(CURRENT_COUNT);
}

void fe_apic_timer_rate(uint64_t ticks, uint64_t counter) {
    while (ticks > UINT32_MAX) {
        ticks >>= 1;
        counter >>= 1;
    }
    ratio = counter ? (ticks << 32) / counter : 0;
}

void fe_apic_timer_init_core(void) {
    struct fe_core *core = fe_arch_core();
    core->timer_target = FE_FOREVER; /* not armed */
    core->timer_divide = DIVIDE_BY_1;
    fe_apic_write(DIVIDE, DIVIDE_BY_1);
    fe_apic_write(INITIAL_COUNT, 0);
    fe_apic_write(VECTOR_TIMER, (deadline_mode() ? MODE_DEADLINE : 0) | FE_X86_VECTOR_TIMER);
    if (deadline_mode())
        fe_arch_device_barrier(); /* the mode is set before the first deadline is (SDM, TSC-deadline mode) */
}

static void count_down(struct fe_core *core, uint64_t from, uint64_t to) {
    uint64_t ticks = to > from ? (uint64_t)(((unsigned __int128)(to - from) * ratio) >> 32) + 1 : 1;
    uint32_t divide = DIVIDE_BY_1;
    if (FE_UNLIKELY(ticks > UINT32_MAX)) {
        divide = DIVIDE_BY_128;
        ticks >>= LONG_SHIFT;
    }
    if (FE_UNLIKELY(core->timer_divide != divide)) {
        core->timer_divide = divide;
        fe_apic_write(DIVIDE, divide);
    }
    fe_apic_write(INITIAL_COUNT, ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks);
}

void fe_apic_timer_arm(uint64_t counter) {
    struct fe_core *core = fe_arch_core();
    core->timer_target = counter;
    if (deadline_mode())
        fe_x86_msr_write(MSR_TSC_DEADLINE, counter ? counter : 1); /* 0 would disarm it */
    else
        count_down(core, fe_arch_counter(), counter);
}

void fe_apic_timer_stop(void) {
    fe_arch_core()->timer_target = FE_FOREVER;
    if (deadline_mode())
        fe_x86_msr_write(MSR_TSC_DEADLINE, 0);
    else
        fe_apic_write(INITIAL_COUNT, 0);
}

void fe_apic_timer_interrupt(void) {
    uint64_t target = fe_arch_core()->timer_target, now = fe_arch_counter();
    if (now >= target)
        fe_machine_hooks.timer();
    else if (target != FE_FOREVER) /* else stopped just as it fired */
        fe_apic_timer_arm(target);
}
