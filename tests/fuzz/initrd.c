/*
 * The initrd: an archive in cpio's newc format.
 *
 * Links: kernel/cpio.c
 */
#include "fuzz.h"

#include <kernel/cpio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    uint8_t *copy = fuzz_copy(data, bytes);
    bool archive_at_all = fe_cpio_is_archive(copy, bytes);
    struct fe_cpio archive = {.data = copy, .bytes = bytes, .offset = 0};
    struct fe_cpio_member member;
    const char *why = NULL;
    fe_status status;
    size_t count = 0, before = 0;
    while ((status = fe_cpio_next(&archive, &member, &why)) == FE_OK) {
        const uint8_t *name = (const uint8_t *)member.name;
        fuzz_check(name >= copy && name < copy + bytes);
        fuzz_check(memchr(name, 0, (size_t)(copy + bytes - name)) != NULL);
        fuzz_check(member.data >= copy && member.data <= copy + bytes);
        fuzz_check(member.bytes <= (size_t)(copy + bytes - member.data));
        fuzz_check(archive.offset > before && archive.offset <= bytes + 3); /* its padding may be cut off */
        before = archive.offset;
        count++;
    }
    fuzz_check(status == FE_ENOENT || status == FE_EPARSE);
    fuzz_check(status != FE_EPARSE || (why != NULL && archive.offset <= bytes));
    fuzz_check(count == 0 || archive_at_all);
    free(copy);
    return 0;
}
