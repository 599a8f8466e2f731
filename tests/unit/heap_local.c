/*
 * Local heaps and their collector: random graphs against a model, finalizers, memory that stays where it was, and what is
 * kept for a pointer on the stack. The roots are an array, so that what must die is known exactly.
 *
 * Links: heap
 */
#include "support.h"

#include <heap/exchange.h>
#include <heap/local.h>
#include <heap/page.h>

#include <ferrite/task.h>
#include <stdlib.h>

#define ROOTS 64

static void *roots[ROOTS];

static void scan(struct fe_local *heap, void *argument) {
    (void)argument;
    fe_local_scan(heap, (uintptr_t)roots, (uintptr_t)(roots + ROOTS));
}

static struct fe_local *start(void) {
    unit_machine(128 * MIB);
    memset(roots, 0, sizeof(roots));
    struct fe_local *heap = fe_local_create(scan, NULL);
    cr_assert_not_null(heap);
    return heap;
}

static struct fe_local_statistics figures(struct fe_local *heap) {
    struct fe_local_statistics statistics;
    fe_local_figures(heap, &statistics);
    return statistics;
}

static uint64_t live_blocks(void) {
    struct fe_heap_statistics statistics;
    fe_heap_statistics(FE_ANY_CORE, &statistics);
    return statistics.live_blocks;
}

static void *make(struct fe_local *heap, const struct fe_local_type *type) {
    void *box = fe_local_make_short(heap, type);
    return box != NULL ? box : fe_local_make(heap, type, type->size);
}

/* Nodes ----------------------------------------------------------------------------------------------------------- */

#define LINKS 3

struct node {
    struct node *link[LINKS];
    uint64_t id;
};

static void trace_node(const void *box, struct fe_local *heap) {
    for (unsigned i = 0; i < LINKS; i++)
        fe_local_visit(heap, ((const struct node *)box)->link[i]);
}

static unsigned finalized[200000]; /* how often, by id */

static void finalize_node(void *box) {
    struct node *node = box;
    for (unsigned i = 0; i < LINKS; i++) /* all that it points to is there still */
        cr_assert(node->link[i] == NULL || node->link[i]->id < FE_ARRAY_LENGTH(finalized));
    finalized[node->id]++;
}

static const struct fe_local_type plain = FE_LOCAL_TYPE(struct node, trace_node);
static const struct fe_local_type counted = FE_LOCAL_TYPE_FINALIZED(struct node, trace_node, finalize_node);

Test(heap_local, boxes_are_zeroed_aligned_and_apart) {
    struct fe_local *heap = start();
    static const struct fe_local_type bytes = FE_LOCAL_TYPE(char, NULL);
    for (size_t size = 1; size <= FE_LOCAL_BOX_MAX; size += size < 600 ? 1 : 509) {
        unsigned char *one = fe_local_make(heap, &bytes, size), *other = fe_local_make(heap, &bytes, size);
        cr_assert_eq((uintptr_t)one % 16, 0);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(one[i] | other[i], 0);
        memset(one, 0x11, size);
        memset(other, 0x22, size);
        cr_assert_eq(one[0], 0x11);
        cr_assert_eq(one[size - 1], 0x11);
    }
    cr_assert_null(fe_local_make(heap, &bytes, 0));
    cr_assert_null(fe_local_make(heap, &bytes, FE_LOCAL_BOX_MAX + 1));
    fe_local_annihilate(heap);
    cr_assert_eq(live_blocks(), 0);
}

Test(heap_local, a_size_serves_its_type) {
    struct fe_local *heap = start();
    struct node *node = make(heap, &plain);
    node->id = 5;
    for (int i = 0; i < 1000; i++) {
        struct node *other = make(heap, &plain);
        cr_assert_eq(other->id, 0);
        other->id = UINT64_MAX;
    }
    cr_assert_eq(node->id, 5);
    cr_assert_eq(figures(heap).allocations, 1001);
    fe_local_annihilate(heap);
}

/* A model of the graph: which nodes each node points to. Nodes are found again by id. */
struct model {
    struct node *address;
    uint32_t link[LINKS]; /* ids; 0: none */
    bool reached, alive;
};
static struct model model[200000];

static size_t reach(uint32_t id) {
    static uint32_t stack[200000];
    size_t depth = 0, count = 0;
    if (id == 0 || model[id].reached)
        return 0;
    model[id].reached = true;
    stack[depth++] = id;
    while (depth > 0) {
        uint32_t at = stack[--depth];
        count++;
        for (unsigned i = 0; i < LINKS; i++) {
            uint32_t to = model[at].link[i];
            if (to != 0 && !model[to].reached) {
                model[to].reached = true;
                stack[depth++] = to;
            }
        }
    }
    return count;
}

/* Marks what can be reached; returns how many. */
static size_t reach_all(uint32_t count) {
    for (uint32_t id = 1; id <= count; id++)
        model[id].reached = false;
    size_t reached = 0;
    for (unsigned i = 0; i < ROOTS; i++)
        reached += roots[i] != NULL ? reach((uint32_t)((struct node *)roots[i])->id) : 0;
    return reached;
}

static void verify(uint32_t count) {
    for (uint32_t id = 1; id <= count; id++) {
        if (!model[id].reached)
            continue;
        const struct node *node = model[id].address;
        cr_assert_eq(node->id, id, "a live box was freed");
        cr_assert_eq(finalized[id], 0, "a live box was finalized");
        for (unsigned i = 0; i < LINKS; i++)
            cr_assert_eq(node->link[i], model[id].link[i] != 0 ? model[model[id].link[i]].address : NULL);
    }
}

static void overwrite(struct fe_local *heap, struct node **field, struct node *value) {
    fe_local_keep(heap, *field);
    *field = value;
}

/* Random nodes, links and roots, with collections under way all the time. */
Test(heap_local, random_graphs_against_a_model) {
    struct fe_local *heap = start();
    uint64_t random = 88172645463325252u;
    uint32_t count = 0;
    while (count + 1 < FE_ARRAY_LENGTH(model)) {
        unsigned slot = (unsigned)(unit_random(&random) % ROOTS);
        struct node *root = roots[slot], *other = roots[unit_random(&random) % ROOTS];
        unsigned link = (unsigned)(unit_random(&random) % LINKS);
        switch (unit_random(&random) % 8) {
        case 0: /* drop a root */
            if (unit_random(&random) % 4 == 0)
                roots[slot] = NULL;
            break;
        case 1: /* walk: what was reached by two roots may become garbage, or move into a root */
            if (root != NULL)
                roots[slot] = root->link[link];
            break;
        case 2: /* cut or move a link, cycles included */
            if (root != NULL) {
                overwrite(heap, &root->link[link], other);
                model[root->id].link[link] = other != NULL ? (uint32_t)other->id : 0;
            }
            break;
        case 3: /* take a subgraph off the heap and keep it on the "stack" only */
            if (root != NULL && root->link[link] != NULL) {
                roots[unit_random(&random) % ROOTS] = root->link[link];
                overwrite(heap, &root->link[link], NULL);
                model[root->id].link[link] = 0;
            }
            break;
        default: { /* a new node in front of the root */
            struct node *node = make(heap, unit_random(&random) % 2 ? &plain : &counted);
            node->id = ++count;
            node->link[link] = root;
            model[count] = (struct model){.address = node};
            model[count].link[link] = root != NULL ? (uint32_t)root->id : 0;
            roots[slot] = node;
        }
        }
        if (count % 5000 == 0) {
            reach_all(count);
            verify(count);
        }
    }
    cr_assert_gt(figures(heap).collections, 5u);
    size_t live = reach_all(count);
    fe_local_collect_all(heap);
    cr_assert_eq(figures(heap).live_boxes, live, "%zu can be reached, %llu live", live,
                 (unsigned long long)figures(heap).live_boxes);
    verify(count);
    memset(roots, 0, sizeof(roots));
    fe_local_collect_all(heap);
    cr_assert_eq(figures(heap).live_boxes, 0);
    for (uint32_t id = 1; id <= count; id++)
        cr_assert_leq(finalized[id], 1);
    uint64_t sum = 0;
    for (uint32_t id = 1; id <= count; id++)
        sum += finalized[id];
    cr_assert_eq(sum, figures(heap).finalized);
    fe_local_annihilate(heap);
    cr_assert_eq(live_blocks(), 0);
}

/* Ends ------------------------------------------------------------------------------------------------------------ */

static struct node *ring(struct fe_local *heap, const struct fe_local_type *type, unsigned length, uint64_t first_id) {
    struct node *first = NULL, *last = NULL;
    for (unsigned i = 0; i < length; i++) {
        struct node *node = make(heap, type);
        node->id = first_id + i;
        node->link[0] = last;
        if (first == NULL)
            roots[0] = first = node;
        roots[1] = last = node;
    }
    overwrite(heap, &first->link[0], last);
    roots[1] = NULL;
    return first;
}

Test(heap_local, a_live_ring_is_annihilated) {
    struct fe_local *heap = start();
    ring(heap, &counted, 1000, 1);
    fe_local_collect_all(heap);
    cr_assert_eq(figures(heap).live_boxes, 1000);
    fe_local_annihilate(heap);
    for (unsigned id = 1; id <= 1000; id++)
        cr_assert_eq(finalized[id], 1);
    cr_assert_eq(live_blocks(), 0);
}

Test(heap_local, a_dead_ring_is_collected) {
    struct fe_local *heap = start();
    ring(heap, &counted, 1000, 1);
    roots[0] = NULL;
    cr_assert_eq(fe_local_collect_all(heap), 1000);
    struct fe_local_statistics statistics = figures(heap);
    cr_assert_eq(statistics.live_boxes, 0);
    cr_assert_eq(statistics.finalized, 1000);
    fe_local_annihilate(heap);
    for (unsigned id = 1; id <= 1000; id++)
        cr_assert_eq(finalized[id], 1);
}

Test(heap_local, at_every_point_of_a_collection_the_end_is_exact) {
    unit_machine(128 * MIB);
    for (unsigned made = 500; made < 12000; made += 487) {
        memset(finalized, 0, sizeof(finalized));
        memset(roots, 0, sizeof(roots));
        struct fe_local *heap = fe_local_create(scan, NULL);
        for (unsigned first = 1; first <= made; first += 50)
            ring(heap, &counted, 50, first); /* each lets go of the one before */
        fe_local_annihilate(heap);
        for (unsigned id = 1; id <= made; id++)
            cr_assert_eq(finalized[id], 1, "box %u of %u: %u times", id, made, finalized[id]);
        cr_assert_eq(live_blocks(), 0);
    }
}

static unsigned fails_at;

static void finalize_and_fail(void *box) {
    finalize_node(box);
    if (((struct node *)box)->id % 100 == fails_at)
        fe_fail("this finalizer fails");
}

static const struct fe_local_type failing = FE_LOCAL_TYPE_FINALIZED(struct node, trace_node, finalize_and_fail);

Test(heap_local, a_finalizer_that_fails_is_not_called_again) {
    struct fe_local *heap = start();
    ring(heap, &failing, 1000, 1);
    fails_at = 50;
    for (int i = 0; i < 10; i++)
        unit_expect_fail("this finalizer fails", fe_local_annihilate(heap));
    fe_local_annihilate(heap);
    for (unsigned id = 1; id <= 1000; id++)
        cr_assert_eq(finalized[id], 1);
    cr_assert_eq(live_blocks(), 0);
}

Test(heap_local, a_finalizer_that_fails_in_a_collection) {
    struct fe_local *heap = start();
    ring(heap, &failing, 1000, 1);
    fails_at = 50;
    roots[0] = NULL;
    unit_expect_fail("this finalizer fails", fe_local_collect_all(heap));
    fails_at = 100; /* no more */
    fe_local_annihilate(heap);
    for (unsigned id = 1; id <= 1000; id++)
        cr_assert_eq(finalized[id], 1);
    cr_assert_eq(live_blocks(), 0);
}

static struct fe_local *finalizing;
static void *made_in_finalizer;

static void finalize_and_make(void *box) {
    (void)box;
    made_in_finalizer = fe_local_make(finalizing, &plain, sizeof(struct node));
}

Test(heap_local, nothing_is_made_while_all_ends) {
    static const struct fe_local_type type = FE_LOCAL_TYPE_FINALIZED(struct node, NULL, finalize_and_make);
    finalizing = start();
    make(finalizing, &type);
    made_in_finalizer = &finalizing;
    fe_local_annihilate(finalizing);
    cr_assert_null(made_in_finalizer);
    cr_assert_eq(live_blocks(), 0);
}

/* Memory ---------------------------------------------------------------------------------------------------------- */

Test(heap_local, cyclic_garbage_for_ever_holds_steady_memory) {
    struct fe_local *heap = start();
    ring(heap, &plain, 2000, 1); /* lives */
    roots[2] = roots[0];
    uint64_t most = 0;
    for (unsigned i = 0; i < 20000; i++) {
        ring(heap, i % 2 ? &plain : &counted, 30, 1);
        if (i == 5000)
            most = figures(heap).held_bytes;
        if (i > 5000 && figures(heap).held_bytes > most + most / 2)
            cr_assert_fail("round %u: %llu bytes, %llu before", i, (unsigned long long)figures(heap).held_bytes,
                           (unsigned long long)most);
    }
    cr_assert_lt(most, 2000u * sizeof(struct node) * 8);
    fe_local_annihilate(heap);
    cr_assert_eq(live_blocks(), 0);
}

Test(heap_local, large_boxes_are_garbage_too) {
    struct fe_local *heap = start();
    static const struct fe_local_type bytes = FE_LOCAL_TYPE(char, NULL);
    for (unsigned i = 0; i < 20000; i++) {
        roots[0] = fe_local_make(heap, &bytes, 600 + (i * 977) % 20000);
        cr_assert_lt(figures(heap).held_bytes, 2 * MIB);
    }
    roots[0] = NULL;
    fe_local_collect_all(heap);
    cr_assert_eq(figures(heap).live_boxes, 0);
    fe_local_annihilate(heap);
}

Test(heap_local, a_long_list_is_marked_without_a_stack) {
    struct fe_local *heap = start();
    for (unsigned i = 0; i < 500000; i++) {
        struct node *node = make(heap, &plain);
        node->link[0] = roots[0];
        roots[0] = node;
    }
    cr_assert_eq(figures(heap).live_boxes, 500000);
    fe_local_collect_all(heap);
    cr_assert_eq(figures(heap).live_boxes, 500000);
    roots[0] = NULL;
    cr_assert_eq(fe_local_collect_all(heap), 500000);
    fe_local_annihilate(heap);
}

Test(heap_local, pages_go_back) {
    struct fe_local *heap = start();
    struct fe_page_statistics before, after;
    fe_heap_trim();
    fe_page_statistics(&before);
    ring(heap, &plain, 50000, 1);
    roots[0] = NULL;
    fe_local_collect_all(heap);
    fe_heap_trim();
    fe_page_statistics(&after);
    cr_assert_leq(before.free_pages - after.free_pages, 64u, "an empty heap holds %llu pages",
                  (unsigned long long)(before.free_pages - after.free_pages));
    fe_local_annihilate(heap);
    fe_heap_trim();
    cr_assert_eq(live_blocks(), 0);
}

Test(heap_local, memory_runs_out_and_comes_back) {
    unit_machine(64 * MIB);
    struct fe_local *heap = fe_local_create(scan, NULL);
    uint64_t made = 0;
    for (struct node *node; (node = make(heap, &plain)) != NULL; made++) {
        node->link[0] = roots[0];
        roots[0] = node;
    }
    cr_assert_gt(made, 50000u);
    cr_assert_null(make(heap, &counted));
    roots[0] = NULL;
    for (unsigned i = 0; i < made; i++)
        cr_assert_not_null(make(heap, &plain));
    fe_local_annihilate(heap);
    cr_assert_eq(live_blocks(), 0);
}

/* Pointers -------------------------------------------------------------------------------------------------------- */

Test(heap_local, pointers_into_a_box_keep_it) {
    struct fe_local *heap = start();
    static const struct fe_local_type bytes = FE_LOCAL_TYPE(char, NULL);
    static const size_t sizes[] = {16, 48, 500, 512, 513, 4000, 32000};
    for (unsigned s = 0; s < FE_ARRAY_LENGTH(sizes); s++) {
        size_t rounded = (sizes[s] + 15) & ~(size_t)15;
        for (size_t offset = 0; offset <= rounded; offset += offset < 64 ? 1 : rounded - offset < 64 ? 1 : 31) {
            roots[0] = (char *)fe_local_make(heap, &bytes, sizes[s]) + offset;
            fe_local_make(heap, &bytes, sizes[s]); /* a neighbour, which dies */
            fe_local_collect_all(heap);
            cr_assert_eq(figures(heap).live_boxes, 1, "size %zu, offset %zu: %llu live", sizes[s], offset,
                         (unsigned long long)figures(heap).live_boxes);
        }
        roots[0] = NULL;
    }
    fe_local_collect_all(heap);
    cr_assert_eq(figures(heap).live_boxes, 0);
    fe_local_annihilate(heap);
}

Test(heap_local, other_words_do_not) {
    struct fe_local *heap = start(), *other = fe_local_create(scan, NULL);
    uint64_t random = 99;
    make(heap, &plain);
    void *block = fe_heap_alloc(100);
    for (unsigned i = 0; i < ROOTS; i++)
        roots[i] = (void *)(uintptr_t)unit_random(&random);
    roots[0] = make(other, &plain);
    roots[1] = block;
    roots[2] = heap->pages;                /* a page's head */
    roots[3] = (char *)heap->pages + 4095; /* behind its last slot, or a free one */
    roots[4] = heap;
    roots[5] = (void *)-(uintptr_t)1;
    fe_local_collect_all(heap);
    cr_assert_eq(figures(heap).live_boxes, 0);
    cr_assert_eq(figures(other).live_boxes, 1);
    cr_assert(fe_local_is_box(roots[0], NULL));
    const char *name = NULL;
    fe_local_is_box(roots[0], &name);
    cr_assert_str_eq(name, "struct node");
    cr_assert_not(fe_local_is_box((char *)roots[0] + 8, NULL));
    cr_assert_not(fe_local_is_box(block, NULL));
    cr_assert_not(fe_local_is_box(NULL, NULL));
    fe_heap_free(block);
    fe_local_annihilate(heap);
    cr_assert_eq(fe_local_collect_all(other), 0);
    fe_local_annihilate(other);
    cr_assert_eq(live_blocks(), 0);
}
