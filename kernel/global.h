/* Global data: the end of it. See global.c. */
#ifndef FERRITE_KERNEL_GLOBAL_H
#define FERRITE_KERNEL_GLOBAL_H

/* Destroys all global data, the youngest first, that made meanwhile included. Task context, at shutdown, when no other task
 * uses any. If a destructor fails the task, another call goes on with the next value. */
void fe_global_data_destroy_all(void);

#endif
