/* Local heaps in tasks: what keeps a box, cycles, ends of every kind, pauses, misuse. (The collector's insides are tested
 * on the host.) */
#include "guest.h"

#include <string.h>

struct node {
    struct node *next, *other;
    uint64_t id;
    _Atomic unsigned *finalized; /* counted there, by the second type */
};

static void trace_node(const void *box, struct fe_local *heap) {
    const struct node *node = box;
    fe_local_visit(heap, node->next);
    fe_local_visit(heap, node->other);
}

static void finalize_node(void *box) {
    struct node *node = box;
    atomic_fetch_add(&node->finalized[node->id], 1);
}

static const struct fe_local_type plain = FE_LOCAL_TYPE(struct node, trace_node);
static const struct fe_local_type counted = FE_LOCAL_TYPE_FINALIZED(struct node, trace_node, finalize_node);

static struct fe_local_statistics figures(void) {
    struct fe_local_statistics statistics;
    fe_local_statistics(&statistics);
    return statistics;
}

/* A ring of `length` nodes; returns one of them. */
__attribute__((noinline)) static struct node *ring(const struct fe_local_type *type, unsigned length,
                                                   _Atomic unsigned *finalized) {
    struct node *first = fe_local_alloc(type), *last = first;
    first->finalized = finalized;
    for (unsigned i = 1; i < length; i++) {
        struct node *node = fe_local_alloc(type);
        node->id = i;
        node->finalized = finalized;
        fe_local_set(node->next, last);
        last = node;
    }
    fe_local_set(first->next, last);
    return first;
}

/* Overwrites what calls have left on the stack below, which would keep boxes. */
__attribute__((noinline)) static void wipe_stack(void) {
    volatile uintptr_t words[512];
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(words); i++)
        words[i] = 0;
}

/* Ends ------------------------------------------------------------------------------------------------------------ */

enum ending { RETURN, EXIT, FAIL, FAULT, OVERFLOW, KILL };

#define RING 1000u

struct ended {
    enum ending how;
    bool collected; /* the ring was let go of before */
    _Atomic unsigned finalized[RING];
};

static volatile bool never;
static int *volatile nowhere;

__attribute__((noinline)) static unsigned recurse(unsigned depth) {
    volatile unsigned char frame[200];
    frame[0] = (unsigned char)depth;
    return never ? 0 : recurse(depth + 1) + frame[0];
}

static intptr_t end_with_boxes(void *argument) {
    struct ended *ended = argument;
    struct node *node = ring(&counted, RING, ended->finalized);
    if (ended->collected) {
        node = NULL;
        wipe_stack();
        fe_local_collect();
    }
    switch (ended->how) {
    case EXIT:
        fe_task_exit(1);
    case FAIL:
        fe_fail("with boxes");
    case FAULT:
        *nowhere = 0;
        break;
    case OVERFLOW:
        recurse(0);
        break;
    case KILL:
        fe_task_sleep_until(FE_FOREVER);
        break;
    case RETURN:
        break;
    }
    return node != NULL;
}

static void end_so(enum ending how, enum fe_outcome outcome) {
    static struct ended ended;
    for (int collected = 0; collected < 2; collected++) {
        struct fe_heap_statistics before, after;
        ended.how = how;
        ended.collected = collected;
        for (unsigned i = 0; i < RING; i++)
            atomic_store(&ended.finalized[i], 0);
        fe_heap_statistics(FE_ANY_CORE, &before);
        struct fe_task_result result;
        fe_task task = fe_task_spawn(end_with_boxes, &ended, NULL);
        if (how == KILL) {
            guest_until_blocked(task);
            cr_assert_eq(fe_task_kill(task), FE_OK);
        }
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK);
        fe_heap_statistics(FE_ANY_CORE, &after);
        cr_assert_eq(result.outcome, outcome, "%s", result.message);
        for (unsigned i = 0; i < RING; i++)
            cr_assert_eq(atomic_load(&ended.finalized[i]), 1u, "box %u was finalized %u times", i,
                         atomic_load(&ended.finalized[i]));
        cr_assert_eq(after.live_blocks, before.live_blocks, "memory was left behind");
    }
}

Test(local, annihilated_on_return) {
    end_so(RETURN, FE_RETURNED);
}

Test(local, annihilated_on_exit) {
    end_so(EXIT, FE_RETURNED);
}

Test(local, annihilated_on_failure) {
    end_so(FAIL, FE_FAILED);
}

Test(local, annihilated_on_a_fault) {
    end_so(FAULT, FE_FAULTED);
}

Test(local, annihilated_on_stack_overflow) {
    end_so(OVERFLOW, FE_FAULTED);
}

Test(local, annihilated_on_a_kill) {
    end_so(KILL, FE_KILLED);
}

static void finalize_badly(void *box) {
    finalize_node(box);
    if (((struct node *)box)->id % 10 == 3)
        fe_fail("in a finalizer");
}

static const struct fe_local_type bad = FE_LOCAL_TYPE_FINALIZED(struct node, trace_node, finalize_badly);

/* A cleanup that allocates, after a trace function has failed in the midst of a collection. */
static _Atomic unsigned failing_traces;

static void trace_badly(const void *box, struct fe_local *heap) {
    trace_node(box, heap);
    if (((const struct node *)box)->id == 77 && atomic_fetch_add(&failing_traces, 1) == 0)
        fe_fail("in a trace function");
}

static const struct fe_local_type untraceable = FE_LOCAL_TYPE(struct node, trace_badly);

static void walk(void *ring_of_100) {
    struct node *first = *(struct node **)ring_of_100;
    for (int i = 0; i < 20000 && !guest_is_checked(); i++) /* a checked build takes us to be in the trace function */
        fe_local_alloc(&plain);
    unsigned length = 1;
    for (struct node *at = first->next; at != first; at = at->next)
        length++;
    first->other = NULL;
    atomic_store(&failing_traces, length);
}

static intptr_t fail_in_a_trace(void *argument) {
    struct node *first = ring(&untraceable, 100, NULL);
    fe_defer(walk, &first);
    for (int i = 0; i < 20000; i++)
        fe_local_alloc(&plain);
    return (intptr_t)argument;
}

Test(local, a_trace_function_that_fails) {
    atomic_store(&failing_traces, 0);
    struct fe_task_result result = guest_result(fail_in_a_trace, NULL);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_eq(atomic_load(&failing_traces), 100u);
}

static intptr_t end_with_bad_boxes(void *finalized) {
    ring(&bad, 100, finalized);
    return 0;
}

Test(local, finalizers_that_fail_do_not_keep_others_from_running) {
    static _Atomic unsigned finalized[100];
    struct fe_task_result result = guest_result(end_with_bad_boxes, finalized);
    cr_expect_eq(result.outcome, FE_FAILED);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(atomic_load(&finalized[i]), 1u);
}

/* What keeps a box ------------------------------------------------------------------------------------------------ */

static intptr_t keep_on_the_stack(void *argument) {
    (void)argument;
    struct node *volatile kept = fe_local_alloc(&plain);
    kept->id = 77;
    uint64_t *volatile inside = &((struct node *)fe_local_alloc(&plain))->id; /* only a pointer into it */
    *inside = 78;
    for (int i = 0; i < 5000; i++)
        fe_local_alloc(&plain);
    fe_local_collect();
    cr_assert_gt(figures().collections, 1u);
    cr_assert_geq(figures().live_boxes, 2u);
    cr_assert_leq(figures().live_boxes, 20u);
    return kept->id == 77 && *inside == 78;
}

Test(local, the_stack_keeps_boxes) {
    cr_assert_eq(guest_join(fe_task_spawn(keep_on_the_stack, NULL, NULL)), 1);
}

/* As many live pointers as there are registers that are kept over calls, and more: none of them volatile. */
static intptr_t keep_in_registers(void *argument) {
    uint64_t sum = 0;
    struct node *a = fe_local_alloc(&plain), *b = fe_local_alloc(&plain), *c = fe_local_alloc(&plain);
    struct node *d = fe_local_alloc(&plain), *e = fe_local_alloc(&plain), *f = fe_local_alloc(&plain);
    struct node *g = fe_local_alloc(&plain), *h = fe_local_alloc(&plain), *k = fe_local_alloc(&plain);
    a->id = 1, b->id = 2, c->id = 3, d->id = 4, e->id = 5, f->id = 6, g->id = 7, h->id = 8, k->id = 9;
    for (intptr_t i = 0; i < (intptr_t)argument; i++) {
        fe_local_collect();
        ((struct node *)fe_local_alloc(&plain))->id = 1000; /* would take a freed one's place */
        sum += a->id + b->id + c->id + d->id + e->id + f->id + g->id + h->id + k->id;
    }
    return (intptr_t)sum;
}

Test(local, registers_keep_boxes) {
    cr_assert_eq(guest_join(fe_task_spawn(keep_in_registers, (void *)20, NULL)), 20 * 45);
}

static struct fe_task_key box_key = FE_TASK_KEY("box", NULL);

static intptr_t keep_in_task_data(void *argument) {
    (void)argument;
    fe_task_data_set(&box_key, ring(&plain, 10, NULL));
    wipe_stack();
    for (int i = 0; i < 5; i++) {
        fe_local_collect();
        ring(&plain, 10, NULL);
    }
    struct node *node = fe_task_data_get(&box_key);
    unsigned length = 1;
    for (struct node *at = node->next; at != node; at = at->next)
        length++;
    return length;
}

Test(local, task_data_keeps_boxes) {
    cr_assert_eq(guest_join(fe_task_spawn(keep_in_task_data, NULL, NULL)), 10);
}

static intptr_t allocate_a_lot(void *argument) {
    for (int i = 0; i < 20000; i++)
        fe_local_alloc(&plain);
    fe_local_collect();
    return (intptr_t)argument;
}

static intptr_t keep_over_a_foreign_call(void *argument) {
    (void)argument;
    struct node *volatile kept = ring(&plain, 10, NULL);
    fe_foreign(allocate_a_lot, NULL);
    unsigned length = 1;
    for (struct node *at = kept->next; at != kept; at = at->next)
        length++;
    return length;
}

Test(local, both_stacks_of_a_foreign_call_keep_boxes) {
    cr_assert_eq(guest_join(fe_task_spawn(keep_over_a_foreign_call, NULL, NULL)), 10);
    cr_assert_eq(fe_foreign(keep_on_the_stack, NULL), 1);
}

/* Memory ---------------------------------------------------------------------------------------------------------- */

static intptr_t garbage_for_ever(void *argument) {
    struct node *volatile lives = ring(&plain, 2000, NULL);
    uint64_t steady = 0, rounds = guest_size(10000, 1000000);
    for (uint64_t i = 0; i < rounds; i++) {
        ring(&plain, 20, NULL);
        uint64_t held = figures().held_bytes;
        if (i < rounds / 2 && held > steady)
            steady = held;
        if (i > rounds / 2)
            cr_assert_leq(held, steady + steady / 4);
        if (i % 64 == 0)
            fe_task_yield(); /* may go to another core */
    }
    struct fe_local_statistics end = figures();
    cr_assert_gt(end.collections, rounds / 1000);
    cr_assert_eq(end.allocations, 2000 + rounds * 20);
    cr_assert_lt(end.held_bytes, (uint64_t)1 << 20);
    return lives->id == 0 ? (intptr_t)argument : -1;
}

Test(local, cyclic_garbage_for_ever_holds_steady_memory, .timeout = 600) {
    enum { TASKS = 4 };
    fe_task tasks[TASKS];
    for (intptr_t i = 0; i < TASKS; i++)
        tasks[i] = fe_task_spawn(garbage_for_ever, (void *)i, NULL);
    for (intptr_t i = 0; i < TASKS; i++)
        cr_assert_eq(guest_join(tasks[i]), i);
}

/* A list that is rebuilt and rotated all the time: every write is one that the collector must see. */
static intptr_t shuffle(void *argument) {
    enum { LENGTH = 500 };
    uint64_t random = (uintptr_t)argument;
    struct node *volatile head = ring(&plain, LENGTH, NULL);
    uint64_t rounds = guest_size(50000, 2000000);
    for (uint64_t i = 0; i < rounds; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        struct node *a = head, *b = a->next, *c = b->next;
        fe_local_set(a->next, c); /* b is on the stack only */
        struct node *spare = fe_local_alloc(&plain);
        spare->id = b->id;
        struct node *at = c;
        for (uint64_t steps = random % 8; steps > 0; steps--)
            at = at->next;
        fe_local_set(spare->next, at->next);
        fe_local_set(at->next, spare);
        head = c;
    }
    uint64_t sum = head->id;
    for (struct node *at = head->next; at != head; at = at->next)
        sum += at->id;
    cr_assert_gt(figures().collections, rounds / 10000);
    return (intptr_t)sum;
}

Test(local, a_structure_that_changes_is_kept_whole) {
    fe_task tasks[4];
    for (intptr_t i = 0; i < 4; i++)
        tasks[i] = fe_task_spawn(shuffle, (void *)(i + 1), NULL);
    for (intptr_t i = 0; i < 4; i++)
        cr_assert_eq(guest_join(tasks[i]), 500 * 499 / 2);
}

static intptr_t ask_too_much(void *argument) {
    return (intptr_t)fe_local_alloc_bytes(&plain, (size_t)(uintptr_t)argument);
}

Test(local, sizes_out_of_range) {
    cr_assert_null(fe_local_try_alloc_bytes(&plain, 0));
    cr_assert_null(fe_local_try_alloc_bytes(&plain, FE_LOCAL_BOX_MAX + 1));
    cr_assert_not_null(fe_local_try_alloc_bytes(&plain, FE_LOCAL_BOX_MAX));
    struct fe_task_result result = guest_result(ask_too_much, (void *)(FE_LOCAL_BOX_MAX + 1));
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_not_null(strstr(result.message, "struct node"), "%s", result.message);
}

/* Misuse ---------------------------------------------------------------------------------------------------------- */

static intptr_t overwrite_wildly(void *argument) {
    fe_local_overwrite(argument);
    return 0;
}

Test(local, a_wild_pointer_is_the_tasks_fault) {
    fe_local_alloc(&plain);
    cr_assert_eq(guest_result(overwrite_wildly, (void *)0x4000).outcome, FE_FAULTED);
}

static void expect_complaint(fe_task_function function, void *argument, const char *part) {
    struct fe_task_result result = guest_result(function, argument);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_not_null(strstr(result.message, part), "%s", result.message);
}

FE_PIPE_TYPE(nodes, struct node *);

static intptr_t send_a_box(void *out) {
    nodes_send(*(nodes_sender *)out, fe_local_alloc(&plain));
    return 0;
}

Test(local, a_box_is_not_sent) {
    if (!guest_is_checked())
        cr_skip_test("checked builds only");
    nodes_sender out;
    nodes_port in;
    nodes_open(&out, &in, 2, 0);
    expect_complaint(send_a_box, &out, "'struct node' cannot be sent");
    nodes_send(out, NULL);
    nodes_close_sender(out);
    nodes_close_port(in);
}

static intptr_t forget_the_barrier(void *argument) {
    (void)argument;
    struct node *volatile anchor = ring(&plain, 2000, NULL);
    for (unsigned i = 0; i < 100000; i++) {
        /* Takes the third one off the ring and puts it in at the front, which is black while most is white. */
        struct node *a = anchor, *b = a->next, *c = b->next, *d = c->next;
        b->next = d;
        c->other = NULL;
        c->next = b;
        a->next = c;
        anchor = d;
        fe_local_alloc(&plain);
    }
    return 0;
}

Test(local, a_forgotten_barrier_is_told) {
    if (!guest_is_checked())
        cr_skip_test("checked builds only");
    expect_complaint(forget_the_barrier, NULL, "'struct node' without fe_local_set");
}

static void finalize_and_allocate(void *box) {
    (void)box;
    fe_local_alloc(&plain);
}

static const struct fe_local_type allocating = FE_LOCAL_TYPE_FINALIZED(struct node, NULL, finalize_and_allocate);

static intptr_t end_with_allocating_box(void *argument) {
    (void)argument;
    fe_local_alloc(&allocating);
    return 0;
}

Test(local, a_finalizer_allocates_no_box) {
    expect_complaint(end_with_allocating_box, NULL, "being finalized");
}
