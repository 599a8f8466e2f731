/*
 * Reads cpio archives (newc, and newc with checksums, which are not verified).
 *
 * A member is a header of 110 ASCII bytes (a magic and 13 fields of 8 hexadecimal digits), its name with a terminating
 * 0, padding to 4, its data, padding to 4; a member called TRAILER!!! ends the archive. The archive comes from outside
 * the machine: every size is checked against what is left before it is used, by subtraction, so that nothing can wrap.
 */
#include "cpio.h"

enum { HEADER_BYTES = 110, MAGIC_BYTES = 6, FIELD_BYTES = 8, NAME_BYTES_MAX = 4096 };
enum field { FIELD_MODE = 1, FIELD_FILE_SIZE = 6, FIELD_NAME_SIZE = 11, FIELD_COUNT = 13 };

#define MODE_TYPE 0170000u
#define MODE_FILE 0100000u

static bool starts_with(const uint8_t *data, size_t bytes, const char *text) {
    for (size_t i = 0; text[i] != '\0'; i++)
        if (i >= bytes || data[i] != (uint8_t)text[i])
            return false;
    return true;
}

bool fe_cpio_is_archive(const uint8_t *data, size_t bytes) {
    return starts_with(data, bytes, "070701") || starts_with(data, bytes, "070702");
}

static bool read_field(const uint8_t *header, unsigned field, uint32_t *value) {
    *value = 0;
    for (size_t i = 0; i < FIELD_BYTES; i++) {
        uint8_t c = header[MAGIC_BYTES + field * FIELD_BYTES + i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A' + 10);
        else
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static size_t align4(size_t offset) {
    return (offset + 3) & ~(size_t)3;
}

fe_status fe_cpio_next(struct fe_cpio *archive, struct fe_cpio_member *member, const char **why) {
    if (archive->offset > archive->bytes)
        archive->offset = archive->bytes; /* the padding behind the last member may be cut off */
    const uint8_t *header = archive->data + archive->offset;
    size_t left = archive->bytes - archive->offset;

    if (left == 0) {
        *why = "the archive ends without its end mark";
        return FE_EPARSE;
    }
    if (left < HEADER_BYTES) {
        *why = "the archive is cut short within a header";
        return FE_EPARSE;
    }
    if (!fe_cpio_is_archive(header, left)) {
        *why = "this is no cpio header (newc)";
        return FE_EPARSE;
    }
    uint32_t fields[FIELD_COUNT];
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!read_field(header, i, &fields[i])) {
            *why = "the header has a field that is not hexadecimal";
            return FE_EPARSE;
        }
    }
    size_t name_bytes = fields[FIELD_NAME_SIZE];
    if (name_bytes < 2 || name_bytes > NAME_BYTES_MAX) {
        *why = "the header has an absurd name size";
        return FE_EPARSE;
    }
    if (name_bytes > left - HEADER_BYTES) {
        *why = "the archive is cut short within a name";
        return FE_EPARSE;
    }
    const char *name = (const char *)header + HEADER_BYTES;
    for (size_t i = 0; i < name_bytes; i++) {
        if ((name[i] == '\0') != (i == name_bytes - 1)) {
            *why = "the name does not end where its header says";
            return FE_EPARSE;
        }
    }
    if (starts_with((const uint8_t *)name, name_bytes, "TRAILER!!!") && name_bytes == sizeof("TRAILER!!!"))
        return FE_ENOENT;

    size_t data_offset = align4(archive->offset + HEADER_BYTES + name_bytes);
    size_t data_bytes = fields[FIELD_FILE_SIZE];
    if (data_offset > archive->bytes || data_bytes > archive->bytes - data_offset) {
        *why = "the archive is cut short within a file's data, or the header has an absurd size";
        return FE_EPARSE;
    }
    if (name[0] == '.' && name[1] == '/' && name[2] != '\0')
        name += 2;
    *member = (struct fe_cpio_member){
        .name = name,
        .data = archive->data + data_offset,
        .bytes = data_bytes,
        .is_file = (fields[FIELD_MODE] & MODE_TYPE) == MODE_FILE,
    };
    archive->offset = align4(data_offset + data_bytes);
    return FE_OK;
}
