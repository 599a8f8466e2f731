/* The few functions of <stdio.h> that tests use; guest builds have no libc yet. See libc.c. */
#ifndef FE_HARNESS_STDIO_H
#define FE_HARNESS_STDIO_H
#include <stdarg.h>
#include <stddef.h>
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char *format, va_list arguments);
int snprintf(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);
int puts(const char *text);
int putchar(int character);
#endif
