/*
 * The tables of schedulers, tasks, memory and files. Each is a glance at figures that go on changing.
 *
 * A header and its rows share their widths, so columns line up as long as figures fit; a larger one pushes the rest of its
 * row to the right, and the columns stay separated by spaces.
 */
#include "tables.h"
#include "commands.h"

#include <ferrite/ferrite.h>

#define KIB(bytes) ((unsigned long long)((bytes) / 1024))

static int refuse_words(const char *command, int argc) {
    if (argc > 1)
        fe_print("%s: takes no words\n", command);
    return argc > 1 ? SHELL_MISUSED : 0;
}

int shell_cores(struct shell *shell, int argc, char **argv) {
    (void)shell;
    if (refuse_words(argv[0], argc))
        return SHELL_MISUSED;
    fe_print("%-4s %9s %8s %6s %6s %6s %10s %5s %8s %6s\n", "core", "switches", "spawned", "steals", "stolen", "sleeps",
             "interrupts", "ipis", "idle_ms", "queued");
    for (unsigned i = 0; i < fe_core_count(); i++) {
        struct fe_core_statistics s;
        if (fe_core_statistics(i, &s) != FE_OK)
            continue;
        fe_print("%-4u %9llu %8llu %6llu %6llu %6llu %10llu %5llu %8llu %6u\n", i, (unsigned long long)s.switches,
                 (unsigned long long)s.spawned, (unsigned long long)s.steals, (unsigned long long)s.stolen,
                 (unsigned long long)s.sleeps, (unsigned long long)s.interrupts, (unsigned long long)s.ipis,
                 (unsigned long long)(s.idle / FE_MILLISECOND), s.queued);
    }
    return 0;
}

int shell_tasks(struct shell *shell, int argc, char **argv) {
    (void)shell;
    if (refuse_words(argv[0], argc))
        return SHELL_MISUSED;
    static const char *const states[] = {"ready", "running", "blocked", "ended"};
    size_t capacity = fe_task_list(NULL, 0) + 16; /* some may be made meanwhile */
    struct fe_task_information *list = fe_heap_try_alloc_zeroed(capacity, sizeof *list);
    if (!list) {
        fe_print("tasks: no memory for a list of %zu tasks\n", capacity);
        return 1;
    }
    size_t count = fe_task_list(list, capacity);
    fe_print("%-8s %-7s %4s %6s %9s %6s %s\n", "id", "state", "core", "pinned", "stack_kib", "of_kib", "name");
    for (size_t i = 0; i < count && i < capacity; i++) {
        const struct fe_task_information *t = &list[i];
        fe_print("%-8llu %-7s %4u %6s %9llu %6llu %s\n", (unsigned long long)t->task.id, states[t->state], t->core,
                 t->pinned == FE_ANY_CORE ? "no" : "yes", KIB(t->stack_committed), KIB(t->stack_bound), t->name);
    }
    fe_heap_free(list);
    return 0;
}

/* A row of shell_mem for an amount that has no more to it. */
static void amount(const char *name, uint64_t bytes) {
    fe_print("%-7s %9llu %8s %11s %11s %12s %10s\n", name, KIB(bytes), "-", "-", "-", "-", "-");
}

static void heap(const char *name, int core) {
    struct fe_heap_statistics h;
    fe_heap_statistics(core, &h);
    fe_print("%-7s %9llu %8llu %11llu %11llu %12llu %10llu\n", name, (unsigned long long)h.pages * 4,
             (unsigned long long)h.live_blocks, (unsigned long long)h.allocations, (unsigned long long)h.frees,
             (unsigned long long)h.remote_frees, KIB(h.cached_bytes));
}

int shell_mem(struct shell *shell, int argc, char **argv) {
    (void)shell;
    if (refuse_words(argv[0], argc))
        return SHELL_MISUSED;
    struct fe_memory_statistics m;
    fe_memory_statistics(&m);
    fe_print("%-7s %9s %8s %11s %11s %12s %10s\n", "memory", "kib", "blocks", "allocated", "freed", "freed_remote",
             "cached_kib");
    amount("total", m.total_bytes);
    amount("free", m.free_bytes);
    amount("image", m.kernel_bytes);
    amount("stacks", m.stack_bytes);
    amount("tables", m.table_bytes);
    heap("heap", FE_ANY_CORE);
    for (unsigned core = 0; core < fe_core_count(); core++) {
        char name[16];
        fe_format(name, sizeof name, "heap-%u", core);
        heap(name, (int)core);
    }
    return 0;
}

int shell_files(struct shell *shell, int argc, char **argv) {
    (void)shell;
    if (refuse_words(argv[0], argc))
        return SHELL_MISUSED;
    fe_print("%-31s %12s\n", "name", "bytes");
    for (size_t i = 0; i < fe_file_count(); i++)
        fe_print("%-31s %12zu\n", fe_file_at(i)->name, fe_file_at(i)->bytes);
    return 0;
}
