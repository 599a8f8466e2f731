/* A Linux process as a machine: what it was started with, threads for cores, and where its devices are. */
#define _GNU_SOURCE
#include "../boot.h"
#include "host.h"

#include <fcntl.h>
#include <ferrite/io.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static const struct fe_host_boot *boot_of(const struct fe_boot_entry *entry) {
    return (const struct fe_host_boot *)(uintptr_t)entry->information;
}

/* Reads the file at `path` into the end of memory, as a boot loader would put it there. */
static void load_initrd(const char *path, uint64_t memory_bytes, struct fe_boot_info *info, fe_complain complain) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0 || status.st_size < 0) {
        complain("initrd: %s cannot be read", path);
    } else if ((uint64_t)status.st_size > memory_bytes / 2) {
        complain("initrd: %s has %lld bytes, and memory %llu", path, (long long)status.st_size,
                 (unsigned long long)memory_bytes);
    } else {
        uint64_t bytes = (uint64_t)status.st_size, base = (memory_bytes - bytes) & ~(uint64_t)(FE_PAGE_SIZE - 1);
        uint64_t done = 0;
        ssize_t got = 1;
        while (done < bytes && got > 0) {
            got = read(file, (char *)fe_direct(base) + done, bytes - done);
            done += got > 0 ? (uint64_t)got : 0;
        }
        if (done < bytes)
            complain("initrd: %s ended early", path);
        fe_boot_set_initrd(info, base, done, complain);
    }
    if (file >= 0)
        close(file);
}

fe_status fe_machine_read_boot(const struct fe_boot_entry *entry, struct fe_boot_info *info, fe_complain complain) {
    const struct fe_host_boot *boot = boot_of(entry);
    *info = (struct fe_boot_info){.ram_count = 0};
    fe_boot_add_ram(info, "-m", 0, boot->memory_bytes, complain);
    if (boot->initrd)
        load_initrd(boot->initrd, boot->memory_bytes, info, complain);
    size_t length = __builtin_strlen(boot->command_line);
    info->command_line_cut = length >= sizeof info->command_line;
    if (info->command_line_cut)
        length = sizeof info->command_line - 1;
    __builtin_memcpy(info->command_line, boot->command_line, length);
    return FE_OK;
}

static void *thread_main(void *place) {
    fe_host_core_begin((uint64_t)(uintptr_t)place);
}

static fe_status core_start(unsigned core, uint64_t place) {
    pthread_t thread;
    (void)core;
    return pthread_create(&thread, NULL, thread_main, (void *)(uintptr_t)place) == 0 ? FE_OK : FE_ENOMEM;
}

static void dispatch(unsigned vector) {
    switch (vector) {
    case FE_HOST_VECTOR_WAKE:
        fe_machine_hooks.woken();
        break;
    case FE_HOST_VECTOR_TIMER:
        fe_machine_hooks.timer();
        break;
    default:
        fe_host_console_interrupt();
    }
}

static fe_status no_lines(unsigned line, unsigned core) {
    (void)line;
    (void)core;
    return FE_ENOENT;
}

static void no_line(unsigned line) {
    (void)line;
}

static FE_NORETURN void power_off(int status) {
    extern void __gcov_dump(void) __attribute__((weak)); /* there with COVERAGE=y */
    if (__gcov_dump)
        __gcov_dump();
    _exit(status);
}

fe_status fe_machine_discover(const struct fe_boot_entry *entry, const struct fe_boot_info *info,
                              struct fe_machine *machine, fe_complain complain) {
    (void)info;
    (void)complain;
    struct utsname linux_name;
    bool known = uname(&linux_name) == 0;
    fe_format(machine->name, sizeof machine->name, "a process on Linux %s", known ? linux_name.release : "");
    machine->power_off = power_off;
    machine->console_put = fe_host_console_put;
    machine->console_start = fe_host_console_start;
    machine->console_hold = fe_host_console_hold;
    machine->core_count = machine->cores_present = boot_of(entry)->cores;
    for (unsigned i = 0; i < machine->core_count; i++)
        machine->core_ids[i] = i;
    fe_host_clock_init(machine);
    machine->loop = &fe_loop_libuv;
    machine->poll = fe_host_loop_poll;
    machine->interrupts_init_core = fe_host_loop_init_core;
    machine->interrupt_enable = no_lines;
    machine->interrupt_disable = no_line;
    machine->interrupt_dispatch = dispatch;
    machine->wake = fe_loop_libuv.wake;
    machine->core_start = core_start;
    machine->interrupts_init_core();
    return FE_OK;
}
