/*
 * Archives: sound ones, cut at every byte, and with every field absurd.
 *
 * Links: kernel/cpio.c
 */
#include "kernel/cpio.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t archive[4096];
static size_t archive_bytes;

static void align(void) {
    while (archive_bytes % 4)
        archive[archive_bytes++] = 0;
}

static void add(const char *name, unsigned mode, const char *data) {
    archive_bytes += (size_t)sprintf((char *)archive + archive_bytes,
                                     "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1u, mode, 0u, 0u, 1u,
                                     0u, (unsigned)strlen(data), 0u, 0u, 0u, 0u, (unsigned)strlen(name) + 1, 0u);
    strcpy((char *)archive + archive_bytes, name);
    archive_bytes += strlen(name) + 1;
    align();
    memcpy(archive + archive_bytes, data, strlen(data));
    archive_bytes += strlen(data);
    align();
}

static void make(void) {
    archive_bytes = 0;
    add(".", 040755, "");
    add("one", 0100644, "first file");
    add("./two", 0100600, "");
    add("link", 0120777, "one");
    add("dir/three", 0100755, "abcd");
    add("TRAILER!!!", 0, "");
}

/* Reads the first `bytes` of the archive, from an exact copy. Returns the files; *status is how it ended. */
static int read_files(size_t bytes, fe_status *status, char *names) {
    uint8_t *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, archive, bytes);
    struct fe_cpio cpio = {.data = copy, .bytes = bytes, .offset = 0};
    struct fe_cpio_member member;
    const char *why = NULL;
    int files = 0;
    if (names)
        names[0] = '\0';
    while ((*status = fe_cpio_next(&cpio, &member, &why)) == FE_OK) {
        cr_assert(member.data >= copy && member.data + member.bytes <= copy + bytes);
        volatile uint8_t sum = 0;
        for (size_t i = 0; i < member.bytes; i++)
            sum = (uint8_t)(sum + member.data[i]);
        files += member.is_file;
        if (names && member.is_file)
            sprintf(names + strlen(names), "%s:%zu:%.*s ", member.name, member.bytes, (int)member.bytes,
                    (const char *)member.data);
    }
    if (*status == FE_EPARSE) {
        cr_assert_not_null(why);
        cr_assert_leq(cpio.offset, bytes);
    }
    free(copy);
    return files;
}

Test(kernel_cpio, files_of_a_sound_archive) {
    make();
    fe_status status;
    char names[256];
    cr_assert(fe_cpio_is_archive(archive, archive_bytes));
    cr_assert_eq(read_files(archive_bytes, &status, names), 3);
    cr_assert_eq(status, FE_ENOENT);
    cr_assert_str_eq(names, "one:10:first file two:0: dir/three:4:abcd ");
}

Test(kernel_cpio, what_follows_the_end_mark_is_ignored) {
    make();
    memset(archive + archive_bytes, 'x', 100);
    fe_status status;
    cr_assert_eq(read_files(archive_bytes + 100, &status, NULL), 3);
    cr_assert_eq(status, FE_ENOENT);
}

Test(kernel_cpio, cut_at_every_byte) {
    make();
    int last = 0;
    size_t trailer = archive_bytes;
    fe_status status;
    for (size_t bytes = 0; bytes < archive_bytes; bytes++) {
        int files = read_files(bytes, &status, NULL);
        cr_assert_geq(files, last);
        last = files;
        if (status == FE_ENOENT && trailer == archive_bytes)
            trailer = bytes; /* padding alone is missing */
        if (bytes + 4 < archive_bytes)
            cr_assert_eq(status, FE_EPARSE, "cut at %zu", bytes);
    }
    cr_assert_eq(last, 3);
}

Test(kernel_cpio, every_digit_of_every_header_replaced) {
    static const char values[] = {'0', '9', 'f', 'F', 'g', '/', ':', '@', '`', ' ', '-', '\0', (char)0xff};
    make();
    uint8_t sound[sizeof(archive)];
    memcpy(sound, archive, sizeof(sound));
    for (size_t at = 0; at < archive_bytes; at++)
        for (size_t v = 0; v < sizeof(values); v++) {
            memcpy(archive, sound, sizeof(sound));
            archive[at] = (uint8_t)values[v];
            fe_status status;
            read_files(archive_bytes, &status, NULL); /* the sanitizer judges */
        }
}

static void field(int index, const char *value) {
    make();
    size_t second = 112; /* the header of "one": behind that of "." */
    cr_assert_eq(memcmp(archive + second, "070701", 6), 0);
    memcpy(archive + second + 6 + 8 * index, value, 8);
    fe_status status;
    read_files(archive_bytes, &status, NULL);
    cr_assert_eq(status, FE_EPARSE, "field %d = %s", index, value);
}

Test(kernel_cpio, absurd_sizes) {
    field(6, "ffffffff");
    field(6, "7fffffff");
    field(6, "00001000");
    field(6, "0000000g");
    field(11, "ffffffff");
    field(11, "00000000");
    field(11, "00000001");
    field(11, "00001001");
    field(11, "00000003"); /* ends before its terminator */
    field(11, "00000006"); /* ends behind it */
    field(0, "xxxxxxxx");
}

Test(kernel_cpio, what_is_no_archive) {
    cr_assert_not(fe_cpio_is_archive((const uint8_t *)"", 0));
    cr_assert_not(fe_cpio_is_archive((const uint8_t *)"07070", 5));
    cr_assert_not(fe_cpio_is_archive((const uint8_t *)"070707", 6));
    cr_assert(fe_cpio_is_archive((const uint8_t *)"070701", 6));
    cr_assert(fe_cpio_is_archive((const uint8_t *)"070702", 6));
    cr_assert_not(fe_cpio_is_archive((const uint8_t *)"hello world", 11));
}
