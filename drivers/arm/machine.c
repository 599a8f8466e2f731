/* Arm machines that come with a device tree: finds everything in it. */
#include "../boot.h"
#include "gic.h"

static const void *tree_of(const struct fe_boot_entry *entry) {
    return fe_direct(entry->information);
}

fe_status fe_machine_read_boot(const struct fe_boot_entry *entry, struct fe_boot_info *info, fe_complain complain) {
    size_t bytes;
    *info = (struct fe_boot_info){.ram_count = 0};
    if (entry->information == 0) {
        complain("the boot loader passed no device tree (x0 is 0)");
        return FE_EINVAL;
    }
    if (!fe_fdt_check(tree_of(entry), FE_FDT_MAX, &bytes, complain))
        return FE_EINVAL;
    fe_boot_reserve(info, entry->image_base, entry->image_bytes, complain);
    fe_boot_reserve(info, entry->information, bytes, complain);
    return fe_fdt_boot_info(tree_of(entry), info, complain);
}

static void name_machine(const void *tree, struct fe_machine *machine) {
    const char *name = fe_fdt_text(tree, 0, "model");
    if (!name)
        name = fe_fdt_text(tree, 0, "compatible");
    if (!name)
        name = "unnamed machine";
    size_t i = 0;
    for (; i < sizeof machine->name - 1 && name[i]; i++)
        machine->name[i] = name[i];
    machine->name[i] = 0;
}

/* The cores of the tree, the one that booted first. */
static void find_cores(const void *tree, struct fe_machine *machine, fe_complain complain) {
    uint32_t self = fe_arch_hardware_id();
    unsigned found = fe_fdt_cores(tree, machine->core_ids, FE_CORES_MAX);
    unsigned usable = found < FE_CORES_MAX ? found : FE_CORES_MAX;
    unsigned at = 0;
    while (at < usable && machine->core_ids[at] != self)
        at++;
    if (at == usable) {
        complain("the device tree does not name the core that booted (affinity %#x): one core", self);
        usable = 1;
        at = 0;
    } else {
        machine->core_ids[at] = machine->core_ids[0];
    }
    machine->core_ids[0] = self;
    machine->core_count = usable;
    machine->cores_present = found > usable ? found : usable;
}

fe_status fe_machine_discover(const struct fe_boot_entry *entry, const struct fe_boot_info *info,
                              struct fe_machine *machine, fe_complain complain) {
    (void)info;
    const void *tree = tree_of(entry);
    name_machine(tree, machine);
    fe_psci_init(tree, machine, complain);  /* first: even without a console the machine can be turned off */
    fe_pl011_init(tree, machine, complain); /* a machine without a console runs all the same */
    find_cores(tree, machine, complain);
    if (!machine->core_start)
        machine->core_count = 1;
    unsigned timer_line;
    fe_status status = fe_arm_timer_init(tree, machine, &timer_line, complain);
    if (status != FE_OK)
        return status;
    status = fe_gic3_init(tree, machine, timer_line, complain);
    if (status == FE_ENOENT)
        status = fe_gic2_init(tree, machine, timer_line, complain);
    if (status == FE_ENOENT)
        complain("the device tree has neither a GICv2 nor a GICv3 that is known here");
    if (status == FE_OK)
        machine->interrupts_init_core();
    return status;
}
