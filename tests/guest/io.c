/* The console's formatting, files and settings, as a program sees them. */
#include "guest.h"

#include <string.h>

Test(io, format) {
    char text[64];
    cr_assert_eq(fe_format(text, sizeof(text), "%d %5u|%-5s|%05x %c %p %%", -7, 42u, "ab", 0xbeefu, 'z', (void *)0x10), 29);
    cr_assert_not_null(strstr(text, "-7    42|ab   |0beef z 0x10 %"), "%s", text);
    cr_assert_eq(fe_format(text, 4, "abcdef"), 6);
    cr_assert_str_eq(text, "abc");
}

Test(io, files) {
    cr_assert_eq(fe_file_count(), 2u);
    const struct fe_file *one = fe_file_find("one"), *two = fe_file_find("two");
    cr_assert_not_null(one);
    cr_assert_not_null(two);
    cr_assert_eq(one->bytes, 4u);
    cr_assert_arr_eq(one->data, "one\n", 4);
    cr_assert_arr_eq(two->data, "two\n", 4);
    cr_assert_null(fe_file_find("three"));
    cr_assert_null(fe_file_at(2));
}

static intptr_t write_file(void *argument) {
    *(volatile uint8_t *)argument = 1;
    return 0;
}

Test(io, files_are_read_only) {
    const struct fe_file *one = fe_file_find("one");
    cr_assert_not_null(one);
    struct fe_task_result result = guest_result(write_file, (void *)(uintptr_t)one->data);
    cr_expect_eq(result.outcome, FE_FAULTED);
}

Test(io, settings) {
    cr_assert_str_eq(fe_env("console"), "pipe");
    cr_assert_null(fe_env("no_such_setting"));
    cr_assert_eq(fe_env_number("no_such_setting", 5, 0, 10), 5u);
    cr_assert(fe_env_flag("no_such_setting", true));
    cr_assert_not(fe_console_is_terminal());
}

Test(io, end_of_input) {
    char byte;
    size_t got = 1;
    cr_assert_eq(fe_console_read(&byte, 1, &got), FE_ECLOSED);
    cr_assert_eq(fe_console_read(&byte, 1, &got), FE_ECLOSED);
}

static intptr_t print_wild(void *argument) {
    return fe_print("%s\n", (const char *)argument);
}

static intptr_t write_wild(void *argument) {
    fe_console_write(argument, 3 * 4096);
    return 0;
}

/* A bad pointer is the program's mistake: it costs the task, not the machine. */
Test(io, wild_pointers_fail_their_task) {
    void *wild = (void *)(uintptr_t)64;
    cr_expect_eq(guest_result(print_wild, wild).outcome, FE_FAULTED);
    cr_expect_eq(guest_result(write_wild, wild).outcome, FE_FAULTED);
    cr_expect_eq(fe_print("# the console works\n"), 20);
}
