/*
 * GICv2: distributor and memory-mapped CPU interface, at most eight cores. Where it has security states we see the
 * non-secure side, in which every interrupt of ours is in group 1; where it has none, group 0 serves.
 */
#include "gic.h"

#define GICD_CTLR 0x000
#define GICD_TYPER 0x004
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_ICPENDR 0x280
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_SGIR 0xf00
#define GICC_CTLR 0x00
#define GICC_PMR 0x04
#define GICC_BPR 0x08
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10

static volatile void *distributor, *interface;
static unsigned lines, timer;
static uint8_t targets[8]; /* a core's bit at the distributor; written by each core as it starts */

static void dispatch(unsigned vector) {
    (void)vector;
    uint32_t acknowledged;
    while (((acknowledged = fe_register_read(interface, GICC_IAR)) & 0x3ff) < FE_GIC_LINE_MAX) {
        unsigned line = acknowledged & 0x3ff;
        if (line < 16) { /* ended first: stopping does not return */
            fe_register_write(interface, GICC_EOIR, acknowledged);
            fe_gic_handle(line);
        } else {
            fe_gic_handle(line);
            fe_register_write(interface, GICC_EOIR, acknowledged);
        }
    }
}

static void set_priority(unsigned line) {
    ((volatile uint8_t *)distributor)[GICD_IPRIORITYR + line] = FE_GIC_PRIORITY;
}

static void init_core(void) {
    unsigned index = fe_arch_core()->index;
    if (index < FE_ARRAY_LENGTH(targets)) {
        uint8_t mine = ((volatile uint8_t *)distributor)[GICD_ITARGETSR]; /* of a private interrupt: this core's bit */
        targets[index] = mine ? mine : (uint8_t)(1u << index);            /* one-core controllers read as zero */
    }
    fe_register_write(distributor, GICD_ICENABLER, UINT32_C(0xffff0000));
    for (unsigned line = 0; line < 32; line++)
        set_priority(line);
    fe_register_write(distributor, GICD_ISENABLER, 0xffff | UINT32_C(1) << timer);
    fe_register_write(interface, GICC_PMR, 0xf0);
    fe_register_write(interface, GICC_BPR, 0);
    fe_register_write(interface, GICC_CTLR, 1);
}

static fe_status enable(unsigned line, unsigned core) {
    if (line < 16 || line >= lines || core >= FE_ARRAY_LENGTH(targets) || !targets[core])
        return FE_EINVAL;
    set_priority(line);
    if (line >= 32)
        ((volatile uint8_t *)distributor)[GICD_ITARGETSR + line] = targets[core];
    fe_arch_device_barrier();
    fe_register_write(distributor, GICD_ISENABLER + line / 32 * 4, UINT32_C(1) << line % 32);
    return FE_OK;
}

static void disable(unsigned line) {
    if (line < lines)
        fe_register_write(distributor, GICD_ICENABLER + line / 32 * 4, UINT32_C(1) << line % 32);
}

static void wake(unsigned core) {
    fe_arch_device_barrier(); /* what the core is woken for comes first */
    fe_register_write(distributor, GICD_SGIR, (uint32_t)targets[core] << 16 | FE_GIC_WAKE);
}

static void stop_others(void) {
    fe_arch_device_barrier();
    fe_register_write(distributor, GICD_SGIR, UINT32_C(1) << 24 | FE_GIC_STOP); /* all but this core */
}

fe_status fe_gic2_init(const void *tree, struct fe_machine *machine, unsigned timer_line, fe_complain complain) {
    static const char *const known[] = {"arm,cortex-a15-gic", "arm,gic-400", "arm,cortex-a9-gic", "arm,cortex-a7-gic"};
    int node = -1;
    for (size_t i = 0; i < FE_ARRAY_LENGTH(known) && node < 0; i++)
        node = fe_fdt_find(tree, -1, known[i]);
    if (node < 0)
        return FE_ENOENT;
    struct fe_memory_range distributor_range, interface_range;
    if (!fe_fdt_reg(tree, node, 0, &distributor_range) || !fe_fdt_reg(tree, node, 1, &interface_range)) {
        complain("GICv2: the device tree gives no usable registers (reg) for it");
        return FE_EINVAL;
    }
    distributor = fe_arch_map_device(distributor_range.base, distributor_range.bytes);
    interface = fe_arch_map_device(interface_range.base, interface_range.bytes);
    if (!distributor || !interface)
        return FE_ENOMEM;
    timer = timer_line;
    fe_gic_set_timer(timer_line);
    lines = ((fe_register_read(distributor, GICD_TYPER) & 31) + 1) * 32;
    if (lines > FE_GIC_LINE_MAX)
        lines = FE_GIC_LINE_MAX;
    fe_register_write(distributor, GICD_CTLR, 0);
    for (unsigned line = 32; line < lines; line += 32) {
        fe_register_write(distributor, GICD_ICENABLER + line / 8, UINT32_MAX);
        fe_register_write(distributor, GICD_ICPENDR + line / 8, UINT32_MAX);
    }
    fe_register_write(distributor, GICD_CTLR, 1);
    if (machine->core_count > FE_ARRAY_LENGTH(targets)) {
        complain("GICv2 serves 8 cores: %u of %u are left out", machine->core_count - 8, machine->core_count);
        machine->core_count = FE_ARRAY_LENGTH(targets);
    }
    machine->interrupt_dispatch = dispatch;
    machine->interrupts_init_core = init_core;
    machine->interrupt_enable = enable;
    machine->interrupt_disable = disable;
    machine->wake = wake;
    machine->stop_others = stop_others;
    return FE_OK;
}
