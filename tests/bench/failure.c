/* fail_unwind, kill, restart. Failures are quiet, so that no console is measured. */
#include "bench.h"

static const struct fe_task_options quiet = {.core = FE_ANY_CORE, .quiet = true};

/* fail_unwind: from fe_fail in the innermost of 10 frames, each with a cleanup, to the result in the joiner ---------------- */

#define FAIL_FRAMES 10
#define FAIL_WARM 20u
#define FAILS 2000u

static uint64_t failed_at, cleanups;
static volatile bool never; /* so that no compiler sees an endless recursion */

static void count_cleanup(void *unused) {
    (void)unused;
    cleanups++;
}

static __attribute__((noinline)) unsigned nest(unsigned depth) {
    fe_defer(count_cleanup, NULL);
    if (depth > 1)
        return nest(depth - 1) + 1;
    failed_at = bench_now();
    if (!never)
        fe_fail("on purpose");
    return 0;
}

static intptr_t fail_in_frames(void *unused) {
    (void)unused;
    return nest(FAIL_FRAMES);
}

static uint64_t fails(uint64_t rounds) {
    uint64_t taken = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        fe_task_join(fe_task_spawn(fail_in_frames, NULL, &quiet), NULL);
        taken += bench_now() - failed_at;
    }
    return taken;
}

void bench_fail_unwind(void) {
    fails(FAIL_WARM);
    cleanups = 0;
    uint64_t taken = fails(FAILS);
    if (cleanups != (uint64_t)FAIL_FRAMES * FAILS)
        fe_fail("fail_unwind: %llu cleanups", (unsigned long long)cleanups);
    bench_report("fail_unwind", taken, FAILS, "insn");
}

/* kill: a task that waits to receive, from fe_task_kill to its result ------------------------------------------------------ */

#define KILL_WARM 20u
#define KILLS 5000u

static numbers_sender out;
static numbers_port in;

static intptr_t wait_for_ever(void *unused) {
    (void)unused;
    return (intptr_t)numbers_receive(in);
}

static uint64_t kills(uint64_t rounds) {
    uint64_t taken = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        fe_task task = fe_task_spawn(wait_for_ever, NULL, &quiet);
        fe_task_yield();
        uint64_t began = bench_now();
        fe_status asked = fe_task_kill(task);
        fe_task_join(task, NULL);
        taken += bench_now() - began;
        if (asked != FE_OK)
            fe_fail("kill: %s", fe_status_string(asked));
    }
    return taken;
}

void bench_kill(void) {
    numbers_open(&out, &in, 1, 0);
    kills(KILL_WARM);
    bench_report("kill", kills(KILLS), KILLS, "insn");
    numbers_close_sender(out);
    numbers_close_port(in);
}

/* restart: from a child's fe_fail to the first instruction of the one that its supervisor starts --------------------------- */

#define RESTARTS 200u /* within the intensity that a supervisor may have */
#define RESTART_WARM 20u

static struct { uint64_t starts, taken; } restarts;

static intptr_t fail_again(void *unused) {
    (void)unused;
    uint64_t now = bench_now();
    if (restarts.starts > RESTART_WARM)
        restarts.taken += now - failed_at;
    if (restarts.starts == RESTART_WARM + RESTARTS)
        return 0; /* for good */
    restarts.starts++;
    failed_at = bench_now();
    fe_fail("on purpose");
}

void bench_restart(void) {
    struct fe_supervision supervision = {FE_ONE_FOR_ONE, FE_INTENSITY_MAX, FE_SECOND};
    struct fe_child child = {"child", fail_again, NULL, FE_TRANSIENT, &quiet};
    if (fe_supervise(&supervision, &child, 1) != FE_OK)
        fe_fail("restart: no supervisor");
    bench_report("restart", restarts.taken, RESTARTS, "insn");
}
