/*
 * Formatting, beside the C library's: the input is a format, in which only conversions that both know are left.
 *
 * Links: kernel/format.c
 */
#include "fuzz.h"

#include <ferrite/io.h>

/* Every conversion takes the arguments that the call below passes: eight of each width, as words. */
static bool is_known(const char *format) {
    unsigned arguments = 0;
    for (; *format; format++) {
        if (*format != '%')
            continue;
        format++;
        while (*format && strchr("-0+ #", *format))
            format++;
        unsigned digits = 0;
        for (; *format >= '0' && *format <= '9'; format++)
            digits++;
        if (digits > 3)
            return false;
        if (*format == '.') {
            format++;
            for (digits = 0; *format >= '0' && *format <= '9'; format++)
                digits++;
            if (digits > 3)
                return false;
        }
        if (*format == '%')
            return false; /* with flags the C library differs from itself */
        if (strncmp(format, "ll", 2) != 0)
            return false;
        format += 2;
        if (!*format || !strchr("diuxXo", *format) || ++arguments > 8)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    if (bytes < 10)
        return 0;
    long long value;
    memcpy(&value, data, 8);
    size_t size = data[8];
    char *format = fuzz_text(data + 9, bytes - 9);
    if (is_known(format)) {
        static char expected[16384];
        char *got = malloc(size ? size : 1);
        const long long v = value, w = (long long)((unsigned long long)value * 3);
#pragma clang diagnostic ignored "-Wformat-nonliteral"
        int wanted = snprintf(expected, sizeof expected, format, v, ~v, v >> 7, v & 0xff, v >> 32, w, v >> 60, ~w);
        int length = fe_format(got, size, format, v, ~v, v >> 7, v & 0xff, v >> 32, w, v >> 60, ~w);
        fuzz_check(length == wanted);
        if (size) {
            size_t shown = (size_t)length < size ? (size_t)length : size - 1;
            fuzz_check(memcmp(got, expected, shown) == 0 && got[shown] == 0);
        }
        free(got);
    }
    free(format);
    return 0;
}
