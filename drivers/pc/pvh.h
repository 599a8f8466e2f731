/* The PVH start info: memory map, modules, command line. */
#ifndef FERRITE_DRIVERS_PC_PVH_H
#define FERRITE_DRIVERS_PC_PVH_H

#include "../drivers.h"

/* Reads `bytes` bytes at `physical`, or NULL where they cannot be read. Pure parsing is all that the readers do with it. */
struct fe_pvh_source {
    const void *(*map)(void *context, uint64_t physical, size_t bytes);
    void *context;
    fe_complain complain;
};

/* Fills ram, initrd and command line of *info, and *rsdp (0: the loader gave none). What *info holds as reserved
 * already stays, and gets the initrd. */
FE_MUST_CHECK fe_status fe_pvh_read(const struct fe_pvh_source *source, uint64_t start_info, struct fe_boot_info *info,
                                    uint64_t *rsdp);

#endif
