/*
 * The program of tests/system/repeats: tasks that yield, talk, sleep, allocate and compute, each of which notes its turns. With one
 * core, and time that counts instructions, the notes of two runs with the same seed are the same. What the seed decides with one
 * core is where blocks lie, so that is noted, too.
 */
#include <ferrite/ferrite.h>

enum { TASKS = 8, ROUNDS = 40, NOTES = 8192 };

FE_PIPE_TYPE(numbers, uint64_t);

static struct {
    uint8_t task, place;
    uint32_t what;
} notes[NOTES];
static size_t noted;
static numbers_sender out[TASKS];
static numbers_port in[TASKS];

static void note(uintptr_t task, unsigned place, uintptr_t what) {
    size_t next = __atomic_fetch_add(&noted, 1, __ATOMIC_RELAXED); /* a task may be preempted here */
    if (next < NOTES) {
        notes[next].task = (uint8_t)task;
        notes[next].place = (uint8_t)place;
        notes[next].what = (uint32_t)what;
    }
}

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static intptr_t child(void *task) {
    note((uintptr_t)task, 5, 0);
    return (intptr_t)task;
}

static intptr_t run(void *argument) {
    uintptr_t me = (uintptr_t)argument;
    uint32_t random = (uint32_t)me + 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        void *block = fe_heap_alloc(16 + next_random(&random) % 500);
        note(me, 0, (uintptr_t)block);
        switch (next_random(&random) % 5) {
        case 0:
            fe_task_yield();
            break;
        case 1: {
            uint64_t value;
            (void)!numbers_try_send(out[next_random(&random) % TASKS], me);
            if (numbers_try_receive(in[me], &value) == FE_OK)
                note(me, 1, value);
            break;
        }
        case 2:
            fe_task_join(fe_task_spawn(child, argument, NULL), NULL);
            break;
        case 3:
            fe_task_sleep(next_random(&random) % 3000 * FE_MICROSECOND);
            break;
        default:
            for (volatile uint32_t left = next_random(&random) % 200000; left; left--)
                ; /* some slices, if others wait */
            break;
        }
        note(me, 2, 0);
        fe_heap_free(block);
    }
    note(me, 3, 0);
    return 0;
}

int fe_main(int argc, char **argv) {
    (void)argc, (void)argv;
    fe_task tasks[TASKS];
    for (unsigned i = 0; i < TASKS; i++)
        numbers_open(&out[i], &in[i], 4, FE_PIPE_SHARED);
    for (uintptr_t i = 0; i < TASKS; i++)
        tasks[i] = fe_task_spawn(run, (void *)i, NULL);
    for (unsigned i = 0; i < TASKS; i++)
        fe_task_join(tasks[i], NULL);
    struct fe_core_statistics statistics;
    fe_core_statistics(0, &statistics);
    for (size_t i = 0; i < noted && i < NOTES; i++)
        fe_print("%u %u %x\n", notes[i].task, notes[i].place, notes[i].what);
    fe_print("switches %llu preemptions %llu\n", (unsigned long long)statistics.switches,
             (unsigned long long)statistics.preemptions);
    for (unsigned i = 0; i < TASKS; i++) {
        numbers_close_sender(out[i]);
        numbers_close_port(in[i]);
    }
    return noted > NOTES;
}
