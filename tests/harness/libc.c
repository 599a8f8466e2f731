/*
 * The part of a C library that test sources from the host may use, over Ferrite's own calls. memcpy, memmove, memset,
 * memcmp and strlen are the port's (arch/bare/memory.c), linked a second time for the program.
 *
 * All are weak, so that a real C library takes their place where one is linked.
 */
#include <ferrite/ferrite.h>

#include "stdio.h"
#include "stdlib.h"
#include "string.h"

#define WEAK __attribute__((weak))

WEAK void *memchr(const void *data, int value, size_t bytes) {
    const unsigned char *at = data;
    for (; bytes > 0; bytes--, at++)
        if (*at == (unsigned char)value)
            return (void *)(uintptr_t)at;
    return NULL;
}

WEAK size_t strnlen(const char *text, size_t most) {
    size_t length = 0;
    while (length < most && text[length] != '\0')
        length++;
    return length;
}

WEAK int strcmp(const char *left, const char *right) {
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return (unsigned char)*left - (unsigned char)*right;
}

WEAK int strncmp(const char *left, const char *right, size_t most) {
    for (; most > 0 && *left != '\0' && *left == *right; most--) {
        left++;
        right++;
    }
    return most == 0 ? 0 : (unsigned char)*left - (unsigned char)*right;
}

WEAK char *strchr(const char *text, int character) {
    for (;; text++) {
        if (*text == (char)character)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return NULL;
    }
}

WEAK char *strrchr(const char *text, int character) {
    const char *last = NULL;
    for (;; text++) {
        if (*text == (char)character)
            last = text;
        if (*text == '\0')
            return (char *)(uintptr_t)last;
    }
}

WEAK char *strstr(const char *text, const char *part) {
    size_t length = strlen(part);
    for (;; text++) {
        if (strncmp(text, part, length) == 0)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return NULL;
    }
}

WEAK char *strcpy(char *restrict to, const char *restrict from) {
    memcpy(to, from, strlen(from) + 1);
    return to;
}

WEAK char *strncpy(char *restrict to, const char *restrict from, size_t bytes) {
    size_t length = strnlen(from, bytes);
    memcpy(to, from, length);
    memset(to + length, 0, bytes - length);
    return to;
}

WEAK char *strcat(char *restrict to, const char *restrict from) {
    memcpy(to + strlen(to), from, strlen(from) + 1);
    return to;
}

WEAK char *strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = fe_heap_try_alloc(bytes);
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

WEAK void exit(int status) {
    fe_task_exit(status);
}

WEAK void abort(void) {
    fe_fail("abort()");
}

WEAK void *malloc(size_t bytes) {
    return fe_heap_try_alloc(bytes);
}

WEAK void *calloc(size_t count, size_t bytes) {
    return fe_heap_try_alloc_zeroed(count, bytes);
}

WEAK void *realloc(void *block, size_t bytes) {
    return fe_heap_try_realloc(block, bytes);
}

WEAK void free(void *block) {
    fe_heap_free(block);
}

WEAK int abs(int value) {
    return value < 0 ? -value : value;
}

WEAK int vprintf(const char *format, va_list arguments) {
    return fe_print_v(format, arguments);
}

WEAK int printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int bytes = fe_print_v(format, arguments);
    va_end(arguments);
    return bytes;
}

WEAK int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments) {
    return fe_format_v(buffer, size, format, arguments);
}

WEAK int snprintf(char *buffer, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = fe_format_v(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

WEAK int puts(const char *text) {
    return fe_print("%s\n", text);
}

WEAK int putchar(int character) {
    char byte = (char)character;
    fe_console_write(&byte, 1);
    return character;
}
