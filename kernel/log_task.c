/*
 * The log task: receives the lines that tasks log, and writes them to the console.
 *
 * It is a service task at the end of a bounded pipe. Who logs only ever tries to send, so nobody waits for the serial line; what
 * finds the pipe full is counted, and the log task says how many there were once it has come that far. It hands each line to its
 * own core's ring and drains that, with all other lines, as anybody would; but it waits for the console's lock, where others leave
 * their lines behind.
 *
 * The pipe is never closed: a task that shutdown left behind may still be sending.
 */
#include "log.h"

#include "console.h"
#include "state.h"

#include <ferrite/context.h>
#include <ferrite/pipe.h>
#include <ferrite/time.h>
#include <sched/scheduler.h>

/* 64 KiB: some screens of lines, which a serial line of 115,200 bits a second takes two seconds for. */
#define CAPACITY 256
#define FINISH_LIMIT (5 * FE_SECOND)

_Static_assert(sizeof(struct fe_log_message) <= FE_PIPE_VALUE_MAX, "a line fits into the pipe");

/* Written before the program runs. */
static fe_sender sender;
static fe_port port;
static fe_task task;
/* The log task's: what is in the pipe no longer, or in no ring yet. No module: nothing is. */
static struct fe_log_message in_hand;

static void report_dropped(uint32_t *reported) {
    uint32_t dropped = atomic_load_explicit(&fe_kernel_state.log_dropped, memory_order_relaxed); /* a count: orders nothing */
    if (dropped == *reported)
        return;
    struct fe_log_message message = {.record = {.counter = fe_arch_counter(), .module = "log", .level = FE_LOG_BOOT}};
    message.record.bytes =
        (uint16_t)fe_format(message.text, sizeof(message.text),
                            "log: %u lines dropped: more came than could be written", dropped - *reported);
    *reported = dropped;
    fe_log_put(&message.record, message.text);
}

static intptr_t write_lines(void *unused) {
    (void)unused;
    uint32_t reported = 0;
    for (;;) {
        fe_pipe_receive(port, &in_hand);
        if (in_hand.record.module == NULL) { /* fe_log_task_finish */
            report_dropped(&reported);
            return 0;
        }
        fe_log_put(&in_hand.record, in_hand.text);
        in_hand.record.module = NULL;
        if (fe_port_pending(port) == 0)
            report_dropped(&reported);
        fe_console_flush();
    }
}

fe_status fe_log_task_start(void) {
    fe_status status = fe_pipe_try_open(&sender, &port, sizeof(struct fe_log_message), CAPACITY, FE_PIPE_SHARED);
    if (status == FE_OK)
        status = fe_task_spawn_service(write_lines, NULL, "log", &task);
    if (status == FE_OK) /* relaxed: the tasks that read it are made after this */
        atomic_store_explicit(&fe_kernel_state.log_task, true, memory_order_relaxed);
    return status;
}

bool fe_log_send(const struct fe_log_message *message) {
    /* Relaxed: written before there are tasks, and when there are none that matter any more. */
    if (!atomic_load_explicit(&fe_kernel_state.log_task, memory_order_relaxed) || fe_context() != FE_CONTEXT_TASK)
        return false;
    if (fe_pipe_try_send(sender, message) != FE_OK)
        atomic_fetch_add_explicit(&fe_kernel_state.log_dropped, 1, memory_order_relaxed); /* a count: orders nothing */
    return true;
}

void fe_log_task_finish(void) {
    if (!atomic_exchange_explicit(&fe_kernel_state.log_task, false, memory_order_relaxed))
        return;
    fe_nanoseconds deadline = fe_time_now() + FINISH_LIMIT;
    struct fe_log_message message = {.record = {.module = NULL}};
    if (fe_pipe_send_until(sender, &message, deadline) == FE_OK)
        (void)fe_task_join_until(task, NULL, deadline);
    while (fe_pipe_try_receive(port, &message) == FE_OK) /* of those that were sending just now, or all if it does not run */
        if (message.record.module != NULL)
            fe_log_put(&message.record, message.text);
}

void fe_log_rescue_locked(void) {
    if (!atomic_load_explicit(&fe_kernel_state.log_task, memory_order_relaxed))
        return;
    struct fe_log_message message;
    bool more = fe_pipe_try_receive(port, &message) == FE_OK;
    fe_console_fresh_line_locked();
    /* The log task's core may have been stopped anywhere: while it copied the line (which is the pipe's first then), or after. */
    if (in_hand.record.module != NULL &&
        !(more && message.record.counter == in_hand.record.counter && message.record.core == in_hand.record.core))
        fe_log_print_locked(&in_hand.record, in_hand.text);
    for (; more; more = fe_pipe_try_receive(port, &message) == FE_OK)
        if (message.record.module != NULL)
            fe_log_print_locked(&message.record, message.text);
}
