/* The tables of schedulers, tasks, memory and files. Each is a glance at figures that go on changing. */
#include "tables.h"

#include <ferrite/ferrite.h>

#define KIB(bytes) ((unsigned long long)((bytes) / 1024))

int shell_cores(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    fe_print("core switches spawned ended steals stolen sleeps interrupts ipis wakeups idle_ms queued\n");
    for (unsigned i = 0; i < fe_core_count(); i++) {
        struct fe_core_statistics s;
        if (fe_core_statistics(i, &s) != FE_OK)
            continue;
        fe_print("%-4u %8llu %7llu %5llu %6llu %6llu %6llu %10llu %4llu %7llu %7llu %6u\n", i,
                 (unsigned long long)s.switches, (unsigned long long)s.spawned, (unsigned long long)s.ended,
                 (unsigned long long)s.steals, (unsigned long long)s.stolen, (unsigned long long)s.sleeps,
                 (unsigned long long)s.interrupts, (unsigned long long)s.ipis, (unsigned long long)s.wakeups_sent,
                 (unsigned long long)(s.idle / FE_MILLISECOND), s.queued);
    }
    return 0;
}

int shell_tasks(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    static const char *const states[] = {"ready", "running", "blocked", "ended"};
    size_t capacity = fe_task_list(NULL, 0) + 16; /* some may be made meanwhile */
    struct fe_task_information *list = fe_heap_try_alloc_zeroed(capacity, sizeof *list);
    if (!list) {
        fe_print("tasks: no memory for a list of %zu tasks\n", capacity);
        return 1;
    }
    size_t count = fe_task_list(list, capacity);
    fe_print("id name state core pinned stack_kib of_kib\n");
    for (size_t i = 0; i < count && i < capacity; i++) {
        const struct fe_task_information *t = &list[i];
        fe_print("%-6llu %-23s %-7s %4u %6s %9llu %6llu\n", (unsigned long long)t->task.id, t->name, states[t->state],
                 t->core, t->pinned == FE_ANY_CORE ? "no" : "yes", KIB(t->stack_committed), KIB(t->stack_bound));
    }
    fe_heap_free(list);
    return 0;
}

int shell_mem(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    struct fe_memory_statistics m;
    fe_memory_statistics(&m);
    fe_print("memory kib\n");
    fe_print("total  %10llu\nfree   %10llu\nimage  %10llu\nstacks %10llu\ntables %10llu\nheap   %10llu\n", KIB(m.total_bytes),
             KIB(m.free_bytes), KIB(m.kernel_bytes), KIB(m.stack_bytes), KIB(m.table_bytes), KIB(m.heap_bytes));
    fe_print("heap allocations frees remote_frees live_blocks live_bytes cached_bytes pages\n");
    for (int core = FE_ANY_CORE; core < (int)fe_core_count(); core++) {
        struct fe_heap_statistics h;
        char name[8];
        fe_heap_statistics(core, &h);
        if (core == FE_ANY_CORE)
            fe_format(name, sizeof name, "all");
        else
            fe_format(name, sizeof name, "%d", core);
        fe_print("%-4s %11llu %5llu %12llu %11llu %10llu %12llu %5llu\n", name, (unsigned long long)h.allocations,
                 (unsigned long long)h.frees, (unsigned long long)h.remote_frees, (unsigned long long)h.live_blocks,
                 (unsigned long long)h.live_bytes, (unsigned long long)h.cached_bytes, (unsigned long long)h.pages);
    }
    return 0;
}

int shell_files(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    fe_print("name bytes\n");
    for (size_t i = 0; i < fe_file_count(); i++)
        fe_print("%s %zu\n", fe_file_at(i)->name, fe_file_at(i)->bytes);
    return 0;
}
