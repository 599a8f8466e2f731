/*
 * The device tree, through libfdt: what drivers need of it, with every length checked. No access to hardware, so that
 * host tests and fuzzers can feed it any bytes.
 */
#ifndef FERRITE_DRIVERS_FDT_H
#define FERRITE_DRIVERS_FDT_H

#include <drivers/drivers.h>

/* The most that a device tree may take (the arm64 boot protocol's bound). */
#define FE_FDT_MAX ((size_t)2 << 20)

/* Checks the whole tree at `blob`, of which `available` bytes may be read. False: it complained, and nothing in it can
 * be used. *bytes: its size. */
bool fe_fdt_check(const void *blob, size_t available, size_t *bytes, fe_complain complain);

/* Fills memory, reservations, initrd and command line from a checked tree; what *info holds as reserved already stays.
 * FE_EINVAL if it names no memory. */
fe_status fe_fdt_boot_info(const void *blob, struct fe_boot_info *info, fe_complain complain);

/* The first node after `after` (-1: from the start) that is compatible with `compatible` and not disabled; -1: none. */
int fe_fdt_find(const void *blob, int after, const char *compatible);

/* Register block `index` of `node`, as a physical address (translated through the buses above it). */
bool fe_fdt_reg(const void *blob, int node, unsigned index, struct fe_memory_range *range);

/* Interrupt `index` of `node`, by a GIC's three-cell binding, as the controller's global number. */
bool fe_fdt_interrupt(const void *blob, int node, unsigned index, unsigned *line);

/* Property `name` of `node`, of one or two cells; false if it is not there or of another length. */
bool fe_fdt_number(const void *blob, int node, const char *name, uint64_t *value);

/* Property `name` of `node` as text; NULL if it is not there or not terminated. */
const char *fe_fdt_text(const void *blob, int node, const char *name);

/* The node that /chosen's stdout-path names; -1: none. */
int fe_fdt_stdout(const void *blob);

/* The hardware ids of the cores that are not out of order; returns how many there are, which may be more than
 * `capacity`. */
unsigned fe_fdt_cores(const void *blob, uint32_t *ids, unsigned capacity);

#endif
