/*
 * Failures by the hundred thousand: tasks that end in every way there is, at every kind of place, told in every way, while others
 * are killed at any moment. Each end is told once and is the right one, each cleanup that was begun is run, each finalizer too,
 * and nothing is left of either heap.
 */
#include "guest.h"

static volatile bool never;
static volatile int zero;

/* A case ---------------------------------------------------------------------------------------------------------- */

struct kind;

enum told { BY_JOIN, BY_NOTIFY, BY_LINKS, BY_TRY, BY_SUPERVISOR, TOLDS };

struct place {
    const char *name;
    void (*enter)(const struct kind *kind); /* from here the task does what its kind says */
    bool may_wait;
};

struct kind {
    const char *name;
    void (*end)(void);
    unsigned outcomes; /* bits of enum fe_outcome */
    bool waits;        /* to be killed, without which it does not end */
};

enum { FLYING = 32 };

struct flight {
    const struct kind *kind;
    const struct place *place;
    enum told told;
    fe_task task; /* what is told of, and killed: the case's own task, or the one that tries or supervises it */
    bool killed;
    unsigned ends; /* how often it was told */
};
static struct flight flights[FLYING];

/* What all tasks together have begun, and what was done about it. */
static atomic_uint entered, left, boxes, finalized;

static void leave(void *unused) {
    (void)unused;
    atomic_fetch_add(&left, 1);
}

static void enter(void) {
    atomic_fetch_add(&entered, 1);
    fe_unkillable_end();
}

/* A cleanup that counts, begun and counted as one as far as kills go. */
#define COUNTED_SCOPE                                                                                                  \
    fe_unkillable_begin();                                                                                             \
    fe_defer(leave, NULL);                                                                                             \
    enter()

/* Kinds of ends --------------------------------------------------------------------------------------------------- */

static void come_back(void) {
}

static void leave_early(void) {
    fe_task_exit(5);
}

static void fail(void) {
    fe_fail("injected");
}

static void fail_assertion(void) {
    fe_assert(never);
}

static void spawn_on_no_core(void) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.core = 1000;
    fe_task_spawn(NULL, NULL, &options);
}

static void end_what_was_not_begun(void) {
    fe_unkillable_end();
    fe_rekillable_end();
    for (unsigned i = 0; i < 3; i++) /* it may be in a section that is begun */
        fe_atomically_end();
}

GUEST_WILD static void write_null(void) {
    *(volatile int *)0 = 1;
}

GUEST_WILD static void read_unmapped(void) {
    (void)*(volatile int *)(uintptr_t)0x9000;
}

GUEST_WILD static void write_nowhere(void) {
    *(volatile int *)(uintptr_t)0x90000000 = 1; /* no address at all, on either machine */
}

GUEST_WILD static void write_text(void) {
    *(volatile char *)(uintptr_t)write_text = 1;
}

static void call_null(void) {
    ((void (*)(void))(never ? (uintptr_t)fail : 0))();
}

static uint64_t data[2] = {1, 2};

GUEST_WILD static void call_data(void) {
    ((void (*)(void))(never ? (uintptr_t)fail : (uintptr_t)data))();
}

/* Called by a pointer: gcc takes a trap for what cannot fail, and runs no cleanup for it where it sees one. */
static void trap(void) {
    __builtin_trap();
}
static void (*volatile const call_trap)(void) = trap;

static void be_illegal(void) {
    call_trap();
}

/* The one machine has no fault for it, and the other has. */
__attribute__((no_sanitize("undefined"))) static void divide(void) {
    if (1 / zero == 0)
        fe_fail("divided");
}

#ifndef __SANITIZE_THREAD__
__attribute__((noinline)) static unsigned recurse(unsigned depth) {
    volatile unsigned char frame[200];
    frame[0] = (unsigned char)depth;
    return never ? 0 : recurse(depth + 1) + frame[0];
}

static void overflow(void) {
    recurse(0);
}

/* The bound is met in the runtime, mostly. */
__attribute__((noinline)) static unsigned recurse_in_runtime(unsigned depth) {
    char text[16];
    fe_format(text, sizeof text, "%u", depth);
    return never ? 0 : recurse_in_runtime(depth + 1) + (unsigned char)text[0];
}

static void overflow_in_runtime(void) {
    recurse_in_runtime(0);
}
#endif

/* A fault in the runtime's code which is the program's. */
GUEST_WILD static void send_from_null(void) {
    fe_owned_sender out = {NULL};
    fe_owned_port in = {NULL};
    fe_pipe_open(&out, &in, 8, 1, 0);
    fe_pipe_send(out, (const void *)8);
}

static void fail_in_a_cleanup(void *unused) {
    (void)unused;
    fe_fail("in a cleanup");
}

static void fault_in_a_cleanup(void *unused) {
    (void)unused;
    write_null();
}

/* By calls, so that all between here and the task's edge is given up without ado; so only as deep as it is itself. */
static void return_into_failing(void) {
    fe_defer(fail_in_a_cleanup, NULL);
}

static void return_into_faulting(void) {
    fe_defer(fault_in_a_cleanup, NULL);
}

static void wait_in_pipe(void) {
    fe_owned_sender out = {NULL};
    fe_owned_port in = {NULL};
    uint64_t value;
    fe_pipe_open(&out, &in, sizeof value, 1, 0);
    cr_expect_neq(fe_pipe_receive_until(in, &value, FE_FOREVER), FE_OK);
}

static void wait_for_room(void) {
    fe_owned_sender out = {NULL};
    fe_owned_port in = {NULL};
    uint64_t value = 0;
    fe_pipe_open(&out, &in, sizeof value, 1, 0);
    for (;;)
        fe_pipe_send(out, &value);
}

static void close_selector(void *selector) {
    fe_selector_close(*(fe_selector *)selector);
}

static void wait_in_selector(void) {
    fe_selector selector; /* outlives its ports */
    fe_selector_open(&selector);
    fe_defer(close_selector, &selector);
    fe_owned_sender out = {NULL};
    fe_owned_port in = {NULL};
    fe_pipe_open(&out, &in, 8, 1, 0);
    fe_selector_add(selector, in, 1);
    uintptr_t tag;
    cr_expect_neq(fe_select(selector, FE_FOREVER, &tag), FE_OK);
}

static void wait_asleep(void) {
    fe_task_sleep(1000 * FE_SECOND);
}

static intptr_t sleep_long(void *unused) {
    (void)unused;
    wait_asleep();
    return 0;
}

static void wait_for_a_try(void) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.quiet = true;
    fe_try(sleep_long, NULL, &options, NULL);
}

static void yield_for_ever(void) {
    for (;;)
        fe_task_yield();
}

static void begin_deaf(void) {
    fe_unkillable_begin();
    for (unsigned i = 0; i < 5; i++)
        fe_task_yield();
    fe_unkillable_end();
    wait_asleep();
}

static void compute_for_ever(void) {
    while (!never)
        ;
}

#define ONLY(outcome) (1u << (outcome))
#define EITHER(one, other) (ONLY(one) | ONLY(other))

static const struct kind kinds[] = {
    {"returns", come_back, ONLY(FE_RETURNED), false},
    {"exits", leave_early, ONLY(FE_RETURNED), false},
    {"fails", fail, ONLY(FE_FAILED), false},
    {"fails an assertion", fail_assertion, ONLY(FE_FAILED), false},
    {"has an operation fail", spawn_on_no_core, ONLY(FE_FAILED), false},
    {"ends a section too many", end_what_was_not_begun, ONLY(FE_FAILED), false},
    {"writes to null", write_null, ONLY(FE_FAULTED), false},
    {"reads what is not mapped", read_unmapped, ONLY(FE_FAULTED), false},
    {"writes to no address", write_nowhere, ONLY(FE_FAULTED), false},
    {"writes to text", write_text, ONLY(FE_FAULTED), false},
    {"calls null", call_null, ONLY(FE_FAULTED), false},
    {"calls data", call_data, ONLY(FE_FAULTED), false},
    {"illegal instruction", be_illegal, ONLY(FE_FAULTED), false},
    {"divides by zero", divide, EITHER(FE_FAULTED, FE_FAILED), false},
#ifndef __SANITIZE_THREAD__ /* there it may be the sanitizer's library that meets the bound: nothing unwinds from there */
    {"overflows its stack", overflow, ONLY(FE_FAULTED), false},
    {"overflows in the runtime", overflow_in_runtime, ONLY(FE_FAULTED), false},
#endif
    {"faults in the runtime", send_from_null, ONLY(FE_FAULTED), false},
    {"fails in a cleanup", return_into_failing, ONLY(FE_FAILED), false},
    {"faults in a cleanup", return_into_faulting, ONLY(FE_FAULTED), false},
    {"waits for a message", wait_in_pipe, 0, true},
    {"waits for room", wait_for_room, 0, true},
    {"waits in a selector", wait_in_selector, 0, true},
    {"sleeps", wait_asleep, 0, true},
    {"waits for a try", wait_for_a_try, 0, true},
    {"yields", yield_for_ever, 0, true},
    {"is deaf for a while", begin_deaf, 0, true},
    {"computes", compute_for_ever, 0, true},
};

/* Places ---------------------------------------------------------------------------------------------------------- */

static void at_once(const struct kind *kind) {
    kind->end();
}

static void in_nested_scopes(unsigned depth, const struct kind *kind) {
    COUNTED_SCOPE;
    fe_owned(char) block = fe_heap_alloc(16 + 40 * depth);
    block[0] = 1;
    if (depth == 0)
        kind->end();
    else
        in_nested_scopes(depth - 1, kind);
}

static void deep(const struct kind *kind) {
    in_nested_scopes(9, kind);
}

static intptr_t end_as_foreign(void *kind) {
    ((const struct kind *)kind)->end();
    return 0;
}

static void in_foreign_code(const struct kind *kind) {
    COUNTED_SCOPE;
    fe_foreign(end_as_foreign, (void *)(uintptr_t)kind);
}

static void in_a_deaf_section(const struct kind *kind) {
    COUNTED_SCOPE;
    fe_unkillable_begin();
    kind->end();
    fe_unkillable_end();
}

static void in_an_atomic_section(const struct kind *kind) {
    COUNTED_SCOPE;
    fe_atomically_begin();
    kind->end();
    fe_atomically_end();
}

static void without_preemption(const struct kind *kind) {
    COUNTED_SCOPE;
    fe_preempt_disable();
    kind->end();
    fe_preempt_enable();
}

struct box {
    struct box *next;
    char *block;
};

static void trace_box(const void *box, struct fe_local *heap) {
    fe_local_visit(heap, ((const struct box *)box)->next);
}

static void finalize_box(void *box) {
    fe_heap_free(((struct box *)box)->block);
    atomic_fetch_add(&finalized, 1);
}

static const struct fe_local_type box_type = FE_LOCAL_TYPE_FINALIZED(struct box, trace_box, finalize_box);

/* Some in a ring, the rest dead. Each owns a block. */
static void among_boxes(const struct kind *kind) {
    COUNTED_SCOPE;
    struct box *first = NULL, *last = NULL;
    fe_unkillable_begin();
    for (unsigned i = 0; i < 12; i++) {
        char *block = fe_heap_alloc(24);
        struct box *box = fe_local_alloc(&box_type);
        box->block = block;
        atomic_fetch_add(&boxes, 1);
        if (i % 3 == 2)
            continue;
        box->next = first;
        first = box;
        last = last ? last : box;
    }
    fe_local_set(last->next, first);
    fe_unkillable_end();
    kind->end();
    cr_expect_not_null(first->next);
}

static const struct place places[] = {
    {"at once", at_once, true},
    {"deep", deep, true},
    {"in foreign code", in_foreign_code, true},
    {"among boxes", among_boxes, true},
    {"in a deaf section", in_a_deaf_section, false},
    {"in an atomic section", in_an_atomic_section, false},
    {"without preemption", without_preemption, false},
};

/* Flights --------------------------------------------------------------------------------------------------------- */

static intptr_t end_there(void *argument) {
    const struct flight *flight = argument;
    flight->place->enter(flight->kind);
    return 0;
}

static struct fe_task_options quiet(void) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.quiet = true;
    return options;
}

/* Passes on how it ended. */
static intptr_t try_it(void *argument) {
    struct fe_task_options options = quiet();
    struct fe_task_result result;
    switch (fe_try(end_there, argument, &options, &result)) {
    case FE_RETURNED:
        return result.value;
    case FE_FAULTED:
        write_null();
        break;
    default:
        break;
    }
    fe_fail("%s", result.message);
}

/* Until it has returned; when it has failed once too often, so does the supervisor. */
static intptr_t supervise_it(void *argument) {
    struct fe_task_options options = quiet();
    const struct fe_child child = {"child", end_there, argument, FE_TRANSIENT, &options};
    return fe_supervise(&(struct fe_supervision){FE_ONE_FOR_ONE, 1, 1000 * FE_SECOND}, &child, 1);
}

static void take_off(struct flight *flight, fe_links group, fe_exits_sender out, int core) {
    struct fe_task_options options = quiet();
    fe_task_function function = end_there;
    uintptr_t tag = (uintptr_t)(flight - flights);
    options.core = core;
    switch (flight->told) {
    case BY_LINKS:
        flight->task = fe_links_spawn(group, FE_SUPERVISED, function, flight, &options, out, tag);
        return;
    case BY_TRY:
        function = try_it;
        break;
    case BY_SUPERVISOR:
        function = supervise_it;
        break;
    default:
        break;
    }
    if (flight->told != BY_JOIN) {
        options.detached = true;
        options.notify = &out.end;
        options.tag = tag;
    }
    flight->task = fe_task_spawn(function, flight, &options);
}

static void land(struct flight *flight, const struct fe_task_result *result) {
    flight->ends++;
    unsigned outcomes = flight->kind->outcomes;
    if (flight->told == BY_SUPERVISOR && !(outcomes & ONLY(FE_RETURNED)))
        outcomes = ONLY(FE_FAILED);
    if (flight->killed)
        outcomes |= ONLY(FE_KILLED);
    cr_expect(outcomes & ONLY(result->outcome), "%s, %s, told in way %u%s: outcome %u, %s", flight->kind->name,
              flight->place->name, flight->told, flight->killed ? ", killed" : "", result->outcome, result->message);
}

static void land_all(fe_exits_port in) {
    for (unsigned i = 0; i < FLYING; i++) {
        struct fe_task_exit exit;
        if (flights[i].told != BY_JOIN) {
            cr_assert_eq(fe_exits_receive_until(in, &exit, fe_time_now() + HANG), FE_OK, "an end was not told");
            cr_assert_lt(exit.tag, FLYING);
            land(&flights[exit.tag], &exit.result);
        } else {
            cr_assert_eq(fe_task_join_until(flights[i].task, &exit.result, fe_time_now() + HANG), FE_OK,
                         "%s, %s: no end", flights[i].kind->name, flights[i].place->name);
            land(&flights[i], &exit.result);
        }
    }
    for (unsigned i = 0; i < FLYING; i++)
        cr_assert_eq(flights[i].ends, 1u, "%s, %s, told in way %u: told %u times", flights[i].kind->name,
                     flights[i].place->name, flights[i].told, flights[i].ends);
}

static uint64_t draw(uint64_t *random) {
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random >> 11;
}

/* Computing less often than others: each takes a slice. Where nobody is preempted, not at all: nothing would end it. */
static const struct kind *draw_kind(uint64_t *random) {
    const struct kind *kind;
    do
        kind = &kinds[draw(random) % FE_ARRAY_LENGTH(kinds)];
    while (kind->end == compute_for_ever && (!fe_preempt_enabled() || draw(random) % 8 != 0));
    return kind;
}

static void fly(uint64_t *random, fe_links group, fe_exits_sender out, fe_exits_port in) {
    for (unsigned i = 0; i < FLYING; i++) {
        struct flight *flight = &flights[i];
        *flight = (struct flight){.kind = draw_kind(random), .told = (enum told)(draw(random) % TOLDS)};
        do
            flight->place = &places[draw(random) % FE_ARRAY_LENGTH(places)];
        while (flight->kind->waits && !flight->place->may_wait);
        flight->killed = flight->kind->waits || draw(random) % 8 == 0;
        int core = draw(random) % 2 ? FE_ANY_CORE : (int)(draw(random) % fe_core_count());
        take_off(flight, group, out, core);
        while (draw(random) % 4 == 0)
            fe_task_yield();
    }
    unsigned first = (unsigned)draw(random);
    for (unsigned i = 0; i < FLYING; i++) {
        struct flight *flight = &flights[(first + i) % FLYING];
        if (flight->killed)
            (void)fe_task_kill(flight->task); /* unless it has ended */
        while (draw(random) % 4 == 0)
            fe_task_yield();
    }
    land_all(in);
}

Test(injected, every_end_everywhere_is_contained, .timeout = 3000) {
    size_t rounds = guest_size(8000, 100000) / FLYING + 1;
    uint64_t random = fe_env_number("seed", 42, 1, UINT64_MAX) | 1;
    fe_info("seed=%llu", (unsigned long long)random);
    fe_exits_sender out;
    fe_exits_port in;
    fe_links group;
    struct fe_heap_statistics before, after;
    fe_heap_statistics(FE_ANY_CORE, &before);
    fe_exits_open(&out, &in, FLYING, FE_PIPE_SHARED);
    fe_links_open(&group, false);
    for (size_t round = 0; round < rounds; round++)
        fly(&random, group, out, in);
    fe_links_close(group);
    fe_exits_close_sender(out);
    struct fe_task_exit exit;
    cr_expect_eq(fe_exits_receive_until(in, &exit, fe_time_now() + HANG), FE_ECLOSED, "an end was told twice");
    fe_exits_close_port(in);
    cr_expect_eq(atomic_load(&left), atomic_load(&entered), "cleanups");
    cr_expect_gt(atomic_load(&entered), rounds * FLYING);
    cr_expect_eq(atomic_load(&finalized), atomic_load(&boxes), "finalizers");
    fe_nanoseconds hang = fe_time_now() + HANG; /* the group's own task is on its way */
    do {
        fe_task_yield();
        fe_heap_statistics(FE_ANY_CORE, &after);
    } while (after.live_blocks != before.live_blocks && fe_time_now() < hang);
    cr_expect_eq(after.live_blocks, before.live_blocks, "blocks");
}
