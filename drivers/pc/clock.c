/*
 * How fast the counter (the TSC) and the APIC timer run.
 *
 * In order: what a hypervisor says (leaf 0x40000010), what the CPU says of its crystal (leaves 0x15 and 0x16), and else a
 * measurement over SPIN of spinning against a clock of known rate: ACPI's power management timer, or else channel 2 of the
 * PIT, which shows by standing still that it is not there. Both ends of the measurement wait for an edge, so that what remains
 * is the time of a register read: a part in a thousand or so. fe_machine.counter_hz_refined repeats the division over the
 * time since then, at no wait at all, and is a thousand times better after some tenths of a second.
 *
 * Rejected: spinning longer (a tenth of all of boot would be waiting), the RTC (edges come once a second), the HPET (one more
 * driver for what the PM timer does; add it when a machine turns up that has neither).
 */
#include "pc.h"

#define SPIN (50 * FE_MICROSECOND)
#define PM_TIMER_HZ 3579545u
#define PIT_HZ 1193182u
#define SPIN_LIMIT 100000u /* reads, of about 1 us each on a PC, before a reference that stands still is given up */

#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE 0x61

/* A clock of known rate that counts up, modulo mask + 1. */
struct reference {
    uint32_t (*read)(void);
    uint32_t mask;
    uint64_t hz;
};

static struct reference reference;
static uint64_t start_counter; /* read together: the counter and the reference, at the beginning */
static uint32_t start_reference;
static uint64_t counter_hz;

static uint16_t timer_port;
static volatile uint32_t *timer_register;

static uint32_t read_timer_port(void) {
    return fe_x86_in32(timer_port);
}

static uint32_t read_timer_register(void) {
    return *timer_register;
}

static uint32_t read_pit(void) {
    fe_x86_out8(PIT_COMMAND, 0x80); /* latch channel 2 */
    uint32_t low = fe_x86_in8(PIT_CHANNEL_2);
    uint32_t count = low | (uint32_t)fe_x86_in8(PIT_CHANNEL_2) << 8;
    return ~count & 0xffff; /* it counts down */
}

static bool choose_reference(const struct fe_acpi *acpi) {
    uint32_t mask = acpi->timer_32_bits ? UINT32_MAX : 0xffffff;
    if (acpi->timer.address && !acpi->timer.memory) {
        timer_port = (uint16_t)acpi->timer.address;
        reference = (struct reference){read_timer_port, mask, PM_TIMER_HZ};
        return true;
    }
    if (acpi->timer.address) {
        timer_register = fe_arch_map_device(acpi->timer.address, 4);
        reference = (struct reference){read_timer_register, mask, PM_TIMER_HZ};
        return timer_register != NULL;
    }
    fe_x86_out8(PIT_GATE, (uint8_t)((fe_x86_in8(PIT_GATE) & ~2u) | 1)); /* gate on, speaker off */
    fe_x86_out8(PIT_COMMAND, 0xb0);                                     /* channel 2, both bytes, mode 0, binary */
    fe_x86_out8(PIT_CHANNEL_2, 0xff);
    fe_x86_out8(PIT_CHANNEL_2, 0xff);
    reference = (struct reference){read_pit, 0xffff, PIT_HZ};
    return true;
}

/* Spins until the reference is at least `ticks` past `from`, and then has just moved. False: it stands still. */
static bool wait_edge(uint32_t from, uint32_t ticks, uint32_t *at, uint64_t *counter) {
    uint32_t before = reference.read();
    for (uint32_t tries = 0; tries < SPIN_LIMIT; tries++) {
        uint32_t now = reference.read();
        *counter = fe_arch_counter();
        if (now != before && ((now - from) & reference.mask) >= ticks) {
            *at = now;
            return true;
        }
        before = now;
    }
    return false;
}

/* The timer and the counter at one moment: of some readings the quickest, since between the two an emulator may have to wait for
 * its turn on the host. */
static void read_both(uint32_t *timer, uint64_t *counter) {
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t before = fe_arch_counter();
        uint32_t elapsed = fe_apic_timer_elapsed();
        uint64_t took = fe_arch_counter() - before;
        if (took < least) {
            least = took;
            *timer = elapsed;
            *counter = before + took / 2;
        }
    }
}

static bool measure(uint64_t *timer_ticks, uint64_t *counter_ticks) {
    uint32_t end_reference, timer_start, timer_end;
    uint64_t end_counter, timer_start_counter, timer_end_counter;
    uint32_t ticks = (uint32_t)(reference.hz * SPIN / FE_SECOND);
    if (!wait_edge(reference.read(), 0, &start_reference, &start_counter))
        return false;
    fe_apic_timer_free_run();
    read_both(&timer_start, &timer_start_counter);
    if (!wait_edge(start_reference, ticks, &end_reference, &end_counter))
        return false;
    read_both(&timer_end, &timer_end_counter);
    *timer_ticks = timer_end - timer_start;
    *counter_ticks = timer_end_counter - timer_start_counter;
    counter_hz = (end_counter - start_counter) * reference.hz / ((end_reference - start_reference) & reference.mask);
    return counter_hz != 0;
}

/* The counter's rate as the CPU or the hypervisor states it, and the APIC timer's where known; 0 where not. */
static uint64_t stated_hz(uint64_t *timer_hz) {
    *timer_hz = 0;
    if (fe_x86_features.hypervisor && fe_x86_cpuid(0x40000000, 0).eax >= 0x40000010) {
        struct fe_x86_cpuid timing = fe_x86_cpuid(0x40000010, 0); /* kHz of TSC and of APIC bus */
        if (timing.eax && timing.ebx) {
            *timer_hz = (uint64_t)timing.ebx * 1000;
            return (uint64_t)timing.eax * 1000;
        }
    }
    if (fe_x86_features.largest_leaf >= 0x15) {
        struct fe_x86_cpuid ratio = fe_x86_cpuid(0x15, 0); /* TSC = crystal (ecx) * ebx / eax */
        if (ratio.eax && ratio.ebx && ratio.ecx) {
            *timer_hz = ratio.ecx;
            return (uint64_t)ratio.ecx * ratio.ebx / ratio.eax;
        }
        if (ratio.eax && ratio.ebx && fe_x86_features.largest_leaf >= 0x16) {
            uint64_t hz = (uint64_t)(fe_x86_cpuid(0x16, 0).eax & 0xffff) * 1000000; /* then the crystal follows from it */
            *timer_hz = hz * ratio.eax / ratio.ebx;
            return hz;
        }
    }
    return 0;
}

/* See struct fe_machine. The reference may have wrapped: how often, the first measurement is good enough to tell. */
static uint64_t refined(void) {
    uintptr_t state = fe_arch_interrupts_disable();
    uint32_t now_reference = reference.read();
    uint64_t elapsed = fe_arch_counter() - start_counter;
    fe_arch_interrupts_restore(state);
    if (elapsed >> 40) /* the products below must fit, and the wraps be countable */
        return counter_hz;
    uint64_t expected = elapsed * reference.hz / counter_hz;
    uint32_t off = (now_reference - start_reference - (uint32_t)expected) & reference.mask;
    int64_t correction = off > reference.mask / 2 ? (int64_t)off - (int64_t)reference.mask - 1 : (int64_t)off;
    uint64_t ticks = expected + (uint64_t)correction;
    uint64_t hz = ticks ? elapsed * reference.hz / ticks : 0;
    /* What differs by more than a fiftieth is no refinement but a reference that cannot be trusted. */
    return hz > counter_hz - counter_hz / 50 && hz < counter_hz + counter_hz / 50 ? hz : counter_hz;
}

fe_status fe_pc_clock_init(const struct fe_acpi *acpi, struct fe_machine *machine, fe_complain complain) {
    uint64_t timer_hz, timer_ticks, counter_ticks;
    counter_hz = stated_hz(&timer_hz);
    if (counter_hz) {
        fe_apic_timer_rate(timer_hz, counter_hz);
    } else {
        if (!choose_reference(acpi) || !measure(&timer_ticks, &counter_ticks)) {
            complain("no way to tell how fast the TSC runs: CPUID does not say, and there is no working PM timer or PIT");
            return FE_ENOTSUP;
        }
        fe_apic_timer_rate(timer_ticks, counter_ticks);
        machine->counter_hz_refined = refined;
    }
    machine->counter_hz = counter_hz;
    return FE_OK;
}

void fe_pc_delay(fe_nanoseconds length) {
    uint64_t start = fe_arch_counter(), ticks = length * (counter_hz / 1000) / 1000000;
    while (fe_arch_counter() - start < ticks)
        fe_arch_relax();
}
