/*
 * Boots the test image on a machine and reads the TAP that it prints.
 *
 * Rejected: a boot for each test (0.3 s each, some 700 of them), though it would isolate them better: in the guest each is
 * a task of its own already, and `test=` boots one alone.
 */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_LIMIT "600" /* seconds for a whole run: a hang detector */
#define TIME_LIMIT_LONG "3600"

const struct machine machines[] = {
    {"x86_64-smp1", "x86_64", "release", "1", "", "", "interrupts"},
    {"x86_64-smp2", "x86_64", "release", "2", "", "", "interrupts"},
    {"x86_64-smp2-basic", "x86_64", "release", "2", "", "", "basic"},
    {"x86_64-smp4", "x86_64", "release", "4", "", "", "interrupts"},
    {"x86_64-smp4-checked", "x86_64", "checked", "4", "", "", "interrupts"},
    {"aarch64-gic3-smp1", "aarch64", "release", "1", "3", "", "interrupts"},
    {"aarch64-gic3-smp4", "aarch64", "release", "4", "3", "", "interrupts"},
    {"aarch64-gic2-smp1", "aarch64", "release", "1", "2", "", "interrupts"},
    {"aarch64-gic2-smp4", "aarch64", "release", "4", "2", "2", "interrupts"},
    {"aarch64-gic3-smp4-checked", "aarch64", "checked", "4", "3", "", "interrupts"},
    {"host-smp1", "host", "release", "1", "", "", "libuv"},
    {"host-smp2", "host", "release", "2", "", "", "libuv"},
    {"host-smp2-basic", "host", "release", "2", "", "", "basic"},
    {"host-smp4", "host", "release", "4", "", "", "libuv"},
    {"host-smp4-checked", "host", "checked", "4", "", "", "libuv"},
    {"host-address-smp1", "host", "release-address", "1", "", "", "libuv"},
    {"host-address-smp2", "host", "release-address", "2", "", "", "libuv"},
    {"host-address-smp4", "host", "release-address", "4", "", "", "libuv"},
    {"host-thread-smp1", "host", "release-thread", "1", "", "", "libuv"},
    {"host-thread-smp2", "host", "release-thread", "2", "", "", "libuv"},
    {"host-thread-smp2-basic", "host", "release-thread", "2", "", "", "basic"},
    {"host-thread-smp4", "host", "release-thread", "4", "", "", "libuv"},
};
const size_t machine_count = sizeof(machines) / sizeof(machines[0]);

void guest_log_path(const struct machine *machine, char *path, size_t size) {
    snprintf(path, size, "build/test/guest-%s.log", machine->name);
}

int guest_boot(const struct machine *machine, const char *arguments, const char *path) {
    pid_t child = fork();
    if (child == 0) {
        char image[256], command[LINE_MAX_BYTES];
        const char *more = getenv("CMDLINE");
        snprintf(image, sizeof(image), "build/%s-%s/tests", machine->arch, machine->build);
        const char *at_length = getenv("LONG");
        /* At length with four cores only: all machines would take many hours, and most of it is about cores. */
        bool is_long = at_length != NULL && at_length[0] != '\0' && strcmp(machine->cores, "4") == 0;
        snprintf(command, sizeof(command), "loop=%s %s%s%s-- %s", machine->loop, is_long ? "long=1 " : "",
                 more != NULL ? more : "", more != NULL && more[0] != '\0' ? " " : "", arguments);
        setenv("ARCH", machine->arch, 1);
        setenv("SMP", machine->cores, 1);
        setenv("GIC", machine->gic, 1);
        setenv("EL", machine->level, 1);
        setenv("CMDLINE", command, 1);
        setenv("MACHINE", "", 1);
        setenv("INITRD", "tests/guest/data/one tests/guest/data/two", 1);
        if (getenv("TIMEOUT") == NULL || strcmp(getenv("TIMEOUT"), "0") == 0)
            setenv("TIMEOUT", is_long ? TIME_LIMIT_LONG : TIME_LIMIT, 1);
        if (freopen("/dev/null", "r", stdin) == NULL || freopen(path, "w", stdout) == NULL)
            _exit(126);
        dup2(STDOUT_FILENO, STDERR_FILENO);
        execl("tools/run", "tools/run", image, (char *)NULL);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

/* If `line` is a result: its verdict, its name, and where its remark begins. */
static enum verdict parse_result(char *line, char **name, char **remark) {
    enum verdict verdict = VERDICT_PASSED;
    if (strncmp(line, "not ok ", 7) == 0) {
        verdict = VERDICT_FAILED;
        line += 7;
    } else if (strncmp(line, "ok ", 3) == 0) {
        line += 3;
    } else {
        return VERDICT_MISSING;
    }
    *name = strstr(line, " - ");
    if (*name == NULL)
        return VERDICT_MISSING;
    *name += 3;
    *remark = strstr(*name, " # SKIP");
    if (*remark != NULL) {
        **remark = '\0';
        *remark += strlen(" # SKIP");
        while (**remark == ' ')
            ++*remark;
        if (verdict == VERDICT_PASSED)
            verdict = VERDICT_SKIPPED;
    }
    return verdict;
}

/* Whether a result called `result` is that of test `name`, or of one of its parameters. */
static bool is_result_of(const char *result, const char *name) {
    size_t length = strlen(name);
    return strncmp(result, name, length) == 0 && (result[length] == '\0' || result[length] == ':');
}

static void append(char *text, size_t size, const char *more) {
    size_t length = strlen(text);
    if (length + 1 < size)
        snprintf(text + length, size - length, "%s", more);
}

enum verdict guest_verdict(const char *path, const char *name, char *text, size_t size) {
    text[0] = '\0';
    FILE *log = fopen(path, "r");
    if (log == NULL)
        return VERDICT_MISSING;
    enum verdict all = VERDICT_MISSING;
    char line[LINE_MAX_BYTES], since[LINE_MAX_BYTES] = "", *result, *remark;
    while (fgets(line, sizeof(line), log) != NULL) {
        char whole[LINE_MAX_BYTES];
        memcpy(whole, line, sizeof(line));
        line[strcspn(line, "\r\n")] = '\0';
        enum verdict one = parse_result(line, &result, &remark);
        if (one == VERDICT_MISSING) {
            append(since, sizeof(since), whole);
            continue;
        }
        if (is_result_of(result, name)) {
            if (one == VERDICT_FAILED) {
                append(text, size, result);
                append(text, size, "\n");
                append(text, size, since);
            } else if (one == VERDICT_SKIPPED && all == VERDICT_MISSING) {
                append(text, size, remark);
            }
            if (all == VERDICT_MISSING || one == VERDICT_FAILED)
                all = one;
        }
        since[0] = '\0';
    }
    if (all == VERDICT_MISSING) /* the run ended in it, perhaps: what came last says why */
        append(text, size, since);
    fclose(log);
    return all;
}

bool guest_complete(const char *path, char *text, size_t size) {
    text[0] = '\0';
    FILE *log = fopen(path, "r");
    if (log == NULL) {
        snprintf(text, size, "%s is missing", path);
        return false;
    }
    char line[LINE_MAX_BYTES], *name, *remark;
    long planned = -1, seen = 0;
    while (fgets(line, sizeof(line), log) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (planned < 0 && sscanf(line, "1..%ld", &planned) == 1)
            continue;
        if (strncmp(line, "Bail out!", 9) == 0)
            append(text, size, line);
        seen += parse_result(line, &name, &remark) != VERDICT_MISSING;
    }
    fclose(log);
    if (planned < 0)
        append(text, size, "no plan was printed");
    else if (seen != planned)
        snprintf(text, size, "%ld tests were planned, and %ld have a result", planned, seen);
    return text[0] == '\0';
}
