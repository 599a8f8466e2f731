/* The running machine's settings. Programs use ferrite/env.h. */
#ifndef FERRITE_KERNEL_ENV_H
#define FERRITE_KERNEL_ENV_H

#include <ferrite/env.h>

/* Parses the command line; complains of what is malformed and of names that nothing knows. */
void fe_env_init(const char *command_line);

#endif
