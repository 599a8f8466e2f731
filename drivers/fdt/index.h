/*
 * An index of the tree's nodes, made in one pass once the tree has been checked. libfdt keeps none: each of its
 * searches, and each question for a node's parent, walks the tree from its start, which took 2.6 million instructions
 * of a boot.
 */
#ifndef FERRITE_DRIVERS_FDT_INDEX_H
#define FERRITE_DRIVERS_FDT_INDEX_H

#include "fdt.h"

#define FE_FDT_NODES_MAX 1024u /* the largest boards' trees have some 700 */

enum {
    FE_FDT_DISABLED = 1,
    FE_FDT_MEMORY = 2,
    FE_FDT_ABSURD_CELLS = 4, /* nothing can be said of its children's addresses */
};

struct fe_fdt_node {
    int32_t offset;  /* libfdt's name for the node; ascending */
    uint16_t parent; /* an index; the root is its own */
    uint8_t flags;
    uint8_t address_cells : 4, size_cells : 4; /* of its children's addresses: 0 to 4 */
    uint32_t compatible;                       /* where in the tree its text is */
    uint32_t compatible_bytes;
};

struct fe_fdt_index {
    unsigned count;
    struct fe_fdt_node nodes[FE_FDT_NODES_MAX];
};
/* Of the tree checked last. Written by the boot core before there is another, and gone once it has booted. */
extern struct fe_fdt_index fe_fdt_index;

/* Makes it from a tree whose header is sound (fe_fdt_check). False: the tree is damaged, or nests too deeply; it complained. Nodes beyond FE_FDT_NODES_MAX are complained of and left out. */
bool fe_fdt_index_make(const void *blob, fe_complain complain);

/* The index of the node at `offset`; FE_FDT_NODES_MAX if there is none. */
unsigned fe_fdt_index_of(int offset);

/* The root's child called `name`; -1: none. */
int fe_fdt_child(const void *blob, const char *name);

/* The node at a path of `bytes` bytes: from the root, or from an alias. Negative: none. */
int fe_fdt_path(const void *blob, const char *path, int bytes);

#endif
