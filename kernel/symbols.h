/*
 * The image's functions by address, for backtraces. The table is made by tools/symbols from the first link of an image
 * and joins its second.
 */
#ifndef FERRITE_KERNEL_SYMBOLS_H
#define FERRITE_KERNEL_SYMBOLS_H

#include <ferrite/base.h>

/* A function begins `offset` bytes into the image; its name begins `name` bytes into the names. Laid out by
 * tools/symbols. */
struct fe_symbol {
    uint32_t offset;
    uint32_t name;
};

struct fe_symbol_table {
    uint64_t count;
    const struct fe_symbol *symbols; /* ascending offsets */
    const char *names;               /* each terminated */
};

/* Of this image; empty in its first link. */
extern const struct fe_symbol_table fe_symbol_table;

/* The image's name, such as "hello"; "program" in its first link. */
extern const char fe_image_name[];

/* The name of the function that `offset` is in, or NULL if it lies before the first; *within is how far. Pure. */
const char *fe_symbol_find(const struct fe_symbol_table *table, uint64_t offset, uint64_t *within);

/* The same by address, of the running image: NULL outside its text. Any context. */
const char *fe_symbol_at(uintptr_t address, uint64_t *within);

#endif
