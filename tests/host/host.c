/*
 * The host's runner of guest tests: registers each of them with Criterion, once for every machine, so that Criterion's
 * filters, reports and exit status work for tests that run in QEMU.
 *
 *     build/host/guest-tests --filter '*smp4.pipes/close*' --tap=FILE --xml=FILE
 *
 * A suite is called MACHINE.SUITE, such as aarch64-gic2-smp1.pipes; each machine has a suite MACHINE.run besides, with the
 * run's own status. SUITE= and TEST= (globs) in the environment choose too, so does MACHINES= (globs, separated by spaces).
 *
 * The machines are booted before Criterion runs, two at a time, each once and only with the tests that are wanted; a test
 * then reads its result from the log. Criterion runs every test in a process of its own that shares no memory with this
 * one, so what a test gets to know is its own name.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <criterion/criterion.h>
#include <criterion/options.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TESTS_MAX 2048
#define ARGUMENTS_MAX 1500 /* the kernel's command line holds 2,048 bytes */
#define BOOTS_AT_ONCE 2
#define RUN_SUITE "run"
#define RUN_TEST "status"

static char *tests[TESTS_MAX]; /* suite/name */
static size_t test_count;

static char *copy(const char *format, const char *first, const char *second) {
    char *text = NULL;
    if (asprintf(&text, format, first, second) < 0)
        abort();
    return text;
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/* The part of the machine's name and the test's that Criterion, SUITE=, TEST= and MACHINES= agree on. */
static bool machine_wanted(const struct machine *machine) {
    char list[LINE_MAX_BYTES];
    snprintf(list, sizeof(list), "%s", setting("MACHINES"));
    bool any = false;
    for (char *one = strtok(list, " "); one != NULL; one = strtok(NULL, " ")) {
        any = true;
        if (fnmatch(one, machine->name, 0) == 0)
            return true;
    }
    return !any;
}

/* Whether each of MACHINES= names a machine; says so otherwise. */
static bool machines_exist(void) {
    char list[LINE_MAX_BYTES];
    snprintf(list, sizeof(list), "%s", setting("MACHINES"));
    for (char *one = strtok(list, " "); one != NULL; one = strtok(NULL, " ")) {
        size_t i = 0;
        while (i < machine_count && fnmatch(one, machines[i].name, 0) != 0)
            i++;
        if (i < machine_count)
            continue;
        fprintf(stderr, "MACHINES: no machine is called '%s'; there are", one);
        for (i = 0; i < machine_count; i++)
            fprintf(stderr, " %s", machines[i].name);
        fprintf(stderr, "\n");
        return false;
    }
    return true;
}

static bool wanted(const struct machine *machine, const char *test) {
    char suite[LINE_MAX_BYTES], whole[2 * LINE_MAX_BYTES];
    snprintf(suite, sizeof(suite), "%s", test);
    char *name = strchr(suite, '/');
    *name++ = '\0';
    if (setting("SUITE")[0] != '\0' && fnmatch(setting("SUITE"), suite, 0) != 0)
        return false;
    if (setting("TEST")[0] != '\0' && fnmatch(setting("TEST"), name, 0) != 0)
        return false;
    snprintf(whole, sizeof(whole), "%s.%s", machine->name, test);
    return criterion_options.pattern == NULL || fnmatch(criterion_options.pattern, whole, FNM_EXTMATCH) == 0;
}

/* What a registered test does, in a process that knows its name only. */
static void look_up(void) {
    char suite[LINE_MAX_BYTES], path[LINE_MAX_BYTES + 64], name[2 * LINE_MAX_BYTES], text[LINE_MAX_BYTES];
    snprintf(suite, sizeof(suite), "%s", criterion_current_test->category);
    char *dot = strchr(suite, '.');
    cr_assert_not_null(dot, "%s: no machine in this suite's name", suite);
    *dot = '\0';
    snprintf(path, sizeof(path), "build/test/guest-%s.log", suite);
    if (strcmp(dot + 1, RUN_SUITE) == 0) {
        char status_path[LINE_MAX_BYTES + 128];
        snprintf(status_path, sizeof(status_path), "%s.status", path);
        FILE *file = fopen(status_path, "r");
        int status = -1;
        cr_assert(file != NULL && fscanf(file, "%d", &status) == 1, "%s: the machine was not run", suite);
        fclose(file);
        cr_expect(guest_complete(path, text, sizeof(text)), "%s", text);
        cr_expect(status == 0 || status == 1, "tools/run returned %d; see %s", status, path);
        return;
    }
    snprintf(name, sizeof(name), "%s/%s", dot + 1, criterion_current_test->name);
    switch (guest_verdict(path, name, text, sizeof(text))) {
    case VERDICT_PASSED:
        break;
    case VERDICT_SKIPPED:
        cr_skip_test("%s", text);
        break;
    case VERDICT_FAILED:
        cr_assert_fail("%s", text);
        break;
    case VERDICT_MISSING:
        cr_assert_fail("no result; the output ends with:\n%s", text);
        break;
    }
}

/* The phases that Criterion expects of a test; its macros put them around each. */
static void look_up_test(void) {
    criterion_internal_test_setup();
    criterion_internal_test_main(look_up);
    criterion_internal_test_teardown();
}

/* Asks an image for its tests. */
static bool list_tests(const struct machine *machine) {
    const char *path = "build/test/guest-list.log";
    int status = guest_boot(machine, "--list", path);
    FILE *log = fopen(path, "r");
    char line[LINE_MAX_BYTES];
    while (log != NULL && fgets(line, sizeof(line), log) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '#' && strchr(line, '/') != NULL && strchr(line, ' ') == NULL && test_count < TESTS_MAX)
            tests[test_count++] = copy("%s%s", line, "");
    }
    if (log != NULL)
        fclose(log);
    if (status == 0 && test_count > 0)
        return true;
    fprintf(stderr, "%s: tools/run returned %d and listed %zu tests; see %s\n", machine->name, status, test_count, path);
    return false;
}

static void boot(const struct machine *machine) {
    char arguments[ARGUMENTS_MAX + 1] = "", path[LINE_MAX_BYTES], status_path[LINE_MAX_BYTES + 8];
    size_t chosen = 0, length = 0;
    bool fits = true;
    for (size_t i = 0; i < test_count; i++) {
        if (!wanted(machine, tests[i]))
            continue;
        chosen++;
        size_t more = strlen(tests[i]) + 1;
        fits = fits && length + more < sizeof(arguments);
        if (fits)
            length += (size_t)snprintf(arguments + length, sizeof(arguments) - length, "%s ", tests[i]);
    }
    guest_log_path(machine, path, sizeof(path));
    snprintf(status_path, sizeof(status_path), "%s.status", path);
    unlink(path);
    unlink(status_path);
    if (chosen == 0)
        return;
    int status = guest_boot(machine, fits && chosen < test_count ? arguments : "", path);
    FILE *file = fopen(status_path, "w");
    if (file != NULL) {
        fprintf(file, "%d\n", status);
        fclose(file);
    }
}

static void boot_all(void) {
    int running = 0;
    for (size_t i = 0; i < machine_count; i++) {
        if (!machine_wanted(&machines[i]))
            continue;
        if (running == BOOTS_AT_ONCE) {
            wait(NULL);
            running--;
        }
        pid_t child = fork();
        if (child == 0) {
            boot(&machines[i]);
            _exit(0);
        }
        running += child > 0;
    }
    while (running-- > 0)
        wait(NULL);
}

static void add(struct criterion_test_set *set, const char *suite, const char *name) {
    static struct criterion_test_extra_data blank = {.lang_ = CR_LANG_C, .kind_ = CR_TEST_NORMAL};
    struct criterion_test *test = malloc(sizeof(*test));
    struct criterion_test_extra_data *data = malloc(sizeof(*data));
    if (test == NULL || data == NULL)
        abort();
    *data = blank;
    data->identifier_ = copy("%s/%s", suite, name);
    data->file_ = "guest";
    *test = (struct criterion_test){.name = name, .category = suite, .test = look_up_test, .data = data};
    criterion_register_test(set, test);
}

static void register_all(struct criterion_test_set *set) {
    for (size_t i = 0; i < machine_count; i++) {
        if (!machine_wanted(&machines[i]))
            continue;
        size_t chosen = 0;
        for (size_t j = 0; j < test_count; j++) {
            if (!wanted(&machines[i], tests[j]))
                continue;
            char *slash = strchr(tests[j], '/');
            char suite[LINE_MAX_BYTES];
            snprintf(suite, sizeof(suite), "%.*s", (int)(slash - tests[j]), tests[j]);
            add(set, copy("%s.%s", machines[i].name, suite), copy("%s%s", slash + 1, ""));
            chosen++;
        }
        if (chosen > 0)
            add(set, copy("%s.%s", machines[i].name, RUN_SUITE), RUN_TEST);
    }
}

int main(int argc, char **argv) {
    struct criterion_test_set *set = criterion_initialize();
    int result = 0;
    if (!criterion_handle_args(argc, argv, true))
        goto out;
    if (!machines_exist()) {
        result = 2;
        goto out;
    }
    mkdir("build", 0777);
    mkdir("build/test", 0777);
    for (size_t i = 0; i < machine_count && test_count == 0; i++)
        if (machine_wanted(&machines[i]) && !list_tests(&machines[i])) {
            result = 1;
            goto out;
        }
    boot_all();
    register_all(set);
    /* Patterns were applied above; Criterion would hold the runs' own tests against them. */
    criterion_options.pattern = NULL;
    result = criterion_run_all_tests(set) ? 0 : 1;
out:
    criterion_finalize(set);
    return result;
}
