/*
 * An input as a piece of physical memory: what the parsers of boot structures read through a function. Each piece that they
 * ask for is an exact copy, so that the sanitizers see a read beyond it.
 */
#ifndef FERRITE_TESTS_FUZZ_IMAGE_H
#define FERRITE_TESTS_FUZZ_IMAGE_H

#include "fuzz.h"

#define IMAGE_BASE 0x10000u
#define IMAGE_BYTES_MAX (64u << 10)
/* A parser that asks more often than this for so little memory does not end. */
#define IMAGE_COPIES_MAX (1u << 16)

static uint8_t image[IMAGE_BYTES_MAX];
static size_t image_bytes;
static void *image_copies[IMAGE_COPIES_MAX];
static size_t image_copy_count;

static inline void image_set(const uint8_t *data, size_t bytes) {
    image_bytes = bytes < IMAGE_BYTES_MAX ? bytes : IMAGE_BYTES_MAX;
    if (image_bytes)
        memcpy(image, data, image_bytes);
}

static inline void *image_map(void *context, uint64_t physical, size_t bytes) {
    (void)context;
    if (physical < IMAGE_BASE || bytes > image_bytes || physical - IMAGE_BASE > image_bytes - bytes)
        return NULL;
    fuzz_check(image_copy_count < IMAGE_COPIES_MAX);
    return image_copies[image_copy_count++] = fuzz_copy(image + (physical - IMAGE_BASE), bytes);
}

static inline void image_done(void) {
    while (image_copy_count)
        free(image_copies[--image_copy_count]);
}

#endif
