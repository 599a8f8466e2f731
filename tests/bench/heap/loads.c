/*
 * Loads for allocators, run under whichever one is preloaded: loads NAME [OPERATIONS]. Prints one line:
 *
 *     NAME cpu_ns=N operations=N peak_kib=N longest_ns=N
 *
 * CPU time is the whole process's, between a warm-up and the end of the load, so that what other programs do to the machine
 * counts little; nothing here spins: threads hand each other batches of pointers through queues with semaphores.
 *
 *   pair64            allocate and free 64 bytes
 *   ring16 ... 4096   one thread allocates and fills messages of so many bytes, another reads and frees them
 *   exchange64        two threads do so to each other
 *   larson            two threads each replace random ones of 1,000 blocks of 16 to 1,000 bytes, and swap their blocks now and
 *                     then (after Larson and Krishnan, "Memory allocation for long-running server applications", 1998)
 *   xmalloc           two threads each allocate batches of mixed sizes and free those that the other has made (after Lever
 *                     and Boreham, "malloc() performance in a multithreaded Linux environment", 2000)
 *   mixed             10,000 slots, sizes log-uniform from 16 bytes to 64 KiB, as the guest's malloc_mixed
 *   longest           the same, each operation timed
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t next_random(uint64_t *state) {
    uint64_t x = *state; /* xorshift64 (Marsaglia, 2003) */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static uint64_t operations, longest;
static size_t message;

static void *allocate(size_t bytes) {
    void *block = malloc(bytes);
    if (block == NULL)
        abort();
    return block;
}

/* Hides a pointer's making, or the compiler drops the pair. */
static inline void use(void *block) {
    __asm__ volatile("" ::"r"(block) : "memory");
}

static void pair(void) {
    for (uint64_t n = 0; n < operations; n++) {
        void *block = allocate(message);
        use(block);
        free(block);
    }
}

/* A queue of batches between two threads. */
#define BATCH 256
#define BATCHES 8

struct queue {
    sem_t filled, empty;
    unsigned head, tail;
    void *batch[BATCHES][BATCH];
};
static struct queue queues[2];

static void open_queue(struct queue *queue) {
    sem_init(&queue->filled, 0, 0);
    sem_init(&queue->empty, 0, BATCHES);
}

static void **begin_send(struct queue *queue) {
    while (sem_wait(&queue->empty) != 0)
        continue;
    return queue->batch[queue->tail++ % BATCHES];
}

static void **begin_receive(struct queue *queue) {
    while (sem_wait(&queue->filled) != 0)
        continue;
    return queue->batch[queue->head++ % BATCHES];
}

static void send_batch(struct queue *queue) {
    void **batch = begin_send(queue);
    for (unsigned n = 0; n < BATCH; n++) {
        batch[n] = allocate(message);
        memset(batch[n], (int)n, message);
    }
    sem_post(&queue->filled);
}

static void receive_batch(struct queue *queue) {
    void **batch = begin_receive(queue);
    for (unsigned n = 0; n < BATCH; n++) {
        if (*(unsigned char *)batch[n] != (unsigned char)n)
            abort();
        free(batch[n]);
    }
    sem_post(&queue->empty);
}

static void *receiver(void *queue) {
    for (uint64_t n = 0; n < operations / BATCH; n++)
        receive_batch(queue);
    return NULL;
}

static void ring(void) {
    pthread_t thread;
    open_queue(&queues[0]);
    pthread_create(&thread, NULL, receiver, &queues[0]);
    for (uint64_t n = 0; n < operations / BATCH; n++)
        send_batch(&queues[0]);
    pthread_join(thread, NULL);
}

static void *exchanger(void *argument) {
    unsigned self = (unsigned)(uintptr_t)argument;
    for (uint64_t n = 0; n < operations / BATCH / 2; n++) {
        send_batch(&queues[self]);
        receive_batch(&queues[1 - self]);
    }
    return NULL;
}

static void both(void *(*body)(void *)) {
    pthread_t thread;
    open_queue(&queues[0]);
    open_queue(&queues[1]);
    pthread_create(&thread, NULL, body, (void *)1);
    body(NULL);
    pthread_join(thread, NULL);
}

static void exchange(void) {
    both(exchanger);
}

/* Each begins with blocks of its own; every 10,000 turns the two swap what they hold. */
#define HELD 1000
#define TURNS 10000

static void *larson_thread(void *argument) {
    unsigned self = (unsigned)(uintptr_t)argument;
    uint64_t random = 42 + self;
    unsigned char **held = allocate(HELD * sizeof *held);
    for (unsigned n = 0; n < HELD; n++)
        held[n] = allocate(16 + next_random(&random) % 985);
    for (uint64_t done = 0; done < operations / 2; done += TURNS) {
        for (unsigned n = 0; n < TURNS; n++) {
            uint64_t x = next_random(&random);
            unsigned char **slot = &held[x % HELD];
            free(*slot);
            size_t bytes = 16 + (x >> 32) % 985;
            *slot = allocate(bytes);
            (*slot)[0] = (*slot)[bytes - 1] = (unsigned char)n;
        }
        begin_send(&queues[self])[0] = held;
        sem_post(&queues[self].filled);
        held = begin_receive(&queues[1 - self])[0];
        sem_post(&queues[1 - self].empty);
    }
    for (unsigned n = 0; n < HELD; n++)
        free(held[n]);
    free(held);
    return NULL;
}

static void larson(void) {
    both(larson_thread);
}

static void *xmalloc_thread(void *argument) {
    unsigned self = (unsigned)(uintptr_t)argument;
    uint64_t random = 7 + self;
    for (uint64_t n = 0; n < operations / BATCH / 2; n++) {
        void **batch = begin_send(&queues[self]);
        for (unsigned k = 0; k < BATCH; k++) {
            uint64_t x = next_random(&random);
            size_t bytes = ((size_t)16 << x % 8) + (x >> 32) % ((size_t)16 << x % 8);
            batch[k] = allocate(bytes);
            *(unsigned char *)batch[k] = (unsigned char)k;
        }
        sem_post(&queues[self].filled);
        receive_batch(&queues[1 - self]);
    }
    return NULL;
}

static void xmalloc(void) {
    both(xmalloc_thread);
}

#define SLOTS 10000
static void *slots[SLOTS];

static void mix(int timed) {
    uint64_t random = 42;
    for (uint64_t n = 0; n < operations; n++) {
        void **slot = &slots[next_random(&random) % SLOTS];
        uint64_t x = next_random(&random);
        size_t octave = (size_t)1 << (4 + (x >> 32) % 12), bytes = octave + (x & (octave - 1));
        uint64_t began = timed ? now(CLOCK_MONOTONIC) : 0;
        if (*slot != NULL) {
            free(*slot);
            *slot = NULL;
        } else {
            *slot = allocate(bytes);
        }
        if (timed) {
            uint64_t taken = now(CLOCK_MONOTONIC) - began;
            longest = taken > longest ? taken : longest;
        }
        if (*slot != NULL)
            *(volatile char *)*slot = 1;
    }
    for (unsigned n = 0; n < SLOTS; n++) {
        free(slots[n]);
        slots[n] = NULL;
    }
}

static void mixed(void) {
    mix(0);
}

static void timed(void) {
    mix(1);
}

static const struct load {
    const char *name;
    void (*run)(void);
    size_t message;
    uint64_t operations;
} loads[] = {
    {"pair64", pair, 64, 30000000},  {"ring16", ring, 16, 6000000},     {"ring64", ring, 64, 6000000},
    {"ring256", ring, 256, 4000000}, {"ring4096", ring, 4096, 1000000}, {"exchange64", exchange, 64, 6000000},
    {"larson", larson, 0, 6000000},  {"xmalloc", xmalloc, 0, 4000000},  {"mixed", mixed, 0, 3000000},
    {"longest", timed, 0, 1000000},
};

/* The most memory that the process has had. (getrusage counts what was there before exec, too.) */
static long peak_kib(void) {
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    return kib;
}

int main(int argc, char **argv) {
    for (unsigned n = 0; argc > 1 && n < sizeof loads / sizeof loads[0]; n++) {
        if (strcmp(loads[n].name, argv[1]) != 0)
            continue;
        message = loads[n].message;
        operations = loads[n].operations / 20;
        loads[n].run();
        longest = 0;
        operations = argc > 2 ? strtoull(argv[2], NULL, 0) : loads[n].operations;
        uint64_t began = now(CLOCK_PROCESS_CPUTIME_ID);
        loads[n].run();
        uint64_t taken = now(CLOCK_PROCESS_CPUTIME_ID) - began;
        printf("%s cpu_ns=%llu operations=%llu peak_kib=%ld longest_ns=%llu\n", argv[1], (unsigned long long)taken,
               (unsigned long long)operations, peak_kib(), (unsigned long long)longest);
        return 0;
    }
    fprintf(stderr, "usage: loads NAME [OPERATIONS]; names:");
    for (unsigned n = 0; n < sizeof loads / sizeof loads[0]; n++)
        fprintf(stderr, " %s", loads[n].name);
    fprintf(stderr, "\n");
    return 2;
}
