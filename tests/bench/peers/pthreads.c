/*
 * The benchmarks with POSIX threads: pthreads.elf NAME... prints `NAME NANOSECONDS`, the best of some repetitions; idle
 * tasks as `NAME BYTES`. Semaphores carry the turn, a mutex and two conditions make a bounded queue. What would need a
 * million threads is left out.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REPETITIONS = 3 };

static clockid_t watch = CLOCK_MONOTONIC; /* the process's own time where one core runs and never waits */

static double now(void) {
    struct timespec time;
    clock_gettime(watch, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void check(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void on_cpus(int first, int count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++)
        CPU_SET(first + i, &set);
    check(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

static pthread_t start(void *(*function)(void *), void *argument) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)64 << 10);
    check(pthread_create(&thread, &attributes, function, argument) == 0, "pthread_create");
    pthread_attr_destroy(&attributes);
    return thread;
}

/* yield, spawn_join */

enum { YIELDS = 200000, SPAWNS = 20000 };

static void *yields(void *argument) {
    for (int i = 0; i < YIELDS; i++)
        sched_yield();
    return argument;
}

static double yield(void) {
    double began = now();
    pthread_t one = start(yields, NULL), other = start(yields, NULL);
    pthread_join(one, NULL);
    pthread_join(other, NULL);
    return (now() - began) / (2 * YIELDS);
}

static void *nothing(void *argument) {
    return argument;
}

static double spawn_join(void) {
    double began = now();
    for (int i = 0; i < SPAWNS; i++)
        pthread_join(start(nothing, NULL), NULL);
    return (now() - began) / SPAWNS;
}

/* roundtrip, ring503 */

struct cell {
    sem_t full;
    uint64_t value;
};

static void put(struct cell *cell, uint64_t value) {
    cell->value = value;
    sem_post(&cell->full);
}

static uint64_t get(struct cell *cell) {
    sem_wait(&cell->full);
    return cell->value;
}

static struct cell there, back;
enum { ROUNDTRIPS = 50000 };

static void *echo(void *cpu) {
    if (cpu)
        on_cpus((int)(intptr_t)cpu, 1);
    for (uint64_t value; (value = get(&there)) != 0;)
        put(&back, value);
    return NULL;
}

static double roundtrips(void *cpu) {
    sem_init(&there.full, 0, 0);
    sem_init(&back.full, 0, 0);
    pthread_t thread = start(echo, cpu);
    double began = now();
    for (uint64_t i = 1; i <= ROUNDTRIPS; i++) {
        put(&there, i);
        check(get(&back) == i, "wrong value");
    }
    double taken = now() - began;
    put(&there, 0);
    pthread_join(thread, NULL);
    return taken / ROUNDTRIPS;
}

static double roundtrip(void) {
    return roundtrips(NULL);
}

static double roundtrip_cross(void) {
    return roundtrips((void *)1);
}

enum { RING = 503, HOPS = 100000 };
static struct cell cells[RING];
static sem_t ring_done;

static void *member(void *index) {
    size_t self = (size_t)(uintptr_t)index;
    for (;;) {
        uint64_t token = get(&cells[self]);
        if (token == 1)
            sem_post(&ring_done);
        put(&cells[(self + 1) % RING], token <= 1 ? 0 : token - 1);
        if (token <= 1)
            return NULL;
    }
}

static double ring503(void) {
    pthread_t threads[RING];
    sem_init(&ring_done, 0, 0);
    for (size_t i = 0; i < RING; i++)
        sem_init(&cells[i].full, 0, 0);
    for (size_t i = 0; i < RING; i++)
        threads[i] = start(member, (void *)i);
    double began = now();
    put(&cells[0], HOPS);
    sem_wait(&ring_done);
    double taken = now() - began;
    for (size_t i = 0; i < RING; i++)
        pthread_join(threads[i], NULL);
    return taken / HOPS;
}

/* stream, shared4, handoff */

enum { QUEUE_MOST = 256, MESSAGES = 1000000 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t room, some;
    size_t head, count, capacity;
    uint64_t values[QUEUE_MOST];
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

static void queue_put(uint64_t value) {
    pthread_mutex_lock(&queue.lock);
    while (queue.count == queue.capacity)
        pthread_cond_wait(&queue.room, &queue.lock);
    queue.values[(queue.head + queue.count++) % queue.capacity] = value;
    if (queue.count == 1)
        pthread_cond_signal(&queue.some);
    pthread_mutex_unlock(&queue.lock);
}

static uint64_t queue_get(void) {
    pthread_mutex_lock(&queue.lock);
    while (queue.count == 0)
        pthread_cond_wait(&queue.some, &queue.lock);
    uint64_t value = queue.values[queue.head];
    queue.head = (queue.head + 1) % queue.capacity;
    if (queue.count-- == queue.capacity)
        pthread_cond_broadcast(&queue.room);
    pthread_mutex_unlock(&queue.lock);
    return value;
}

struct source {
    int cpu;
    uint64_t count;
};

static void *send_numbers(void *argument) {
    const struct source *source = argument;
    if (source->cpu)
        on_cpus(source->cpu, 1);
    for (uint64_t i = 0; i < source->count; i++)
        queue_put(i);
    return NULL;
}

static void *send_blocks(void *argument) {
    const struct source *source = argument;
    if (source->cpu)
        on_cpus(source->cpu, 1);
    for (uint64_t i = 0; i < source->count; i++) {
        uint64_t *block = malloc(8 * sizeof *block);
        check(block != NULL, "malloc");
        for (unsigned word = 0; word < 8; word++)
            block[word] = i + word;
        queue_put((uint64_t)(uintptr_t)block);
    }
    return NULL;
}

static double flow(unsigned senders, size_t capacity, int cpu, int blocks) {
    struct source source = {cpu, MESSAGES / senders};
    pthread_t threads[4];
    queue.capacity = capacity;
    queue.head = queue.count = 0;
    double began = now();
    for (unsigned i = 0; i < senders; i++)
        threads[i] = start(blocks ? send_blocks : send_numbers, &source);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        uint64_t value = queue_get();
        if (blocks) {
            uint64_t *block = (uint64_t *)(uintptr_t)value;
            check(block[0] == i, "wrong block");
            free(block);
        } else {
            sum += value;
        }
    }
    double taken = now() - began;
    for (unsigned i = 0; i < senders; i++)
        pthread_join(threads[i], NULL);
    check(blocks || sum == senders * (source.count * (source.count - 1) / 2), "wrong sum");
    return taken / MESSAGES;
}

static double stream(void) {
    return flow(1, 64, 0, 0);
}

static double stream_cross(void) {
    return flow(1, 64, 1, 0);
}

static double shared4(void) {
    return flow(4, 256, 0, 0);
}

static double handoff(void) {
    return flow(1, 64, 0, 1);
}

static double handoff_cross(void) {
    return flow(1, 64, 1, 1);
}

/* fib: of 18, since fib(25) has more threads at once than a process may have */

enum { FIB = 18, FIB_VALUE = 2584, FIB_FORKS = 4180 };

static intptr_t fib(intptr_t n);

static void *fib_thread(void *n) {
    return (void *)fib((intptr_t)n);
}

static intptr_t fib(intptr_t n) {
    if (n < 2)
        return n;
    pthread_t forked = start(fib_thread, (void *)(n - 1));
    intptr_t called = fib(n - 2);
    void *result;
    pthread_join(forked, &result);
    return called + (intptr_t)result;
}

static double forks(void) {
    double began = now();
    check(fib(FIB) == FIB_VALUE, "wrong value");
    return (now() - began) / FIB_FORKS;
}

/* idle_task_bytes: of 10,000 */

enum { IDLERS = 10000 };

static size_t resident(void) {
    size_t all, here;
    FILE *file = fopen("/proc/self/statm", "r");
    check(file != NULL && fscanf(file, "%zu %zu", &all, &here) == 2, "/proc/self/statm");
    fclose(file);
    return here * (size_t)sysconf(_SC_PAGESIZE);
}

static sem_t arrived;

static void *idle_thread(void *cell) {
    sem_post(&arrived);
    get(cell);
    return NULL;
}

static double idle(void) {
    static pthread_t threads[IDLERS];
    static struct cell idle_cells[IDLERS];
    size_t before = resident();
    sem_init(&arrived, 0, 0);
    for (size_t i = 0; i < IDLERS; i++)
        sem_init(&idle_cells[i].full, 0, 0);
    for (size_t i = 0; i < IDLERS; i++)
        threads[i] = start(idle_thread, &idle_cells[i]);
    for (size_t i = 0; i < IDLERS; i++)
        sem_wait(&arrived);
    double bytes = (double)(resident() - before) / IDLERS;
    for (size_t i = 0; i < IDLERS; i++)
        put(&idle_cells[i], 0);
    for (size_t i = 0; i < IDLERS; i++)
        pthread_join(threads[i], NULL);
    return bytes;
}

static const struct {
    const char *name;
    double (*run)(void);
    int cpus;
    int crosses;
} benchmarks[] = {
    {"yield", yield, 1, 0},
    {"spawn_join", spawn_join, 1, 0},
    {"roundtrip", roundtrip, 1, 0},
    {"roundtrip_cross", roundtrip_cross, 1, 1},
    {"ring503", ring503, 1, 0},
    {"stream", stream, 1, 0},
    {"stream_cross", stream_cross, 1, 1},
    {"shared4", shared4, 1, 0},
    {"handoff", handoff, 1, 0},
    {"handoff_cross", handoff_cross, 1, 1},
    {"fib", forks, 1, 0},
    {"idle_task_bytes", idle, 2, 0},
};

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        double shortest = -1;
        for (size_t at = 0; at < sizeof benchmarks / sizeof benchmarks[0]; at++) {
            if (strcmp(benchmarks[at].name, argv[i]) != 0)
                continue;
            on_cpus(0, benchmarks[at].cpus);
            watch = benchmarks[at].crosses ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
            for (int repetition = 0; repetition < REPETITIONS; repetition++) {
                double taken = benchmarks[at].run();
                if (shortest < 0 || taken < shortest)
                    shortest = taken;
            }
        }
        if (shortest < 0)
            printf("%s -\n", argv[i]);
        else
            printf("%s %.2f\n", argv[i], shortest);
        fflush(stdout);
    }
    return 0;
}
