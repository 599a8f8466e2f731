/* Commands that print a table: one header line, then rows of columns separated by spaces. */
#ifndef SHELL_TABLES_H
#define SHELL_TABLES_H

struct shell;

int shell_cores(struct shell *shell, int argc, char **argv);
int shell_tasks(struct shell *shell, int argc, char **argv);
int shell_mem(struct shell *shell, int argc, char **argv);
int shell_files(struct shell *shell, int argc, char **argv);

#endif
