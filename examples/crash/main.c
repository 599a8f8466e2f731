/*
 * crash WAY: fails on purpose, to show what a failure looks like and that the machine survives it.
 */
#include <ferrite/ferrite.h>

struct way {
    const char *name, *help;
    void (*function)(void);
};

static volatile uintptr_t nowhere; /* 0, though no compiler may count on it */

static void read_null(void) {
    fe_print("read %d from address 0\n", *(const int *)nowhere);
}

/* Outside every mapping of the address space (see arch/arch.h), yet a canonical address. */
static void write_wild(void) {
    volatile int *wild = (volatile int *)(uintptr_t)0x600000000000;
    *wild = 1;
}

/* Each frame uses its bytes after the call, so that the compiler cannot make a loop of it. */
static unsigned dig(unsigned depth) {
    volatile uint8_t hole[512];
    hole[depth % sizeof hole] = (uint8_t)depth;
    return depth == UINT32_MAX ? 0 : dig(depth + 1) + hole[depth % sizeof hole];
}

static void overflow_stack(void) {
    fe_print("dug %u deep\n", dig(0));
}

static void fail_assertion(void) {
    unsigned cores = fe_core_count();
    fe_assert(cores == 0);
}

static void execute_illegal(void) {
    __builtin_trap();
}

static void free_twice(void) {
    void *block = fe_heap_alloc(64);
    uintptr_t copy = (uintptr_t)block; /* hides from the compiler what is about to happen */
    fe_heap_free(block);
    fe_heap_free((void *)copy);
}

static const struct way ways[] = {
    {"null", "read address 0", read_null},
    {"wild", "write where nothing is mapped", write_wild},
    {"overflow", "call itself until the stack ends", overflow_stack},
    {"assert", "fail an assertion", fail_assertion},
    {"illegal", "execute an illegal instruction", execute_illegal},
    {"free", "free a block twice", free_twice},
};

static bool same(const char *a, const char *b) {
    for (; *a != '\0' && *a == *b; a++)
        b++;
    return *a == *b;
}

int fe_main(int argc, char **argv) {
    for (size_t i = 0; argc == 2 && i < FE_ARRAY_LENGTH(ways); i++)
        if (same(argv[1], ways[i].name)) {
            ways[i].function();
            fe_print("crash: %s did no harm\n", ways[i].name);
            return 1;
        }
    fe_print("crash: name one way to fail:\n");
    for (size_t i = 0; i < FE_ARRAY_LENGTH(ways); i++)
        fe_print("  %-9s %s\n", ways[i].name, ways[i].help);
    return 2;
}

FE_PROGRAM(crash, "fail on purpose, in the way that is named", fe_main);
