/* What libfdt takes from <string.h>: the kernel's own memory functions, and three that only libfdt uses. */
#ifndef FERRITE_LIBFDT_STRING_H
#define FERRITE_LIBFDT_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);

static inline void *memchr(const void *in, int byte, size_t bytes) {
    const unsigned char *p = (const unsigned char *)in;
    for (; bytes; bytes--, p++) {
        if (*p == (unsigned char)byte)
            return (void *)(size_t)p;
    }
    return NULL;
}

static inline size_t strnlen(const char *text, size_t most) {
    const char *end = (const char *)memchr(text, 0, most);
    return end ? (size_t)(end - text) : most;
}

static inline char *strchr(const char *text, int byte) {
    return (char *)memchr(text, byte, strlen(text) + 1);
}

static inline char *strrchr(const char *text, int byte) {
    for (size_t i = strlen(text) + 1; i > 0; i--) {
        if (text[i - 1] == (char)byte)
            return (char *)(size_t)(text + i - 1);
    }
    return NULL;
}

#endif
