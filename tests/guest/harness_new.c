/* Criterion's newer assertions. */
#include "guest.h"

#include <criterion/new/assert.h>

Test(harness, newer_assertions) {
    int x = 3, *null = NULL;
    size_t n = 3;
    char text[] = "abc", empty[] = "";
    struct cr_mem bytes = {.data = text, .size = 3};
    cr_assert(x == 3, "%d", x);
    cr_assert(eq(int, x, 3));
    cr_assert(ne(sz, n, 4), "n");
    cr_assert(all(lt(int, x, 4), ge(u64, n, 3), not(zero(int, x))));
    cr_assert(any(eq(int, x, 1), eq(str, text, "abc")));
    cr_assert(none(eq(int, x, 1), gt(int, x, 3)));
    cr_assert(zero(ptr, null));
    cr_assert(zero(str, empty));
    cr_assert(eq(mem, bytes, bytes));
    cr_assert(epsilon_eq(dbl, 1.0, 1.01, 0.1));
    cr_assert(eq(x, 3));
}
