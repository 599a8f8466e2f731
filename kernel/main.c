/*
 * The machine's first task and last: it runs the program, waits, and shuts the machine down. It is a service task, so nothing
 * waits for it, and as all of this is one task's straight line, it happens once.
 *
 *     main runs --1 returns--> other tasks run --2 the last one ends--.
 *               --3 fails (status 101)--------------------------------+--> shutdown.c --> leak report, logs, power off
 *
 * Exit statuses are 0 to 100 for the program; a greater one is refused with a message and becomes 101, as main's failure does.
 */
#define FE_LOG_MODULE "main"
#include "main.h"

#include "backtrace.h"
#include "console.h"
#include "leaks.h"
#include "log.h"
#include "panic.h"
#include "shutdown.h"
#include "state.h"
#include "symbols.h"
#include "watchdog.h"

#include <ferrite/context.h>
#include <ferrite/env.h>
#include <ferrite/program.h>
#include <sched/scheduler.h>

#define STATUS_MAX 100
#define MAIN_STACK_BYTES ((size_t)1 << 20) /* of addresses: memory is taken as it is touched */

static intptr_t run_main(void *unused) {
    (void)unused;
    struct fe_env_table *env = &fe_kernel_state.env;
    if (fe_core_index() == 0) /* other cores count from elsewhere */
        fe_info("%llu instructions from the first one to the main task",
                (unsigned long long)(fe_arch_instructions() - fe_kernel_state.entry.instructions));
    return fe_main((int)env->argument_count, env->arguments);
}

static fe_task spawn_main(void) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = "main";
    options.stack_bytes = MAIN_STACK_BYTES;
    fe_task task;
    if (fe_task_try_spawn(run_main, NULL, &options, &task) == FE_OK)
        return task;
    options.stack_bytes = 0; /* max_stack= is below it */
    return fe_task_spawn(run_main, NULL, &options);
}

/* The machine's status. */
static int status_of(const struct fe_task_result *result) {
    if (result->outcome != FE_RETURNED)
        return FE_EXIT_MAIN_FAILED;
    if (result->value >= 0 && result->value <= STATUS_MAX)
        return (int)result->value;
    fe_error("the program returned %lld; statuses are 0 to %d, so it counts as a failure", (long long)result->value,
             STATUS_MAX);
    return FE_EXIT_MAIN_FAILED;
}

FE_NORETURN static void stop(int status) {
    fe_log_task_finish();
    fe_console_seize();
    fe_arch_interrupts_disable();
    if (fe_machine.stop_others != NULL)
        fe_machine.stop_others();
    fe_exit_machine(status);
}

static intptr_t run_machine(void *unused) {
    (void)unused;
    fe_leaks_begin();
    struct fe_task_result result;
    fe_task_join(spawn_main(), &result);
    int status = status_of(&result);
    if (result.outcome == FE_RETURNED)
        (void)fe_tasks_wait(false, FE_FOREVER);
    fe_shutdown(result.outcome == FE_RETURNED ? FE_SHUTDOWN_ENDED : FE_SHUTDOWN_FAILED);
    if (fe_leaks_report() && status == 0)
        status = FE_EXIT_MAIN_FAILED;
    stop(status);
}

static void log_frame(const char *text) {
    struct fe_log_site site = {.module = "task"};
    fe_log_write(&site, FE_LOG_ERROR, "  %s", text);
}

static void task_failed(fe_task task, const char *name, const struct fe_task_result *result, uintptr_t pc,
                        uintptr_t frame_pointer) {
    struct fe_log_site site = {.module = "task"};
    const char *how = result->outcome == FE_FAULTED ? "faulted" : "failed";
    if (result->outcome == FE_KILLED) { /* as somebody wished */
        fe_debug("%s (%llu) was killed", name, (unsigned long long)task.id);
    } else {
        fe_log_write(&site, FE_LOG_ERROR, "%s (%llu) %s: %s", name, (unsigned long long)task.id, how, result->message);
        fe_backtrace(pc, frame_pointer, log_frame);
    }
}

void fe_main_set_hooks(void) {
    fe_sched_hooks.task_failed = task_failed;
    fe_watchdog_set_hooks();
}

fe_status fe_main_spawn(void) {
    fe_kernel_state.env.arguments[0] = (char *)(uintptr_t)fe_image_name;
    fe_status status = fe_log_task_start();
    if (status != FE_OK)
        return status;
    fe_task task;
    return fe_task_spawn_service(run_machine, NULL, "init", &task);
}
