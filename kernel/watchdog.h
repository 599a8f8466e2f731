/* Reports of what does not go on; see watchdog.c. */
#ifndef FERRITE_KERNEL_WATCHDOG_H
#define FERRITE_KERNEL_WATCHDOG_H

/* Sets the scheduler's hooks. */
void fe_watchdog_set_hooks(void);

#endif
