/*
 * Reads what a PVH loader hands over. Layout: Xen's public/arch-x86/hvm/start_info.h, version 1, all little-endian:
 *
 *   start info   0 magic  4 version  8 flags  12 modules  16 module list (8)  24 command line (8)  32 RSDP (8)
 *                from version 1: 40 memory map (8)  48 its entries  52 reserved
 *   module       0 address (8)  8 bytes (8)  16 command line (8)  24 reserved (8)
 *   map entry    0 address (8)  8 bytes (8)  16 type  20 reserved
 *
 * Nothing in it is trusted: every address, count and length is checked before use; what is wrong is named and skipped where
 * the machine can do without. All is read through a function that maps physical addresses, so that a host test can feed
 * it bytes.
 */
#include "pvh.h"

#include "../boot.h"

#define MAGIC 0x336ec578u
#define START_INFO_BYTES 40u
#define START_INFO_BYTES_1 56u
#define MODULE_BYTES 32u
#define MAP_ENTRY_BYTES 24u
#define MAP_ENTRIES_MOST 1024u /* firmware gives a dozen, at worst a few hundred */
#define MAP_TYPE_RAM 1

static uint32_t get32(const uint8_t *at) {
    uint32_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t get64(const uint8_t *at) {
    uint64_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

#define HEX(value) ((unsigned long long)(value))

/* The memory map: RAM, rounded inwards to pages, less whatever else is said to be at the same addresses. */
static fe_status read_map(const struct fe_pvh_source *source, uint64_t address, uint32_t entries,
                          struct fe_boot_info *info) {
    if (entries > MAP_ENTRIES_MOST) {
        source->complain("memory map: %u entries at 0x%llx is absurd; reading the first %u", entries, HEX(address),
                         MAP_ENTRIES_MOST);
        entries = MAP_ENTRIES_MOST;
    }
    const uint8_t *map = source->map(source->context, address, (size_t)entries * MAP_ENTRY_BYTES);
    if (!map) {
        source->complain("memory map at 0x%llx cannot be read", HEX(address));
        return FE_EINVAL;
    }
    bool all = true;
    for (int pass = 0; pass < 2; pass++) { /* RAM first, then what is not */
        for (uint32_t i = 0; i < entries; i++) {
            const uint8_t *entry = map + (size_t)i * MAP_ENTRY_BYTES;
            uint64_t base = get64(entry), bytes = get64(entry + 8);
            bool is_ram = get32(entry + 16) == MAP_TYPE_RAM;
            if (is_ram != (pass == 0) || bytes == 0)
                continue;
            all &= is_ram ? fe_boot_add_ram(info, "memory map", base, bytes, source->complain)
                          : fe_boot_remove_ram(info, "memory map", base, bytes, source->complain);
        }
    }
    if (!all)
        source->complain("memory map: more than %u ranges; the smallest are left out", FE_BOOT_RANGES_MAX);
    if (info->ram_count == 0) {
        source->complain("memory map: %u entries, none of them usable memory", entries);
        return FE_EINVAL;
    }
    return FE_OK;
}

static void read_command_line(const struct fe_pvh_source *source, uint64_t address, struct fe_boot_info *info) {
    if (address == 0)
        return;
    size_t length = 0;
    for (;; length++) {
        const char *character = source->map(source->context, address + length, 1);
        if (!character) {
            source->complain("command line at 0x%llx cannot be read beyond %zu bytes", HEX(address), length);
            break;
        }
        if (*character == 0)
            break;
        if (length == FE_COMMAND_LINE_MAX - 1) {
            info->command_line_cut = true;
            break;
        }
        info->command_line[length] = *character;
    }
    info->command_line[length] = 0;
}

static void read_modules(const struct fe_pvh_source *source, uint64_t list, uint32_t count, struct fe_boot_info *info) {
    if (count == 0)
        return;
    const uint8_t *module = source->map(source->context, list, MODULE_BYTES);
    if (!module) {
        source->complain("module list at 0x%llx cannot be read: no initrd", HEX(list));
        return;
    }
    if (count > 1)
        source->complain("%u modules given; all but the first are left out", count);
    fe_boot_set_initrd(info, get64(module), get64(module + 8), source->complain);
}

fe_status fe_pvh_read(const struct fe_pvh_source *source, uint64_t start_info, struct fe_boot_info *info, uint64_t *rsdp) {
    *rsdp = 0;
    const uint8_t *start = source->map(source->context, start_info, START_INFO_BYTES);
    if (!start || get32(start) != MAGIC) {
        source->complain("no PVH start info at 0x%llx: boot this image with a PVH loader (such as QEMU's -kernel)",
                         HEX(start_info));
        return FE_EINVAL;
    }
    uint32_t version = get32(start + 4);
    if (version >= 1)
        start = source->map(source->context, start_info, START_INFO_BYTES_1);
    if (version < 1 || !start) {
        source->complain("PVH start info of version %u has no memory map; version 1 is needed", version);
        return FE_ENOTSUP;
    }
    fe_status status = read_map(source, get64(start + 40), get32(start + 48), info);
    if (status != FE_OK)
        return status;
    *rsdp = get64(start + 32);
    read_command_line(source, get64(start + 24), info);
    read_modules(source, get64(start + 16), get32(start + 12), info);
    return FE_OK;
}
