/* boot, idle_task_bytes. */
#include "bench.h"

#include <heap/page.h>
#include <kernel/state.h>

void bench_boot(void) {
    bench_report("boot", bench_main_began - fe_kernel_state.entry.instructions, 1, "insn");
}

/*
 * idle_task_bytes: what 100,000 tasks take that wait in a receive, each on its own pipe: pages gone from the page allocator,
 * so stacks, pipes, and the tables that map the stacks. What the benchmark itself needs to remember them is there before.
 */
#define IDLERS 100000u

static unsigned idle;

static intptr_t idler_task(void *port) {
    numbers_port in = {{port}};
    uint64_t value;
    idle++;
    fe_assert(numbers_receive_until(in, &value, FE_FOREVER) == FE_ECLOSED);
    idle--;
    numbers_close_port(in);
    return 0;
}

static uint64_t free_pages(void) {
    struct fe_page_statistics pages;
    fe_page_statistics(&pages);
    return pages.free_pages;
}

void bench_idle_task_bytes(void) {
    static const struct fe_task_options detached = {.core = FE_ANY_CORE, .detached = true};
    numbers_sender *senders = fe_heap_alloc(IDLERS * sizeof *senders);
    uint64_t before = free_pages();
    for (unsigned i = 0; i < IDLERS; i++) {
        numbers_port in;
        numbers_open(&senders[i], &in, FE_RENDEZVOUS, 0);
        fe_task_spawn(idler_task, in.end.pipe, &detached);
    }
    while (idle != IDLERS)
        fe_task_yield();
    uint64_t after = free_pages();
    for (unsigned i = 0; i < IDLERS; i++)
        numbers_close_sender(senders[i]);
    while (idle != 0)
        fe_task_yield();
    bench_report("idle_task_bytes", (before - after) * FE_PAGE_SIZE, IDLERS, "B");
    fe_heap_free(senders);
}
