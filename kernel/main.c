/*
 * The main task, and how the machine ends.
 *
 *     running --1 main returns---> waiting for the other tasks --2 the last one ends--> finished
 *             --3 main fails-----> finished (status 101; what else runs is cut off)
 *
 * Finishing: the leak report if `leaks=` asks, the logs, "ferrite: exit N", power off. Exit statuses are 0 to 100 for
 * the program; a greater one is refused with a message and becomes 101, as main's failure does.
 *
 * leaks=off (the default) says nothing; leaks=report tells how many blocks of the exchange heap that the program
 * allocated are still live; leaks=fail does so too, and turns status 0 into 101 if there are any.
 */
#define FE_LOG_MODULE "main"
#include "main.h"

#include "backtrace.h"
#include "console.h"
#include "log.h"
#include "panic.h"
#include "state.h"
#include "symbols.h"

#include <ferrite/context.h>
#include <ferrite/env.h>
#include <ferrite/program.h>
#include <heap/exchange.h>
#include <sched/scheduler.h>

#define STATUS_MAX 100
#define MAIN_STACK_BYTES ((size_t)1 << 20) /* of addresses: memory is taken as it is touched */

static intptr_t run_main(void *unused) {
    (void)unused;
    struct fe_env_table *env = &fe_kernel_state.env;
    /* Relaxed: read after the machine's last task has ended, or by this task's own failure. */
    atomic_store_explicit(&fe_kernel_state.main_task, fe_task_self().id, memory_order_relaxed);
    if (fe_core_index() == 0) /* other cores count from elsewhere */
        fe_info("%llu instructions from the first one to the main task",
                (unsigned long long)(fe_arch_instructions() - fe_kernel_state.entry.instructions));
    int status = fe_main((int)env->argument_count, env->arguments);
    if (status < 0 || status > STATUS_MAX) {
        fe_error("the program returned %d; statuses are 0 to %d, so it counts as a failure", status, STATUS_MAX);
        status = FE_EXIT_MAIN_FAILED;
    }
    atomic_store_explicit(&fe_kernel_state.exit_status, status, memory_order_relaxed);
    return status;
}

/* Leaks ---------------------------------------------------------------------------------------------------------------
 */

enum { KERNEL_BLOCKS_MAX = 2 * FE_CORES_MAX, LEAKS_SHOWN = 10 };

/* The kernel's own blocks: those that were live before the program ran. */
static struct {
    const void *block[KERNEL_BLOCKS_MAX];
    size_t count;
} kernel_blocks;

static void note_kernel_block(const struct fe_heap_leak *leak, void *unused) {
    (void)unused;
    if (kernel_blocks.count < KERNEL_BLOCKS_MAX)
        kernel_blocks.block[kernel_blocks.count++] = leak->block;
}

struct leaks {
    uint64_t blocks, bytes;
};

static void count_leak(const struct fe_heap_leak *leak, void *argument) {
    struct leaks *leaks = argument;
    for (size_t i = 0; i < kernel_blocks.count; i++)
        if (kernel_blocks.block[i] == leak->block)
            return;
    leaks->bytes += leak->bytes;
    if (leaks->blocks++ >= LEAKS_SHOWN)
        return;
    char site[128] = "";
    if (leak->site != NULL)
        fe_backtrace_name((uintptr_t)leak->site, true, site, sizeof(site));
    fe_log_boot("leak: %p, %zu bytes, core %u%s%s", leak->block, leak->bytes, leak->core,
                leak->site ? ", allocated at " : "", site);
}

enum leaks_mode { LEAKS_OFF, LEAKS_REPORT, LEAKS_FAIL };

static enum leaks_mode leaks_mode(void) {
    static const char *const names[] = {"off", "report", "fail"};
    const char *mode = fe_env("leaks");
    if (mode == NULL)
        return LEAKS_OFF;
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(names); i++)
        if (__builtin_strcmp(mode, names[i]) == 0)
            return (enum leaks_mode)i;
    fe_log_complain("command line: leaks=%s: choose off, report or fail; report holds", mode);
    return LEAKS_REPORT;
}

/* Tells of the program's live blocks if asked to; true if they fail the run. */
static bool report_leaks(void) {
    if (fe_kernel_state.leaks == LEAKS_OFF)
        return false;
    struct leaks leaks = {0};
    fe_heap_leaks(count_leak, &leaks);
    fe_log_boot("leaks: %llu blocks, %llu bytes", (unsigned long long)leaks.blocks, (unsigned long long)leaks.bytes);
    return fe_kernel_state.leaks == LEAKS_FAIL && leaks.blocks > 0;
}

/* The end -------------------------------------------------------------------------------------------------------------
 */

FE_NORETURN static void finish(void) {
    /* Of two cores that come here (main fails just as the last task ends) one goes on. Relaxed: it guards nothing else.
     */
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
    const char *how = result->outcome == FE_FAULTED ? "faulted" : "failed";
    if (result->outcome == FE_KILLED) { /* as somebody wished */
        fe_debug("%s (%llu) was killed", name, (unsigned long long)task.id);
    } else {
        fe_log_write(&site, FE_LOG_ERROR, "%s (%llu) %s: %s", name, (unsigned long long)task.id, how, result->message);
        fe_backtrace(pc, frame_pointer, log_frame);
    }
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
    fe_kernel_state.leaks = (int)leaks_mode();
    if (fe_kernel_state.leaks != LEAKS_OFF)
        fe_heap_leaks(note_kernel_block, NULL);

    fe_kernel_state.env.arguments[0] = (char *)(uintptr_t)fe_image_name;
    fe_event_init(&main_failed, 0, main_failed_event);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = "main";
    options.stack_bytes = MAIN_STACK_BYTES;
    options.detached = true;
    fe_task task;
    fe_status status = fe_task_try_spawn(run_main, NULL, &options, &task);
    if (status == FE_EINVAL) { /* max_stack= is below it */
        options.stack_bytes = 0;
        status = fe_task_try_spawn(run_main, NULL, &options, &task);
    }
    return status;
}
