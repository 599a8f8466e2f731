/*
 * The running image's symbol table. This empty one is weak: the second link brings the real one (tools/symbols), so
 * nothing in a linker script depends on there being a table.
 */
#include "symbols.h"

#include <arch/arch.h>

__attribute__((weak)) const struct fe_symbol_table fe_symbol_table = {0, NULL, NULL};

const char *fe_symbol_at(uintptr_t address, uint64_t *within) {
    if (address < (uintptr_t)fe_text_start || address >= (uintptr_t)fe_text_end)
        return NULL;
    return fe_symbol_find(&fe_symbol_table, address - (uintptr_t)fe_image_start, within);
}
