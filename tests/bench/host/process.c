/*
 * timers, in processor time, since the sleeps themselves take a second; and idle tasks, by what Linux says that the process
 * has in memory, its page tables included.
 */
#define _GNU_SOURCE
#include "host.h"

#include <fcntl.h>
#include <sched/scheduler.h>
#include <sys/resource.h>
#include <unistd.h>

#define SLEEPERS 100000u

static uint64_t processor_time(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * FE_SECOND +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * FE_MICROSECOND;
}

static struct {
    fe_nanoseconds base;
    _Atomic unsigned started;
    struct fe_tcb *waiter;
    _Atomic bool go;
} sleepers;

static intptr_t sleeper_task(void *offset) {
    if (++sleepers.started == SLEEPERS)
        fe_unpark(sleepers.waiter);
    while (!sleepers.go)
        fe_park();
    fe_task_sleep_until(sleepers.base + (uintptr_t)offset);
    return 0;
}

void bench_timers_host(void) {
    fe_task *tasks = fe_heap_alloc(SLEEPERS * sizeof *tasks);
    uint64_t state = 42;
    sleepers.waiter = fe_park_self();
    for (unsigned i = 0; i < SLEEPERS; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        tasks[i] = fe_task_spawn(sleeper_task, (void *)(state % FE_SECOND), NULL);
    }
    while (sleepers.started != SLEEPERS)
        fe_park();
    sleepers.base = fe_time_now() + FE_SECOND;
    uint64_t began = processor_time();
    sleepers.go = true;
    for (unsigned i = 0; i < SLEEPERS; i++)
        fe_unpark(tasks[i].tcb);
    for (unsigned i = 0; i < SLEEPERS; i++)
        fe_task_join(tasks[i], NULL);
    bench_report("timers", processor_time() - began, SLEEPERS, "insn");
    fe_heap_free(tasks);
}

/* The figure of a line of /proc/self/status, in bytes. */
static uint64_t status(const char *name) {
    static char text[4096];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t got = read(file, text, sizeof text - 1);
    fe_assert(got > 0);
    close(file);
    text[got] = 0;
    size_t length = __builtin_strlen(name);
    for (const char *line = text; *line; line++) {
        if (__builtin_strncmp(line, name, length) == 0) {
            uint64_t kib = 0;
            for (line += length; *line != 'k'; line++)
                if (*line >= '0' && *line <= '9')
                    kib = kib * 10 + (uint64_t)(*line - '0');
            return kib << 10;
        }
        while (*line && *line != '\n')
            line++;
    }
    return 0;
}

static uint64_t resident(void) {
    return status("VmRSS:") + status("VmPTE:");
}

static _Atomic unsigned idle;

static intptr_t idler_task(void *port) {
    numbers_port in = {{port}};
    uint64_t value;
    idle++;
    fe_assert(numbers_receive_until(in, &value, FE_FOREVER) == FE_ECLOSED);
    idle--;
    numbers_close_port(in);
    return 0;
}

static void idlers(const char *name, unsigned count) {
    static const struct fe_task_options detached = {.core = FE_ANY_CORE, .detached = true};
    numbers_sender *senders = fe_heap_alloc_zeroed(count, sizeof *senders);
    uint64_t before = resident();
    for (unsigned i = 0; i < count; i++) {
        numbers_port in;
        numbers_open(&senders[i], &in, FE_RENDEZVOUS, 0);
        fe_task_spawn(idler_task, in.end.pipe, &detached);
    }
    while (idle != count)
        fe_task_yield();
    bench_report(name, resident() - before, count, "B");
    for (unsigned i = 0; i < count; i++)
        numbers_close_sender(senders[i]);
    while (idle != 0)
        fe_task_yield();
    fe_heap_free(senders);
}

void bench_idle_bytes(void) {
    idlers("idle_task_bytes", 100000);
}

void bench_idle_million_bytes(void) {
    idlers("idle_million_bytes", 1000000);
}
