/*
 * Nanoseconds from counter ticks by multiplication: ns = base + (counter - start) * scale / 2^32. The product is taken in
 * 128 bits, so it cannot overflow, and one division at start-up replaces one in each call.
 */
#include "clock.h"

#include <arch/arch.h>
#include <ferrite/time.h>

static struct {
    uint64_t start; /* the counter at `base` */
    fe_nanoseconds base;
    uint64_t scale;   /* ns per tick, times 2^32 */
    uint64_t inverse; /* ticks per ns, times 2^32 */
} fe_clock;

static uint64_t scaled(uint64_t value, uint64_t scale) {
    return (uint64_t)(((unsigned __int128)value * scale) >> 32);
}

/* numerator * 2^32 / denominator, where the quotient fits: no 128-bit division, which would need libgcc. */
static uint64_t ratio(uint64_t numerator, uint64_t denominator) {
    uint64_t whole = numerator / denominator, rest = numerator % denominator;
    for (int i = 0; i < 32; i++) {
        rest <<= 1;
        whole = whole << 1 | (rest >= denominator);
        if (rest >= denominator)
            rest -= denominator;
    }
    return whole;
}

static void set_rate(uint64_t hz) {
    fe_clock.scale = ratio(FE_SECOND, hz);
    fe_clock.inverse = ratio(hz, FE_SECOND);
}

bool fe_clock_runs(void) {
    return fe_clock.scale != 0;
}

void fe_clock_init(uint64_t counter, uint64_t hz) {
    fe_clock.start = counter;
    fe_clock.base = 0;
    set_rate(hz);
}

void fe_clock_refine(uint64_t hz) {
    uint64_t counter = fe_arch_counter();
    fe_clock.base += scaled(counter - fe_clock.start, fe_clock.scale);
    fe_clock.start = counter;
    set_rate(hz);
}

fe_nanoseconds fe_time_now(void) {
    return fe_clock.base + scaled(fe_arch_counter() - fe_clock.start, fe_clock.scale);
}

fe_nanoseconds fe_clock_length(uint64_t ticks) {
    return scaled(ticks, fe_clock.scale);
}

uint64_t fe_clock_counter(fe_nanoseconds instant) {
    return instant <= fe_clock.base ? fe_clock.start
                                    : fe_clock.start + scaled(instant - fe_clock.base, fe_clock.inverse) + 1;
}
