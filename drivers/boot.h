/* How the readers of boot structures (pc/pvh.c, fdt/boot.c) fill struct fe_boot_info. */
#ifndef FERRITE_DRIVERS_BOOT_H
#define FERRITE_DRIVERS_BOOT_H

#include "drivers.h"
#include "ranges.h"

/* What the direct map can hold. */
#define FE_PHYSICAL_END (FE_STACKS_BASE - FE_DIRECT_BASE)

/* The whole pages of RAM [base, base + bytes), less page 0 and what the direct map cannot reach. `name` is what the
 * boot structures call it, for complaints. False: there was a range too many, and the smallest is left out. */
bool fe_boot_add_ram(struct fe_boot_info *info, const char *name, uint64_t base, uint64_t bytes, fe_complain complain);
/* Every page that [base, base + bytes) touches is no RAM after all, and is never mapped. False as above. */
bool fe_boot_remove_ram(struct fe_boot_info *info, const char *name, uint64_t base, uint64_t bytes, fe_complain complain);
/* Every page that [base, base + bytes) touches is in use. */
void fe_boot_reserve(struct fe_boot_info *info, uint64_t base, uint64_t bytes, fe_complain complain);
/* Takes and reserves the initrd if it lies in RAM and clear of what is reserved already; else complains: no initrd. */
void fe_boot_set_initrd(struct fe_boot_info *info, uint64_t base, uint64_t bytes, fe_complain complain);

#endif
