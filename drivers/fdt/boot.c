/* Memory, reservations, initrd and command line from the device tree. */
#include "../boot.h"
#include "fdt.h"
#include "index.h"

#include <libfdt.h>

/* A disabled node of memory is not ours: such is the secure world's. */
static void read_memory(const void *blob, struct fe_boot_info *info, fe_complain complain) {
    bool all = true;
    for (unsigned n = 0; n < fe_fdt_index.count; n++) {
        const struct fe_fdt_node *node = &fe_fdt_index.nodes[n];
        struct fe_memory_range range;
        if ((node->flags & FE_FDT_MEMORY) && !(node->flags & FE_FDT_DISABLED))
            for (unsigned i = 0; fe_fdt_reg(blob, node->offset, i, &range); i++)
                all &= fe_boot_add_ram(info, "device tree: memory", range.base, range.bytes, complain);
    }
    if (!all)
        complain("device tree: more than %u ranges of memory; the smallest are left out", FE_BOOT_RANGES_MAX);
}

/*
 * What is marked no-map must not even be mapped, since a core may read ahead wherever it has a mapping of normal memory, and the
 * firmware's memory answers that with an abort. The rest is only not given out.
 */
static void read_reservations(const void *blob, struct fe_boot_info *info, fe_complain complain) {
    bool all = true;
    for (int i = 0; i < fdt_num_mem_rsv(blob); i++) {
        uint64_t base, bytes;
        if (fdt_get_mem_rsv(blob, i, &base, &bytes) == 0)
            fe_boot_reserve(info, base, bytes, complain);
    }
    int parent = fe_fdt_child(blob, "reserved-memory"), node;
    if (parent < 0)
        return;
    fdt_for_each_subnode(node, blob, parent) {
        struct fe_memory_range range;
        bool hidden = fdt_getprop(blob, node, "no-map", NULL) != NULL;
        for (unsigned i = 0; fe_fdt_reg(blob, node, i, &range); i++) {
            if (hidden)
                all &= fe_boot_remove_ram(info, "device tree: reserved-memory", range.base, range.bytes, complain);
            else
                fe_boot_reserve(info, range.base, range.bytes, complain);
        }
    }
    if (!all)
        complain("device tree: more than %u ranges of memory; the smallest are left out", FE_BOOT_RANGES_MAX);
}

static void read_chosen(const void *blob, struct fe_boot_info *info, fe_complain complain) {
    int chosen = fe_fdt_child(blob, "chosen");
    if (chosen < 0)
        return;
    uint64_t start, end;
    if (fe_fdt_number(blob, chosen, "linux,initrd-start", &start) && fe_fdt_number(blob, chosen, "linux,initrd-end", &end)) {
        if (end >= start)
            fe_boot_set_initrd(info, start, end - start, complain);
        else
            complain("device tree: the initrd ends (0x%llx) before it starts (0x%llx): no initrd",
                     (unsigned long long)end, (unsigned long long)start);
    }
    const char *arguments = fe_fdt_text(blob, chosen, "bootargs");
    if (!arguments)
        return;
    size_t length = 0;
    while (length < sizeof info->command_line - 1 && arguments[length]) {
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
    /* An initrd may lie in what /memreserve/ lists, as some loaders have it; so it comes before the reservations. */
    read_chosen(blob, info, complain);
    read_reservations(blob, info, complain);
    return info->ram_count ? FE_OK : FE_EINVAL;
}
