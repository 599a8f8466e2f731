/* The hooks of the port (struct fe_arch_hooks). */
#ifndef FERRITE_KERNEL_TRAP_H
#define FERRITE_KERNEL_TRAP_H

#include <arch/arch.h>

/* The scheduler's business, else a panic. */
void fe_trap_fault(const struct fe_fault *fault);

#endif
