/*
 * fe_format against the host's snprintf, conversion by conversion, and where it differs on purpose.
 *
 * Links: kernel/format.c kernel/status.c
 */
#include <criterion/criterion.h>
#include <ferrite/io.h>

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"

/* Both, into buffers of every size up to one that holds it all; nothing may be written behind the end. */
static void same(const char *format, ...) {
    char expected[512], got[520];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(expected, sizeof(expected), format, arguments);
    va_end(arguments);
    for (size_t size = 0; size <= (size_t)length + 2 && size < sizeof(expected); size++) {
        memset(got, '#', sizeof(got));
        va_start(arguments, format);
        int result = fe_format_v(got, size, format, arguments);
        va_end(arguments);
        cr_assert_eq(result, length, "\"%s\": length %d, not %d", format, result, length);
        if (size > 0) {
            size_t fits = size - 1 < (size_t)length ? size - 1 : (size_t)length;
            cr_assert_eq(memcmp(got, expected, fits), 0, "\"%s\" in %zu: \"%s\", not \"%s\"", format, size, got, expected);
            cr_assert_eq(got[fits], '\0');
        }
        cr_assert_eq(got[size], '#', "\"%s\" wrote behind %zu bytes", format, size);
    }
}

static void shows(const char *expected, const char *format, ...) {
    char got[256];
    va_list arguments;
    va_start(arguments, format);
    int length = fe_format_v(got, sizeof(got), format, arguments);
    va_end(arguments);
    cr_assert_str_eq(got, expected);
    cr_assert_eq((size_t)length, strlen(expected));
}

Test(kernel_format, text_without_conversions) {
    same("");
    same("plain");
    same("100%%");
    same("%%%%");
}

Test(kernel_format, every_flag_width_precision_and_conversion) {
    static const char *const flags[] = {"", "-", "0", "+", " ", "#", "-0", "+ ", "#0", "-+", "0+", "-#"};
    static const char *const widths[] = {"", "1", "5", "12", "30"};
    static const char *const precisions[] = {"", ".", ".0", ".1", ".4", ".20"};
    static const char conversions[] = "diuxXo";
    static const int values[] = {0, 1, -1, 7, 8, 42, -42, 123456, INT_MAX, INT_MIN};
    for (size_t f = 0; f < FE_ARRAY_LENGTH(flags); f++)
        for (size_t w = 0; w < FE_ARRAY_LENGTH(widths); w++)
            for (size_t p = 0; p < FE_ARRAY_LENGTH(precisions); p++)
                for (const char *c = conversions; *c; c++)
                    for (size_t v = 0; v < FE_ARRAY_LENGTH(values); v++) {
                        char format[64];
                        snprintf(format, sizeof(format), "[%%%s%s%s%c]", flags[f], widths[w], precisions[p], *c);
                        same(format, values[v]);
                    }
}

Test(kernel_format, lengths) {
    same("%hhd %hhu %hhx", -1, 255, 0x1234);
    same("%hd %hu %ho", -32768, 65535, 0123456);
    same("%ld %lu %lx", LONG_MIN, ULONG_MAX, ULONG_MAX);
    same("%lld %llu %llX %llo", LLONG_MIN, ULLONG_MAX, ULLONG_MAX, ULLONG_MAX);
    same("%zu %zx", SIZE_MAX, SIZE_MAX);
    same("%jd %ju", INTMAX_MIN, UINTMAX_MAX);
    same("%td", PTRDIFF_MIN);
}

Test(kernel_format, widths_from_arguments) {
    same("%*d|%-*d|%.*d|%*.*d", 6, 42, 6, 42, 4, 42, 8, 5, 42);
    same("%*d", -6, 42);
    same("%.*d", -1, 42);
    same("%*s|%.*s", 5, "ab", 1, "ab");
}

Test(kernel_format, text_and_characters) {
    same("%s", "");
    same("%s %10s|%-10s|", "one", "two", "three");
    same("%.2s|%.0s|%.9s", "abc", "abc", "abc");
    same("%c%c%c", 'a', 'b', 'c');
    same("%5c|%-5c|", 'x', 'y');
    char unterminated[3] = {'a', 'b', 'c'};
    same("%.3s", unterminated);
    shows("(null)", "%s", NULL);
}

Test(kernel_format, a_zero_character_is_written_as_it_is) {
    char got[8];
    cr_assert_eq(fe_format(got, sizeof(got), "a%cb", 0), 3);
    cr_assert_eq(memcmp(got, "a\0b", 4), 0);
}

Test(kernel_format, pointers) {
    same("%p %20p|%-20p|", (void *)0x1234, (void *)0xffffffff80000000, (void *)1);
    shows("0x0", "%p", NULL);
}

Test(kernel_format, what_it_does_not_know_is_shown_as_it_stands) {
    shows("%f x", "%f x", 1);
    shows("%-5.3q 7", "%-5.3q %d", 7);
    shows("%n", "%n", NULL);
    shows("end %", "end %");
    shows("end %-08l", "end %-08l");
}

Test(kernel_format, absurd_widths_cost_nothing_and_do_not_wrap) {
    char got[8];
    cr_assert_eq(fe_format(got, sizeof(got), "%2147483647d", 1), INT_MAX);
    cr_assert_str_eq(got, "       ");
    cr_assert_eq(fe_format(got, sizeof(got), "%99999999999999999999d%2147483647d", 1, 2), INT_MAX);
    cr_assert_eq(fe_format(got, sizeof(got), "%.2147483647d", 1), INT_MAX);
    cr_assert_str_eq(got, "0000000");
    cr_assert_eq(fe_format(got, sizeof(got), "%*d", INT_MIN, 1), INT_MAX);
}

Test(kernel_format, each_status_has_a_string_of_its_own) {
    for (int i = 0; i >= FE_EPARSE - 3; i--)
        for (int j = 0; j > i; j--)
            if (i >= FE_EPARSE)
                cr_assert_str_neq(fe_status_string((fe_status)i), fe_status_string((fe_status)j));
    cr_assert_str_eq(fe_status_string((fe_status)-1000), "unknown status");
    cr_assert_str_eq(fe_status_string((fe_status)1), "unknown status");
}
