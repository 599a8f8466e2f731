/* tld_get, local_alloc, local_churn, local_pause, collect, foreign. */
#include "bench.h"

/* tld_get --------------------------------------------------------------------------------------------------------- */

#define GETS 100000u

static struct fe_task_key key = FE_TASK_KEY("bench", NULL);

static void gets(uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        fe_task_data_get(&key);
}

void bench_tld_get(void) {
    fe_task_data_set(&key, &key);
    gets(100);
    uint64_t began = fe_arch_instructions();
    gets(GETS);
    uint64_t taken = fe_arch_instructions() - began;
    fe_assert(fe_task_data_take(&key) == &key);
    bench_report("tld_get", taken, GETS, "insn");
}

/* Boxes of 32 bytes ----------------------------------------------------------------------------------------------- */

struct node {
    struct node *next, *other;
    uint64_t words[2];
};
_Static_assert(sizeof(struct node) == 32, "the size that is measured");

static void trace_node(const void *box, struct fe_local *heap) {
    const struct node *node = box;
    fe_local_visit(heap, node->next);
    fe_local_visit(heap, node->other);
}

static const struct fe_local_type node_type = FE_LOCAL_TYPE(struct node, trace_node);

static uint64_t allocations(uint64_t count) {
    uint64_t began = fe_arch_instructions();
    for (uint64_t i = 0; i < count; i++)
        fe_local_alloc(&node_type);
    return fe_arch_instructions() - began;
}

/* Runs each in a task, and so a heap, of its own. */
static uint64_t in_task(fe_task_function function) {
    struct fe_task_result result;
    fe_assert(fe_task_join(fe_task_spawn(function, NULL, NULL), &result) == FE_OK && result.outcome == FE_RETURNED);
    return (uint64_t)result.value;
}

/* local_alloc: so few that no collection begins. */
#define BOXES 1000u

static intptr_t allocate_few(void *unused) {
    (void)unused;
    fe_local_alloc(&node_type);
    return (intptr_t)allocations(BOXES);
}

void bench_local_alloc(void) {
    in_task(allocate_few);
    bench_report("local_alloc", in_task(allocate_few), BOXES, "insn");
}

/* local_churn: boxes that die at once, and the collector with them. */
#define CHURN 100000u

static intptr_t allocate_many(void *unused) {
    (void)unused;
    allocations(10000);
    return (intptr_t)allocations(CHURN);
}

void bench_local_churn(void) {
    bench_report("local_churn", in_task(allocate_many), CHURN, "insn");
}

/* local_pause: the longest single allocation while 20,000 boxes live and change, and 500,000 are made. */
#define LIVING 20000u
#define MADE 500000u

static intptr_t pause(void *unused) {
    (void)unused;
    struct node *head = fe_local_alloc(&node_type);
    head->next = head;
    for (unsigned i = 1; i < LIVING; i++) {
        struct node *node = fe_local_alloc(&node_type);
        fe_local_set(node->next, head->next);
        fe_local_set(node->other, head);
        fe_local_set(head->next, node);
    }
    uint64_t longest = 0, read = bench_read_cost();
    for (unsigned i = 0; i < MADE; i++) {
        uint64_t began = fe_arch_instructions();
        struct node *node = fe_local_alloc(&node_type);
        uint64_t taken = fe_arch_instructions() - began - read;
        if (taken > longest)
            longest = taken;
        if (i % 8 == 0) { /* takes the place of another */
            fe_local_set(node->next, head->next->next);
            fe_local_set(node->other, head->next);
            fe_local_set(head->next, node);
            fe_local_set(node->other, NULL);
            head = node->next;
        }
    }
    return (intptr_t)longest;
}

void bench_local_pause(void) {
    bench_report("local_pause", in_task(pause), 1, "insn");
}

/* collect: per box of 10,000 in cycles of 100, all dead. */
#define COLLECTED 10000u
#define RING 100u

static __attribute__((noinline)) struct node *make_ring(void) {
    struct node *first = fe_local_alloc(&node_type), *last = first;
    for (unsigned i = 1; i < RING; i++) {
        struct node *node = fe_local_alloc(&node_type);
        fe_local_set(node->next, last);
        last = node;
    }
    fe_local_set(first->next, last);
    return first;
}

static intptr_t collect(void *unused) {
    struct node *volatile rings[COLLECTED / RING]; /* so that they die together */
    (void)unused;
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(rings); i++)
        rings[i] = make_ring();
    fe_local_collect();
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(rings); i++)
        rings[i] = NULL;
    uint64_t began = fe_arch_instructions();
    size_t freed = fe_local_collect();
    uint64_t taken = fe_arch_instructions() - began;
    fe_assert(freed >= COLLECTED - RING); /* a word left over on the stack may keep one ring */
    return (intptr_t)taken;
}

void bench_collect(void) {
    in_task(collect);
    bench_report("collect", in_task(collect), COLLECTED, "insn");
}

/* foreign: there and back -------------------------------------------------------------------------------------------- */

#define CALLS 10000u

static intptr_t nothing(void *argument) {
    return (intptr_t)argument;
}

static uint64_t calls(uint64_t count) {
    uint64_t began = fe_arch_instructions();
    for (uint64_t i = 0; i < count; i++)
        fe_foreign(nothing, NULL);
    return fe_arch_instructions() - began;
}

void bench_foreign(void) {
    calls(100);
    bench_report("foreign", calls(CALLS), CALLS, "insn");
}
