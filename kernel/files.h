/* The files that the machine was started with. Programs use ferrite/io.h. */
#ifndef FERRITE_KERNEL_FILES_H
#define FERRITE_KERNEL_FILES_H

#include <ferrite/io.h>

/* Reads the initial RAM disk, if there is one. What is malformed is warned of, and what came before it can be used;
 * only a lack of memory for the list is an error. */
FE_MUST_CHECK fe_status fe_files_init(void);

#endif
