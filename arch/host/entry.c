/*
 * Entry: main() as the boot loader. Options as QEMU's, so that the two are told the same:
 *
 *     hello.elf [-smp CORES] [-m SIZE] [-initrd FILE] [-append "command line"] [-- words of the program]
 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_DEFAULT (UINT64_C(512) << 20)
#define COMMAND_LINE 4096 /* longer than what is taken, so that the kernel sees what is cut */

enum { STATUS_REFUSED = 103 };

static FE_NORETURN void refuse(const char *option, const char *text, const char *why) {
    fprintf(stderr, "%s %s: %s\n", option, text, why);
    exit(STATUS_REFUSED);
}

static uint64_t memory_size(const char *text) {
    static const char units[] = "KMGT";
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : &units[1];
    if (value == 0 || !unit || (*end && end[1]) || value > UINT64_MAX >> (10 * (unit - units + 1)))
        refuse("-m", text, "give a number with K, M, G or T, such as 512M");
    value <<= 10 * (unit - units + 1);
    if (value > FE_STACKS_BASE - FE_DIRECT_BASE)
        refuse("-m", text, "more than this port has addresses for");
    return value & ~(uint64_t)(FE_PAGE_SIZE - 1);
}

static unsigned core_count(const char *text) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value == 0 || value > FE_CORES_MAX)
        refuse("-smp", text, "give a number from 1 to 64");
    return (unsigned)value;
}

static void append(char *line, const char *before, const char *text) {
    size_t used = strlen(line);
    snprintf(line + used, COMMAND_LINE - used, "%s%s", before, text);
}

/* A word that stays one, whatever is in it: see kernel/env_parse.h. */
static void append_quoted(char *line, const char *word) {
    append(line, " ", "\"");
    for (; *word; word++) {
        const char text[2] = {*word, 0};
        append(line, *word == '"' || *word == '\\' ? "\\" : "", text);
    }
    append(line, "", "\"");
}

int main(int argc, char **argv) {
    static struct fe_host_boot boot = {.memory_bytes = MEMORY_DEFAULT, .cores = 1};
    static char line[COMMAND_LINE] = "";
    static struct fe_boot_entry entry;
    boot.command_line = line;
    int at = 1;
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        const char *option = argv[at], *value = at + 1 < argc ? argv[at + 1] : NULL;
        if (!value)
            refuse(option, "", "a value is missing, or this is no option; options: -smp -m -initrd -append --");
        if (strcmp(option, "-smp") == 0)
            boot.cores = core_count(value);
        else if (strcmp(option, "-m") == 0)
            boot.memory_bytes = memory_size(value);
        else if (strcmp(option, "-initrd") == 0)
            boot.initrd = value;
        else if (strcmp(option, "-append") == 0)
            append(line, "", value);
        else
            refuse(option, "", "no such option; options: -smp -m -initrd -append --");
        at++;
    }
    if (at < argc) {
        append(line, line[0] ? " " : "", "--");
        while (++at < argc)
            append_quoted(line, argv[at]);
    }
    if (!fe_host_memory(boot.memory_bytes))
        refuse("-m", "", "Linux does not give this much memory");
    entry = (struct fe_boot_entry){
        .protocol = FE_BOOT_HOST,
        .information = (uint64_t)(uintptr_t)&boot,
        .image_base = (uint64_t)(uintptr_t)fe_image_start,
        .image_bytes = (uint64_t)(fe_image_end - fe_image_start),
        .counter = fe_arch_counter(),
        .instructions = fe_arch_instructions(),
    };
    fe_kernel_boot(&entry);
}
