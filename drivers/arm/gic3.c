/*
 * GICv3: distributor, a redistributor for each core (found by walking their frames), and the CPU interface in system
 * registers. Affinity routing is on; every interrupt of ours is in non-secure group 1.
 */
#include "gic.h"

#include <arch/aarch64/registers.h>

#define GICD_CTLR 0x0000
#define GICD_TYPER 0x0004
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ICPENDR 0x0280
#define GICD_IPRIORITYR 0x0400
#define GICD_IROUTER 0x6000
/* These two bits are the same with one security state, and on our side of two. */
#define GICD_CTLR_GROUP1 (1u << 1)
#define GICD_CTLR_AFFINITY (1u << 4)
#define GICD_CTLR_BUSY (1u << 31)

#define GICR_CTLR 0x0000
#define GICR_CTLR_BUSY (1u << 3)
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_PRIVATE 0x10000 /* the frame with the private interrupts' registers, laid out as the distributor's */
#define GICR_TYPER_VIRTUAL (1u << 1)
#define GICR_TYPER_LAST (1u << 4)
#define GICR_WAKER_SLEEP (1u << 1)
#define GICR_WAKER_ASLEEP (1u << 2)

#define REGIONS_MAX 8
#define PATIENCE 1000000 /* reads of a register that ought to change within a microsecond or so */

static volatile void *distributor;
static struct {
    volatile char *base;
    size_t bytes;
} regions[REGIONS_MAX];
static unsigned region_count, lines, timer;
static volatile char *redistributors[FE_CORES_MAX]; /* written by each core as it starts */
static fe_complain report;

static void dispatch(unsigned vector) {
    (void)vector;
    unsigned line;
    while ((line = (unsigned)fe_arm_read(FE_ICC_IAR1) & 0xffffff) < FE_GIC_LINE_MAX) {
        if (line < 16) { /* ended first: stopping does not return */
            fe_arm_write(FE_ICC_EOIR1, line);
            fe_gic_handle(line);
        } else {
            fe_gic_handle(line);
            fe_arm_write(FE_ICC_EOIR1, line);
        }
    }
}

/* The redistributor of the core with affinity `id`: its TYPER names it. */
static volatile char *find_redistributor(uint32_t id) {
    for (unsigned i = 0; i < region_count; i++) {
        for (size_t offset = 0; offset + 0x20000 <= regions[i].bytes;) {
            volatile char *frame = regions[i].base + offset;
            uint32_t low = fe_register_read(frame, GICR_TYPER);
            if (fe_register_read(frame, GICR_TYPER + 4) == id)
                return frame;
            if (low & GICR_TYPER_LAST)
                break;
            offset += low & GICR_TYPER_VIRTUAL ? 0x40000 : 0x20000;
        }
    }
    return NULL;
}

static void wait_for(volatile void *base, unsigned offset, uint32_t mask, const char *what) {
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (!(fe_register_read(base, offset) & mask))
            return;
    }
    report("GICv3: %s does not end; going on", what);
}

static void init_core(void) {
    uint32_t id = fe_arch_hardware_id();
    volatile char *frame = find_redistributor(id);
    if (!frame) {
        report("GICv3: no redistributor for the core with affinity %#x: it gets no interrupts", id);
        return;
    }
    redistributors[fe_arch_core()->index] = frame;
    fe_register_write(frame, GICR_WAKER, fe_register_read(frame, GICR_WAKER) & ~GICR_WAKER_SLEEP);
    wait_for(frame, GICR_WAKER, GICR_WAKER_ASLEEP, "a redistributor's waking");
    volatile char *private = frame + GICR_PRIVATE;
    fe_register_write(private, GICD_ICENABLER, UINT32_C(0xffff0000));
    wait_for(frame, GICR_CTLR, GICR_CTLR_BUSY, "disabling private interrupts");
    fe_register_write(private, GICD_IGROUPR, UINT32_MAX);
    for (unsigned line = 0; line < 32; line++)
        ((volatile uint8_t *)private)[GICD_IPRIORITYR + line] = FE_GIC_PRIORITY;
    fe_register_write(private, GICD_ISENABLER, 0xffff | UINT32_C(1) << timer);
    fe_arch_device_barrier();
    fe_arm_write(FE_ICC_SRE, fe_arm_read(FE_ICC_SRE) | 1);
    fe_arm_instruction_barrier();
    if (!(fe_arm_read(FE_ICC_SRE) & 1)) {
        report("GICv3: the firmware keeps its system registers from us (ICC_SRE_EL1): core %#x gets no interrupts", id);
        return;
    }
    fe_arm_write(FE_ICC_PMR, 0xf0);
    fe_arm_write(FE_ICC_BPR1, 0);
    fe_arm_write(FE_ICC_CTLR, 0); /* one write ends an interrupt */
    fe_arm_write(FE_ICC_IGRPEN1, 1);
    fe_arm_instruction_barrier();
}

static fe_status enable(unsigned line, unsigned core) {
    if (line < 16 || line >= lines || core >= fe_machine.core_count || !redistributors[core])
        return FE_EINVAL;
    if (line < 32) {
        fe_register_write(redistributors[core] + GICR_PRIVATE, GICD_ISENABLER, UINT32_C(1) << line);
        return FE_OK;
    }
    uint32_t id = fe_machine.core_ids[core];
    ((volatile uint8_t *)distributor)[GICD_IPRIORITYR + line] = FE_GIC_PRIORITY;
    fe_register_write(distributor, GICD_IROUTER + 8 * line, id & 0xffffff);
    fe_register_write(distributor, GICD_IROUTER + 8 * line + 4, id >> 24);
    fe_arch_device_barrier();
    fe_register_write(distributor, GICD_ISENABLER + line / 32 * 4, UINT32_C(1) << line % 32);
    return FE_OK;
}

static void disable(unsigned line) {
    if (line >= 32 && line < lines)
        fe_register_write(distributor, GICD_ICENABLER + line / 32 * 4, UINT32_C(1) << line % 32);
    else if (line < 32 && redistributors[fe_arch_core()->index])
        fe_register_write(redistributors[fe_arch_core()->index] + GICR_PRIVATE, GICD_ICENABLER, UINT32_C(1) << line);
}

static void send(uint32_t id, unsigned interrupt, uint64_t mode) {
    uint64_t aff0 = id & 0xff, aff1 = id >> 8 & 0xff, aff2 = id >> 16 & 0xff, aff3 = id >> 24;
    fe_arch_device_barrier(); /* what the core is woken for comes first */
    fe_arm_write(FE_ICC_SGI1R, aff3 << 48 | (aff0 >> 4) << 44 | mode << 40 | aff2 << 32 | (uint64_t)interrupt << 24 |
                                   aff1 << 16 | UINT64_C(1) << (aff0 & 15));
    fe_arm_instruction_barrier();
}

static void wake(unsigned core) {
    send(fe_machine.core_ids[core], FE_GIC_WAKE, 0);
}

static void stop_others(void) {
    send(0, FE_GIC_STOP, 1); /* all but this core */
}

fe_status fe_gic3_init(const void *tree, struct fe_machine *machine, unsigned timer_line, fe_complain complain) {
    int node = fe_fdt_find(tree, -1, "arm,gic-v3");
    if (node < 0)
        return FE_ENOENT;
    struct fe_memory_range range;
    if (!fe_fdt_reg(tree, node, 0, &range)) {
        complain("GICv3: the device tree gives no usable registers (reg) for it");
        return FE_EINVAL;
    }
    distributor = fe_arch_map_device(range.base, range.bytes);
    /* The CPU interface's old registers may follow, and reading those is not harmless. */
    uint64_t regions_given = 1;
    fe_fdt_number(tree, node, "#redistributor-regions", &regions_given);
    if (regions_given > REGIONS_MAX)
        complain("GICv3: %llu regions of redistributors; %u are used", (unsigned long long)regions_given, REGIONS_MAX);
    while (region_count < REGIONS_MAX && region_count < regions_given && fe_fdt_reg(tree, node, 1 + region_count, &range)) {
        regions[region_count].base = fe_arch_map_device(range.base, range.bytes);
        regions[region_count].bytes = range.bytes;
        if (!regions[region_count].base)
            return FE_ENOMEM;
        region_count++;
    }
    if (!distributor || region_count == 0) {
        complain("GICv3: the device tree gives no redistributors for it");
        return FE_EINVAL;
    }
    report = complain;
    timer = timer_line;
    fe_gic_set_timer(timer_line);
    lines = ((fe_register_read(distributor, GICD_TYPER) & 31) + 1) * 32;
    if (lines > FE_GIC_LINE_MAX)
        lines = FE_GIC_LINE_MAX;
    /* Groups off, then affinity routing: it may only change while they are off, and other registers depend on it. */
    fe_register_write(distributor, GICD_CTLR, fe_register_read(distributor, GICD_CTLR) & GICD_CTLR_AFFINITY);
    wait_for(distributor, GICD_CTLR, GICD_CTLR_BUSY, "switching the distributor off");
    fe_register_write(distributor, GICD_CTLR, GICD_CTLR_AFFINITY);
    wait_for(distributor, GICD_CTLR, GICD_CTLR_BUSY, "switching affinity routing on");
    for (unsigned line = 32; line < lines; line += 32) {
        fe_register_write(distributor, GICD_ICENABLER + line / 8, UINT32_MAX);
        fe_register_write(distributor, GICD_ICPENDR + line / 8, UINT32_MAX);
        fe_register_write(distributor, GICD_IGROUPR + line / 8, UINT32_MAX);
    }
    wait_for(distributor, GICD_CTLR, GICD_CTLR_BUSY, "disabling shared interrupts");
    fe_register_write(distributor, GICD_CTLR, GICD_CTLR_AFFINITY | GICD_CTLR_GROUP1);
    wait_for(distributor, GICD_CTLR, GICD_CTLR_BUSY, "switching the distributor on");
    machine->interrupt_dispatch = dispatch;
    machine->interrupts_init_core = init_core;
    machine->interrupt_enable = enable;
    machine->interrupt_disable = disable;
    machine->wake = wake;
    machine->stop_others = stop_others;
    return FE_OK;
}
