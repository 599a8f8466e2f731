/*
 * Boot: the kernel put together, level by level. The table below is the whole order; each level says what is available
 * once it has run. Logging works throughout: lines wait in the boot core's ring until there is a console.
 *
 * A level that fails names itself and why, and the machine is turned off with status 103. What a level can do without,
 * it warns of and goes on.
 */
#define FE_LOG_MODULE "boot"
#include "console.h"
#include "cores.h"
#include "env.h"
#include "files.h"
#include "log.h"
#include "main.h"
#include "panic.h"
#include "state.h"
#include "symbols.h"
#include "trap.h"
#include "version.h"

#include <drivers/drivers.h>
#include <ferrite/program.h>
#include <heap/exchange.h>
#include <heap/page.h>
#include <sched/clock.h>
#include <sched/scheduler.h>

#define MIB (UINT64_C(1) << 20)
#define QUARANTINE_MOST (16 * MIB)

FE_BOOT_MEMORY static struct fe_boot_info boot_info;

static uint64_t ram_bytes(void) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < boot_info.ram_count; i++)
        bytes += boot_info.ram[i].bytes;
    return bytes;
}

static fe_status read_boot_data(void) {
    fe_status status = fe_machine_read_boot(&fe_kernel_state.entry, &boot_info, fe_log_complain);
    fe_kernel_state.initrd = boot_info.initrd;
    return status;
}

static fe_status read_settings(void) {
    if (boot_info.command_line_cut)
        fe_log_complain("command line: longer than %d bytes; cut", FE_COMMAND_LINE_MAX - 1);
    fe_env_init(boot_info.command_line);
    static const char *const consoles[] = {"terminal", "pipe"};
    fe_kernel_state.is_terminal = fe_env_choice("console", consoles, FE_ARRAY_LENGTH(consoles), 0) == 0;
    const char *log = fe_env("log");
    if (log != NULL)
        (void)fe_log_set(log); /* what is malformed has been warned of */
    return FE_OK;
}

static enum fe_heap_poison poison_setting(enum fe_heap_poison otherwise) {
    static const char *const names[] = {
        [FE_HEAP_POISON_OFF] = "off", [FE_HEAP_POISON_FIRST] = "first", [FE_HEAP_POISON_ALL] = "all"};
    const char *value = fe_env("poison");
    for (unsigned n = 0; value != NULL && n < FE_ARRAY_LENGTH(names); n++)
        if (__builtin_strcmp(value, names[n]) == 0)
            return (enum fe_heap_poison)n;
    if (value != NULL)
        fe_log_complain("command line: poison=%s: choose off, first or all; %s holds", value, names[otherwise]);
    return otherwise;
}

static void configure_heap(void) {
    struct fe_heap_settings heap = fe_heap_default_settings();
    heap.seed = fe_env_number("seed", 1, 1, UINT64_MAX);
    heap.poison = poison_setting(heap.poison);
    heap.quarantine = (size_t)fe_env_number("quarantine", heap.quarantine, 0, QUARANTINE_MOST);
#ifndef FE_CHECKED
    if (heap.quarantine != 0)
        fe_log_complain("command line: quarantine= is for checked builds (BUILD=checked); there is none");
#endif
    fe_heap_configure(&heap);
}

static fe_status init_pages(void) {
    const struct fe_boot_info *boot = &boot_info;
    configure_heap();
    uint64_t base, end, needed = 0;
    fe_arch_early_direct(&base, &end);
    fe_status status = fe_page_init(boot->ram, boot->ram_count, boot->reserved, boot->reserved_count, base, end, &needed);
    if (status == FE_ENOMEM)
        fe_error("the machine has %llu MiB of memory, and %llu MiB are needed: give it more (MEM=)",
                 (unsigned long long)(ram_bytes() / MIB), (unsigned long long)((needed + MIB - 1) / MIB));
    return status;
}

static fe_status init_paging(void) {
    fe_arch_table_source = fe_page_alloc_zeroed;
    fe_status status = fe_arch_paging_init(boot_info.ram, boot_info.ram_count);
    if (status == FE_OK)
        fe_page_late();
    return status;
}

static fe_status init_traps(void) {
    fe_arch_hooks.interrupt = fe_scheduler_interrupt;
    fe_arch_hooks.resumed = fe_scheduler_resumed;
    fe_arch_hooks.fault = fe_trap_fault;
    return fe_arch_core_init(fe_arch_core());
}

static fe_status discover_machine(void) {
    fe_machine_hooks.timer = fe_scheduler_timer_interrupt;
    fe_machine_hooks.woken = fe_scheduler_wake_interrupt;
    fe_status status = fe_machine_discover(&fe_kernel_state.entry, &boot_info, &fe_machine, fe_log_complain);
    if (status == FE_OK && fe_machine.counter_hz == 0) {
        fe_error("the machine's clock has no known rate");
        status = FE_ENOTSUP;
    }
    if (status == FE_OK)
        fe_clock_init(fe_kernel_state.entry.counter, fe_machine.counter_hz);
    return status;
}

static fe_status start_cores(void) {
    unsigned present = fe_machine.core_count;
    if (fe_machine.cores_present > present)
        fe_warn("the machine has %u cores; %u are used", fe_machine.cores_present, present);
    unsigned wanted = (unsigned)fe_env_number("cores", present, 1, FE_CORES_MAX);
    if (wanted > present)
        fe_warn("cores=%u: the machine has %u", wanted, present);
    unsigned running = fe_cores_start(wanted < present ? wanted : present);
    fe_status status = fe_scheduler_init(running);
    if (status != FE_OK)
        return status;
    fe_main_set_hooks();
    fe_log_start_events(fe_arch_core());
    atomic_store_explicit(&fe_kernel_state.cores, running, memory_order_release); /* for reports; pairs with their loads */
    if (fe_machine.counter_hz_refined) { /* some time has passed since the clock was measured, and nobody else reads it yet */
        fe_machine.counter_hz = fe_machine.counter_hz_refined();
        fe_clock_refine(fe_machine.counter_hz);
    }
    fe_cores_release();
    return FE_OK;
}

static void *stack_top; /* of the stack that this core goes on with; NULL: the one that it has */

static fe_status make_stack(void) {
    bool in_boot_memory = fe_boot_end - fe_boot_start != 0;
    return in_boot_memory ? fe_cores_make_stack(0, &stack_top) : FE_OK;
}

static fe_status start_input(void) {
    fe_console_input_start();
    return FE_OK;
}

static void show_machine(void) {
    const struct fe_kernel_state *state = &fe_kernel_state;
    struct fe_page_statistics pages;
    fe_page_statistics(&pages);
    uint64_t mhz = (fe_machine.counter_hz + 500000) / 1000000;
    fe_log_boot("ferrite " FE_VERSION " on %s: %s, clock %llu MHz", fe_arch_name, fe_machine.name, (unsigned long long)mhz);
    char level[32] = "";
    if (state->entry.level > 0)
        fe_format(level, sizeof(level), ", entered at EL%u", state->entry.level);
    fe_log_boot("image: %s, %u KiB at 0x%llx%s", fe_image_name, (unsigned)((fe_image_end - fe_image_start) / 1024),
                (unsigned long long)state->entry.image_base, level);
    fe_log_boot("memory: %llu MiB, %llu MiB of it free", (unsigned long long)((ram_bytes() + MIB / 2) / MIB),
                (unsigned long long)(pages.free_pages * FE_PAGE_SIZE / MIB));
    for (unsigned i = 0; i < atomic_load_explicit(&state->cores, memory_order_relaxed); i++)
        fe_log_boot("core %u: scheduler up (hardware id 0x%x)", i, fe_machine.core_ids[i]);
    for (size_t i = 0; i < state->file_count; i++)
        fe_log_boot("file: %s, %zu bytes", state->files[i].name, state->files[i].bytes);
}

static fe_status announce(void) {
    show_machine();
    uint64_t ticks = fe_arch_counter() - fe_kernel_state.entry.counter;
    unsigned cores = atomic_load_explicit(&fe_kernel_state.cores, memory_order_relaxed); /* this core wrote it */
    fe_log_boot("ferrite: %u %s, %llu MiB, up in %llu us", cores, cores == 1 ? "core" : "cores",
                (unsigned long long)((ram_bytes() + MIB / 2) / MIB),
                (unsigned long long)(ticks * 1000000 / fe_machine.counter_hz));
    return FE_OK;
}

extern const fe_boot_function fe_at_boot_start[], fe_at_boot_end[];

static fe_status call_program(void) {
    size_t count = (size_t)((uintptr_t)fe_at_boot_end - (uintptr_t)fe_at_boot_start) / sizeof(fe_at_boot_start[0]);
    for (size_t i = 0; i < count; i++)
        fe_at_boot_start[i]();
    return FE_OK;
}

static const struct level {
    const char *name;
    fe_status (*run)(void);
} levels[] = {
    {"boot data", read_boot_data}, /* what memory there is, what is in it, and the command line */
    {"settings", read_settings},   /* fe_env; log= and console= hold */
    {"pages", init_pages},         /* physical pages and the boot core's heap, in the memory that entry code mapped */
    {"paging", init_paging}, /* final page tables: all memory, W^X, null unmapped; device registers can be mapped */
    {"traps", init_traps},   /* faults are reported */
    {"machine", discover_machine}, /* console (waiting log lines appear), interrupt controller, clock, cores, power */
    {"program", call_program},     /* FE_AT_BOOT: what the program does before there are schedulers */
    {"cores", start_cores},        /* a scheduler on every core; the others run from here on */
    {"files", fe_files_init},      /* fe_file_find */
    {"announcement", announce},    /* the first screen */
    {"stack", make_stack},         /* the boot stack goes, with the rest of what only booting needs */
    {"input", start_input},        /* fe_console_read; the runner starts to feed input */
    {"main task", fe_main_spawn},  /* the program runs as soon as this core's scheduler does */
};

FE_BOOT_MEMORY static struct { uint64_t ticks, instructions; } spent[FE_ARRAY_LENGTH(levels)];

FE_NORETURN static void refuse(const struct level *level, fe_status status) {
    /* Too little memory, say, fails before there is a console. Whatever the drivers can do as things are may bring one.
     */
    if (fe_machine.console_put == NULL &&
        fe_machine_discover(&fe_kernel_state.entry, &boot_info, &fe_machine, fe_log_complain) != FE_OK)
        fe_log_complain("the machine's devices could not all be found");
    fe_log_boot("ferrite: boot refused at level '%s': %s", level->name, fe_status_string(status));
    fe_console_seize();
    fe_exit_machine(FE_EXIT_BOOT_REFUSED);
}

static void show_levels(void) {
    for (size_t i = 0; i < FE_ARRAY_LENGTH(levels); i++)
        fe_info("level %s: %llu us, %llu instructions", levels[i].name,
                (unsigned long long)(spent[i].ticks * 1000000 / fe_machine.counter_hz),
                (unsigned long long)spent[i].instructions);
}

/* Gives what only booting needed to the page allocator: this stack is not the boot stack any more. A core that did not
 * start in time may still come, by way of entry code's tables: then they stay. */
static void free_boot_memory(void) {
    if (fe_cores_some_missing())
        return;
    fe_arch_unmap((uintptr_t)fe_boot_start, (size_t)(fe_boot_end - fe_boot_start));
    fe_arch_tlb_flush((uintptr_t)fe_boot_start, (size_t)(fe_boot_end - fe_boot_start));
    fe_page_add(fe_kernel_state.entry.image_base + (uint64_t)(fe_image_end - fe_image_start),
                (uint64_t)(fe_boot_end - fe_image_end));
}

static void booted(void *unused) {
    (void)unused;
    free_boot_memory();
    fe_scheduler_run();
}

void fe_kernel_boot(const struct fe_boot_entry *entry) {
    struct fe_core *core = fe_scheduler_boot_core();
    fe_log_init_boot_core(core);
    fe_kernel_state.entry = *entry;
    for (size_t i = 0; i < FE_ARRAY_LENGTH(levels); i++) {
        uint64_t ticks = fe_arch_counter(), instructions = fe_arch_instructions();
        fe_status status = levels[i].run();
        if (status != FE_OK)
            refuse(&levels[i], status);
        spent[i].ticks = fe_arch_counter() - ticks;
        spent[i].instructions = fe_arch_instructions() - instructions;
    }
    if (fe_log_enabled("boot", FE_LOG_INFO))
        show_levels();
    if (stack_top == NULL)
        fe_scheduler_run();
    struct fe_arch_context context;
    fe_arch_context_make(&context, stack_top, booted);
    fe_arch_resume(NULL, &context);
}
