/*
 * What every family does with the ranges that a loader hands over: none of them is trusted to be aligned, to lie within
 * the address space, or to be apart from the others.
 */
#include "boot.h"

#define PAGE_MASK ((uint64_t)FE_PAGE_SIZE - 1)
#define HEX(value) ((unsigned long long)(value))

static struct fe_ranges ram_of(struct fe_boot_info *info) {
    return (struct fe_ranges){info->ram, &info->ram_count};
}

static struct fe_ranges reserved_of(struct fe_boot_info *info) {
    return (struct fe_ranges){info->reserved, &info->reserved_count};
}

/* The end of the last page that [base, base + bytes) touches, or the last page's start where there is none above. */
static uint64_t end_around(uint64_t base, uint64_t bytes) {
    uint64_t end = bytes > UINT64_MAX - base ? UINT64_MAX : base + bytes;
    return end > UINT64_MAX - PAGE_MASK ? UINT64_MAX & ~PAGE_MASK : (end + PAGE_MASK) & ~PAGE_MASK;
}

static bool wraps(const char *name, uint64_t base, uint64_t bytes, fe_complain complain) {
    if (bytes <= UINT64_MAX - base)
        return false;
    complain("%s: the range at 0x%llx of 0x%llx bytes wraps around; skipped", name, HEX(base), HEX(bytes));
    return true;
}

bool fe_boot_add_ram(struct fe_boot_info *info, const char *name, uint64_t base, uint64_t bytes, fe_complain complain) {
    if (wraps(name, base, bytes, complain))
        return true;
    uint64_t end = base + bytes;
    if (end > FE_PHYSICAL_END) {
        complain("%s: a range ends at 0x%llx; memory above 0x%llx is left out", name, HEX(end), HEX(FE_PHYSICAL_END));
        end = FE_PHYSICAL_END;
    }
    if (base >= end)
        return true;
    base = base ? (base + PAGE_MASK) & ~PAGE_MASK : FE_PAGE_SIZE; /* 0 means "none" to the page allocator */
    return fe_ranges_add(ram_of(info), base, end & ~PAGE_MASK);
}

bool fe_boot_remove_ram(struct fe_boot_info *info, const char *name, uint64_t base, uint64_t bytes, fe_complain complain) {
    if (bytes == 0 || wraps(name, base, bytes, complain))
        return true;
    return fe_ranges_remove(ram_of(info), base & ~PAGE_MASK, end_around(base, bytes));
}

void fe_boot_reserve(struct fe_boot_info *info, uint64_t base, uint64_t bytes, fe_complain complain) {
    if (bytes && !fe_ranges_add(reserved_of(info), base & ~PAGE_MASK, end_around(base, bytes)))
        complain("more than %u reserved ranges, with that at 0x%llx (0x%llx bytes): the smallest is not kept free",
                 FE_BOOT_RANGES_MAX, HEX(base), HEX(bytes));
}

void fe_boot_set_initrd(struct fe_boot_info *info, uint64_t base, uint64_t bytes, fe_complain complain) {
    if (bytes == 0)
        return;
    if (bytes > UINT64_MAX - base || !fe_ranges_contain(ram_of(info), base, base + bytes)) {
        complain("initrd (0x%llx, 0x%llx bytes) is not within usable memory: no initrd", HEX(base), HEX(bytes));
    } else if (fe_ranges_touch(reserved_of(info), base, base + bytes)) {
        complain("initrd (0x%llx, 0x%llx bytes) overlaps what is in use: no initrd", HEX(base), HEX(bytes));
    } else {
        info->initrd = (struct fe_memory_range){base, bytes};
        fe_boot_reserve(info, base, bytes, complain);
    }
}
