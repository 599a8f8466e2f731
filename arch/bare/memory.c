/*
 * Memory functions for kernel objects: the compiler calls them, and the kernel links no libc. Word by word, without FP or
 * SIMD registers; eight or sixteen words a turn for large runs, of which copying and clearing pages is most.
 *
 * Their names are made local when the kernel's objects are linked, so that a program's libc brings its own. Loads that need not
 * be aligned go through a packed type: one instruction where the machine allows that, bytes where the port's flags say
 * that it does not.
 *
 * Rejected: `rep movsb` (a startup cost of tens of cycles on real CPUs, an instruction a byte under -icount).
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);

typedef uint64_t __attribute__((may_alias)) word;
struct loose {
    uint64_t value;
} __attribute__((packed, may_alias));

#define WORD sizeof(word)
#define TURN (8 * WORD)

static inline uint64_t get(const uint8_t *from) {
    return ((const struct loose *)from)->value;
}

static inline int aligned(const void *pointer) {
    return ((uintptr_t)pointer & (WORD - 1)) == 0;
}

/* Upwards; right for any overlap with to < from, since each load comes before the stores that could spoil it. */
static inline void copy_up(uint8_t *to, const uint8_t *from, size_t bytes) {
    if (bytes >= WORD) {
        while (!aligned(to)) {
            *to++ = *from++;
            bytes--;
        }
        if (aligned(from))
            for (; bytes >= TURN; bytes -= TURN, to += TURN, from += TURN) {
                word *t = (word *)(void *)to;
                const word *f = (const word *)(const void *)from;
                word a = f[0], b = f[1], c = f[2], d = f[3];
                t[0] = a, t[1] = b, t[2] = c, t[3] = d;
                a = f[4], b = f[5], c = f[6], d = f[7];
                t[4] = a, t[5] = b, t[6] = c, t[7] = d;
            }
        for (; bytes >= WORD; bytes -= WORD, to += WORD, from += WORD)
            *(word *)(void *)to = get(from);
    }
    while (bytes--)
        *to++ = *from++;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    copy_up(to, from, bytes);
    return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= bytes) { /* `to` is below `from`, or beyond its end */
        copy_up(t, f, bytes);
        return to;
    }
    t += bytes;
    f += bytes;
    if (bytes >= WORD) {
        while (!aligned(t)) {
            *--t = *--f;
            bytes--;
        }
        for (; bytes >= WORD; bytes -= WORD) {
            t -= WORD;
            f -= WORD;
            *(word *)(void *)t = get(f);
        }
    }
    while (bytes--)
        *--t = *--f;
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    uint8_t *t = to;
    uint8_t byte = (uint8_t)value;
    if (bytes >= WORD) {
        word pattern = byte * UINT64_C(0x0101010101010101);
        while (!aligned(t)) {
            *t++ = byte;
            bytes--;
        }
        word *w = (word *)(void *)t;
        for (; bytes >= 2 * TURN; bytes -= 2 * TURN, w += 16) {
            w[0] = pattern, w[1] = pattern, w[2] = pattern, w[3] = pattern;
            w[4] = pattern, w[5] = pattern, w[6] = pattern, w[7] = pattern;
            w[8] = pattern, w[9] = pattern, w[10] = pattern, w[11] = pattern;
            w[12] = pattern, w[13] = pattern, w[14] = pattern, w[15] = pattern;
        }
        for (; bytes >= WORD; bytes -= WORD)
            *w++ = pattern;
        t = (uint8_t *)w;
    }
    while (bytes--)
        *t++ = byte;
    return to;
}

int memcmp(const void *left, const void *right, size_t bytes) {
    const uint8_t *l = left, *r = right;
    while (bytes >= WORD && get(l) == get(r)) {
        l += WORD;
        r += WORD;
        bytes -= WORD;
    }
    for (; bytes; bytes--, l++, r++)
        if (*l != *r)
            return *l < *r ? -1 : 1;
    return 0;
}

/* Whole words: one that begins inside the string lies in a page that is mapped. (AddressSanitizer, on the host, knows better.) */
__attribute__((no_sanitize("address"))) size_t strlen(const char *text) {
    const char *at = text;
    for (; !aligned(at); at++)
        if (!*at)
            return (size_t)(at - text);
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    for (;; at += WORD) {
        uint64_t value = *(const word *)(const void *)at;
        if ((value - ones) & ~value & highs)
            break;
    }
    while (*at)
        at++;
    return (size_t)(at - text);
}

int strcmp(const char *left, const char *right) {
    while (*left && *left == *right) {
        left++;
        right++;
    }
    return (unsigned char)*left - (unsigned char)*right;
}
