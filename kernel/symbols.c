/*
 * The running image's symbol table. These empty ones are weak: the second link brings the real ones (tools/symbols), so
 * an image can be linked without.
 */
#include "symbols.h"

#include <arch/arch.h>

__attribute__((weak)) const struct fe_symbol_table fe_symbol_table = {0, NULL, NULL};
__attribute__((weak)) const char fe_image_name[] = "program";

const char *fe_symbol_at(uintptr_t address, uint64_t *within) {
    if (address < (uintptr_t)fe_text_start || address >= (uintptr_t)fe_text_end)
        return NULL;
    return fe_symbol_find(&fe_symbol_table, address - (uintptr_t)fe_image_start, within);
}
