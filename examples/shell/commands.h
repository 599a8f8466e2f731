/* The shell's commands. */
#ifndef SHELL_COMMANDS_H
#define SHELL_COMMANDS_H

#include <ferrite/base.h>

#define SHELL_WORDS_MAX 64

/* Status of a command that was used wrongly. */
#define SHELL_MISUSED 2

struct shell {
    int status;   /* of the last command, 0 to 100 */
    bool leaving; /* exit was given */
};

/* Runs one line: cuts it into words (in place) and calls the command that the first one names. An empty line, and one that
 * begins with #, does nothing. */
void shell_execute(struct shell *shell, char *line);

#endif
