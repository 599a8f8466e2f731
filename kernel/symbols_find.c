/*
 * Finds the function that an offset lies in, by binary search. Pure.
 */
#include "symbols.h"

const char *fe_symbol_find(const struct fe_symbol_table *table, uint64_t offset, uint64_t *within) {
    uint64_t below = 0, count = table->count; /* symbols[below - 1].offset <= offset < symbols[count].offset */
    while (below < count) {
        uint64_t middle = below + (count - below) / 2;
        if (table->symbols[middle].offset <= offset)
            below = middle + 1;
        else
            count = middle;
    }
    if (below == 0)
        return NULL;
    *within = offset - table->symbols[below - 1].offset;
    return table->names + table->symbols[below - 1].name;
}
