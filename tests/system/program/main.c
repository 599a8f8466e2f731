/*
 * The program of tests/system/shell's exit statuses, built as a person's own would be, by APP=FOLDER. Its first word says
 * how it ends.
 */
#include <ferrite/ferrite.h>

static intptr_t outlive(void *unused) {
    (void)unused;
    fe_task_sleep(50 * FE_MILLISECOND);
    fe_print("the other task has ended\n");
    return 0;
}

static bool same(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

int fe_main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    fe_print("%s: %d words\n", argv[0], argc);
    if (same(way, "seven"))
        return 7;
    if (same(way, "hundred"))
        return 100;
    if (same(way, "too-large"))
        return 300;
    if (same(way, "negative"))
        return -1;
    if (same(way, "fail"))
        fe_fail("on purpose");
    if (same(way, "fault"))
        *(volatile int *)(intptr_t)(argc - 2) = 1; /* NULL, which the compiler does not see */
    if (same(way, "leak"))
        return fe_heap_alloc(100) == NULL;
    if (same(way, "outlive"))
        fe_task_detach(fe_task_spawn(outlive, NULL, NULL));
    return 0;
}
