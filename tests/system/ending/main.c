/*
 * The program of tests/system/shutdown: its first word says what it leaves behind when it ends, its second how much of it. What
 * it looks at in shutdown it looks at in at_exit functions; a line that begins with "wrong" fails the test.
 */
#include <ferrite/ferrite.h>
#include <stdatomic.h>

static size_t size = 100;
static _Atomic size_t told, began, registered, refused, ran;

static void expect(const char *what, size_t actual, size_t wanted) {
    fe_print("%s %s: %zu of %zu\n", actual == wanted ? "right" : "wrong", what, actual, wanted);
}

static fe_task spawn(fe_task_function function, void *argument, bool weak) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.weak = weak;
    options.detached = true;
    options.name = weak ? "weak" : "strong";
    return fe_task_spawn(function, argument, &options);
}

static void until(_Atomic size_t *counter, size_t value) {
    while (atomic_load(counter) < value)
        fe_task_yield();
}

/* Weak tasks that are told --------------------------------------------------------------------------------------- */

static intptr_t listen(void *reason) {
    fe_shutdown_port port = fe_shutdown_listen();
    atomic_fetch_add(&began, 1);
    if (fe_shutdown_receive(port) == (uint64_t)(uintptr_t)reason)
        atomic_fetch_add(&told, 1);
    fe_shutdown_close_port(port);
    return 0;
}

static void check_told(void *unused) {
    (void)unused;
    expect("told", atomic_load(&told), size);
}

static void leave_listeners(enum fe_shutdown_reason reason) {
    fe_at_exit(check_told, NULL);
    for (size_t i = 0; i < size; i++)
        spawn(listen, (void *)(uintptr_t)reason, true);
    until(&began, size);
}

/* Weak tasks that are not --------------------------------------------------------------------------------------- */

static intptr_t stay_deaf(void *unused) {
    (void)unused;
    atomic_fetch_add(&began, 1);
    for (;;)
        fe_task_sleep(3600 * FE_SECOND);
    return 0;
}

static intptr_t spin(void *unused) {
    (void)unused;
    atomic_fetch_add(&began, 1);
    for (;;)
        atomic_signal_fence(memory_order_seq_cst);
    return 0;
}

/* The same, and a kill does nothing to it. */
static _Atomic size_t spins;

static intptr_t spin_unkillable(void *unused) {
    (void)unused;
    fe_unkillable_begin();
    atomic_fetch_add(&began, 1);
    for (;;)
        atomic_fetch_add(&spins, 1);
    return 0;
}

static void check_stopped(void *unused) {
    (void)unused;
    size_t before = atomic_load(&spins);
    fe_task_sleep(100 * FE_MILLISECOND); /* many slices */
    expect("spinning no more", atomic_load(&spins), before);
}

static void say_at_exit(void *unused) {
    (void)unused;
    fe_print("right at_exit ran\n");
}

/* at_exit ---------------------------------------------------------------------------------------------------------- */

static intptr_t answer(void *argument) {
    return (intptr_t)argument;
}

/* Uses what there is: tasks, pipes, the heap, the clock, select. */
static void use_services(void *argument) {
    struct fe_task_result result;
    fe_task_join(fe_task_spawn(answer, argument, NULL), &result);
    fe_shutdown_sender sender;
    fe_shutdown_port port;
    fe_shutdown_open(&sender, &port, 4, 0);
    fe_shutdown_send(sender, (uint64_t)result.value);
    fe_task_sleep(FE_MILLISECOND);
    uint64_t value = fe_shutdown_receive(port);
    fe_shutdown_close_sender(sender);
    fe_shutdown_close_port(port);
    fe_heap_free(fe_heap_alloc(1000));
    fe_print("exit %llu\n", (unsigned long long)value);
}

static void register_late(void *unused) {
    (void)unused;
    expect("begun", fe_shutdown_begun(), true);
    expect("refused", fe_try_at_exit(say_at_exit, NULL) == FE_ECLOSED, true);
    fe_shutdown_port port = fe_shutdown_listen();
    expect("told at once", fe_shutdown_receive(port), FE_SHUTDOWN_ENDED);
    fe_shutdown_close_port(port);
    fe_at_exit(say_at_exit, NULL);
}

/* Races ------------------------------------------------------------------------------------------------------------ */

static intptr_t chain(void *unused) {
    (void)unused;
    if (atomic_fetch_add(&began, 1) < size)
        spawn(chain, NULL, false);
    atomic_fetch_add(&ran, 1);
    return 0;
}

static void check_chains(void *links) {
    expect("spawned while main ended", atomic_load(&ran), size + (size_t)(uintptr_t)links);
}

static void count_run(void *unused) {
    (void)unused;
    atomic_fetch_add(&ran, 1);
}

/* Weak: registers until it is too late. */
static intptr_t register_on(void *unused) {
    (void)unused;
    while (fe_try_at_exit(count_run, NULL) == FE_OK) {
        if (atomic_fetch_add(&registered, 1) % 16 == 0)
            fe_task_yield();
    }
    atomic_fetch_add(&refused, 1);
    return 0;
}

static void check_registered(void *tasks) {
    expect("registered and run", atomic_load(&ran), atomic_load(&registered));
    expect("refused in the end", atomic_load(&refused), (size_t)(uintptr_t)tasks);
}

static intptr_t listen_for_a_while(void *unused) {
    (void)unused;
    for (size_t i = 0; i < size; i++) {
        fe_shutdown_port port = fe_shutdown_listen();
        uint64_t reason;
        fe_status status = fe_shutdown_try_receive(port, &reason);
        if (status != FE_EAGAIN)
            fe_print("wrong: told too early: %s\n", fe_status_string(status));
        fe_shutdown_close_port(port);
    }
    return 0;
}

static bool same(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

int fe_main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    if (argc > 2) {
        size = 0;
        for (const char *digit = argv[2]; *digit; digit++)
            size = size * 10 + (size_t)(*digit - '0');
    }
    if (same(way, "weak")) {
        leave_listeners(FE_SHUTDOWN_ENDED);
    } else if (same(way, "weak-and-fail")) {
        leave_listeners(FE_SHUTDOWN_FAILED);
        fe_fail("on purpose");
    } else if (same(way, "deaf") || same(way, "spin")) {
        fe_at_exit(say_at_exit, NULL);
        for (size_t i = 0; i < size; i++)
            spawn(same(way, "deaf") ? stay_deaf : spin, NULL, true);
        if (same(way, "deaf"))
            until(&began, size);
    } else if (same(way, "spin-unkillable")) {
        fe_at_exit(check_stopped, NULL);
        for (size_t i = 0; i < size; i++)
            spawn(spin_unkillable, NULL, true);
        until(&began, size);
    } else if (same(way, "blocked-and-fail")) {
        fe_at_exit(say_at_exit, NULL);
        for (size_t i = 0; i < size; i++)
            spawn(stay_deaf, NULL, false);
        until(&began, size);
        fe_fail("on purpose");
    } else if (same(way, "order")) {
        fe_at_exit(register_late, NULL);
        for (uintptr_t i = 0; i < size; i++)
            fe_at_exit(use_services, (void *)i);
    } else if (same(way, "chains")) {
        size_t links = 2 * fe_core_count();
        fe_at_exit(check_chains, (void *)links);
        for (size_t i = 0; i < links; i++)
            spawn(chain, NULL, false);
    } else if (same(way, "registering")) {
        size_t tasks = 2 * fe_core_count();
        fe_at_exit(check_registered, (void *)tasks);
        for (size_t i = 0; i < tasks; i++)
            spawn(register_on, NULL, true);
        until(&registered, size);
    } else if (same(way, "listening")) {
        for (unsigned i = 0; i < fe_core_count(); i++)
            spawn(listen_for_a_while, NULL, false);
    } else if (same(way, "leaking")) {
        for (size_t i = 0; i < size; i++)
            (void)fe_heap_alloc(100);
    }
    fe_print("main ends\n");
    return 0;
}
