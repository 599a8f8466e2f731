/*
 * The shell's commands: a table of names, each with a function that returns a status. What goes wrong is said in one line
 * that begins with the command's name, and makes the status other than 0.
 */
#include "commands.h"
#include "line.h"
#include "tables.h"

#include <ferrite/ferrite.h>

struct command {
    const char *name, *arguments, *help;
    int (*run)(struct shell *shell, int argc, char **argv);
};

static bool same(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* What was typed may be anything: a word for a message, with its odd bytes replaced (in place). */
static const char *shown(char *word) {
    for (char *c = word; *c; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
    return word;
}

static int do_log(struct shell *shell, int argc, char **argv) {
    (void)shell;
    if (argc != 2) {
        fe_print("log: give a level (error warn info debug trace) or a specification such as sched=debug,warn\n");
        return SHELL_MISUSED;
    }
    if (fe_log_set(argv[1]) == FE_OK)
        return 0;
    fe_print("log: '%.60s' is not understood in full: module=level parts and a level, separated by commas\n",
             shown(argv[1]));
    return SHELL_MISUSED;
}

/* A program to be run as a task. */
struct start {
    const struct fe_program *program;
    int argc;
    char **argv;
};

static intptr_t run_program(void *argument) {
    const struct start *start = argument;
    return start->program->main(start->argc, start->argv);
}

static int report_end(const char *name, const struct fe_task_result *result) {
    switch (result->outcome) {
    case FE_RETURNED:
        if (result->value >= 0 && result->value <= 100)
            return (int)result->value;
        fe_print("run: %s returned %lld, which is no status (0 to 100)\n", name, (long long)result->value);
        return 1;
    case FE_FAULTED:
        fe_print("run: %s faulted: %s\n", name, result->message);
        return 1;
    default:
        fe_print("run: %s failed: %s\n", name, result->message);
        return 1;
    }
}

static int do_run(struct shell *shell, int argc, char **argv) {
    (void)shell;
    if (argc < 2) {
        fe_print("run: give the name of a program; there are:");
        for (size_t i = 0; i < fe_program_count(); i++)
            fe_print(" %s", fe_program_at(i)->name);
        fe_print("\n");
        return SHELL_MISUSED;
    }
    for (size_t i = 0; i < fe_program_count(); i++) {
        struct start start = {fe_program_at(i), argc - 1, argv + 1};
        if (!same(start.program->name, argv[1]))
            continue;
        struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
        options.name = start.program->name;
        fe_task task;
        struct fe_task_result result;
        fe_status status = fe_task_try_spawn(run_program, &start, &options, &task);
        if (status == FE_OK)
            status = fe_task_join(task, &result);
        if (status == FE_OK)
            return report_end(argv[1], &result);
        fe_print("run: cannot start %s: %s\n", argv[1], fe_status_string(status));
        return 1;
    }
    fe_print("run: no program is called '%.40s'; help lists them\n", shown(argv[1]));
    return 1;
}

static int do_echo(struct shell *shell, int argc, char **argv) {
    (void)shell;
    char text[LINE_BYTES + 1] = ""; /* printed at once: a line of the log may come between two prints */
    size_t used = 0;
    for (int i = 1; i < argc; i++)
        used += (size_t)fe_format(text + used, sizeof(text) - used, "%s%s", i > 1 ? " " : "", argv[i]);
    fe_print("%s\n", text);
    return 0;
}

static int do_uptime(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    fe_nanoseconds now = fe_time_now();
    fe_print("%llu.%03llu\n", (unsigned long long)(now / FE_SECOND),
             (unsigned long long)(now % FE_SECOND / FE_MILLISECOND));
    return 0;
}

/* A number from 0 to 100; -1: something else. */
static int parse_status(const char *text) {
    int value = 0;
    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (*text - '0');
        if (value > 100)
            return -1;
    }
    return value;
}

static int do_exit(struct shell *shell, int argc, char **argv) {
    int status = argc < 2 ? shell->status : argc == 2 ? parse_status(argv[1]) : -1;
    if (status < 0) {
        fe_print("exit: the status is one number from 0 to 100%s%.40s\n", argc == 2 ? ", not " : "",
                 argc == 2 ? shown(argv[1]) : "");
        return SHELL_MISUSED;
    }
    shell->leaving = true;
    return status;
}

static int do_help(struct shell *shell, int argc, char **argv);

static const struct command commands[] = {
    {"help", "", "this list", do_help},
    {"cores", "", "each core's scheduler: switches, steals, sleeps, interrupts, ready tasks", shell_cores},
    {"tasks", "", "the tasks that exist, with state and stack", shell_tasks},
    {"mem", "", "physical memory, and each core's part of the exchange heap", shell_mem},
    {"files", "", "the files that the machine was started with (INITRD=)", shell_files},
    {"log", "LEVEL", "log from LEVEL up: error warn info debug trace, or module=level,...", do_log},
    {"run", "NAME [WORD...]", "run a program and take its status", do_run},
    {"echo", "[WORD...]", "print the words", do_echo},
    {"uptime", "", "seconds since boot", do_uptime},
    {"exit", "[STATUS]", "leave with STATUS (0 to 100), or with that of the last command", do_exit},
};

static int do_help(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    for (size_t i = 0; i < FE_ARRAY_LENGTH(commands); i++) {
        char usage[32];
        fe_format(usage, sizeof usage, "%s %s", commands[i].name, commands[i].arguments);
        fe_print("%-20s %s\n", usage, commands[i].help);
    }
    fe_print("programs:\n");
    for (size_t i = 0; i < fe_program_count(); i++)
        fe_print("  %-18s %s\n", fe_program_at(i)->name, fe_program_at(i)->help);
    return 0;
}

/* Cuts `line` at blanks; returns the number of words, or -1 if there are more than fit. */
static int cut(char *line, char **words) {
    int count = 0;
    for (;;) {
        while (*line == ' ' || *line == '\t')
            line++;
        if (!*line) {
            words[count] = NULL;
            return count;
        }
        if (count == SHELL_WORDS_MAX)
            return -1;
        words[count++] = line;
        while (*line && *line != ' ' && *line != '\t')
            line++;
        if (*line)
            *line++ = 0;
    }
}

void shell_execute(struct shell *shell, char *line) {
    char *words[SHELL_WORDS_MAX + 1];
    int count = cut(line, words);
    if (count < 0) {
        fe_print("shell: more than %d words in a line\n", SHELL_WORDS_MAX);
        shell->status = SHELL_MISUSED;
        return;
    }
    if (count == 0 || words[0][0] == '#')
        return;
    for (size_t i = 0; i < FE_ARRAY_LENGTH(commands); i++) {
        if (same(commands[i].name, words[0])) {
            shell->status = commands[i].run(shell, count, words);
            return;
        }
    }
    fe_print("shell: no command is called '%.40s'; help lists them\n", shown(words[0]));
    shell->status = 1;
}
