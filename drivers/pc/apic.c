/*
 * The local APIC: each core's own interrupt controller. Intel SDM volume 3, chapter 11 ("APIC").
 *
 * It has two faces, a page of fe_apic_registers (xAPIC) and MSRs (x2APIC). The page is used unless the firmware left the other on, an
 * id needs it (above 254), or a hypervisor offers it (MSRs are then cheaper exits, and no interrupt remapping is needed).
 *
 * Interrupts to other cores are two register writes in xAPIC mode, so they are sent with interrupts masked: a handler that
 * sent one in between would send ours to its target.
 */
#include "pc.h"

#include <ferrite/log.h>

#undef FE_LOG_MODULE
#define FE_LOG_MODULE "apic"

#define MSR_APIC_BASE 0x1b
#define BASE_X2APIC (UINT64_C(1) << 10)
#define BASE_ENABLE (UINT64_C(1) << 11)
#define BASE_ADDRESS UINT64_C(0x000ffffffffff000)
#define MSR_X2APIC_ICR 0x830

#define ID 0x20
#define TASK_PRIORITY 0x80
#define SPURIOUS 0xf0
#define SPURIOUS_ENABLE (1u << 8)
#define COMMAND_LOW 0x300
#define COMMAND_HIGH 0x310
#define VECTOR_LINT0 0x350
#define VECTOR_LINT1 0x360
#define VECTOR_ERROR 0x370
#define VECTOR_MASKED (1u << 16)

#define DELIVER_NMI (4u << 8)
#define DELIVER_INIT (5u << 8)
#define DELIVER_STARTUP (6u << 8)
#define DELIVERY_PENDING (1u << 12)
#define LEVEL_ASSERT (1u << 14)

volatile uint32_t *fe_apic_registers; /* NULL in x2APIC mode */

/* The cores that run, by index: each sets its own, once it can take interrupts. */
static bool running[FE_CORES_MAX];

fe_status fe_apic_init(uint32_t id_limit, fe_complain complain) {
    uint64_t base = fe_x86_msr_read(MSR_APIC_BASE);
    bool extended = (base & BASE_X2APIC) || (fe_x86_features.x2apic && (fe_x86_features.hypervisor || id_limit > 254));
    if (extended)
        return FE_OK;
    fe_apic_registers = fe_arch_map_device(base & BASE_ADDRESS, FE_PAGE_SIZE);
    if (!fe_apic_registers) {
        complain("no memory to map the local APIC at 0x%llx", (unsigned long long)(base & BASE_ADDRESS));
        return FE_ENOMEM;
    }
    return FE_OK;
}

void fe_apic_init_core(void) {
    uint64_t base = fe_x86_msr_read(MSR_APIC_BASE);
    if (!(base & BASE_ENABLE)) /* x2APIC mode is entered from xAPIC mode only */
        fe_x86_msr_write(MSR_APIC_BASE, base |= BASE_ENABLE);
    if (!fe_apic_registers && !(base & BASE_X2APIC))
        fe_x86_msr_write(MSR_APIC_BASE, base | BASE_X2APIC);
    fe_apic_write(TASK_PRIORITY, 0);
    fe_apic_write(VECTOR_LINT0, VECTOR_MASKED); /* the 8259's way in */
    fe_apic_write(VECTOR_LINT1, VECTOR_MASKED);
    fe_apic_write(VECTOR_ERROR, FE_X86_VECTOR_ERROR);
    fe_apic_write(SPURIOUS, SPURIOUS_ENABLE | FE_X86_VECTOR_SPURIOUS);
    fe_apic_write(FE_APIC_ERROR_STATUS, 0);
    fe_apic_end_of_interrupt(); /* whatever the firmware left in service */
    fe_apic_timer_init_core();
    __atomic_store_n(&running[fe_arch_core()->index], true, __ATOMIC_RELEASE); /* pairs with fe_apic_stop_others */
}

uint32_t fe_apic_id(void) {
    uint32_t id = fe_apic_read(ID);
    return fe_apic_registers ? id >> 24 : id;
}

/* Writes the interrupt command register. Memory written before is visible to who takes the interrupt. */
static void command(uint32_t id, uint32_t low) {
    if (!fe_apic_registers) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* wrmsr to an x2APIC register orders nothing */
        fe_x86_msr_write(MSR_X2APIC_ICR, (uint64_t)id << 32 | low);
        return;
    }
    uintptr_t state = fe_arch_interrupts_disable();
    /* A command may still be on its way out. Bounded: an APIC that is stuck must not hang a panic. */
    for (unsigned tries = 0; (fe_apic_registers[COMMAND_LOW / 4] & DELIVERY_PENDING) && tries < 100000; tries++)
        fe_arch_relax();
    fe_apic_registers[COMMAND_HIGH / 4] = id << 24;
    fe_apic_registers[COMMAND_LOW / 4] = low;
    fe_arch_interrupts_restore(state);
}

void fe_apic_wake(unsigned core) {
    command(fe_machine.core_ids[core], LEVEL_ASSERT | FE_X86_VECTOR_WAKE);
}

/* Bounded: a core that does not even take an NMI must not hang who asks. */
bool fe_apic_sample(unsigned core, struct fe_arch_place *place) {
    struct fe_x86_sample *sample = &fe_x86_samples[core];
    __atomic_store_n(&sample->wanted, true, __ATOMIC_RELEASE);
    command(fe_machine.core_ids[core], LEVEL_ASSERT | DELIVER_NMI);
    for (unsigned tries = 0; tries < 2000; tries++) {
        if (!__atomic_load_n(&sample->wanted, __ATOMIC_ACQUIRE)) { /* pairs with fe_x86_fault */
            *place = sample->place;
            return true;
        }
        fe_pc_delay(10 * FE_MICROSECOND);
    }
    return false;
}

/* One by one: to a core that was never started, an NMI would be a start in the firmware. */
void fe_apic_stop_others(void) {
    fe_x86_stopping = true;
    unsigned self = fe_arch_core()->index;
    for (unsigned i = 0; i < fe_machine.core_count; i++) /* acquire: pairs with the release in fe_apic_init_core */
        if (i != self && __atomic_load_n(&running[i], __ATOMIC_ACQUIRE))
            command(fe_machine.core_ids[i], LEVEL_ASSERT | DELIVER_NMI);
}

/*
 * INIT, then start-up IPIs until the core has begun. A start-up IPI is lost on a core that has not yet taken its INIT and
 * ignored by one that runs, so repeating it is safe, and nothing depends on how fast the other core is; a second INIT could
 * kill a core that was merely slow. The 10 ms after INIT are for machines with a bus between their APICs (SDM, MP init).
 */
fe_status fe_apic_core_start(unsigned core, uint64_t entry) {
    if (entry == 0 || entry >= 0x100000 || (entry & (FE_PAGE_SIZE - 1)))
        return FE_EINVAL;
    uint32_t id = fe_machine.core_ids[core];
    command(id, LEVEL_ASSERT | DELIVER_INIT);
    if (!fe_x86_features.hypervisor)
        fe_pc_delay(10 * FE_MILLISECOND);
    for (unsigned tries = 0; tries < 1000; tries++) {
        command(id, LEVEL_ASSERT | DELIVER_STARTUP | (uint32_t)(entry >> FE_PAGE_SHIFT));
        for (unsigned polls = 0; polls < 100; polls++) {
            if (fe_x86_trampoline_reached())
                return FE_OK;
            fe_pc_delay(10 * FE_MICROSECOND);
        }
    }
    return FE_EIO;
}
