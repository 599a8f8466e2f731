/* The harness itself: what is offered of Criterion works as it does there. Failures are provoked in the harness's own
 * bookkeeping tests on the host; here is what must pass. */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

static int order;

static void start(void) {
    order = 1;
}

static void finish(void) {
    order = 0;
}

TestSuite(harness, .init = start, .fini = finish, .timeout = 30);

static int compare(const int *left, const int *right) {
    return *left - *right;
}

Test(harness, assertions) {
    int x = 3, *null = NULL;
    size_t n = 3;
    const char *text = "abc";
    int one[] = {1, 2, 3}, two[] = {1, 2, 3}, three[] = {1, 2, 4};
    cr_assert(x == 3, "%d", x);
    cr_assert_not(x == 4);
    cr_assert_eq(n, 3);
    cr_assert_neq(x, 4);
    cr_assert_lt(x, 4);
    cr_assert_leq(x, 3);
    cr_assert_gt(x, 2);
    cr_assert_geq(x, 3);
    cr_assert_null(null);
    cr_assert_not_null(text);
    cr_assert_str_eq(text, "abc");
    cr_assert_str_lt(text, "abd");
    cr_assert_str_not_empty(text);
    cr_assert_str_empty("");
    cr_assert_arr_eq(one, two, sizeof(one));
    cr_assert_arr_neq(one, three, sizeof(one));
    cr_assert_arr_lt_cmp(one, three, 3, compare);
    cr_assert_float_eq(1.0, 1.01, 0.1);
    cr_assert_float_neq(1.0, 2.0, 0.1);
}

Test(harness, init_ran) {
    cr_assert_eq(order, 1);
}

Test(harness, exit_code, .exit_code = 3) {
    exit(3);
}

Test(harness, abort_is_a_signal, .signal = SIGABRT) {
    abort();
}

Test(harness, disabled, .disabled = true) {
    cr_assert_fail("a disabled test ran");
}

Test(harness, skips) {
    cr_skip_test("this is how a skip looks");
}

ParameterizedTestParameters(harness, parameters) {
    static const int values[] = {1, 2, 3};
    int *copy = cr_malloc(sizeof(values));
    memcpy(copy, values, sizeof(values));
    return cr_make_param_array(int, copy, 3);
}

ParameterizedTest(const int *value, harness, parameters) {
    cr_assert(*value >= 1 && *value <= 3);
}

Test(harness, may_leak, .data = FE_TEST_MAY_LEAK) {
    cr_assert_not_null(fe_heap_alloc(16));
}
