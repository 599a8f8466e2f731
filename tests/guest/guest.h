/*
 * What the guest suites share: spawning with a name and a core, and sizes that differ between CI and the long run.
 *
 * The suites wait on events (a join, a value in a pipe), never on sleeps. Where a deadline is given it is a hang detector,
 * or the thing under test.
 */
#ifndef FE_TESTS_GUEST_H
#define FE_TESTS_GUEST_H

#include <criterion/criterion.h>
#include <ferrite/ferrite.h>
#include <stdatomic.h>

/* The image is built with a sanitizer, under which all takes ten times as long and ThreadSanitizer can follow some thousand
 * tasks at a time. */
#ifdef FE_SANITIZED
#define GUEST_SLOWER 10
#else
#define GUEST_SLOWER 1
#endif

/* For functions that do on purpose what a sanitizer would report. */
#define GUEST_WILD __attribute__((no_sanitize("address", "thread", "undefined")))

/* How long something may take before it counts as hung: a hang detector, and no measure. */
#define HANG (GUEST_SLOWER * (fe_env_flag("long", false) ? 600U : 20U) * FE_SECOND)

FE_PIPE_TYPE(numbers, uint64_t);

/* `small` in CI, `large` with long=1 on the command line (make test-long). */
static inline size_t guest_size(size_t small, size_t large) {
    return ((fe_env_flag("long", false) ? large : small) + GUEST_SLOWER - 1) / GUEST_SLOWER;
}

/* Spawns a task that only `core` may run (FE_ANY_CORE: any). */
static inline fe_task guest_spawn(fe_task_function function, void *argument, int core) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.core = core;
    return fe_task_spawn(function, argument, &options);
}

/* Joins a task that must return; answers what. */
static inline intptr_t guest_join(fe_task task) {
    struct fe_task_result result;
    cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK, "a task did not end");
    cr_assert_eq(result.outcome, FE_RETURNED, "%s", result.message);
    return result.value;
}

/* Lets others run until `task` waits for something. */
static inline void guest_until_blocked(fe_task task) {
    static struct fe_task_information list[256];
    fe_nanoseconds hang = fe_time_now() + HANG;
    while (fe_time_now() < hang) {
        size_t count = fe_task_list(list, FE_ARRAY_LENGTH(list));
        for (size_t i = 0; i < count && i < FE_ARRAY_LENGTH(list); i++) {
            if (list[i].task.id == task.id && list[i].state == FE_TASK_BLOCKED)
                return;
        }
        fe_task_yield();
    }
    cr_assert_fail("a task did not come to wait");
}

/* Runs function(argument) in a task; answers how it ended. */
static inline struct fe_task_result guest_result(fe_task_function function, void *argument) {
    struct fe_task_result result;
    fe_task task = fe_task_spawn(function, argument, NULL);
    cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK, "a task did not end");
    return result;
}

/* The last core: another one than the first where there are several. */
static inline int guest_last_core(void) {
    return (int)fe_core_count() - 1;
}

/* Most interrupts for one deadline: a timer that counts at a rate which was measured may have to be set again for what is left,
 * each time much nearer. */
#define GUEST_TIMER_SETTINGS 10u

/* How often at most a core that rests looks at one that works (sched/watch.c), in `length`: each 200 ms, and twice about it. */
static inline uint64_t guest_watch_looks(fe_nanoseconds length) {
    return length / (200 * FE_MILLISECOND) + 2;
}

static inline bool guest_is_checked(void) {
#ifdef FE_CHECKED
    return true;
#else
    return false;
#endif
}

static inline bool guest_is_arch(const char *name) {
    return __builtin_strcmp(FE_ARCH_NAME, name) == 0;
}

#endif
