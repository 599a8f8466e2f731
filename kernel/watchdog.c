/*
 * What does not go on is told: a deadlock, which ends the machine with status 101 (the program can never end), and code that
 * keeps a core from others (a section of fe_preempt_disable, masked interrupts, or the runtime's own), which is told once and
 * goes on.
 *
 * With each comes who waits on what.
 */
#define FE_LOG_MODULE "watchdog"
#include "watchdog.h"

#include "backtrace.h"
#include "console.h"
#include "log.h"
#include "panic.h"
#include "state.h"

#include <sched/scheduler.h>
#include <sched/watch.h>

enum { TASKS_TOLD = 20 };

struct telling {
    void (*line)(const char *text);
    unsigned told, left;
    bool backtraces;
};

static void tell_one(const struct fe_task_information *task, void *argument) {
    static const char *const states[] = {"is ready", "runs", "", "has ended, and nobody has joined it"};
    struct telling *telling = argument;
    if (telling->told == TASKS_TOLD) {
        telling->left++;
        return;
    }
    telling->told++;
    char what[64], text[128];
    if (task->state == FE_TASK_BLOCKED)
        fe_watch_describe(task->task.tcb, what, sizeof(what));
    else
        fe_format(what, sizeof(what), "%s", states[task->state]);
    fe_format(text, sizeof(text), "%s (%llu) %s, core %u%s", task->name, (unsigned long long)task->task.id, what,
              task->core, task->pinned == FE_ANY_CORE ? "" : ", pinned");
    telling->line(text);
    if (telling->backtraces && task->state == FE_TASK_BLOCKED) {
        struct fe_arch_place place = fe_arch_context_place(&task->task.tcb->context);
        fe_backtrace(place.pc, place.frame_pointer, telling->line);
    }
}

/* The graph of who waits on what, a task a line. */
static void tell_waits(void (*line)(const char *text), bool backtraces) {
    struct telling telling = {.line = line, .backtraces = backtraces};
    fe_tasks_each(tell_one, &telling);
    if (telling.left) {
        char text[64];
        fe_format(text, sizeof(text), "... and %u more tasks", telling.left);
        line(text);
    }
}

/* Deadlock -------------------------------------------------------------------------------------------------------- */

static void print_line(const char *text) {
    fe_console_fresh_line_locked();
    fe_console_put_locked("# deadlock: ", 12);
    fe_console_put_locked(text, __builtin_strlen(text));
    fe_console_put_locked("\n", 1);
}

/* A task that reads the console waits for a device. */
static bool awaits_device(void) {
    return *(struct fe_tcb *volatile *)&fe_kernel_state.reader != NULL; /* a glance: it is looked at twice */
}

FE_NORETURN static void deadlocked(void) {
    fe_console_seize();
    fe_arch_interrupts_disable();
    if (fe_machine.stop_others != NULL)
        fe_machine.stop_others();
    print_line("every task waits, and nothing is left that could wake one");
    tell_waits(print_line, true);
    fe_exit_machine(FE_EXIT_MAIN_FAILED);
}

/* Held cores ------------------------------------------------------------------------------------------------------ */

static void log_line(const char *text) {
    struct fe_log_site site = {.module = "watchdog"};
    fe_log_write(&site, FE_LOG_WARN, "  %s", text);
}

/* In an interrupt handler on the core itself. */
static void held(fe_task task, const char *name, bool section, struct fe_arch_place place, fe_nanoseconds length) {
    struct fe_log_site site = {.module = "watchdog"};
    fe_log_write(&site, FE_LOG_WARN, "%s (%llu) keeps its core from others for %llu ms now, %s", name,
                 (unsigned long long)task.id, (unsigned long long)(length / FE_MILLISECOND),
                 section ? "in a section of fe_preempt_disable" : "in the runtime");
    fe_backtrace(place.pc, place.frame_pointer, log_line);
    tell_waits(log_line, false);
}

/* In an interrupt handler on the core that watches it. */
static void stuck(unsigned core, fe_task task, const char *name, bool interrupts, struct fe_arch_place place) {
    struct fe_log_site site = {.module = "watchdog"};
    fe_log_write(&site, FE_LOG_WARN, "core %u is stuck: it runs %s (%llu), %s", core, name, (unsigned long long)task.id,
                 interrupts ? "takes interrupts, and switches no more" : "and takes no interrupts");
    if (place.pc)
        fe_backtrace(place.pc, place.frame_pointer, log_line);
    tell_waits(log_line, false);
}

void fe_watchdog_set_hooks(void) {
    fe_sched_hooks.stuck = stuck;
    fe_sched_hooks.awaits_device = awaits_device;
    fe_sched_hooks.deadlocked = deadlocked;
    fe_sched_hooks.held = held;
}
