/*
 * Run under libferrite-heap.so by tests/bench/heap/check: threads that come and go, more at once than have a heap of their own,
 * blocks that outlive their threads, and forks while others allocate. Prints nothing and returns 0 if all is well.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void check_calls(void) {
    void *volatile block;
    CHECK(malloc_usable_size(NULL) == 0);
    for (size_t alignment = 8; alignment <= 1 << 20; alignment *= 2)
        for (size_t bytes = 1; bytes < 300000; bytes = bytes * 3 + 1) {
            void *aligned;
            CHECK(posix_memalign(&aligned, alignment, bytes) == 0);
            CHECK((uintptr_t)aligned % alignment == 0 && malloc_usable_size(aligned) >= bytes);
            memset(aligned, 1, bytes);
            free(aligned);
            CHECK((block = memalign(alignment, bytes)) != NULL && (uintptr_t)block % alignment == 0);
            free(block);
            CHECK((block = aligned_alloc(alignment, bytes)) != NULL && (uintptr_t)block % alignment == 0);
            free(block);
        }
    CHECK(posix_memalign((void **)&block, 24, 8) == EINVAL);
    CHECK((block = valloc(1)) != NULL && (uintptr_t)block % 4096 == 0);
    free(block);
    CHECK((block = malloc(0)) != NULL);
    free(block);
    for (size_t bytes = 1; bytes < 3000000; bytes *= 3) {
        unsigned char *zero = calloc(3, bytes);
        for (size_t n = 0; n < 3 * bytes; n++)
            CHECK(zero[n] == 0);
        memset(zero, 7, 3 * bytes);
        zero = reallocarray(zero, 5, bytes);
        for (size_t n = 0; n < 3 * bytes; n++)
            CHECK(zero[n] == 7);
        free(zero);
    }
    volatile size_t huge = SIZE_MAX / 2;
    errno = 0;
    CHECK(malloc(huge) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(calloc(huge, 3) == NULL && errno == ENOMEM);
    CHECK((block = malloc(10)) != NULL);
    CHECK(reallocarray(block, huge, 3) == NULL && realloc(block, huge) == NULL);
    free(block);
}

#define BLOCKS 200

static void *make_blocks(void *argument) {
    unsigned char **blocks = argument;
    for (unsigned n = 0; n < BLOCKS; n++) {
        blocks[n] = malloc(1 + n * 13 % 3000);
        blocks[n][0] = (unsigned char)n;
    }
    return NULL;
}

/* Blocks live on when their thread has gone, and are freed by others. */
static void check_come_and_go(void) {
    static unsigned char *blocks[2][BLOCKS];
    for (unsigned turn = 0; turn < 2000; turn++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, make_blocks, blocks[turn % 2]) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        for (unsigned n = 0; turn > 0 && n < BLOCKS; n++) {
            CHECK(blocks[1 - turn % 2][n][0] == (unsigned char)n);
            free(blocks[1 - turn % 2][n]);
        }
    }
}

#define MANY 700

static pthread_barrier_t barrier;

static void *one_of_many(void *argument) {
    unsigned char *blocks[BLOCKS];
    pthread_barrier_wait(&barrier);
    make_blocks(blocks);
    pthread_barrier_wait(&barrier);
    for (unsigned n = 0; n < BLOCKS; n++) {
        CHECK(blocks[n][0] == (unsigned char)n);
        free(blocks[n]);
    }
    return argument;
}

static void check_many_at_once(void) {
    static pthread_t threads[MANY];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    pthread_barrier_init(&barrier, NULL, MANY);
    for (unsigned n = 0; n < MANY; n++)
        CHECK(pthread_create(&threads[n], &small, one_of_many, NULL) == 0);
    for (unsigned n = 0; n < MANY; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
}

static volatile int stop;

static void *churn(void *argument) {
    while (!stop) {
        unsigned char *blocks[BLOCKS];
        make_blocks(blocks);
        for (unsigned n = 0; n < BLOCKS; n++)
            free(blocks[n]);
        free(malloc(100000));
    }
    return argument;
}

/* A child of a process whose threads are in the middle of allocating can allocate. */
static void check_fork(void) {
    pthread_t threads[3];
    for (unsigned n = 0; n < 3; n++)
        CHECK(pthread_create(&threads[n], NULL, churn, NULL) == 0);
    for (unsigned turn = 0; turn < 100; turn++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            pthread_t thread;
            unsigned char *blocks[BLOCKS];
            make_blocks(blocks);
            if (pthread_create(&thread, NULL, make_blocks, blocks) != 0 || pthread_join(thread, NULL) != 0)
                _exit(1);
            for (unsigned n = 0; n < BLOCKS; n++)
                free(blocks[n]);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    stop = 1;
    for (unsigned n = 0; n < 3; n++)
        pthread_join(threads[n], NULL);
}

/* Misuse stops the program, by name. */
static void check_misuse(void) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        void *volatile block = malloc(64), *volatile copy = block;
        free(block);
        free(copy);
        _exit(0);
    }
    char told[256] = "";
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(read(ends[0], told, sizeof told - 1) > 0 && strstr(told, "was freed already") != NULL);
}

int main(void) {
    check_calls();
    check_come_and_go();
    check_many_at_once();
    check_fork();
    check_misuse();
    return 0;
}
