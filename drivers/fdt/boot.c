/* Memory, reservations, initrd and command line from the device tree. */
#include "fdt.h"
#include "index.h"

#include <libfdt.h>

bool fe_fdt_add_range(struct fe_memory_range *list, size_t *count, uint64_t base, uint64_t bytes) {
    if (*count == FE_BOOT_RANGES_MAX)
        return false;
    list[(*count)++] = (struct fe_memory_range){base, bytes};
    return true;
}

/* A block of RAM, page-aligned inwards. */
static void add_ram(struct fe_boot_info *info, uint64_t base, uint64_t bytes, fe_complain complain) {
    if (bytes > UINT64_MAX - base || base + bytes > UINT64_C(1) << 45) {
        complain("device tree: memory at %#llx of %#llx bytes is beyond what can be addressed; left out",
                 (unsigned long long)base, (unsigned long long)bytes);
        return;
    }
    uint64_t end = (base + bytes) & ~(uint64_t)(FE_PAGE_SIZE - 1);
    base = (base + FE_PAGE_SIZE - 1) & ~(uint64_t)(FE_PAGE_SIZE - 1);
    if (end > base && !fe_fdt_add_range(info->ram, &info->ram_count, base, end - base))
        complain("device tree: more than %u blocks of memory; the rest is left out", FE_BOOT_RANGES_MAX);
}

static void reserve(struct fe_boot_info *info, uint64_t base, uint64_t bytes, fe_complain complain) {
    if (bytes && !fe_fdt_add_range(info->reserved, &info->reserved_count, base, bytes))
        complain("device tree: more than %u reserved blocks: %#llx is not kept free", FE_BOOT_RANGES_MAX,
                 (unsigned long long)base);
}

/* Sorts by address and joins or cuts what touches or overlaps. */
static void put_in_order(struct fe_memory_range *list, size_t *count) {
    for (size_t i = 1; i < *count; i++) {
        struct fe_memory_range range = list[i];
        size_t j = i;
        for (; j > 0 && list[j - 1].base > range.base; j--)
            list[j] = list[j - 1];
        list[j] = range;
    }
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct fe_memory_range *last = kept ? &list[kept - 1] : NULL;
        if (last && list[i].base <= last->base + last->bytes) {
            uint64_t end = list[i].base + list[i].bytes;
            if (end > last->base + last->bytes)
                last->bytes = end - last->base;
        } else {
            list[kept++] = list[i];
        }
    }
    *count = kept;
}

static void read_memory(const void *blob, struct fe_boot_info *info, fe_complain complain) {
    for (unsigned node = 0; node < fe_fdt_index.count; node++) {
        struct fe_memory_range range;
        if (fe_fdt_index.nodes[node].flags & FE_FDT_MEMORY)
            for (unsigned i = 0; fe_fdt_reg(blob, fe_fdt_index.nodes[node].offset, i, &range); i++)
                add_ram(info, range.base, range.bytes, complain);
    }
    put_in_order(info->ram, &info->ram_count);
}

static void read_reservations(const void *blob, struct fe_boot_info *info, fe_complain complain) {
    for (int i = 0; i < fdt_num_mem_rsv(blob); i++) {
        uint64_t base, bytes;
        if (fdt_get_mem_rsv(blob, i, &base, &bytes) == 0)
            reserve(info, base, bytes, complain);
    }
    int parent = fe_fdt_child(blob, "reserved-memory"), node;
    if (parent < 0)
        return;
    fdt_for_each_subnode(node, blob, parent) {
        struct fe_memory_range range;
        for (unsigned i = 0; fe_fdt_reg(blob, node, i, &range); i++)
            reserve(info, range.base, range.bytes, complain);
    }
}

/* A property of one or two cells, as boot loaders write initrd addresses. */
static bool read_address(const void *blob, int node, const char *name, uint64_t *value) {
    int length;
    const fdt32_t *cells = fdt_getprop(blob, node, name, &length);
    if (!cells || (length != 4 && length != 8))
        return false;
    *value = fdt32_to_cpu(cells[0]);
    if (length == 8)
        *value = *value << 32 | fdt32_to_cpu(cells[1]);
    return true;
}

static bool in_ram(const struct fe_boot_info *info, uint64_t base, uint64_t bytes) {
    for (size_t i = 0; i < info->ram_count; i++) {
        if (base >= info->ram[i].base && base - info->ram[i].base <= info->ram[i].bytes &&
            bytes <= info->ram[i].bytes - (base - info->ram[i].base))
            return true;
    }
    return false;
}

static void read_chosen(const void *blob, struct fe_boot_info *info, fe_complain complain) {
    int chosen = fe_fdt_child(blob, "chosen");
    if (chosen < 0)
        return;
    uint64_t start, end;
    if (read_address(blob, chosen, "linux,initrd-start", &start) && read_address(blob, chosen, "linux,initrd-end", &end)) {
        if (end > start && in_ram(info, start, end - start)) {
            info->initrd = (struct fe_memory_range){start, end - start};
            reserve(info, start, end - start, complain);
        } else if (end != start) {
            complain("device tree: the initrd [%#llx, %#llx) does not lie in memory; left out",
                     (unsigned long long)start, (unsigned long long)end);
        }
    }
    const char *arguments = fe_fdt_text(blob, chosen, "bootargs");
    if (!arguments)
        return;
    size_t length = 0;
    while (arguments[length] && length < sizeof info->command_line - 1) {
        info->command_line[length] = arguments[length];
        length++;
    }
    info->command_line[length] = 0;
    info->command_line_cut = arguments[length] != 0;
}

fe_status fe_fdt_boot_info(const void *blob, struct fe_boot_info *info, fe_complain complain) {
    read_memory(blob, info, complain);
    if (info->ram_count == 0) {
        complain("device tree: it names no memory");
        return FE_EINVAL;
    }
    read_reservations(blob, info, complain);
    read_chosen(blob, info, complain);
    return FE_OK;
}
