/*
 * The files that came with the image: the members of the initial RAM disk, where the boot loader put them. Nothing is
 * copied: the disk is mapped once more, read-only, and programs are given addresses there. The list of names and places
 * is made once at boot and never changes.
 */
#include "files.h"

#include "cpio.h"
#include "log.h"
#include "state.h"

#include <ferrite/heap.h>

#define GIB (UINT64_C(1) << 30)

/* Walks the archive; fills up to `capacity` files, and returns how many there are. Complains only if asked to. */
static size_t walk(const uint8_t *data, size_t bytes, struct fe_file *files, size_t capacity, bool complain) {
    struct fe_cpio archive = {.data = data, .bytes = bytes, .offset = 0};
    struct fe_cpio_member member;
    const char *why = NULL;
    size_t count = 0;
    fe_status status;
    while ((status = fe_cpio_next(&archive, &member, &why)) == FE_OK) {
        if (!member.is_file)
            continue;
        if (count < capacity)
            files[count] = (struct fe_file){.name = member.name, .data = member.data, .bytes = member.bytes};
        count++;
    }
    if (status != FE_ENOENT && complain)
        fe_log_complain("initrd: at byte %zu of %zu: %s; files before it that can be used: %zu", archive.offset, bytes,
                        why, count);
    return count;
}

/* Where programs see the disk. It keeps its place within a GiB, so that large pages fit. */
static const uint8_t *map(const struct fe_memory_range *initrd) {
    uint64_t base = initrd->base & ~(FE_PAGE_SIZE - 1);
    uint64_t end = (initrd->base + initrd->bytes + FE_PAGE_SIZE - 1) & ~(FE_PAGE_SIZE - 1);
    uintptr_t address = FE_FILES_BASE + base % GIB;
    fe_status status = fe_arch_map(address, base, end - base, FE_PROTECTION_READ);
    if (status != FE_OK) {
        fe_log_complain("initrd: cannot be mapped read-only (%s): a wild write can change its files",
                        fe_status_string(status));
        return fe_direct(initrd->base);
    }
    return (const uint8_t *)(address + (initrd->base - base));
}

fe_status fe_files_init(void) {
    const struct fe_memory_range *initrd = &fe_kernel_state.initrd;
    if (initrd->bytes == 0)
        return FE_OK;
    const uint8_t *data = map(initrd);
    size_t bytes = initrd->bytes;
    bool is_archive = fe_cpio_is_archive(data, bytes);
    if (!is_archive && bytes >= 6 && __builtin_memcmp(data, "070707", 6) == 0)
        fe_log_complain("initrd: a cpio archive of the old format; make it with `cpio -o -H newc`");

    size_t count = is_archive ? walk(data, bytes, NULL, 0, true) : 1;
    if (count == 0)
        return FE_OK;
    struct fe_file *files = fe_heap_try_alloc_zeroed(count, sizeof(*files));
    if (files == NULL) {
        fe_log_complain("initrd: no memory for the list of its %zu files", count);
        return FE_ENOMEM;
    }
    if (is_archive)
        walk(data, bytes, files, count, false);
    else
        files[0] = (struct fe_file){.name = "initrd", .data = data, .bytes = bytes};
    fe_kernel_state.files = files;
    fe_kernel_state.file_count = count;
    return FE_OK;
}

size_t fe_file_count(void) {
    return fe_kernel_state.file_count;
}

const struct fe_file *fe_file_at(size_t index) {
    return index < fe_kernel_state.file_count ? &fe_kernel_state.files[index] : NULL;
}

const struct fe_file *fe_file_find(const char *name) {
    for (size_t i = 0; i < fe_kernel_state.file_count; i++)
        if (__builtin_strcmp(fe_kernel_state.files[i].name, name) == 0)
            return &fe_kernel_state.files[i];
    return NULL;
}
