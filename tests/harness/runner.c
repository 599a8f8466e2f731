/*
 * Runs the tests that are linked in: each in a task of its own, one after another, and prints TAP 13, plan first.
 *
 *     arguments after --   globs of tests to run (suite/name); --list prints their names
 *     test=GLOB,GLOB       the same, on the command line
 *
 * A glob without a slash means a suite. Exit status: 0 all passed, 1 some failed, 2 nothing to run; 101 when tasks of tests
 * are left that could not be killed and hold the machine up (the runner then fails, which ends it).
 *
 * Invariants: tests run in the order of their suites, files and lines, whatever the linker's; every test of the plan has a
 * result even if its task hangs; nothing of one test is looked at before its own task has ended or timed out; what a test
 * that failed leaves behind is killed before the next one begins.
 *
 * Rejected: running tests in parallel (heap and task counts could not be told apart); unwinding to the runner (there is
 * nothing to unwind to: a task that ends by a fault ends).
 */
#include "run.h"

#ifdef FE_SANITIZED
#define PATIENCE 10 /* what a sanitizer costs, roughly */
#else
#define PATIENCE 1
#endif
#define TIMEOUT_DEFAULT (60 * PATIENCE * FE_SECOND)
#define FINI_TIMEOUT (10 * PATIENCE * FE_SECOND)
#define SETTLE_TIMEOUT (2 * PATIENCE * FE_SECOND) /* for what a test's last frees and ends still do on other cores */
#define KILL_TIMEOUT (2 * PATIENCE * FE_SECOND)   /* for the cleanups of what a failed test left behind */
#define SLOW FE_SECOND
#define PATTERN_MAX 512
#define NAME_MAX 128

extern const struct fe_test *const fe_tests_start[], *const fe_tests_end[];

/* One line of the plan. */
struct test_case {
    const struct fe_test *test;
    const struct fe_test_options *suite; /* never NULL */
    void *parameter;
    size_t index;       /* of the parameter */
    bool no_parameters; /* they could not be made */
};

struct plan {
    struct test_case *cases;
    size_t count, capacity;
    struct criterion_test_params *params; /* to be cleaned up */
    size_t params_count;
};

struct totals {
    unsigned passed, failed, skipped;
    bool stuck; /* tasks are left that could not be killed */
};

/* Choosing ---------------------------------------------------------------------------------------------------------- */

static bool glob(const char *pattern, const char *pattern_end, const char *text) {
    for (; pattern < pattern_end; pattern++, text++) {
        if (*pattern == '*') {
            for (;; text++) {
                if (glob(pattern + 1, pattern_end, text))
                    return true;
                if (*text == '\0')
                    return false;
            }
        }
        if (*text == '\0' || (*pattern != '?' && *pattern != *text))
            return false;
    }
    return *text == '\0';
}

/* Whether one of the comma-separated globs means the test. */
static bool matches(const char *patterns, const struct fe_test *test) {
    char name[NAME_MAX];
    fe_format(name, sizeof(name), "%s/%s", test->suite, test->name);
    while (*patterns != '\0') {
        const char *end = patterns;
        bool slash = false;
        for (; *end != '\0' && *end != ','; end++)
            slash |= *end == '/';
        if (end > patterns && glob(patterns, end, slash ? name : test->suite))
            return true;
        patterns = *end == ',' ? end + 1 : end;
    }
    return false;
}

/* Whether one of the arguments is the test's whole name. */
static bool named(const struct fe_test *test, int argc, char **argv) {
    char name[NAME_MAX];
    fe_format(name, sizeof(name), "%s/%s", test->suite, test->name);
    for (int i = 1; i < argc; i++) {
        int order;
        if (fe_test_strings(argv[i], name, &order) && order == 0)
            return true;
    }
    return false;
}

static bool chosen(const struct fe_test *test, int argc, char **argv) {
    if (test->options->data == FE_TEST_ALONE)
        return named(test, argc, argv);
    const char *setting = fe_env("test");
    bool any = setting != NULL;
    if (setting != NULL && matches(setting, test))
        return true;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        any = true;
        if (matches(argv[i], test))
            return true;
    }
    return !any;
}

static size_t entries(void) {
    return (size_t)((uintptr_t)fe_tests_end - (uintptr_t)fe_tests_start) / sizeof(fe_tests_start[0]);
}

static const struct fe_test_options *suite_options(const char *suite) {
    static const struct fe_test_options none;
    for (size_t i = 0; i < entries(); i++) {
        int order;
        if (fe_tests_start[i]->name == NULL && fe_test_strings(fe_tests_start[i]->suite, suite, &order) && order == 0)
            return fe_tests_start[i]->options;
    }
    return &none;
}

static bool before(const struct fe_test *left, const struct fe_test *right) {
    int order;
    fe_test_strings(left->suite, right->suite, &order);
    if (order == 0)
        fe_test_strings(left->file, right->file, &order);
    return order < 0 || (order == 0 && left->line < right->line);
}

static void sort(const struct fe_test **tests, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const struct fe_test *one = tests[i];
        size_t at = i;
        for (; at > 0 && before(one, tests[at - 1]); at--)
            tests[at] = tests[at - 1];
        tests[at] = one;
    }
}

/* Tasks ------------------------------------------------------------------------------------------------------------- */

/* Runs function(argument) in a task; false if it has not ended by then. */
static bool supervise(const char *name, fe_task_function function, void *argument, fe_nanoseconds timeout,
                      struct fe_task_result *result) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = name;
    fe_task task = fe_task_spawn(function, argument, &options);
    fe_nanoseconds deadline = timeout == FE_FOREVER ? FE_FOREVER : fe_time_now() + timeout;
    fe_status status = fe_task_join_until(task, result, deadline);
    if (status != FE_OK && status != FE_ETIMEDOUT)
        fe_fail("joining the task of %s: %s", name, fe_status_string(status));
    return status == FE_OK;
}

struct generator {
    const struct fe_test *test;
    struct criterion_test_params params;
};

static intptr_t generate(void *argument) {
    struct generator *generator = argument;
    generator->params = generator->test->params();
    return 0;
}

static void (*init_of(const struct test_case *one))(void) {
    return one->test->options->init != NULL ? one->test->options->init : one->suite->init;
}

static void (*fini_of(const struct test_case *one))(void) {
    return one->test->options->fini != NULL ? one->test->options->fini : one->suite->fini;
}

static intptr_t body(void *argument) {
    const struct test_case *one = argument;
    fe_task self = fe_task_self();
    atomic_store_explicit(&fe_test_run.tcb, self.tcb, memory_order_relaxed); /* the tasks that it spawns see both */
    atomic_store_explicit(&fe_test_run.task, self.id, memory_order_relaxed);
    if (init_of(one) != NULL)
        init_of(one)();
    if (one->test->params != NULL)
        ((void (*)(void *))one->test->function)(one->parameter);
    else
        one->test->function();
    if (fini_of(one) != NULL)
        fini_of(one)();
    return 0;
}

static intptr_t body_fini(void *argument) {
    fini_of(argument)();
    return 0;
}

/* Planning ---------------------------------------------------------------------------------------------------------- */

static void plan_add(struct plan *plan, struct test_case one) {
    if (plan->count == plan->capacity) {
        plan->capacity = plan->capacity == 0 ? 64 : plan->capacity * 2;
        plan->cases = fe_heap_realloc(plan->cases, plan->capacity * sizeof(*plan->cases));
    }
    plan->cases[plan->count++] = one;
}

static void plan_parameters(struct plan *plan, const struct fe_test *test, const struct fe_test_options *suite) {
    struct generator generator = {.test = test};
    struct fe_task_result result;
    if (!supervise(test->name, generate, &generator, TIMEOUT_DEFAULT, &result))
        fe_fail("the parameters of %s/%s were not made in time", test->suite, test->name);
    if (result.outcome != FE_RETURNED || generator.params.length == 0) {
        plan_add(plan, (struct test_case){.test = test, .suite = suite, .no_parameters = true});
        return;
    }
    for (size_t i = 0; i < generator.params.length; i++)
        plan_add(plan, (struct test_case){.test = test,
                                          .suite = suite,
                                          .parameter = (char *)generator.params.params + i * generator.params.size,
                                          .index = i});
    plan->params = fe_heap_realloc(plan->params, (plan->params_count + 1) * sizeof(*plan->params));
    plan->params[plan->params_count++] = generator.params;
}

static void plan_make(struct plan *plan, int argc, char **argv) {
    const struct fe_test **tests = fe_heap_alloc((entries() + 1) * sizeof(*tests));
    size_t count = 0;
    for (size_t i = 0; i < entries(); i++)
        if (fe_tests_start[i]->name != NULL && chosen(fe_tests_start[i], argc, argv))
            tests[count++] = fe_tests_start[i];
    sort(tests, count);
    for (size_t i = 0; i < count; i++) {
        const struct fe_test_options *suite = suite_options(tests[i]->suite);
        if (tests[i]->params != NULL && !tests[i]->options->disabled && !suite->disabled)
            plan_parameters(plan, tests[i], suite);
        else
            plan_add(plan, (struct test_case){.test = tests[i], .suite = suite});
    }
    fe_heap_free(tests);
}

static void plan_free(struct plan *plan) {
    for (size_t i = 0; i < plan->params_count; i++)
        if (plan->params[i].cleanup != NULL)
            plan->params[i].cleanup(&plan->params[i]);
    fe_heap_free(plan->params);
    fe_heap_free(plan->cases);
}

/* Judging ----------------------------------------------------------------------------------------------------------- */

static int signal_of(const struct fe_task_result *result) {
    if (result->outcome == FE_RETURNED)
        return 0;
    if (result->outcome == FE_FAILED)
        return SIGABRT;
    if (result->outcome == FE_KILLED)
        return SIGKILL;
    switch (result->fault) {
    case FE_FAULT_MEMORY:
    case FE_FAULT_STACK_OVERFLOW:
        return SIGSEGV;
    case FE_FAULT_ILLEGAL:
        return SIGILL;
    case FE_FAULT_ARITHMETIC:
        return SIGFPE;
    case FE_FAULT_BREAKPOINT:
        return SIGTRAP;
    default:
        return SIGBUS;
    }
}

static const char *signal_name(int number) {
    switch (number) {
    case 0:
        return "no signal";
    case SIGILL:
        return "SIGILL";
    case SIGTRAP:
        return "SIGTRAP";
    case SIGABRT:
        return "SIGABRT";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGKILL:
        return "SIGKILL";
    case SIGSEGV:
        return "SIGSEGV";
    default:
        return "another signal";
    }
}

struct holdings {
    uint64_t blocks;
    size_t tasks;
};

static struct holdings holdings(void) {
    struct fe_heap_statistics heap;
    fe_heap_statistics(FE_ANY_CORE, &heap);
    return (struct holdings){heap.live_blocks, fe_task_list(NULL, 0)};
}

/* Whether no more is held than before. Other cores may still be ending tasks and taking blocks home: waits for them. */
static bool settled(struct holdings then, struct holdings *now) {
    fe_nanoseconds deadline = fe_time_now() + SETTLE_TIMEOUT;
    for (;;) {
        *now = holdings();
        if (now->blocks <= then.blocks && now->tasks <= then.tasks)
            return true;
        if (fe_time_now() >= deadline)
            return false;
        fe_task_sleep(FE_MILLISECOND);
    }
}

/* Whether the test's task ended as it should; says so otherwise. */
static bool judge(const struct test_case *one, const struct fe_task_result *result) {
    bool good = atomic_load_explicit(&fe_test_run.failures, memory_order_relaxed) == 0; /* the join orders it */
    int expected = one->test->options->signal != 0 ? one->test->options->signal : one->suite->signal;
    int actual = signal_of(result);
    bool aborted = atomic_load_explicit(&fe_test_run.aborted, memory_order_relaxed); /* the join orders it */
    if (actual != expected && !(aborted && result->outcome == FE_KILLED)) { /* report.c killed it, and said why */
        fe_test_diagnose("ended by %s, and not by %s: %s", signal_name(actual), signal_name(expected),
                         result->outcome == FE_RETURNED ? "the test returned" : result->message);
        if (result->outcome == FE_FAULTED)
            fe_test_diagnose("  address 0x%lx, instruction at 0x%lx", (unsigned long)result->fault_address,
                             (unsigned long)result->fault_pc);
        good = false;
    }
    int code = one->test->options->exit_code != 0 ? one->test->options->exit_code : one->suite->exit_code;
    if (result->outcome == FE_RETURNED && !aborted && result->value != code) {
        fe_test_diagnose("ended with %ld, and not with %d", (long)result->value, code);
        good = false;
    }
    return good;
}

static bool check_leaks(const struct test_case *one, struct holdings then) {
    struct holdings now;
    bool allowed = one->test->options->data == FE_TEST_MAY_LEAK || one->suite->data == FE_TEST_MAY_LEAK;
    if (allowed || settled(then, &now))
        return true;
    if (now.blocks > then.blocks)
        fe_test_diagnose("leaves %llu heap blocks", (unsigned long long)(now.blocks - then.blocks));
    if (now.tasks > then.tasks)
        fe_test_diagnose("leaves %llu tasks", (unsigned long long)(now.tasks - then.tasks));
    return false;
}

static fe_nanoseconds timeout_of(const struct test_case *one) {
    double seconds = one->test->options->timeout > 0 ? one->test->options->timeout : one->suite->timeout;
    return seconds > 0 ? (fe_nanoseconds)(seconds * 1e9) : TIMEOUT_DEFAULT;
}

/* What a failed test leaves behind ---------------------------------------------------------------------------------- */

static void list_tasks(void) {
    static const char *const states[] = {"ready", "running", "blocked", "ended"};
    struct fe_task_information list[16];
    size_t count = fe_task_list(list, FE_ARRAY_LENGTH(list));
    fe_test_diagnose("tasks: %llu", (unsigned long long)count);
    for (size_t i = 0; i < count && i < FE_ARRAY_LENGTH(list); i++)
        fe_test_diagnose("  %llu %s: %s, core %u", (unsigned long long)list[i].task.id, list[i].name,
                         (unsigned)list[i].state < FE_ARRAY_LENGTH(states) ? states[list[i].state] : "?", list[i].core);
}

/* Kills all tasks but the runner's and the kernel's, and takes away what has ended; how many there still were. *killed: the
 * most that there ever were to be killed. */
static size_t kill_others(size_t *killed) {
    size_t capacity = fe_task_list(NULL, 0) + 16; /* more may come meanwhile: the next call sees them */
    struct fe_task_information *list = fe_heap_alloc(capacity * sizeof(*list));
    size_t count = fe_task_list(list, capacity), others = 0, asked = 0;
    for (size_t i = 0; i < count && i < capacity; i++) {
        if (list[i].kind == FE_TASK_SERVICE || list[i].task.id == fe_task_self().id)
            continue;
        others++;
        (void)fe_task_detach(list[i].task); /* who joins it, if anybody, is killed as well */
        asked += fe_task_kill(list[i].task) == FE_OK;
    }
    fe_heap_free(list);
    *killed = asked > *killed ? asked : *killed;
    return others;
}

/* Whether nothing of the test's is left; says what it found. */
static bool kill_remains(void) {
    fe_nanoseconds deadline = fe_time_now() + KILL_TIMEOUT;
    size_t killed = 0, left;
    while ((left = kill_others(&killed)) > 0 && fe_time_now() < deadline)
        fe_task_sleep(FE_MILLISECOND);
    if (killed > left)
        fe_test_diagnose("%llu tasks that it left behind were killed", (unsigned long long)(killed - left));
    if (left == 0)
        return true;
    fe_test_diagnose("%llu tasks that it left behind do not end when killed", (unsigned long long)left);
    list_tasks();
    return false;
}

static bool try_case(const struct test_case *one) {
    struct holdings then = holdings();
    struct fe_task_result result;
    fe_nanoseconds timeout = timeout_of(one);
    if (!supervise(one->test->name, body, (void *)(uintptr_t)one, timeout, &result)) {
        fe_test_diagnose("has not ended after %llu ms", (unsigned long long)(timeout / FE_MILLISECOND));
        list_tasks();
        return false;
    }
    bool aborted = atomic_load_explicit(&fe_test_run.aborted, memory_order_relaxed); /* the join orders it */
    if (aborted && fini_of(one) != NULL) {
        struct fe_task_result fini;
        if (!supervise("fini", body_fini, (void *)(uintptr_t)one, FINI_TIMEOUT, &fini)) {
            fe_test_diagnose(".fini has not ended");
            return false;
        }
    }
    if (atomic_load_explicit(&fe_test_run.skipped, memory_order_relaxed)) /* the join orders it */
        return atomic_load_explicit(&fe_test_run.failures, memory_order_relaxed) == 0;
    bool good = judge(one, &result);
    if (good && !aborted && result.outcome == FE_RETURNED)
        good = check_leaks(one, then);
    return good;
}

static bool run_case(const struct test_case *one, struct totals *totals) {
    if (one->no_parameters) {
        fe_test_diagnose("its parameters could not be made");
        return false;
    }
    if (one->test->options->description != NULL)
        fe_test_diagnose("%s", one->test->options->description);
    fe_test_run = (struct fe_test_run){.failures = 0};
    bool good = try_case(one);
    if (!good)
        totals->stuck |= !kill_remains();
    return good;
}

static void print_result(size_t number, const struct test_case *one, const char *verdict, const char *remark) {
    char name[NAME_MAX];
    if (one->test->params != NULL && !one->no_parameters && one->parameter != NULL)
        fe_format(name, sizeof(name), "%s/%s:%llu", one->test->suite, one->test->name, (unsigned long long)one->index);
    else
        fe_format(name, sizeof(name), "%s/%s", one->test->suite, one->test->name);
    fe_print("%s %llu - %s%s%s\n", verdict, (unsigned long long)number, name, remark[0] != '\0' ? " # SKIP " : "", remark);
}

static void run_all(const struct plan *plan, struct totals *totals) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct test_case *one = &plan->cases[i];
        if (one->test->options->disabled || one->suite->disabled) {
            print_result(i + 1, one, "ok", "disabled");
            totals->skipped++;
            continue;
        }
        fe_nanoseconds begun = fe_time_now();
        bool good = run_case(one, totals);
        fe_nanoseconds took = fe_time_now() - begun;
        bool skipped = good && atomic_load_explicit(&fe_test_run.skipped, memory_order_relaxed); /* the join orders it */
        if (skipped)
            totals->skipped++;
        else if (good)
            totals->passed++;
        else
            totals->failed++;
        print_result(i + 1, one, good ? "ok" : "not ok", skipped ? fe_test_run.skip_reason : "");
        if (took >= SLOW)
            fe_test_diagnose("took %llu ms", (unsigned long long)(took / FE_MILLISECOND));
    }
}

static int list(int argc, char **argv) {
    for (size_t i = 0; i < entries(); i++)
        if (fe_tests_start[i]->name != NULL && chosen(fe_tests_start[i], argc, argv))
            fe_print("%s/%s\n", fe_tests_start[i]->suite, fe_tests_start[i]->name);
    return 0;
}

int fe_main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        int order;
        if (argv[i][0] != '-')
            continue;
        if (fe_test_strings(argv[i], "--list", &order) && order == 0)
            return list(argc, argv);
        fe_print("Bail out! %s: no such option; give globs of tests, or --list\n", argv[i]);
        return 2;
    }
    struct plan plan = {.count = 0};
    plan_make(&plan, argc, argv);
    fe_print("TAP version 13\n1..%llu%s\n", (unsigned long long)plan.count, plan.count == 0 ? " # SKIP no such test" : "");
    struct totals totals = {.passed = 0};
    run_all(&plan, &totals);
    plan_free(&plan);
    fe_test_diagnose("%u passed, %u failed, %u skipped; %u cores", totals.passed, totals.failed, totals.skipped,
                     fe_core_count());
    if (plan.count == 0)
        return 2;
    if (totals.stuck)
        fe_fail("tasks of tests are left, and killing does not end them");
    return totals.failed == 0 ? 0 : 1;
}
