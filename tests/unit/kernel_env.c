/*
 * The command line: words, quotes, limits, numbers and truth values.
 *
 * Links: kernel/env_parse.c
 */
#include "kernel/env_parse.h"

#include <criterion/criterion.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char complaints[4096];
static int complaint_count;

static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t at = strlen(complaints);
    vsnprintf(complaints + at, sizeof(complaints) - at, format, arguments);
    va_end(arguments);
    complaint_count++;
}

static struct fe_env_table table;

static void parse(const char *line) {
    complaints[0] = '\0';
    complaint_count = 0;
    memset(&table, 0xaa, sizeof(table));
    /* An exact copy on the heap: reading behind it is caught. */
    char *copy = strdup(line);
    fe_env_parse(&table, copy, complain);
    free(copy);
    cr_assert_null(table.arguments[table.argument_count]);
}

static void complained(int count, const char *of) {
    cr_assert_eq(complaint_count, count, "%d complaints: %s", complaint_count, complaints);
    if (of)
        cr_assert_not_null(strstr(complaints, of), "\"%s\" is not in: %s", of, complaints);
}

Test(kernel_env, nothing) {
    parse("");
    complained(0, NULL);
    cr_assert_eq(table.setting_count, 0);
    cr_assert_eq(table.argument_count, 1);
    parse(" \t\r\n ");
    complained(0, NULL);
    cr_assert_eq(table.setting_count, 0);
}

Test(kernel_env, settings_and_words_for_the_program) {
    parse("cores=4  log=sched=debug,warn\tseed= -- a --flag b=c --");
    complained(0, NULL);
    cr_assert_str_eq(fe_env_find(&table, "cores"), "4");
    cr_assert_str_eq(fe_env_find(&table, "log"), "sched=debug,warn");
    cr_assert_str_eq(fe_env_find(&table, "seed"), "");
    cr_assert_null(fe_env_find(&table, "core"));
    cr_assert_null(fe_env_find(&table, "b"));
    cr_assert_null(fe_env_find(&table, ""));
    cr_assert_eq(table.argument_count, 5);
    cr_assert_str_eq(table.arguments[1], "a");
    cr_assert_str_eq(table.arguments[2], "--flag");
    cr_assert_str_eq(table.arguments[3], "b=c");
    cr_assert_str_eq(table.arguments[4], "--");
}

Test(kernel_env, the_last_value_counts) {
    parse("cores=1 cores=2 cores=3");
    cr_assert_str_eq(fe_env_find(&table, "cores"), "3");
}

Test(kernel_env, quotes) {
    parse("a=\"one two\" \"b=three four\" c=x\"y z\"w d=\"\" e=\"q\\\"b\\\\\" f=\\n -- \"two words\" \"\" \"--\"");
    complained(0, NULL);
    cr_assert_str_eq(fe_env_find(&table, "a"), "one two");
    cr_assert_str_eq(fe_env_find(&table, "b"), "three four");
    cr_assert_str_eq(fe_env_find(&table, "c"), "xy zw");
    cr_assert_str_eq(fe_env_find(&table, "d"), "");
    cr_assert_str_eq(fe_env_find(&table, "e"), "q\"b\\");
    cr_assert_str_eq(fe_env_find(&table, "f"), "\\n");
    cr_assert_eq(table.argument_count, 4);
    cr_assert_str_eq(table.arguments[1], "two words");
    cr_assert_str_eq(table.arguments[2], "");
    cr_assert_str_eq(table.arguments[3], "--");
}

Test(kernel_env, an_unclosed_quote_is_named) {
    parse("a=1 b=\"two three");
    complained(1, "b=two three");
    cr_assert_str_eq(fe_env_find(&table, "b"), "two three");
    parse("\"");
    complained(2, "quote");
    parse("a=\"\\");
    complained(1, "quote");
    cr_assert_str_eq(fe_env_find(&table, "a"), "\\");
}

Test(kernel_env, malformed_words_are_named_and_skipped) {
    parse("quiet cores=2 =5 \"--\" ro");
    complained(4, "'quiet'");
    cr_assert_not_null(strstr(complaints, "'=5'"));
    cr_assert_not_null(strstr(complaints, "'--'"));
    cr_assert_eq(table.setting_count, 1);
    cr_assert_str_eq(fe_env_find(&table, "cores"), "2");
}

Test(kernel_env, too_many_settings) {
    char line[FE_ENV_TEXT_MAX] = "";
    for (int i = 0; i < FE_ENV_SETTINGS_MAX + 2; i++)
        sprintf(line + strlen(line), "n%d=%d ", i, i);
    parse(line);
    complained(2, "n33=33");
    cr_assert_eq(table.setting_count, FE_ENV_SETTINGS_MAX);
    cr_assert_str_eq(fe_env_find(&table, "n31"), "31");
}

Test(kernel_env, too_many_words) {
    char line[FE_ENV_TEXT_MAX] = "--";
    for (int i = 0; i < FE_ENV_ARGUMENTS_MAX + 5; i++)
        sprintf(line + strlen(line), " w%d", i);
    parse(line);
    complained(1, "'w63'");
    cr_assert_eq(table.argument_count, FE_ENV_ARGUMENTS_MAX);
    cr_assert_str_eq(table.arguments[FE_ENV_ARGUMENTS_MAX - 1], "w62");
}

Test(kernel_env, too_long_a_line_loses_whole_words) {
    static char line[3 * FE_ENV_TEXT_MAX];
    memset(line, 'x', sizeof(line) - 1);
    memcpy(line, "cores=2 ", 8);
    memcpy(line + FE_ENV_TEXT_MAX - 10, " log=traces ", 12);
    line[8 + 1] = '=';
    parse(line);
    complained(1, "longer");
    cr_assert_str_eq(fe_env_find(&table, "cores"), "2");
    cr_assert_null(fe_env_find(&table, "log"));

    memset(line, 'x', sizeof(line) - 1); /* one word, all too long */
    parse(line);
    complained(1, "longer");
    cr_assert_eq(table.setting_count, 0);

    memset(line, 'y', sizeof(line)); /* just fits */
    line[1] = '=';
    line[FE_ENV_TEXT_MAX - 1] = '\0';
    parse(line);
    complained(0, NULL);
    cr_assert_eq(strlen(fe_env_find(&table, "y")), FE_ENV_TEXT_MAX - 3);
}

Test(kernel_env, any_bytes_at_all) {
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        static const char alphabet[] = "ab=\"\\- \t,\x01\xff:";
        char line[64];
        size_t bytes = (size_t)rand_r(&seed) % sizeof(line);
        for (size_t i = 0; i < bytes; i++)
            line[i] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
        line[bytes < sizeof(line) ? bytes : sizeof(line) - 1] = '\0';
        parse(line);
        for (size_t i = 0; i < table.setting_count; i++)
            cr_assert_not_null(fe_env_find(&table, table.settings[i].name));
    }
}

static void number(const char *text, bool good, uint64_t expected) {
    uint64_t value = 77;
    cr_assert_eq(fe_env_parse_number(text, &value), good, "%s", text);
    cr_assert_eq(value, good ? expected : 77, "%s: %llu", text, (unsigned long long)value);
}

Test(kernel_env, numbers) {
    number("0", true, 0);
    number("42", true, 42);
    number("007", true, 7);
    number("0x1f", true, 31);
    number("0XAbC", true, 0xabc);
    number("4K", true, 4096);
    number("4k", true, 4096);
    number("2M", true, 2u << 20);
    number("3g", true, UINT64_C(3) << 30);
    number("0x10K", true, 16384);
    number("18446744073709551615", true, UINT64_MAX);
    number("0xffffffffffffffff", true, UINT64_MAX);
    number("17179869183G", true, UINT64_C(17179869183) << 30);
    number("18446744073709551616", false, 0);
    number("0x10000000000000000", false, 0);
    number("17179869184G", false, 0);
    number("", false, 0);
    number("0x", false, 0);
    number("K", false, 0);
    number("-1", false, 0);
    number("+1", false, 0);
    number(" 1", false, 0);
    number("1 ", false, 0);
    number("1KB", false, 0);
    number("1T", false, 0);
    number("12a", false, 0);
    number("1.5", false, 0);
}

Test(kernel_env, truth_values) {
    static const char *const yes[] = {"1", "yes", "on", "true"}, *const no[] = {"0", "no", "off", "false"},
                             *const bad[] = {"", "2", "YES", "y", "truey", "of", "offf", " on"};
    bool value;
    for (size_t i = 0; i < FE_ARRAY_LENGTH(yes); i++) {
        cr_assert(fe_env_parse_flag(yes[i], &value) && value);
        cr_assert(fe_env_parse_flag(no[i], &value) && !value);
    }
    for (size_t i = 0; i < FE_ARRAY_LENGTH(bad); i++)
        cr_assert_not(fe_env_parse_flag(bad[i], &value), "%s", bad[i]);
}
