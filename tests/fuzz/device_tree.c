/*
 * Device trees: checked, walked, and asked all that drivers ask.
 *
 * Links: drivers/fdt drivers/boot.c drivers/ranges.c arch/host/host.c
 */
#include "boot_info.h"

#include <drivers/fdt/fdt.h>
#include <drivers/fdt/index.h>
#include <libfdt.h>

/* What libfdt itself says of how many cells `node` has for register block `index`: enough? */
static bool has_cells(const void *tree, int node, const char *name, unsigned index, int cells) {
    int bytes;
    return cells > 0 && fdt_getprop(tree, node, name, &bytes) && ((int64_t)index + 1) * cells * 4 <= bytes;
}

static void ask(const void *tree, int node) {
    struct fe_memory_range range;
    unsigned line;
    uint64_t number;
    for (unsigned i = 0; i < 4; i++) {
        if (fe_fdt_reg(tree, node, i, &range)) {
            int parent = fdt_parent_offset(tree, node);
            fuzz_check(has_cells(tree, node, "reg", i, fdt_address_cells(tree, parent) + fdt_size_cells(tree, parent)));
        }
        if (fe_fdt_interrupt(tree, node, i, &line))
            fuzz_check(has_cells(tree, node, "interrupts", i, 3) && line >= 16 && line < 1020);
    }
    const char *text = fe_fdt_text(tree, node, "status");
    fuzz_check(!text || strlen(text) < FE_FDT_MAX);
    (void)fe_fdt_number(tree, node, "reg", &number);
    (void)fe_fdt_number(tree, node, "clock-frequency", &number);
}

static void ask_about(const void *tree, const char *compatible) {
    int before = -1;
    for (int node = fe_fdt_find(tree, -1, compatible); node >= 0; node = fe_fdt_find(tree, node, compatible)) {
        fuzz_check(node > before && fdt_node_check_compatible(tree, node, compatible) == 0);
        before = node;
        ask(tree, node);
    }
}

static void check_index(void) {
    fuzz_check(fe_fdt_index.count >= 1 && fe_fdt_index.count <= FE_FDT_NODES_MAX);
    for (unsigned i = 1; i < fe_fdt_index.count; i++) {
        fuzz_check(fe_fdt_index.nodes[i].offset > fe_fdt_index.nodes[i - 1].offset);
        fuzz_check(fe_fdt_index.nodes[i].parent < i);
        fuzz_check(fe_fdt_index_of(fe_fdt_index.nodes[i].offset) == i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static struct fe_boot_info info;
    uint8_t *tree = fuzz_copy(data, bytes);
    size_t size;
    if (fe_fdt_check(tree, bytes, &size, fuzz_complain)) {
        fuzz_check(size <= bytes);
        check_index();
        info = (struct fe_boot_info){.reserved = {{0x40080000, 0x100000}}, .reserved_count = 1};
        if (fe_fdt_boot_info(tree, &info, fuzz_complain) == FE_OK)
            check_boot_info(&info);
        ask_about(tree, "arm,pl011");
        ask_about(tree, "arm,gic-v3");
        ask_about(tree, "arm,psci-1.0");
        int console = fe_fdt_stdout(tree);
        if (console >= 0)
            ask(tree, console);
        uint32_t ids[FE_CORES_MAX + 1];
        ids[FE_CORES_MAX] = 0x5a5a5a5a;
        (void)fe_fdt_cores(tree, ids, FE_CORES_MAX);
        fuzz_check(ids[FE_CORES_MAX] == 0x5a5a5a5a);
    }
    free(tree);
    return 0;
}
