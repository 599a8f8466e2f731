/* The stops of the tour. Each shows one service in a few lines, and prints what it saw: the same in every run. */
#ifndef SERVICES_TOUR_H
#define SERVICES_TOUR_H

#include <ferrite/ferrite.h>

/* tasks.c */
void show_tasks(void);
void show_results(void);
void show_kill(void);
void show_pipes(void);
void show_select(void);
void show_timers(void);

/* memory.c */
void show_exchange_heap(void);
void show_local_heap(void);
void show_task_data(void);
void show_global_data(void);

/* machine.c */
void show_contexts(void);
void show_foreign(void);
void show_environment(void);
void show_logging(void);
void show_shutdown(void);

#endif
