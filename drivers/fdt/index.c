/*
 * The index of the tree's nodes, made in one walk over the structure block that checks all of it as it goes: tags follow each
 * other to the end, nodes nest, every name and value lies inside and every name is terminated. libfdt's own check
 * (fdt_check_full) takes four times as many instructions, most of them to find the ends of the same few names.
 */
#include "index.h"

#include <libfdt.h>

/* A tree nests a handful of levels deep; deeper ones are refused rather than followed. */
#define DEPTH_MAX 16
#define CELLS_MAX 4

FE_BOOT_MEMORY struct fe_fdt_index fe_fdt_index;

static uint32_t word(const void *at) {
    return fdt32_to_cpu(*(const fdt32_t *)at);
}

static bool is(const char *value, uint32_t bytes, const char *text) {
    size_t length = __builtin_strlen(text) + 1;
    return bytes == length && __builtin_memcmp(value, text, length) == 0;
}

static void note_property(const void *blob, struct fe_fdt_node *node, const char *name, const char *value, uint32_t bytes) {
    switch (name[0]) {
    case '#': {
        bool addresses = __builtin_strcmp(name, "#address-cells") == 0;
        if (!addresses && __builtin_strcmp(name, "#size-cells") != 0)
            return;
        if (bytes != 4 || word(value) > CELLS_MAX)
            node->flags |= FE_FDT_ABSURD_CELLS;
        else if (addresses)
            node->address_cells = word(value) & 0xf;
        else
            node->size_cells = word(value) & 0xf;
        return;
    }
    case 'c':
        /* Of two the first counts, as for libfdt, even if it is no list of strings. */
        if (node->compatible == 0 && __builtin_strcmp(name, "compatible") == 0) {
            node->compatible = (uint32_t)(value - (const char *)blob);
            node->compatible_bytes = bytes > 0 && value[bytes - 1] == 0 ? bytes : 0;
        }
        return;
    case 'd':
        if (__builtin_strcmp(name, "device_type") == 0 && is(value, bytes, "memory"))
            node->flags |= FE_FDT_MEMORY;
        return;
    case 's':
        if (__builtin_strcmp(name, "status") == 0 && !is(value, bytes, "okay") && !is(value, bytes, "ok"))
            node->flags |= FE_FDT_DISABLED;
        return;
    default:
        return;
    }
}

/* The node that begins at `offset`, below `parent`; NULL: the index is full. */
static struct fe_fdt_node *add(uint32_t offset, unsigned parent) {
    if (fe_fdt_index.count == FE_FDT_NODES_MAX)
        return NULL;
    struct fe_fdt_node *node = &fe_fdt_index.nodes[fe_fdt_index.count++];
    *node =
        (struct fe_fdt_node){.offset = (int32_t)offset, .parent = (uint16_t)parent, .address_cells = 2, .size_cells = 1};
    return node;
}

/* How many of the `bytes` bytes at `text` come before the last null, that one included: a string that begins in them ends. */
static uint32_t terminated(const char *text, uint32_t bytes) {
    while (bytes > 0 && text[bytes - 1] != 0)
        bytes--;
    return bytes;
}

static bool damaged(uint32_t at, const char *what, fe_complain complain) {
    complain("device tree: %s at %u of its structure: damaged", what, at);
    return false;
}

bool fe_fdt_index_make(const void *blob, fe_complain complain) {
    const char *structure = (const char *)blob + fdt_off_dt_struct(blob);
    const char *names = (const char *)blob + fdt_off_dt_strings(blob);
    uint32_t names_end = terminated(names, fdt_size_dt_strings(blob));
    uint32_t end = fdt_size_dt_struct(blob) & ~3u, at = 0;
    struct fe_fdt_node *stack[DEPTH_MAX + 1] = {NULL}; /* NULL: not in the index */
    bool parted[DEPTH_MAX + 1] = {false};              /* it has had a node below it, and so no property may follow */
    unsigned depth = 0, left_out = 0, misplaced = 0;

    fe_fdt_index.count = 0;
    while (at < end) {
        const char *tag = structure + at;
        uint32_t left = end - at;
        switch (word(tag)) {
        case FDT_BEGIN_NODE: {
            uint32_t name = 4;
            while (name < left && tag[name] != 0)
                name++;
            if (name == left || (depth == 0 && at != 0 && fe_fdt_index.count > 0))
                return damaged(at, name == left ? "a name without an end" : "a second root", complain);
            if (depth == DEPTH_MAX) {
                complain("device tree: nodes nest more than %u deep", DEPTH_MAX);
                return false;
            }
            struct fe_fdt_node *parent = stack[depth];
            bool may = depth == 0 || parent != NULL;
            stack[++depth] = may ? add(at, parent ? (unsigned)(parent - fe_fdt_index.nodes) : 0) : NULL;
            parted[depth] = false;
            left_out += stack[depth] == NULL;
            at += (name + 4) & ~3u;
            break;
        }
        case FDT_PROP: {
            uint32_t bytes = left >= 12 ? word(tag + 4) : 0, name = left >= 12 ? word(tag + 8) : names_end;
            if (depth == 0 || name >= names_end || bytes > left - 12)
                return damaged(at, "a property that cannot be", complain);
            misplaced += parted[depth];
            if (stack[depth] && !parted[depth])
                note_property(blob, stack[depth], names + name, tag + 12, bytes);
            at += 12 + ((bytes + 3) & ~3u);
            break;
        }
        case FDT_END_NODE:
            if (depth == 0)
                return damaged(at, "the end of no node", complain);
            parted[--depth] = true;
            at += 4;
            break;
        case FDT_NOP:
            at += 4;
            break;
        case FDT_END:
            if (depth > 0 || fe_fdt_index.count == 0)
                return damaged(at, "its end", complain);
            if (left_out)
                complain("device tree: more than %u nodes; %u are left out", FE_FDT_NODES_MAX, left_out);
            if (misplaced) /* as libfdt does, which finds none there */
                complain("device tree: %u properties stand behind the nodes of their node, and are ignored", misplaced);
            return true;
        default:
            return damaged(at, "an unknown tag", complain);
        }
    }
    return damaged(at, "no end", complain);
}

unsigned fe_fdt_index_of(int offset) {
    unsigned below = 0, above = fe_fdt_index.count;
    while (below < above) {
        unsigned middle = below + (above - below) / 2;
        if (fe_fdt_index.nodes[middle].offset < offset)
            below = middle + 1;
        else
            above = middle;
    }
    return below < fe_fdt_index.count && fe_fdt_index.nodes[below].offset == offset ? below : FE_FDT_NODES_MAX;
}

/* The child of node `parent` whose name is, or up to its unit address is, the `bytes` bytes at `name`. */
static unsigned child_of(const void *blob, unsigned parent, const char *name, size_t bytes) {
    const char *structure = (const char *)blob + fdt_off_dt_struct(blob);
    for (unsigned i = parent + 1; i < fe_fdt_index.count; i++) {
        if (fe_fdt_index.nodes[i].parent != parent)
            continue;
        const char *its = structure + fe_fdt_index.nodes[i].offset + 4;
        if (__builtin_strlen(its) >= bytes && __builtin_memcmp(its, name, bytes) == 0 &&
            (its[bytes] == 0 || its[bytes] == '@'))
            return i;
    }
    return FE_FDT_NODES_MAX;
}

int fe_fdt_child(const void *blob, const char *name) {
    unsigned child = child_of(blob, 0, name, __builtin_strlen(name));
    return child == FE_FDT_NODES_MAX ? -1 : fe_fdt_index.nodes[child].offset;
}

int fe_fdt_path(const void *blob, const char *path, int bytes) {
    if (bytes == 0 || path[0] != '/')
        return fdt_path_offset_namelen(blob, path, bytes);
    unsigned node = 0;
    for (int at = 0; at < bytes && node != FE_FDT_NODES_MAX;) {
        while (at < bytes && path[at] == '/')
            at++;
        int start = at;
        while (at < bytes && path[at] != '/')
            at++;
        if (at > start)
            node = child_of(blob, node, path + start, (size_t)(at - start));
    }
    return node == FE_FDT_NODES_MAX ? -1 : fe_fdt_index.nodes[node].offset;
}
