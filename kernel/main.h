/* The main task and the machine's end. */
#ifndef FERRITE_KERNEL_MAIN_H
#define FERRITE_KERNEL_MAIN_H

#include <ferrite/base.h>

/* Sets the scheduler's hook: how a task's failure is told. */
void fe_main_set_hooks(void);
/* Makes the task that runs the program and shuts the machine down after it. Boot core, last of all. */
FE_MUST_CHECK fe_status fe_main_spawn(void);

#endif
