/*
 * Guest tests as the host sees them: the machines that they run on, and what came out.
 */
#ifndef FE_HOST_GUEST_H
#define FE_HOST_GUEST_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES 4096

/* One way to run the guest tests. */
struct machine {
    const char *name; /* as it begins the names of suites and of files */
    const char *arch;
    const char *build;
    const char *cores;
    const char *gic;   /* AArch64 only */
    const char *level; /* AArch64: exception level at entry; "": the default */
    const char *loop;  /* the schedulers' event loop */
};

extern const struct machine machines[];
extern const size_t machine_count;

/* Where the output of a machine's run is kept: build/test/guest-NAME.log. */
void guest_log_path(const struct machine *machine, char *path, size_t size);

/* Boots `machine` with the program's `arguments` and its output in `path`; returns tools/run's status, or -1. */
int guest_boot(const struct machine *machine, const char *arguments, const char *path);

enum verdict { VERDICT_MISSING, VERDICT_PASSED, VERDICT_FAILED, VERDICT_SKIPPED };

/*
 * What the log at `path` says of test `name` (suite/name). A parameterized test is NAME:0, NAME:1 and so on, and passed if
 * all did. `text` gets the diagnostics of what failed, or the reason of a skip.
 */
enum verdict guest_verdict(const char *path, const char *name, char *text, size_t size);

/* Whether the log at `path` has a result for every test of its plan; what is missing goes to `text`. */
bool guest_complete(const char *path, char *text, size_t size);

#endif
