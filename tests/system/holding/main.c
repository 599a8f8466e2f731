/* The program of tests/system/settings: says what holds, one setting a line, by what it does and not by what it is told. */
#include <ferrite/ferrite.h>

enum { BYTES = 1024 };

static intptr_t return_at_once(void *unused) {
    (void)unused;
    return 0;
}

/* The largest bound that a spawner may give, in KiB. */
static size_t largest_stack(void) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    size_t good = 16 << 10, bad = (size_t)1 << 40;
    while (bad - good > 1) {
        fe_task task;
        options.stack_bytes = good + (bad - good) / 2;
        if (fe_task_try_spawn(return_at_once, NULL, &options, &task) == FE_OK) {
            fe_task_join(task, NULL);
            good = options.stack_bytes;
        } else {
            bad = options.stack_bytes;
        }
    }
    return good >> 10;
}

static size_t default_stack(void) {
    static struct fe_task_information list[64];
    fe_task task = fe_task_spawn(return_at_once, NULL, NULL);
    size_t bound = 0, count = fe_task_list(list, FE_ARRAY_LENGTH(list));
    for (size_t i = 0; i < count && i < FE_ARRAY_LENGTH(list); i++)
        if (list[i].task.id == task.id)
            bound = list[i].stack_bound;
    fe_task_join(task, NULL);
    return bound >> 10;
}

/* Looks at a block that has been freed: how much of it is not as it was left. */
static const char *poison(void) {
    unsigned char *block = fe_heap_alloc(BYTES);
    __builtin_memset(block, 0x11, BYTES);
    uintptr_t address = (uintptr_t)block;
    fe_heap_free(block);
    const volatile unsigned char *freed = (const volatile unsigned char *)address;
    return freed[BYTES - 1] != 0x11 ? "all" : freed[40] != 0x11 ? "first" : "off";
}

/* Whether a block that was freed rests before it is had again. */
static bool rests(void) {
    void *block = fe_heap_alloc(BYTES);
    uintptr_t address = (uintptr_t)block;
    fe_heap_free(block);
    block = fe_heap_alloc(BYTES);
    bool same = (uintptr_t)block == address;
    fe_heap_free(block);
    return !same;
}

static intptr_t tell(void *told) {
    __atomic_store_n((bool *)told, true, __ATOMIC_RELEASE);
    return 0;
}

/* Whether somebody else runs while this task, on the same core, does not let him. */
static bool slices(void) {
    static bool told;
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.core = (int)fe_core_index();
    fe_task task = fe_task_spawn(tell, &told, &options);
    fe_nanoseconds began = fe_time_now();
    while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE) && fe_time_now() - began < 500 * FE_MILLISECOND)
        ;
    bool stopped = __atomic_load_n(&told, __ATOMIC_ACQUIRE);
    fe_task_join(task, NULL);
    return stopped;
}

static intptr_t tell_all(void *unused) {
    (void)unused;
    fe_print("cores %u\n", fe_core_count());
    fe_print("min_stack %zu KiB\n", default_stack());
    fe_print("max_stack %zu KiB\n", largest_stack());
    fe_print("slices %s\n", slices() ? "yes" : "no");
    fe_print("poison %s\n", poison());
    fe_print("quarantine %s\n", rests() ? "yes" : "no");
    fe_print("console %s\n", fe_console_is_terminal() ? "terminal" : "pipe");
    return 0;
}

int fe_main(int argc, char **argv) {
    (void)argc, (void)argv;
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.core = 0;
    fe_task_join(fe_task_spawn(tell_all, NULL, &options), NULL);
    return 0;
}
