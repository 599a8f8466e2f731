/*
 * What the fuzz targets share: checks, exact copies (so that the sanitizers see a read beyond the input), and a reader that
 * takes an input apart into operations.
 */
#ifndef FERRITE_TESTS_FUZZ_H
#define FERRITE_TESTS_FUZZ_H

#include <ferrite/base.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's entry, which each target defines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Ends the process, which libFuzzer reports together with the input, unless `condition` holds. */
#define fuzz_check(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* An exact copy of the input; to be freed. */
static inline void *fuzz_copy(const uint8_t *data, size_t bytes) {
    void *copy = malloc(bytes ? bytes : 1);
    if (bytes)
        memcpy(copy, data, bytes);
    return copy;
}

/* The same as text, terminated; what comes after a 0 in it is out of reach. */
static inline char *fuzz_text(const uint8_t *data, size_t bytes) {
    char *text = malloc(bytes + 1);
    if (bytes)
        memcpy(text, data, bytes);
    text[bytes] = 0;
    return text;
}

/* A complaint is formatted in full, so that each argument is read, and thrown away. */
static inline void FE_PRINTF(1, 2) fuzz_complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    fuzz_check(length > 0);
}

/* Operations are read from the input's front; when it is empty, all is 0. */
struct fuzz_reader {
    const uint8_t *next, *end;
};

static inline uint8_t fuzz_byte(struct fuzz_reader *reader) {
    return reader->next < reader->end ? *reader->next++ : 0;
}

static inline uint32_t fuzz_word(struct fuzz_reader *reader) {
    uint32_t low = fuzz_byte(reader);
    return low | (uint32_t)fuzz_byte(reader) << 8;
}

static inline bool fuzz_more(const struct fuzz_reader *reader) {
    return reader->next < reader->end;
}

#endif
