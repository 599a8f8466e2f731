/*
 * The machine around the cores: what drivers/ finds at boot from ACPI, the device tree or the boot structures and hands
 * down. Declared beside the port contract because every room above arch/ may use it.
 */
#ifndef FERRITE_MACHINE_H
#define FERRITE_MACHINE_H

#include "arch.h"

#define FE_BOOT_RANGES_MAX 64
#define FE_COMMAND_LINE_MAX 2048

/* What the boot loader handed over. Filled by fe_machine_read_boot, before the page allocator exists. */
struct fe_boot_info {
    struct fe_memory_range ram[FE_BOOT_RANGES_MAX]; /* usable memory, page-aligned inwards, sorted, disjoint */
    size_t ram_count;
    struct fe_memory_range reserved[FE_BOOT_RANGES_MAX]; /* of it in use: image, initrd, device tree, boot structures */
    size_t reserved_count;
    struct fe_memory_range initrd;          /* bytes 0: none */
    char command_line[FE_COMMAND_LINE_MAX]; /* terminated; cut if longer, and then command_line_cut is set */
    bool command_line_cut;
};

struct fe_loop_ops; /* sched/core.h */

struct fe_machine {
    char name[64]; /* such as "QEMU q35" or the device tree's model */

    /* Cores, index 0 being the one that booted. */
    uint32_t core_ids[FE_CORES_MAX]; /* hardware ids */
    unsigned core_count;             /* usable */
    unsigned cores_present;          /* found, more than core_count if there are more than FE_CORES_MAX */

    /* Clock: fe_arch_counter advances at counter_hz. Where that was measured in a hurry, counter_hz_refined answers with a
     * better figure, measured over the time since boot without waiting for anything (call it once or seldom, and within five
     * minutes; it is good for a part in a million after a second). NULL where counter_hz is exact. */
    uint64_t counter_hz;
    uint64_t (*counter_hz_refined)(void);

    /* One-shot timer of the calling core: interrupts as soon as fe_arch_counter reaches `counter` (at once if it has).
     * Called with interrupts masked or enabled. */
    void (*timer_arm)(uint64_t counter);
    void (*timer_stop)(void);

    /* Interrupt controller. */
    void (*interrupts_init_core)(void); /* on each core, interrupts masked */
    /* Routes interrupt `line` (the controller's global number) to `core`, and unmasks it. */
    fe_status (*interrupt_enable)(unsigned line, unsigned core);
    void (*interrupt_disable)(unsigned line);
    /* An interrupt was taken: asks the controller which where `vector` (see struct fe_arch_hooks) does not tell,
     * acknowledges it and runs what is behind it. For the interrupt hook, which counts and brackets it. */
    void (*interrupt_dispatch)(unsigned vector);
    /* Makes `core` take the wake-up interrupt. Any context. */
    void (*wake)(unsigned core);
    /* Where `core` is, be its interrupts masked; false: it does not say. NULL: the machine has no interrupt for that. */
    bool (*sample)(unsigned core, struct fe_arch_place *place);
    /* Makes every other core that runs take the stop interrupt (x86_64: NMI) and halt, for a panic. */
    void (*stop_others)(void);

    /* Where a core waits by other means than for interrupts: its event loop. NULL: interrupts do. */
    const struct fe_loop_ops *loop;
    /* Where devices do not interrupt: looks at the calling core's and runs the hooks. In scheduler context, at each of its
     * polls and while it waits by looking; seldom does more than read the counter. NULL: interrupts do. */
    void (*poll)(void);

    /* Starts a core at physical address `entry` (from fe_arch_core_prepare). */
    fe_status (*core_start)(unsigned core, uint64_t entry);

    /* Console: polled output, which works in any context, and input by interrupt. NULL: there is none. */
    void (*console_put)(const char *text, size_t bytes);
    /* Starts input: `line` is its interrupt; the driver calls console_received for each byte from its handler. */
    fe_status (*console_start)(void);
    /* Holds input back, or lets it come again: meanwhile it stays in the device, and with whoever sends it. Any context. */
    void (*console_hold)(bool hold);

    /* Turns the machine off. `status` reaches the host where the machine has a way for that. */
    FE_NORETURN void (*power_off)(int status);
};

/* The machine, filled at boot, read-only afterwards. */
extern struct fe_machine fe_machine;

/*
 * What the machine's drivers call; set at boot by the rooms above, before interrupts are enabled. All run in interrupt
 * handlers: they post and return.
 */
struct fe_machine_hooks {
    void (*timer)(void);                                         /* this core's one-shot timer fired */
    void (*woken)(void);                                         /* this core took a wake-up interrupt */
    bool (*console_received)(const uint8_t *data, size_t bytes); /* at most 64; false: held back, so read no more now */
};
extern struct fe_machine_hooks fe_machine_hooks;

/* Device interrupts: `handler(argument)` runs in the interrupt handler of the line. Set before the line is enabled.
 * FE_EBUSY: it has a handler already; FE_EINVAL: no such line; FE_ENOMEM: too many lines have one. */
FE_MUST_CHECK fe_status fe_interrupt_register(unsigned line, void (*handler)(void *argument), void *argument);

#endif
