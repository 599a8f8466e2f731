/*
 * Panics: the kernel has a bug, so as little of it as possible is used. The first core to panic stops the others,
 * takes the console without asking for its lock, prints what the log rings hold, then everything it knows, and turns
 * the machine off with status 102.
 *
 * A panic inside the panic (a fault while the message is made, say) prints one line and leaves; one inside that halts.
 * A core that panics while another does stops there: its own cause is mostly a consequence.
 */
#include "panic.h"

#include "backtrace.h"
#include "console.h"
#include "log.h"
#include "state.h"

#include <ferrite/context.h>
#include <sched/scheduler.h>

static unsigned depth; /* the panicking core's only: panics begun */

void fe_exit_machine(int status) {
    char text[32];
    int bytes = fe_format(text, sizeof(text), "ferrite: exit %d\n", status);
    fe_console_fresh_line_locked();
    fe_console_put_locked(text, (size_t)bytes);
    if (fe_machine.power_off != NULL)
        fe_machine.power_off(status);
    fe_arch_halt();
}

static void print_line(const char *text) {
    fe_console_fresh_line_locked();
    fe_console_put_locked("# ", 2);
    fe_console_put_locked(text, __builtin_strlen(text));
    fe_console_put_locked("\n", 1);
}

static void print_frame(const char *text) {
    fe_console_put_locked("#   ", 4);
    fe_console_put_locked(text, __builtin_strlen(text));
    fe_console_put_locked("\n", 1);
}

/* Makes this the core that panics; does not return on any other, nor when the panic itself fails. */
static void enter(const char *message) {
    fe_arch_interrupts_disable();
    unsigned self = fe_arch_core()->index + 1, nobody = 0;
    /* Sequentially consistent, with nothing to pair: it happens once. */
    if (!atomic_compare_exchange_strong(&fe_kernel_state.panicking, &nobody, self) && nobody != self)
        fe_arch_halt();
    depth++;
    if (depth == 1) {
        if (fe_machine.stop_others != NULL)
            fe_machine.stop_others();
        fe_log_drain_locked(false);
        fe_log_rescue_locked();
        return;
    }
    if (depth == 2) {
        print_line("panic: another, while the first was being reported:");
        print_line(message);
        fe_exit_machine(FE_EXIT_PANIC);
    }
    fe_arch_halt();
}

static void print_where(void) {
    char text[128];
    struct fe_core *core = fe_arch_core();
    fe_format(text, sizeof(text), "panic: core %u, %s context%s, running %s", core->index,
              fe_context_name(fe_context()), core->interrupt_depth > 0 ? " (in a handler)" : "", fe_task_name());
    print_line(text);
}

void fe_panic_fault(const struct fe_fault *fault) {
    char text[192], place[128];
    fe_backtrace_name(fault->pc, false, place, sizeof(place));
    fe_format(text, sizeof(text), "panic: %s%s at %s, code 0x%llx", fault->name,
              fault->nested ? " inside a handler" : "", place, (unsigned long long)fault->code);
    enter(text);
    print_line(text);
    if (fault->kind == FE_FAULT_MEMORY || fault->kind == FE_FAULT_STACK_OVERFLOW) {
        fe_format(text, sizeof(text), "panic: %s of address 0x%lx, which is %s",
                  fault->execute ? "execution"
                  : fault->write ? "write"
                                 : "read",
                  (unsigned long)fault->address, fault->present ? "protected" : "not mapped");
        print_line(text);
    }
    print_where();
    fe_arch_trap_registers(fault->frame, print_frame);
    print_line("panic: backtrace");
    fe_backtrace(fault->pc, fault->frame_pointer, print_frame);
    fe_exit_machine(FE_EXIT_PANIC);
}

void fe_panic_at(const char *file, int line, const char *format, ...) {
    char message[256], text[sizeof(message) + 96];
    va_list arguments;
    va_start(arguments, format);
    fe_format_v(message, sizeof(message), format, arguments);
    va_end(arguments);
    enter(message);
    fe_format(text, sizeof(text), "panic: %s (%.64s:%d)", message, file, line);
    print_line(text);
    print_where();
    print_line("panic: backtrace");
    fe_backtrace(0, (uintptr_t)__builtin_frame_address(0), print_frame);
    fe_exit_machine(FE_EXIT_PANIC);
}
