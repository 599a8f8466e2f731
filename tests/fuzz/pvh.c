/*
 * What a PVH loader hands over: start info, memory map, modules, command line. The input is memory, the start info first.
 *
 * Links: drivers/pc/pvh.c drivers/boot.c drivers/ranges.c arch/host/host.c
 */
#include "boot_info.h"
#include "image.h"

#include <drivers/pc/pvh.h>

static const void *map(void *context, uint64_t physical, size_t bytes) {
    return image_map(context, physical, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static const struct fe_pvh_source source = {map, NULL, fuzz_complain};
    static struct fe_boot_info info;
    uint64_t rsdp;
    image_set(data, bytes);
    info = (struct fe_boot_info){.reserved = {{0x200000, 0x100000}}, .reserved_count = 1};
    if (fe_pvh_read(&source, IMAGE_BASE, &info, &rsdp) == FE_OK)
        check_boot_info(&info);
    image_done();
    return 0;
}
