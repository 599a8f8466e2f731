/* Shutdown from the inside. Programs use ferrite/shutdown.h. */
#ifndef FERRITE_KERNEL_SHUTDOWN_H
#define FERRITE_KERNEL_SHUTDOWN_H

#include <ferrite/shutdown.h>

/* Ends everything that runs, and what was registered to be run: steps 1 to 4 of ferrite/shutdown.h. Called once, by the service
 * task that ends the machine after it. */
void fe_shutdown(enum fe_shutdown_reason reason);

#endif
