/*
 * skynet: a 10-ary tree of tasks with a million leaves. Each node opens a rendezvous pipe on which its ten children send
 * their sums; a leaf sends its number. Each child has a sending end of its own and closes it, as pipes want it.
 *
 * skynet_bytes is the most memory in use at once, per leaf. Stacks are cached and never returned, so that their most is what
 * is held at the end; pipes come and go, so the tree's upper nodes, 111 of 1,111,111, look at the free pages now and then.
 */
#include "bench.h"

#include <heap/page.h>

#define LEAVES 1000000u
#define CHILDREN 10
#define SAMPLED (LEAVES / 100) /* nodes of at least this many leaves look */

struct node {
    numbers_sender out;
    uint64_t first;
    uint64_t leaves;
};

static uint64_t least_free;

static uint64_t free_pages(void) {
    struct fe_page_statistics pages;
    fe_page_statistics(&pages);
    return pages.free_pages;
}

static void look(uint64_t leaves) {
    if (FE_LIKELY(leaves < SAMPLED))
        return;
    uint64_t now = free_pages();
    if (now < least_free)
        least_free = now;
}

static uint64_t children_sum(uint64_t first, uint64_t leaves);

static intptr_t node_task(void *argument) {
    struct node self = *(struct node *)argument; /* lies on the parent's stack, which waits for us */
    numbers_send(self.out, self.leaves == 1 ? self.first : children_sum(self.first, self.leaves));
    numbers_close_sender(self.out);
    return 0;
}

static uint64_t children_sum(uint64_t first, uint64_t leaves) {
    static const struct fe_task_options detached = {.core = FE_ANY_CORE, .detached = true};
    struct node children[CHILDREN];
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, FE_RENDEZVOUS, FE_PIPE_SHARED);
    for (unsigned i = 0; i < CHILDREN; i++) {
        children[i] = (struct node){numbers_copy(out), first + i * (leaves / CHILDREN), leaves / CHILDREN};
        fe_task_spawn(node_task, &children[i], &detached);
    }
    numbers_close_sender(out);
    uint64_t sum = 0;
    for (unsigned i = 0; i < CHILDREN; i++) {
        sum += numbers_receive(in);
        look(leaves);
    }
    numbers_close_port(in);
    return sum;
}

void bench_skynet(void) {
    children_sum(0, 1000);
    uint64_t free_before = least_free = free_pages();
    uint64_t began = bench_now();
    uint64_t sum = children_sum(0, LEAVES);
    uint64_t taken = bench_now() - began;
    look(LEAVES);
    fe_assert(sum == (uint64_t)LEAVES * (LEAVES - 1) / 2);
    bench_report("skynet", taken, LEAVES, "insn");
    bench_report("skynet_bytes", (free_before - least_free) * FE_PAGE_SIZE, LEAVES, "B");
}
