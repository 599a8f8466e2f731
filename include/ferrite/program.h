/*
 * Programs. A program is a folder with C files that together define one fe_main; it runs as the main task.
 */
#ifndef FERRITE_PROGRAM_H
#define FERRITE_PROGRAM_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The program. argv[0] is its name, the rest are the words of the command line after `--`; argv[argc] is NULL. What it
 * returns (0 to 100) is the machine's exit status; shutdown begins when it and every task that is not weak have ended. */
int fe_main(int argc, char **argv);

/*
 * A program that another can start by name (the shell's `run NAME`): FE_PROGRAM(name, "one line of help", fe_main) in
 * any of its files. Another program links it in by naming its folder in its own app.mk: `PROGRAMS := hello wordcount`.
 * The build then makes every global name of hello and wordcount local, so that one image can hold many programs, each
 * with its fe_main, and this entry is the only way in.
 */
struct fe_program {
    const char *name;
    const char *help;
    int (*main)(int argc, char **argv);
};
#define FE_PROGRAM(name_, help_, main_)                                                                                \
    static const struct fe_program fe_program_##name_ = {#name_, help_, main_};                                        \
    __attribute__((used, section("fe_programs"))) static const struct fe_program *const fe_program_entry_##name_ =     \
        &fe_program_##name_

/* How many there are, and the one at `index` (NULL if out of range), in the order of their names. Any context. */
size_t fe_program_count(void);
const struct fe_program *fe_program_at(size_t index);

/*
 * FE_AT_BOOT(function) in any file of the program: `void function(void)` runs at boot on the first core, in global context:
 * console, clock and heap work, and there are no schedulers yet, let alone tasks. It uses what fe_services() names; a failure
 * in it is a panic. In link order.
 */
typedef void (*fe_boot_function)(void);
#define FE_AT_BOOT(function_)                                                                                          \
    __attribute__((used, section("fe_at_boot"))) static const fe_boot_function fe_at_boot_##function_ = (function_)

#ifdef __cplusplus
}
#endif
#endif
