/* Device interrupts: which handler a line has. For the interrupt controllers' drivers; others use arch/machine.h. */
#ifndef FERRITE_DRIVERS_INTERRUPT_H
#define FERRITE_DRIVERS_INTERRUPT_H

#include <arch/machine.h>

#define FE_INTERRUPT_LINES 1024  /* global numbers: GICs have up to 1020, a PC's IOAPICs a few dozen */
#define FE_INTERRUPT_HANDLERS 64 /* of them in use at once */

/* Runs the handler of `line`; false if it has none, and then the controller's driver had better mask it. Interrupt
 * handlers only; about ten instructions. */
bool fe_interrupt_dispatch(unsigned line);

#endif
