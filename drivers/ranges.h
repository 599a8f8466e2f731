/* Sorted lists of memory ranges: how the boot structures' memory maps become struct fe_boot_info's. */
#ifndef FERRITE_DRIVERS_RANGES_H
#define FERRITE_DRIVERS_RANGES_H

#include <arch/machine.h>

/* Sorted by base, disjoint and not touching; never more than FE_BOOT_RANGES_MAX. */
struct fe_ranges {
    struct fe_memory_range *ranges;
    size_t *count;
};

/* Adds [base, end), merged with what it touches. False if it takes a range too many: the smallest is then left out. */
bool fe_ranges_add(struct fe_ranges list, uint64_t base, uint64_t end);
/* Removes [base, end). False if splitting a range takes one too many: the smaller part is then lost too. */
bool fe_ranges_remove(struct fe_ranges list, uint64_t base, uint64_t end);
/* Whether all of [base, end) lies within one range. */
bool fe_ranges_contain(struct fe_ranges list, uint64_t base, uint64_t end);
/* Whether any of [base, end) lies within a range. */
bool fe_ranges_touch(struct fe_ranges list, uint64_t base, uint64_t end);

#endif
