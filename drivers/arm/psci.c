/* PSCI (0.2 and later): starting cores and turning the machine off, by calls to the firmware. */
#include "gic.h"

#include <arch/aarch64/registers.h>

#define CPU_ON 0xc4000003u
#define SYSTEM_OFF 0x84000008u
#define ALREADY_ON (-4)

static bool by_hypervisor; /* immutable after start */

static fe_status start(unsigned core, uint64_t entry) {
    uint32_t id = fe_machine.core_ids[core];
    uint64_t affinity = (id & 0xffffff) | (uint64_t)(id >> 24) << 32;
    int32_t result = (int32_t)fe_arm_call(by_hypervisor, CPU_ON, affinity, entry, 0); /* 32 bits, by the specification */
    return result == 0 ? FE_OK : result == ALREADY_ON ? FE_EBUSY : FE_EIO;
}

static FE_NORETURN void power_off(int status) {
    (void)status; /* the last line on the console says it */
    fe_arm_call(by_hypervisor, SYSTEM_OFF, 0, 0, 0);
    fe_arch_halt();
}

static FE_NORETURN void halt(int status) {
    (void)status;
    fe_arch_halt();
}

fe_status fe_psci_init(const void *tree, struct fe_machine *machine, fe_complain complain) {
    machine->power_off = halt;
    int node = fe_fdt_find(tree, -1, "arm,psci-1.0");
    if (node < 0)
        node = fe_fdt_find(tree, -1, "arm,psci-0.2");
    const char *method = node < 0 ? NULL : fe_fdt_text(tree, node, "method");
    if (!method || (__builtin_strcmp(method, "hvc") != 0 && __builtin_strcmp(method, "smc") != 0)) {
        complain("the device tree has no PSCI 0.2 with method hvc or smc: one core, and no power-off");
        machine->core_count = 1;
        return FE_ENOENT;
    }
    by_hypervisor = method[0] == 'h';
    machine->core_start = start;
    machine->power_off = power_off;
    return FE_OK;
}
