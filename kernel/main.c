/*
 * The main task, and how the machine ends.
 *
 *     running --1 main returns---> waiting for the other tasks --2 the last one ends--> finished
 *             --3 main fails-----> finished (status 101; what else runs is cut off)
 *
 * Finishing: the leak report if `leaks=` asks, the logs, "ferrite: exit N", power off. Exit statuses are 0 to 100 for the
 * program; a greater one is refused with a message and becomes 101, as main's failure does.
 *
 * leaks=off (the default) says nothing; leaks=report tells how many blocks of the exchange heap that the program allocated are
 * still live; leaks=fail does so too, and turns status 0 into 101 if there are any.
 */
#define FE_LOG_MODULE "main"
#include "main.h"

#include "backtrace.h"
#include "console.h"
#include "log.h"
#include "panic.h"
#include "state.h"

#include <ferrite/env.h>
#include <ferrite/heap.h>
#include <ferrite/program.h>
#include <sched/scheduler.h>

#define STATUS_MAX 100
#define MAIN_STACK_BYTES ((size_t)1 << 20) /* of addresses: memory is taken as it is touched */

static intptr_t run_main(void *unused) {
    (void)unused;
    struct fe_env_table *env = &fe_kernel_state.env;
    /* Relaxed: read after the machine's last task has ended, or by this task's own failure. */
    atomic_store_explicit(&fe_kernel_state.main_task, fe_task_self().id, memory_order_relaxed);
    int status = fe_main((int)env->argument_count, env->arguments);
    if (status < 0 || status > STATUS_MAX) {
        fe_error("the program returned %d; statuses are 0 to %d, so it counts as a failure", status, STATUS_MAX);
        status = FE_EXIT_MAIN_FAILED;
    }
    atomic_store_explicit(&fe_kernel_state.exit_status, status, memory_order_relaxed);
    return status;
}

static bool report_leaks(void) {
    const char *mode = fe_env("leaks");
    if (mode == NULL || __builtin_strcmp(mode, "off") == 0)
        return false;
    bool fails = __builtin_strcmp(mode, "fail") == 0;
    if (!fails && __builtin_strcmp(mode, "report") != 0)
        fe_log_complain("command line: leaks=%s: choose off, report or fail; report holds", mode);
    struct fe_heap_statistics heap;
    fe_heap_statistics(FE_ANY_CORE, &heap);
    uint64_t blocks = heap.live_blocks - fe_kernel_state.heap_blocks_at_main;
    uint64_t bytes = heap.live_bytes - fe_kernel_state.heap_bytes_at_main;
    fe_log_boot("leaks: %llu blocks, %llu bytes", (unsigned long long)blocks, (unsigned long long)bytes);
    return fails && blocks > 0;
}

FE_NORETURN static void finish(void) {
    /* Of two cores that come here (main fails just as the last task ends) one goes on. Relaxed: it guards nothing else. */
    if (atomic_exchange_explicit(&fe_kernel_state.finishing, true, memory_order_relaxed))
        fe_arch_halt();
    int status = atomic_load_explicit(&fe_kernel_state.exit_status, memory_order_relaxed);
    if (report_leaks() && status == 0)
        status = FE_EXIT_MAIN_FAILED;
    fe_console_seize();
    if (fe_machine.stop_others != NULL)
        fe_machine.stop_others();
    fe_exit_machine(status);
}

/* Main's failure ends the machine from scheduler context: the failure is reported from wherever it happened. */
static struct fe_event main_failed;

static void main_failed_event(struct fe_event *event) {
    (void)event;
    finish();
}

static void log_frame(const char *text) {
    struct fe_log_site site = {.module = "task"};
    fe_log_write(&site, FE_LOG_ERROR, "  %s", text);
}

static void task_failed(fe_task task, const char *name, const struct fe_task_result *result, uintptr_t pc,
                        uintptr_t frame_pointer) {
    struct fe_log_site site = {.module = "task"};
    if (result->outcome == FE_FAULTED) {
        char place[128];
        fe_backtrace_name(result->fault_pc, false, place, sizeof(place));
        fe_log_write(&site, FE_LOG_ERROR, "task %s (%llu) faulted: %s; address 0x%lx, at %s", name,
                     (unsigned long long)task.id, result->message, (unsigned long)result->fault_address, place);
    } else {
        fe_log_write(&site, FE_LOG_ERROR, "task %s (%llu) %s: %s", name, (unsigned long long)task.id,
                     result->outcome == FE_KILLED ? "killed" : "failed", result->message);
    }
    fe_backtrace(pc, frame_pointer, log_frame);
    if (task.id == atomic_load_explicit(&fe_kernel_state.main_task, memory_order_relaxed)) {
        atomic_store_explicit(&fe_kernel_state.exit_status, FE_EXIT_MAIN_FAILED, memory_order_relaxed);
        fe_event_post(&main_failed); /* orders the status before the event's handler */
    }
}

void fe_main_set_hooks(void) {
    fe_sched_hooks.task_failed = task_failed;
    fe_sched_hooks.finished = finish;
}

fe_status fe_main_spawn(void) {
    struct fe_heap_statistics heap;
    fe_heap_statistics(FE_ANY_CORE, &heap);
    fe_kernel_state.heap_blocks_at_main = heap.live_blocks;
    fe_kernel_state.heap_bytes_at_main = heap.live_bytes;

    fe_event_init(&main_failed, 0, main_failed_event);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = "main";
    options.stack_bytes = MAIN_STACK_BYTES;
    options.detached = true;
    fe_task task;
    return fe_task_try_spawn(run_main, NULL, &options, &task);
}
