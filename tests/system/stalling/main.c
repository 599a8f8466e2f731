/*
 * The program of tests/system/stalls: its word says what does not go on. What ends by itself goes on after it has been told of,
 * and the status is 7.
 */
#include <arch/arch.h>
#include <ferrite/ferrite.h>
#include <stdatomic.h>

#define LONG_ENOUGH (3 * FE_SECOND)

FE_PIPE_TYPE(words, uint64_t);

struct pair {
    words_sender out;
    words_port in;
};

/* Each of two receives before it sends. */
static intptr_t receive_first(void *argument) {
    struct pair *pair = argument;
    uint64_t value = words_receive(pair->in);
    words_send(pair->out, value);
    return 0;
}

static fe_task spawn(fe_task_function function, void *argument, const char *name, int core) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = name;
    options.core = core;
    return fe_task_spawn(function, argument, &options);
}

static int deadlock(size_t capacity) {
    struct pair one, two;
    words_open(&one.out, &two.in, capacity, 0);
    words_open(&two.out, &one.in, capacity, 0);
    fe_task first = spawn(receive_first, &one, "chicken", FE_ANY_CORE);
    spawn(receive_first, &two, "egg", (int)fe_core_count() - 1);
    fe_task_join(first, NULL);
    return 0;
}

static intptr_t add_one(void *counter) {
    atomic_fetch_add((_Atomic unsigned *)counter, 1);
    return 0;
}

static _Atomic bool began;

static intptr_t spin(void *argument) {
    bool section = *(bool *)argument;
    atomic_store(&began, true);
    if (section)
        fe_preempt_disable();
    else
        fe_arch_interrupts_disable();
    uint64_t end = fe_time_now() + LONG_ENOUGH;
    for (volatile uint64_t turns = 0; turns % 100000 || fe_time_now() < end;)
        turns++;
    if (section)
        fe_preempt_enable();
    else
        fe_arch_interrupts_enable();
    return 0;
}

static int hold(bool section) {
    _Atomic unsigned counter = 0;
    int core = (int)fe_core_count() - 1;
    fe_task waiter = {0};
    if (core == 0) /* the newest runs first, and the other waits for it */
        waiter = spawn(add_one, &counter, "patient", core);
    fe_task spinner = spawn(spin, &section, "greedy", core);
    while (core > 0 && !atomic_load(&began))
        fe_task_yield();
    if (core > 0)
        waiter = spawn(add_one, &counter, "patient", core);
    fe_task_join(spinner, NULL);
    fe_task_join(waiter, NULL);
    return counter == 1 ? 7 : 1;
}

int fe_main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    switch (what[0]) {
    case 'd': /* deadlock */
        return deadlock(1);
    case 'r': /* rendezvous */
        return deadlock(FE_RENDEZVOUS);
    case 's': /* section */
        return hold(true);
    case 'm': /* masked */
        return hold(false);
    default:
        return 2;
    }
}
