/*
 * The stress programs in one image. A run is one of them, on one seed; afterwards everything must be as it was: no task but this one,
 * no block of the heap, no page of a stack that no stack has.
 */
#include "sim.h"

#include <ferrite/stats.h>
#include <sched/core.h>

static const struct sim_program *const groups[] = {sim_tasks,  sim_pipes,  sim_selects,  sim_heaps,
                                                   sim_timers, sim_stacks, sim_failures, sim_kills};

#define PROGRAMS_MAX 64
const char *fe_sim_programs[PROGRAMS_MAX + 1];

/* The table that the runner reads before anything runs. */
static __attribute__((constructor)) void list_programs(void) {
    size_t count = 0;
    for (size_t g = 0; g < FE_ARRAY_LENGTH(groups); g++)
        for (const struct sim_program *program = groups[g]; program->name; program++)
            if (count < PROGRAMS_MAX)
                fe_sim_programs[count++] = program->name;
}

static uint64_t random_state;

uint32_t sim_random(uint32_t bound) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

static const struct sim_program *find(const char *name) {
    for (size_t g = 0; g < FE_ARRAY_LENGTH(groups); g++)
        for (const struct sim_program *program = groups[g]; program->name; program++)
            if (__builtin_strcmp(program->name, name) == 0)
                return program;
    return NULL;
}

/* Whom each core steals from first follows from the seed. */
static void seed_schedulers(void) {
    for (unsigned i = 0; i < fe_sched.cores; i++)
        fe_sched.schedulers[i]->random = (fe_sim_seed() + i + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static uint64_t live_blocks(void) {
    struct fe_heap_statistics heap;
    fe_heap_statistics(FE_ANY_CORE, &heap);
    return heap.live_blocks;
}

/* Ends are published on the next context, and other cores may be in the middle of their last frees: some time is given to that. */
static void wait_for_rest(size_t tasks, uint64_t blocks) {
    struct fe_task_information list[8];
    for (unsigned i = 0; i < 200; i++) {
        if (fe_task_list(list, FE_ARRAY_LENGTH(list)) == tasks && live_blocks() == blocks)
            return;
        if (i < 20)
            fe_task_yield();
        else
            fe_task_sleep(20 * FE_MICROSECOND);
    }
    size_t count = fe_task_list(list, FE_ARRAY_LENGTH(list));
    if (count != tasks)
        fe_sim_fail("%zu tasks before, %zu after", tasks, count);
    fe_sim_fail("%llu blocks before, %llu after", (unsigned long long)blocks, (unsigned long long)live_blocks());
}

int fe_main(int argc, char **argv) {
    const struct sim_program *program = argc == 2 ? find(argv[1]) : NULL;
    if (!program) {
        fe_print("which program? %s\n", argc > 1 ? argv[1] : "");
        return 2;
    }
    random_state = (fe_sim_seed() + 7) * UINT64_C(0xd1342543de82ef95) | 1;
    seed_schedulers();
    uint64_t blocks = live_blocks();
    size_t tasks = fe_task_list(NULL, 0);
    program->run();
    fe_sim_failures(false);
    if (program->flags & SIM_LEAVES)
        return 0;
    wait_for_rest(tasks, blocks);
    return 0;
}
