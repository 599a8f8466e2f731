/* Tasks, their results, pipes between them, waiting for several things, and time. */
#include "tour.h"

/* Tasks ----------------------------------------------------------------------------------------------------------- */

static intptr_t square(void *number) {
    return (intptr_t)number * (intptr_t)number;
}

void show_tasks(void) {
    fe_task tasks[10];
    for (uintptr_t i = 0; i < 10; i++)
        tasks[i] = fe_task_spawn(square, (void *)i, NULL); /* on any core */
    intptr_t sum = 0;
    for (unsigned i = 0; i < 10; i++) {
        struct fe_task_result result;
        fe_assert(fe_task_join(tasks[i], &result) == FE_OK);
        sum += result.value;
    }
    fe_print("  ten tasks squared 0 to 9: the sum is %ld\n", (long)sum);

    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = "pinned";
    options.core = (int)fe_core_count() - 1; /* there, and nowhere else */
    struct fe_task_result result;
    fe_assert(fe_task_join(fe_task_spawn(square, (void *)12, &options), &result) == FE_OK);
    fe_print("  one task on the last core: %ld\n", (long)result.value);
}

/* Results: how a task can end ------------------------------------------------------------------------------------- */

static volatile uintptr_t nowhere; /* 0, though no compiler may count on it */

static intptr_t end_somehow(void *how) {
    switch ((uintptr_t)how) {
    case 0:
        return 42;
    case 1:
        fe_fail("this is not the day");
    default:
        return *(const int *)nowhere;
    }
}

void show_results(void) {
    static const char *const outcomes[] = {"returned", "failed", "faulted", "killed"};
    for (uintptr_t how = 0; how < 3; how++) {
        struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
        options.name = "somehow";
        struct fe_task_result result;
        fe_assert(fe_task_join(fe_task_spawn(end_somehow, (void *)how, &options), &result) == FE_OK);
        const char *outcome = outcomes[result.outcome];
        if (result.outcome == FE_RETURNED)
            fe_print("  the task %s %ld\n", outcome, (long)result.value);
        else if (result.outcome == FE_FAULTED)
            fe_print("  the task %s at address %#lx\n", outcome, (unsigned long)result.fault_address);
        else
            fe_print("  the task %s: %.19s\n", outcome, result.message); /* where follows, in file and line */
    }
}

/* Killing --------------------------------------------------------------------------------------------------------- */

FE_PIPE_TYPE(numbers, uint64_t);

static intptr_t wait_in_a_section(void *argument) {
    numbers_port *in = argument;
    fe_unkillable_begin();
    uint64_t number = numbers_receive(*in); /* a kill that comes now has to wait */
    fe_print("  the section ends with %llu in hand\n", (unsigned long long)number);
    fe_unkillable_end();
    fe_print("  this is not reached\n");
    return 0;
}

void show_kill(void) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, FE_RENDEZVOUS, 0);
    fe_task victim = fe_task_spawn(wait_in_a_section, &in, NULL);
    fe_task_sleep(FE_MILLISECOND); /* by then it waits */
    fe_assert(fe_task_kill(victim) == FE_OK);
    numbers_send(out, 7);
    struct fe_task_result result;
    fe_assert(fe_task_join(victim, &result) == FE_OK);
    fe_print("  then the task is %s\n", result.outcome == FE_KILLED ? "killed" : "not killed");
    numbers_close_sender(out);
    numbers_close_port(in);
}

/* Pipes ----------------------------------------------------------------------------------------------------------- */

static intptr_t count_to_three(void *argument) {
    numbers_sender *out = argument;
    for (uint64_t i = 1; i <= 3; i++)
        numbers_send(*out, i);
    numbers_close_sender(*out);
    return 0;
}

static intptr_t send_many(void *argument) {
    numbers_sender *out = argument;
    for (unsigned i = 0; i < 1000; i++)
        numbers_send(*out, 1);
    numbers_close_sender(*out);
    return 0;
}

void show_pipes(void) {
    numbers_sender out;
    numbers_port in;
    uint64_t number, sum = 0;

    numbers_open(&out, &in, FE_RENDEZVOUS, 0);
    fe_task counter = fe_task_spawn(count_to_three, &out, NULL);
    char text[32] = ""; /* a line that is printed whole stays whole, whatever is logged meanwhile */
    size_t length = 0;
    while (numbers_receive_until(in, &number, FE_FOREVER) == FE_OK && length < sizeof text)
        length += (size_t)fe_format(text + length, sizeof text - length, " %llu", (unsigned long long)number);
    fe_print("  received%s, then closed\n", text);
    fe_task_join(counter, NULL);
    numbers_close_port(in);

    numbers_sender senders[4];
    fe_task tasks[4];
    numbers_open(&senders[0], &in, 64, FE_PIPE_SHARED);
    for (unsigned i = 1; i < 4; i++)
        senders[i] = numbers_copy(senders[0]);
    for (unsigned i = 0; i < 4; i++)
        tasks[i] = fe_task_spawn(send_many, &senders[i], NULL);
    while (numbers_receive_until(in, &number, FE_FOREVER) == FE_OK)
        sum += number;
    fe_print("  four senders sent %llu values through one pipe\n", (unsigned long long)sum);
    for (unsigned i = 0; i < 4; i++)
        fe_task_join(tasks[i], NULL);
    numbers_close_port(in);
}

/* Select ---------------------------------------------------------------------------------------------------------- */

void show_select(void) {
    enum { PORTS = 3 };
    numbers_sender out[PORTS];
    numbers_port in[PORTS];
    fe_selector selector;
    fe_selector_open(&selector);
    for (uintptr_t i = 0; i < PORTS; i++) {
        numbers_open(&out[i], &in[i], 4, 0);
        fe_selector_add(selector, in[i].end, i);
    }
    numbers_send(out[2], 30);
    uintptr_t tag;
    uint64_t number;
    fe_assert(fe_select(selector, FE_FOREVER, &tag) == FE_OK && numbers_try_receive(in[tag], &number) == FE_OK);
    fe_print("  of %d ports, number %lu was ready with %llu\n", PORTS, (unsigned long)tag, (unsigned long long)number);
    fe_status status = fe_select(selector, fe_time_now() + FE_MILLISECOND, &tag);
    fe_print("  within a millisecond: %s\n", fe_status_string(status));
    for (unsigned i = 0; i < PORTS; i++) {
        numbers_close_port(in[i]);
        numbers_close_sender(out[i]);
    }
    fe_selector_close(selector);
}

/* Timers ---------------------------------------------------------------------------------------------------------- */

static intptr_t nap(void *milliseconds) {
    fe_task_sleep((uintptr_t)milliseconds * FE_MILLISECOND);
    return 0;
}

void show_timers(void) {
    fe_nanoseconds began = fe_time_now();
    fe_task tasks[100];
    for (unsigned i = 0; i < 100; i++)
        tasks[i] = fe_task_spawn(nap, (void *)10, NULL);
    for (unsigned i = 0; i < 100; i++)
        fe_task_join(tasks[i], NULL);
    fe_nanoseconds taken = fe_time_now() - began;
    fe_print("  100 tasks slept 10 ms each, together: %s\n",
             taken >= 10 * FE_MILLISECOND ? "10 ms or a little more" : "less");
}
