/*
 * Reading a device tree that has been checked: its header here, the rest by the index. libfdt is told that it reads a sound tree
 * (FDT_ASSUME_MASK in tools/libfdt.mk). What is checked here besides is what it leaves to its callers: lengths of properties, cell counts, and translations through buses. Nodes are found by the
 * index (index.h), their properties by libfdt.
 */
#include "fdt.h"
#include "index.h"

#include <libfdt.h>

#define OLDEST_VERSION 17 /* of 2007; older ones align their values in another way */

static bool inside(uint32_t offset, uint32_t bytes, size_t total) {
    return offset >= sizeof(struct fdt_header) && offset <= total && bytes <= total - offset;
}

/* The list of reservations ends, by an empty one, before the tree does. */
static bool reservations_end(const void *blob, size_t total) {
    const uint32_t entry = sizeof(struct fdt_reserve_entry);
    for (uint32_t at = fdt_off_mem_rsvmap(blob); inside(at, entry, total); at += entry) {
        const struct fdt_reserve_entry *reservation = (const void *)((const char *)blob + at);
        if (reservation->size == 0)
            return true;
    }
    return false;
}

bool fe_fdt_check(const void *blob, size_t available, size_t *bytes, fe_complain complain) {
    if (available < sizeof(struct fdt_header) || fdt_magic(blob) != FDT_MAGIC) {
        complain("device tree: no tree at the address that the boot loader passed (bad magic number)");
        return false;
    }
    size_t total = fdt_totalsize(blob);
    if (total > available || total > FE_FDT_MAX) {
        complain("device tree: it claims %zu bytes, of which %zu can be there: truncated or damaged", total,
                 available < FE_FDT_MAX ? available : FE_FDT_MAX);
        return false;
    }
    if (fdt_off_mem_rsvmap(blob) % 8 || fdt_off_dt_struct(blob) % 4) {
        complain("device tree: its parts are not aligned (reservations at %#x, nodes at %#x): damaged",
                 fdt_off_mem_rsvmap(blob), fdt_off_dt_struct(blob));
        return false;
    }
    if (fdt_version(blob) < OLDEST_VERSION || fdt_last_comp_version(blob) > OLDEST_VERSION) {
        complain("device tree: version %u (as old as %u): %u is read", fdt_version(blob), fdt_last_comp_version(blob),
                 OLDEST_VERSION);
        return false;
    }
    if (!inside(fdt_off_dt_struct(blob), fdt_size_dt_struct(blob), total) ||
        !inside(fdt_off_dt_strings(blob), fdt_size_dt_strings(blob), total) || !reservations_end(blob, total)) {
        complain("device tree: a part of it lies outside its %zu bytes: damaged", total);
        return false;
    }
    *bytes = total;
    return fe_fdt_index_make(blob, complain);
}

static uint64_t read_cells(const fdt32_t *cells, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 32 | fdt32_to_cpu(cells[i]);
    return value;
}

const char *fe_fdt_text(const void *blob, int node, const char *name) {
    int length;
    const char *text = fdt_getprop(blob, node, name, &length);
    return text && length > 0 && text[length - 1] == 0 ? text : NULL;
}

bool fe_fdt_number(const void *blob, int node, const char *name, uint64_t *value) {
    int length;
    const fdt32_t *cells = fdt_getprop(blob, node, name, &length);
    if (!cells || (length != 4 && length != 8))
        return false;
    *value = read_cells(cells, length / 4);
    return true;
}

int fe_fdt_find(const void *blob, int after, const char *compatible) {
    size_t wanted = __builtin_strlen(compatible) + 1;
    for (unsigned i = after < 0 ? 0 : fe_fdt_index_of(after) + 1; i < fe_fdt_index.count; i++) {
        const struct fe_fdt_node *node = &fe_fdt_index.nodes[i];
        const char *text = (const char *)blob + node->compatible;
        if (node->flags & FE_FDT_DISABLED)
            continue;
        for (size_t at = 0; at < node->compatible_bytes; at += __builtin_strlen(text + at) + 1)
            if (node->compatible_bytes - at >= wanted && __builtin_memcmp(text + at, compatible, wanted) == 0)
                return node->offset;
    }
    return -1;
}

/* Translates an address on the bus below `bus` to one on the bus above it, by its `ranges`. */
static bool translate_up(const void *blob, const struct fe_fdt_node *bus, const struct fe_fdt_node *parent,
                         uint64_t *address) {
    int length;
    const fdt32_t *ranges = fdt_getprop(blob, bus->offset, "ranges", &length);
    if (!ranges)
        return false; /* what is below is not addressable from above */
    if (length == 0)
        return true;
    int child = bus->address_cells, above = parent->address_cells, size = bus->size_cells;
    if (child < 1 || above < 1 || ((bus->flags | parent->flags) & FE_FDT_ABSURD_CELLS))
        return false;
    int stride = child + above + size;
    for (int i = 0; (i + stride) * 4 <= length; i += stride) {
        uint64_t base = read_cells(ranges + i, child);
        uint64_t to = read_cells(ranges + i + child, above);
        uint64_t bytes = read_cells(ranges + i + child + above, size);
        if (*address >= base && *address - base < bytes) {
            *address += to - base;
            return true;
        }
    }
    return false;
}

bool fe_fdt_reg(const void *blob, int offset, unsigned index, struct fe_memory_range *range) {
    unsigned node = fe_fdt_index_of(offset);
    if (node == 0 || node == FE_FDT_NODES_MAX)
        return false;
    const struct fe_fdt_node *bus = &fe_fdt_index.nodes[fe_fdt_index.nodes[node].parent];
    int addresses = bus->address_cells, sizes = bus->size_cells, length;
    const fdt32_t *reg = fdt_getprop(blob, offset, "reg", &length);
    if (!reg || addresses < 1 || (bus->flags & FE_FDT_ABSURD_CELLS))
        return false;
    uint64_t stride = (uint64_t)(addresses + sizes);
    if (((uint64_t)index + 1) * stride * 4 > (uint64_t)length)
        return false;
    reg += index * stride;
    range->base = read_cells(reg, addresses);
    range->bytes = read_cells(reg + addresses, sizes);
    while (bus != fe_fdt_index.nodes) { /* the root's addresses are physical */
        const struct fe_fdt_node *parent = &fe_fdt_index.nodes[bus->parent];
        if (!translate_up(blob, bus, parent, &range->base))
            return false;
        bus = parent;
    }
    return true;
}

bool fe_fdt_interrupt(const void *blob, int node, unsigned index, unsigned *line) {
    int length;
    const fdt32_t *cells = fdt_getprop(blob, node, "interrupts", &length);
    if (!cells || ((uint64_t)index + 1) * 12 > (uint64_t)length)
        return false;
    uint32_t type = fdt32_to_cpu(cells[index * 3]), number = fdt32_to_cpu(cells[index * 3 + 1]);
    if (type > 1 || number > (type == 0 ? 987 : 15))
        return false;
    *line = number + (type == 0 ? 32 : 16); /* shared, or private to a core */
    return true;
}

int fe_fdt_stdout(const void *blob) {
    int chosen = fe_fdt_child(blob, "chosen");
    if (chosen < 0)
        return -1;
    const char *path = fe_fdt_text(blob, chosen, "stdout-path");
    if (!path)
        return -1;
    int length = 0;
    while (path[length] && path[length] != ':') /* options of the line follow */
        length++;
    return fe_fdt_path(blob, path, length);
}

unsigned fe_fdt_cores(const void *blob, uint32_t *ids, unsigned capacity) {
    int cpus = fe_fdt_child(blob, "cpus"), node;
    unsigned count = 0;
    if (cpus < 0)
        return 0;
    int cells = fe_fdt_index.nodes[fe_fdt_index_of(cpus)].address_cells;
    fdt_for_each_subnode(node, blob, cpus) {
        const char *type = fe_fdt_text(blob, node, "device_type");
        const char *status = fe_fdt_text(blob, node, "status");
        if (!type || __builtin_strcmp(type, "cpu") != 0 || (status && status[0] == 'f'))
            continue;
        int length;
        const fdt32_t *reg = fdt_getprop(blob, node, "reg", &length);
        if (!reg || cells < 1 || cells > 2 || length < cells * 4)
            continue;
        uint64_t affinity = read_cells(reg, cells);
        if (count < capacity)
            ids[count] = (uint32_t)((affinity & 0xffffff) | (affinity >> 32 & 0xff) << 24);
        count++;
    }
    return count;
}
