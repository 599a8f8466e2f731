/*
 * Looking functions up by offset.
 *
 * Links: kernel/symbols_find.c
 */
#include "kernel/symbols.h"

#include <criterion/criterion.h>

#include <string.h>

static const char names[] = "alpha\0beta\0gamma";
static const struct fe_symbol symbols[] = {{16, 0}, {32, 6}, {4000000000u, 11}};

static void at(const struct fe_symbol_table *table, uint64_t offset, const char *name, uint64_t within) {
    uint64_t got = 99;
    const char *found = fe_symbol_find(table, offset, &got);
    if (name == NULL) {
        cr_assert_null(found);
        return;
    }
    cr_assert_not_null(found);
    cr_assert_str_eq(found, name);
    cr_assert_eq(got, within);
}

Test(kernel_symbols, an_empty_table_knows_nothing) {
    static const struct fe_symbol_table table = {0, NULL, NULL};
    at(&table, 0, NULL, 0);
    at(&table, UINT64_MAX, NULL, 0);
}

Test(kernel_symbols, between_and_at_the_ends) {
    static const struct fe_symbol_table table = {3, symbols, names};
    at(&table, 0, NULL, 0);
    at(&table, 15, NULL, 0);
    at(&table, 16, "alpha", 0);
    at(&table, 31, "alpha", 15);
    at(&table, 32, "beta", 0);
    at(&table, 3999999999u, "beta", 3999999967u);
    at(&table, 4000000000u, "gamma", 0);
    at(&table, UINT64_MAX, "gamma", UINT64_MAX - 4000000000u);
}

Test(kernel_symbols, every_size_of_table) {
    enum { MOST = 70 };
    static struct fe_symbol many[MOST];
    static char texts[MOST * 4];
    for (unsigned i = 0; i < MOST; i++) {
        many[i] = (struct fe_symbol){.offset = 10 * i + 5, .name = 4 * i};
        texts[4 * i] = (char)('A' + i % 26);
    }
    for (unsigned count = 0; count <= MOST; count++) {
        const struct fe_symbol_table table = {count, many, texts};
        for (uint64_t offset = 0; offset < 10 * MOST + 20; offset++) {
            uint64_t within;
            const char *found = fe_symbol_find(&table, offset, &within);
            if (offset < 5 || count == 0) {
                cr_assert_null(found);
                continue;
            }
            uint64_t index = (offset - 5) / 10 < count ? (offset - 5) / 10 : count - 1;
            cr_assert_eq(found, texts + 4 * index);
            cr_assert_eq(within, offset - many[index].offset);
        }
    }
}
