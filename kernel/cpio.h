/*
 * Reads an archive in cpio's `newc` format, which is what an initrd is made of. Pure.
 */
#ifndef FERRITE_KERNEL_CPIO_H
#define FERRITE_KERNEL_CPIO_H

#include <ferrite/base.h>

struct fe_cpio {
    const uint8_t *data;
    size_t bytes;
    size_t offset; /* of the next header */
};

struct fe_cpio_member {
    const char *name; /* terminated; points into the archive, a leading ./ skipped */
    const uint8_t *data;
    size_t bytes;
    bool is_file; /* an ordinary file: not a folder, link or device */
};

/* True if the archive's first bytes are those of a newc header. */
bool fe_cpio_is_archive(const uint8_t *data, size_t bytes);

/*
 * Reads the next member. FE_OK; FE_ENOENT at the archive's end; FE_EPARSE where it is malformed or cut short, and then
 * *why is a constant sentence and archive->offset is where: what came before it is sound, what follows cannot be read.
 */
FE_MUST_CHECK fe_status fe_cpio_next(struct fe_cpio *archive, struct fe_cpio_member *member, const char **why);

#endif
