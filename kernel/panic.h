/* The panic's inside, and how the machine stops. Programs use ferrite/panic.h. */
#ifndef FERRITE_KERNEL_PANIC_H
#define FERRITE_KERNEL_PANIC_H

#include <arch/arch.h>
#include <ferrite/panic.h>

enum { FE_EXIT_MAIN_FAILED = 101, FE_EXIT_PANIC = 102, FE_EXIT_BOOT_REFUSED = 103 };

/* The end after a fault that is nobody's. */
FE_NORETURN void fe_panic_fault(const struct fe_fault *fault);

/* Prints "ferrite: exit STATUS", the machine's last line, and turns it off. The caller has the console for itself. */
FE_NORETURN void fe_exit_machine(int status);

#endif
