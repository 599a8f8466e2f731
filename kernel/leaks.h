/* The leak report; see leaks.c. */
#ifndef FERRITE_KERNEL_LEAKS_H
#define FERRITE_KERNEL_LEAKS_H

#include <ferrite/base.h>

/* Reads leaks=, and takes what is live now as the kernel's own. Before the program runs. */
void fe_leaks_begin(void);
/* Tells of the program's live blocks if asked to; true if they fail the run. When nothing allocates any more. */
bool fe_leaks_report(void);

#endif
