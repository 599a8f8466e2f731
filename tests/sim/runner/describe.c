/* What a machine that has stopped looks like: each task, and the calls in which it waits. */
#include <arch/sim/sim.h>

#include <ferrite/stats.h>
#include <kernel/symbols.h>
#include <sched/core.h>

void fe_sim_describe_tasks(void (*line)(const char *format, ...));

#define TASKS 24
#define CALLS 6

void fe_sim_describe_tasks(void (*line)(const char *format, ...)) {
    static struct fe_task_information list[TASKS];
    static const char *const states[] = {"ready", "running", "blocked", "ended"};
    size_t count = fe_task_list(list, TASKS);
    for (size_t i = 0; i < count && i < TASKS; i++) {
        const struct fe_task_information *task = &list[i];
        line("task %llu '%s': %s, core %u", (unsigned long long)task->task.id, task->name, states[task->state], task->core);
        if (task->state == FE_TASK_BLOCKED || task->state == FE_TASK_READY) {
            uint64_t frame[2], pointer = 0;
            const uint64_t *saved = task->task.tcb->context.stack_pointer; /* r15 r14 r13 r12 rbx rbp rip: switch.S */
            const char *before = ": in ";
            if (fe_arch_probe((uintptr_t)&saved[5], &pointer))
                for (int n = 0;
                     n < CALLS && fe_arch_probe(pointer, &frame[0]) && fe_arch_probe(pointer + 8, &frame[1]) && frame[1];
                     n++) {
                    uint64_t within;
                    const char *name = fe_symbol_at(frame[1], &within);
                    line("%s%s", before, name ? name : "?");
                    before = " < ";
                    pointer = frame[0];
                }
        }
        line("\n");
    }
    if (count > TASKS)
        line("and %zu tasks more\n", count - TASKS);
}
