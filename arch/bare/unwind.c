/*
 * What libgcc's unwinder needs of its surroundings, under names of our own (tools/program.mk renames them in a copy of it, so
 * that a program's libc is not concerned): where the tables of an address are, and what it calls when it can't go on.
 */
#include <ferrite/task.h>

/* From linker/unwind.ld, in images that have the unwinder. */
extern char fe_unwind_tables[] __attribute__((weak));

/* As glibc's <dlfcn.h> declares it. */
struct dl_find_object {
    unsigned long long flags;
    void *map_start, *map_end;
    void *link_map;
    void *eh_frame; /* the header: a table of functions, sorted */
    unsigned long long reserved[7];
};
int _dl_find_object(void *address, struct dl_find_object *result);
FE_NORETURN void fe_unwind_abort(void);
void *fe_unwind_malloc(size_t bytes);
void fe_unwind_free(void *block);
char *fe_unwind_strchr(const char *text, int character);

/* One image, so one answer; an address without a function is found to have none in the table. */
int _dl_find_object(void *address, struct dl_find_object *result) {
    (void)address;
    *result = (struct dl_find_object){.eh_frame = fe_unwind_tables};
    return 0;
}

/* Fails the task: for programs without a libc, and for what clang puts where an unwinding can't get to. */
FE_NORETURN __attribute__((weak)) void abort(void);
void abort(void) {
    fe_fail("abort");
}

/* The unwinding was resumed after a cleanup, and can't go on. */
void fe_unwind_abort(void) {
    fe_fail("unwinding cannot go on");
}

/* For tables registered at run time, of which there are none. */
void *fe_unwind_malloc(size_t bytes) {
    (void)bytes;
    return NULL;
}

void fe_unwind_free(void *block) {
    (void)block;
}

char *fe_unwind_strchr(const char *text, int character) {
    for (; *text != (char)character; text++)
        if (!*text)
            return NULL;
    return (char *)(uintptr_t)text;
}
