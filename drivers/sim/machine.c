/* The machine of the simulation: its parts are arch/sim's; here they are named. */
#include <drivers/boot.h>

#include <arch/sim/sim.h>
#include <ferrite/io.h>

fe_status fe_machine_read_boot(const struct fe_boot_entry *entry, struct fe_boot_info *info, fe_complain complain) {
    const struct fe_sim_boot *boot = (const struct fe_sim_boot *)(uintptr_t)entry->information;
    *info = (struct fe_boot_info){.ram_count = 0};
    fe_boot_add_ram(info, "-m", 0, boot->memory_bytes, complain);
    fe_format(info->command_line, sizeof info->command_line, "%s", boot->command_line);
    return FE_OK;
}

static fe_status core_start(unsigned core, uint64_t place) {
    fe_sim_core_start(core, place);
    return FE_OK;
}

static void timer_stop(void) {
    fe_sim_timer(UINT64_MAX);
}

static void init_core(void) {
}

static void dispatch(unsigned vector) {
    if (vector == FE_SIM_VECTOR_WAKE)
        fe_machine_hooks.woken();
    else
        fe_machine_hooks.timer();
}

static fe_status no_lines(unsigned line, unsigned core) {
    (void)line, (void)core;
    return FE_ENOENT;
}

static void no_line(unsigned line) {
    (void)line;
}

fe_status fe_machine_discover(const struct fe_boot_entry *entry, const struct fe_boot_info *info,
                              struct fe_machine *machine, fe_complain complain) {
    (void)info, (void)complain;
    fe_format(machine->name, sizeof machine->name, "simulated");
    machine->power_off = fe_sim_end;
    machine->console_put = fe_sim_print;
    machine->core_count = machine->cores_present = ((const struct fe_sim_boot *)(uintptr_t)entry->information)->cores;
    for (unsigned i = 0; i < machine->core_count; i++)
        machine->core_ids[i] = i;
    machine->counter_hz = FE_SIM_HZ;
    machine->timer_arm = fe_sim_timer;
    machine->timer_stop = timer_stop;
    machine->interrupts_init_core = init_core;
    machine->interrupt_enable = no_lines;
    machine->interrupt_disable = no_line;
    machine->interrupt_dispatch = dispatch;
    machine->wake = fe_sim_wake;
    machine->core_start = core_start;
    return FE_OK;
}
