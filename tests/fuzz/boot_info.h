/* What every reader of boot structures promises of the struct fe_boot_info that it fills. */
#ifndef FERRITE_TESTS_FUZZ_BOOT_INFO_H
#define FERRITE_TESTS_FUZZ_BOOT_INFO_H

#include "fuzz.h"

#include <drivers/boot.h>

/* Whole pages, sorted, disjoint, and where the direct map reaches if `ram`. */
static inline void check_ranges(const struct fe_memory_range *ranges, size_t count, bool ram) {
    fuzz_check(count <= FE_BOOT_RANGES_MAX);
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        fuzz_check(ranges[i].bytes > 0 && ranges[i].base % FE_PAGE_SIZE == 0 && ranges[i].bytes % FE_PAGE_SIZE == 0);
        fuzz_check(ranges[i].base > end || (i == 0 && ranges[i].base >= end));
        fuzz_check(ranges[i].bytes <= UINT64_MAX - ranges[i].base);
        end = ranges[i].base + ranges[i].bytes;
    }
    fuzz_check(!ram || end <= FE_PHYSICAL_END);
}

static inline void check_boot_info(struct fe_boot_info *info) {
    check_ranges(info->ram, info->ram_count, true);
    check_ranges(info->reserved, info->reserved_count, false);
    fuzz_check(memchr(info->command_line, 0, sizeof info->command_line) != NULL);
    if (info->initrd.bytes) {
        uint64_t end = info->initrd.base + info->initrd.bytes;
        fuzz_check(end > info->initrd.base);
        fuzz_check(fe_ranges_contain((struct fe_ranges){info->reserved, &info->reserved_count},
                                     info->initrd.base & ~(FE_PAGE_SIZE - 1), end));
    }
}

#endif
