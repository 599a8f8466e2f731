/*
 * The console's output: polled, whole calls at a time, under one lock.
 *
 * The lock is held by a program's print for as long as the serial line takes; interrupts stay enabled meanwhile, since
 * no handler takes it. Log lines are printed by whoever holds the lock, before it lets go: a core that logs and finds
 * it taken leaves its line in the ring. That no line is left behind needs both sides to look after they act
 * (fe_console_drain).
 *
 * A log line never lands inside a program's line: on a terminal the unfinished line is ended first; in a pipe, where
 * a script reads the output, the log waits for the line's end, unless it is an error or the ring runs full.
 *
 * Nothing that may fault runs with the lock held: text is formatted before, and caller's memory is touched before.
 */
#include "console.h"
#include "log.h"
#include "state.h"

#define FE_LENIENT_UNIT "console"
#include <arch/lenient.h>
#include <arch/machine.h>
#include <ferrite/heap.h>

enum { PRINT_BUFFER = 256 };

void fe_console_put_locked(const char *text, size_t bytes) {
    if (fe_machine.console_put == NULL)
        return;
    size_t start = 0;
    for (size_t i = 0; i < bytes; i++) {
        fe_kernel_state.console_column = text[i] == '\n' ? 0 : fe_kernel_state.console_column + 1;
        if (text[i] == '\n' && fe_kernel_state.is_terminal) {
            fe_machine.console_put(text + start, i - start);
            fe_machine.console_put("\r\n", 2);
            start = i + 1;
        }
    }
    fe_machine.console_put(text + start, bytes - start);
}

void fe_console_fresh_line_locked(void) {
    if (fe_kernel_state.console_column != 0)
        fe_console_put_locked("\n", 1);
}

/*
 * Drains and lets go of the lock. A core that logged while it was held has left its line behind: so what came since the
 * drain began is looked for after the release. The fence pairs with the one in fe_console_drain: of the two, either the
 * logger's try sees the lock free, or this sees the logger's line.
 */
static void drain_and_release(void) {
    uint64_t position;
    do {
        position = fe_log_position();
        fe_log_drain_locked(!fe_kernel_state.is_terminal);
        fe_lock_release(&fe_kernel_state.console_lock);
        atomic_thread_fence(memory_order_seq_cst);
    } while (fe_log_position() != position && fe_lock_try(&fe_kernel_state.console_lock));
}

void fe_console_drain(void) {
    if (fe_machine.console_put == NULL || fe_arch_core()->interrupt_depth > 0)
        return;
    atomic_thread_fence(memory_order_seq_cst); /* pairs with the one in drain_and_release */
    if (fe_lock_try(&fe_kernel_state.console_lock))
        drain_and_release();
}

void fe_console_flush(void) {
    if (fe_machine.console_put == NULL)
        return;
    fe_lock_take(&fe_kernel_state.console_lock);
    drain_and_release();
}

void fe_console_seize(void) {
    fe_lock_take(&fe_kernel_state.console_lock);
    fe_log_drain_locked(false);
}

/* Reads a byte of each page, so that a wild pointer faults here and not with the lock held. */
static FE_LENIENT void touch(const void *data, size_t bytes) {
    const volatile uint8_t *byte = data;
    for (size_t i = 0; i < bytes; i += FE_PAGE_SIZE)
        (void)byte[i];
    if (bytes > 0)
        (void)byte[bytes - 1];
}

void fe_console_write(const void *data, size_t bytes) {
    if (fe_machine.console_put == NULL || bytes == 0)
        return;
    touch(data, bytes);
    if (fe_arch_core()->interrupt_depth > 0) {
        /* Not allowed there; the text goes through the log rather than be lost or wait for the lock. */
        fe_log_boot("%.*s", bytes > FE_LOG_LINE_MAX ? FE_LOG_LINE_MAX : (int)bytes, (const char *)data);
        return;
    }
    fe_lock_take(&fe_kernel_state.console_lock);
    fe_log_drain_locked(!fe_kernel_state.is_terminal);
    fe_console_put_locked(data, bytes);
    drain_and_release();
}

int fe_print_v(const char *format, va_list arguments) {
    char small[PRINT_BUFFER];
    int length = fe_format_v(small, sizeof(small), format, arguments);
    if ((size_t)length < sizeof(small)) {
        fe_console_write(small, (size_t)length);
        return length;
    }
    char *large = fe_heap_try_alloc((size_t)length + 1);
    if (large == NULL) { /* what fits is better than nothing */
        fe_console_write(small, sizeof(small) - 1);
        return sizeof(small) - 1;
    }
    fe_format_v(large, (size_t)length + 1, format, arguments);
    fe_console_write(large, (size_t)length);
    fe_heap_free(large);
    return length;
}

int fe_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int bytes = fe_print_v(format, arguments);
    va_end(arguments);
    return bytes;
}

bool fe_console_is_terminal(void) {
    return fe_kernel_state.is_terminal;
}
