/*
 * Preemption: who is stopped and who is not, and that what is stopped goes on as if nothing had been.
 *
 * The tasks here compute until they are told to end, and never yield: that others run at all is what is tested. How often a
 * task is stopped follows from the slice; with slice=0 the tests that need it are skipped.
 */
#include "guest.h"

#include <arch/test.h>
#include <string.h>

#define LIMIT 600

static void need_slices(void) {
    if (!fe_preempt_enabled())
        cr_skip_test("no task is preempted: slice=0, or the basic loop");
}

static uint64_t preemptions(void) {
    uint64_t sum = 0;
    struct fe_core_statistics statistics;
    for (unsigned i = 0; i < fe_core_count(); i++) {
        cr_assert_eq(fe_core_statistics(i, &statistics), FE_OK);
        sum += statistics.preemptions;
    }
    return sum;
}

/* Others run -------------------------------------------------------------------------------------------------------- */

static intptr_t spin_until_told(void *told) {
    intptr_t rounds = 0;
    while (!atomic_load_explicit((_Atomic bool *)told, memory_order_relaxed))
        rounds++;
    return rounds;
}

static intptr_t sleep_thrice(void *unused) {
    (void)unused;
    for (int i = 0; i < 3; i++)
        fe_task_sleep(FE_MILLISECOND);
    return 0;
}

/* On each core one that never yields: sleepers of each core wake all the same, and others get their turn. */
Test(preempt, a_spinning_task_on_each_core_starves_nobody, .timeout = LIMIT) {
    need_slices();
    _Atomic bool told = false;
    fe_task spinners[FE_CORES_MAX], sleepers[FE_CORES_MAX];
    for (unsigned i = 0; i < fe_core_count(); i++)
        spinners[i] = guest_spawn(spin_until_told, &told, (int)i);
    for (unsigned i = 0; i < fe_core_count(); i++)
        sleepers[i] = guest_spawn(sleep_thrice, NULL, (int)i);
    for (unsigned i = 0; i < fe_core_count(); i++)
        guest_join(sleepers[i]);
    atomic_store(&told, true);
    for (unsigned i = 0; i < fe_core_count(); i++)
        guest_join(spinners[i]);
}

static intptr_t tell(void *told) {
    atomic_store((_Atomic bool *)told, true);
    return 0;
}

/* What a task has just made ready waits where it is not stolen, in front of all others: it must not wait for ever. */
Test(preempt, what_a_task_makes_ready_runs_while_it_computes, .timeout = LIMIT) {
    need_slices();
    for (int i = 0; i < 10; i++) {
        _Atomic bool told = false;
        fe_task task = fe_task_spawn(tell, &told, NULL);
        spin_until_told(&told);
        guest_join(task);
    }
}

static intptr_t tell_in_vain(void *argument) {
    struct {
        _Atomic bool told, heard;
    } *both = argument;
    fe_task other = guest_spawn(tell, &both->told, guest_last_core());
    spin_until_told(&both->told);
    return guest_join(other);
}

struct spinner {
    _Atomic bool begun, told;
};

static intptr_t spin_and_say(void *argument) {
    struct spinner *spinner = argument;
    atomic_store(&spinner->begun, true);
    return spin_until_told(&spinner->told);
}

/* From another core: a message in the inbox of a core whose task never looks at it. */
Test(preempt, a_message_from_another_core_is_heard, .timeout = LIMIT) {
    need_slices();
    for (int i = 0; i < 10; i++) {
        struct spinner spins = {.told = false};
        fe_task spinner = guest_spawn(spin_and_say, &spins, guest_last_core());
        while (!atomic_load(&spins.begun))
            fe_task_yield();
        fe_task teller = guest_spawn(tell, &spins.told, guest_last_core());
        guest_join(spinner);
        guest_join(teller);
        struct {
            _Atomic bool told, heard;
        } both = {.told = false};
        guest_join(guest_spawn(tell_in_vain, &both, 0));
    }
}

/* Loops that call the runtime all the time, and never anything that waits. */
static intptr_t allocate_until_told(void *told) {
    intptr_t rounds = 0;
    for (; !atomic_load_explicit((_Atomic bool *)told, memory_order_relaxed); rounds++)
        fe_heap_free(fe_heap_alloc(100));
    return rounds;
}

static intptr_t read_clock_until_told(void *told) {
    while (!atomic_load_explicit((_Atomic bool *)told, memory_order_relaxed))
        (void)fe_time_now();
    return 0;
}

Test(preempt, a_task_that_is_mostly_in_the_runtime_is_stopped_between, .timeout = LIMIT) {
    need_slices();
    _Atomic bool told = false;
    fe_task one = guest_spawn(allocate_until_told, &told, 0), two = guest_spawn(read_clock_until_told, &told, 0);
    fe_task teller = guest_spawn(sleep_thrice, NULL, 0);
    guest_join(teller);
    atomic_store(&told, true);
    guest_join(one);
    guest_join(two);
}

/* A task that nothing waits behind is left alone. */
static intptr_t compute_alone(void *interrupts) {
    struct fe_core_statistics before, after;
    uint64_t most = *(uint64_t *)interrupts;
    fe_nanoseconds began = fe_time_now();
    fe_core_statistics(fe_core_index(), &before);
    while (fe_time_now() - began < 100 * FE_MILLISECOND)
        ;
    fe_core_statistics(fe_core_index(), &after);
    cr_assert_eq(after.preemptions, before.preemptions);
    cr_assert_leq(after.interrupts - before.interrupts, most, "%llu interrupts",
                  (unsigned long long)(after.interrupts - before.interrupts));
    return 0;
}

Test(preempt, a_task_alone_is_not_interrupted) {
    uint64_t most = 8; /* the clock may have been set for what was there before; the watchdog's are few */
    guest_join(guest_spawn(compute_alone, &most, guest_last_core()));
}

/* Whole ------------------------------------------------------------------------------------------------------------- */

/* Fills all registers that a program has, and looks at them again and again until *stop, or one differs. */
struct checker {
    _Atomic bool *told;
    uint64_t seed;
    uint64_t moved; /* seen on another core than before */
};

static intptr_t check_registers(void *argument) {
    struct checker *checker = argument;
    unsigned core = fe_core_index();
    uint64_t wrong = 0;
    while (!atomic_load(checker->told) && wrong == 0) {
        wrong = fe_test_registers(checker->seed++, 2000); /* rounds within, where it is stopped */
        checker->moved += fe_core_index() != core;
        core = fe_core_index();
    }
    return (intptr_t)wrong;
}

/* Some tasks per core that all check their registers, until that many were preempted: some 100 a second and core. */
Test(preempt, all_registers_survive, .timeout = LIMIT) {
    need_slices();
    _Atomic bool told = false;
    enum { TASKS = 3 };
    unsigned count = TASKS * fe_core_count();
    struct checker *checkers = fe_heap_alloc_zeroed(count, sizeof *checkers);
    fe_task *tasks = fe_heap_alloc_zeroed(count, sizeof *tasks);
    uint64_t goal = preemptions() + guest_size(300, 6000);
    for (unsigned i = 0; i < count; i++) {
        checkers[i] = (struct checker){&told, i * UINT64_C(0x123456789), 0};
        tasks[i] = guest_spawn(check_registers, &checkers[i], FE_ANY_CORE);
    }
    while (preemptions() < goal)
        fe_task_sleep(FE_MILLISECOND);
    atomic_store(&told, true);
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(guest_join(tasks[i]), 0);
    fe_heap_free(tasks);
    fe_heap_free(checkers);
}

/* Preempted on one core, resumed on another: tasks that only compute are begun while all other cores are seen to be busy, and
 * when those fall idle they take some. */
Test(preempt, stopped_tasks_are_stolen, .timeout = LIMIT) {
    need_slices();
    if (fe_core_count() == 1)
        cr_skip_test("there is one core");
    _Atomic bool told = false;
    struct checker checkers[2 * FE_CORES_MAX];
    fe_task tasks[2 * FE_CORES_MAX];
    unsigned count = 2 * fe_core_count();
    fe_nanoseconds hang = fe_time_now() + HANG;
    struct spinner spinners[FE_CORES_MAX] = {0};
    fe_task busy[FE_CORES_MAX];
    for (unsigned i = 1; i < fe_core_count(); i++)
        busy[i] = guest_spawn(spin_and_say, &spinners[i], (int)i);
    for (unsigned i = 1; i < fe_core_count(); i++) {
        while (!atomic_load(&spinners[i].begun)) {
            cr_assert_lt(fe_time_now(), hang, "core %u's task has not begun", i);
            fe_task_yield();
        }
    }
    for (unsigned i = 0; i < count; i++) {
        checkers[i] = (struct checker){&told, i, 0};
        tasks[i] = guest_spawn(check_registers, &checkers[i], FE_ANY_CORE);
    }
    for (unsigned i = 0; i < count; i++) {
        while (*(volatile uint64_t *)&checkers[i].seed == i) { /* has not begun */
            cr_assert_lt(fe_time_now(), hang, "task %u has not begun", i);
            fe_task_sleep(FE_MILLISECOND);
        }
    }
    for (unsigned i = 1; i < fe_core_count(); i++)
        atomic_store(&spinners[i].told, true);
    for (unsigned i = 1; i < fe_core_count(); i++)
        guest_join(busy[i]);
    uint64_t moved = 0;
    while (moved == 0) {
        cr_assert_lt(fe_time_now(), hang, "no task has moved");
        fe_task_sleep(5 * FE_MILLISECOND);
        for (unsigned i = 0; i < count; i++)
            moved += *(volatile uint64_t *)&checkers[i].moved;
    }
    atomic_store(&told, true);
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(guest_join(tasks[i]), 0);
}

/* A leaf function's red zone (where the architecture has one) lies below its stack pointer. */
static intptr_t check_red_zone(void *argument) {
    struct checker *checker = argument;
    uint64_t wrong = 0;
    while (!atomic_load(checker->told) && wrong == 0)
        wrong = fe_test_red_zone(checker->seed++, 2000);
    return (intptr_t)wrong;
}

Test(preempt, what_lies_below_the_stack_pointer_survives, .timeout = LIMIT) {
    need_slices();
    _Atomic bool told = false;
    struct checker checkers[] = {{&told, 1, 0}, {&told, 2, 0}, {&told, 3, 0}};
    fe_task tasks[FE_ARRAY_LENGTH(checkers)];
    uint64_t goal = preemptions() + guest_size(30, 3000);
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(tasks); i++)
        tasks[i] = guest_spawn(check_red_zone, &checkers[i], 0);
    while (preemptions() < goal)
        fe_task_sleep(FE_MILLISECOND);
    atomic_store(&told, true);
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(tasks); i++)
        cr_assert_eq(guest_join(tasks[i]), 0);
}

/* Memory functions of the program are stopped in the middle, stacks grow and tasks fault right after. */
enum { COPIED = 20000 };

static intptr_t copy(void *argument) {
    struct checker *checker = argument;
    uint8_t *from = fe_heap_alloc(COPIED), *to = fe_heap_alloc(COPIED);
    for (unsigned i = 0; i < COPIED; i++)
        from[i] = (uint8_t)(checker->seed + i * 7);
    intptr_t wrong = 0;
    while (!atomic_load(checker->told) && wrong == 0) {
        memset(to, 0, COPIED);
        memcpy(to, from, COPIED);
        wrong = memcmp(to, from, COPIED) != 0;
    }
    fe_heap_free(from);
    fe_heap_free(to);
    return wrong;
}

static __attribute__((noinline)) uint64_t deeper(unsigned levels) {
    volatile uint64_t frame[100];
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(frame); i++)
        frame[i] = levels + i;
    uint64_t below = levels ? deeper(levels - 1) : 0;
    return below + frame[0] + frame[99];
}

static intptr_t grow_anew(void *unused) {
    (void)unused;
    return (intptr_t)deeper(40);
}

static intptr_t grow(void *argument) {
    struct checker *checker = argument;
    intptr_t expected = (intptr_t)deeper(40);
    while (!atomic_load(checker->told))
        if (guest_join(fe_task_spawn(grow_anew, NULL, NULL)) != expected)
            return 1;
    return 0;
}

static intptr_t write_to_null(void *null) {
    for (volatile int i = 0; i < 3000; i++)
        ;
    *(volatile int *)null = 1;
    return 0;
}

static intptr_t fault(void *argument) {
    struct checker *checker = argument;
    for (int i = 0; i < 20 && !atomic_load(checker->told); i++) {
        struct fe_task_result result = guest_result(write_to_null, NULL);
        if (result.outcome != FE_FAULTED)
            return 1;
    }
    return 0;
}

Test(preempt, program_memory_functions_stacks_and_faults, .timeout = LIMIT) {
    need_slices();
    _Atomic bool told = false;
    struct checker checkers[] = {{&told, 1, 0}, {&told, 2, 0}, {&told, 3, 0}, {&told, 4, 0}};
    static intptr_t (*const functions[])(void *) = {copy, copy, grow, fault};
    fe_task tasks[FE_ARRAY_LENGTH(checkers)];
    uint64_t goal = preemptions() + guest_size(50, 3000);
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(tasks); i++)
        tasks[i] = guest_spawn(functions[i], &checkers[i], 0);
    while (preemptions() < goal)
        fe_task_sleep(FE_MILLISECOND);
    atomic_store(&told, true);
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(tasks); i++)
        cr_assert_eq(guest_join(tasks[i]), 0);
}

/* Sections ---------------------------------------------------------------------------------------------------------- */

/* Two tasks of one core take turns at plain variables, which they may since each has them to itself in a section. */
struct shared {
    uint64_t one, two;
    _Atomic bool told;
    _Atomic unsigned turns; /* how often the other one had changed something meanwhile */
};

static intptr_t change_in_sections(void *argument) {
    struct shared *shared = argument;
    intptr_t rounds = 0;
    for (uint64_t last = 0; !atomic_load_explicit(&shared->told, memory_order_relaxed); rounds++) {
        fe_preempt_disable();
        uint64_t one = *(volatile uint64_t *)&shared->one;
        fe_preempt_disable();
        for (volatile int i = 0; i < 20; i++)
            ;
        fe_preempt_enable();
        uint64_t two = *(volatile uint64_t *)&shared->two;
        if (one != two)
            return -1;
        if (one != last)
            atomic_fetch_add_explicit(&shared->turns, 1, memory_order_relaxed);
        last = one + 1;
        *(volatile uint64_t *)&shared->one = one + 1;
        for (volatile int i = 0; i < 20; i++)
            ;
        *(volatile uint64_t *)&shared->two = two + 1;
        fe_preempt_enable();
    }
    return rounds;
}

Test(preempt, a_section_is_not_interrupted, .timeout = LIMIT) {
    need_slices();
    struct shared shared = {0};
    fe_task one = guest_spawn(change_in_sections, &shared, guest_last_core());
    fe_task two = guest_spawn(change_in_sections, &shared, guest_last_core());
    fe_nanoseconds hang = fe_time_now() + HANG;
    while (atomic_load(&shared.turns) < guest_size(10, 200)) {
        cr_assert_lt(fe_time_now(), hang,
                     "they take no turns: a preemption that was put off is taken at the section's end");
        fe_task_sleep(FE_MILLISECOND);
    }
    atomic_store(&shared.told, true);
    intptr_t first = guest_join(one), second = guest_join(two);
    cr_assert_gt(first, 0);
    cr_assert_gt(second, 0);
    cr_assert_eq(shared.one, (uint64_t)(first + second));
}

static intptr_t end_open(void *unused) {
    (void)unused;
    fe_preempt_disable();
    return 0;
}

static intptr_t close_unopened(void *unused) {
    (void)unused;
    fe_preempt_disable();
    fe_preempt_enable();
    fe_preempt_enable();
    return 0;
}

static intptr_t fail_in_section(void *unused) {
    (void)unused;
    fe_preempt_disable();
    fe_fail("on purpose");
}

static intptr_t is_enabled(void *unused) {
    (void)unused;
    return fe_preempt_enabled();
}

Test(preempt, sections_out_of_balance_are_named) {
    bool enabled = fe_preempt_enabled();
    struct fe_task_result result = guest_result(end_open, NULL);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_not_null(strstr(result.message, "fe_preempt_enable is missing"), "%s", result.message);
    result = guest_result(close_unopened, NULL);
    cr_assert_eq(result.outcome, FE_FAILED);
    cr_assert_not_null(strstr(result.message, "no section is open"), "%s", result.message);
    result = guest_result(fail_in_section, NULL);
    cr_assert_not_null(strstr(result.message, "on purpose"), "%s", result.message);
    for (int i = 0; i < 3; i++) /* whoever has their memory next has no section open */
        cr_assert_eq(guest_result(is_enabled, NULL).value, enabled);
    fe_preempt_disable();
    cr_assert(!fe_preempt_enabled());
    fe_task_yield();
    cr_assert(!fe_preempt_enabled());
    fe_preempt_enable();
    cr_assert_eq(fe_preempt_enabled(), enabled);
}

/* A task that neither waits nor yields is killed where it is: alone on its core, or with others. */
Test(preempt, a_spinning_task_is_killed, .timeout = LIMIT) {
    need_slices();
    for (int i = 0; i < 20; i++) {
        _Atomic bool told = false;
        struct fe_task_result result;
        fe_task spinner = guest_spawn(spin_until_told, &told, i % 2 ? guest_last_core() : FE_ANY_CORE);
        fe_task_sleep(FE_MILLISECOND); /* mostly it runs by now */
        cr_assert_eq(fe_task_kill(spinner), FE_OK);
        cr_assert_eq(fe_task_join_until(spinner, &result, fe_time_now() + HANG), FE_OK, "it did not die");
        cr_assert_eq(result.outcome, FE_KILLED);
    }
}

/* It is stopped between two instructions of the very function that owns something, few of which could fail by themselves: only for
 * those does the compiler say how to clean up. */
static atomic_uint cleaned;
static volatile bool never;

static void clean(void *unused) {
    (void)unused;
    atomic_fetch_add(&cleaned, 1);
}

static intptr_t own_and_compute(void *seed) {
    fe_owned(char) block = fe_heap_alloc(100);
    fe_defer(clean, NULL);
    uint64_t x = (uintptr_t)seed;
    while (!never) {
        for (unsigned i = 0; i < 200; i++)
            x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
        block[x % 100] = (char)x;
    }
    return (intptr_t)x;
}

Test(preempt, who_is_killed_while_it_computes_cleans_up, .timeout = LIMIT) {
    need_slices();
#ifdef __clang__
    cr_skip_test("clang says how to clean up for calls only");
#endif
    enum { TASKS = 60 };
    atomic_store(&cleaned, 0);
    for (uintptr_t i = 0; i < TASKS; i++) {
        struct fe_task_result result;
        fe_task task = guest_spawn(own_and_compute, (void *)(i + 1), i % 2 ? guest_last_core() : FE_ANY_CORE);
        fe_task_sleep(FE_MILLISECOND); /* mostly it runs by now, and has the block */
        cr_assert_eq(fe_task_kill(task), FE_OK);
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK, "it did not die");
        cr_assert_eq(result.outcome, FE_KILLED);
    }
    cr_expect_gt(atomic_load(&cleaned), TASKS / 2u); /* the others had not begun; and the harness finds no block */
}

/* Nor does it die in a section that it comes into meanwhile. */
static volatile bool inside;
static atomic_uint torn;

static void look_inside(void *unused) {
    (void)unused;
    if (inside)
        atomic_fetch_add(&torn, 1);
    inside = false;
}

static uint64_t scramble(uint64_t x) {
    for (unsigned i = 0; i < 100; i++)
        x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return x;
}

static intptr_t compute_in_sections(void *seed) {
    fe_owned(char) block = fe_heap_alloc(100);
    fe_defer(look_inside, NULL);
    uint64_t x = (uintptr_t)seed;
    for (bool killable = true; !never; killable = !killable) {
        x = scramble(x);
        killable ? fe_unkillable_begin() : fe_preempt_disable();
        inside = true;
        x = scramble(x);
        block[x % 100] = (char)x;
        inside = false;
        killable ? fe_unkillable_end() : fe_preempt_enable();
    }
    return (intptr_t)x;
}

Test(preempt, who_is_killed_while_it_computes_is_not_torn, .timeout = LIMIT) {
    need_slices();
    atomic_store(&torn, 0);
    for (uintptr_t i = 0; i < 60; i++) {
        struct fe_task_result result;
        fe_task task = guest_spawn(compute_in_sections, (void *)(i + 1), i % 2 ? guest_last_core() : FE_ANY_CORE);
        fe_task_sleep(FE_MILLISECOND);
        cr_assert_eq(fe_task_kill(task), FE_OK);
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK, "it did not die");
        cr_assert_eq(result.outcome, FE_KILLED);
    }
    cr_expect_eq(atomic_load(&torn), 0u);
}

/* What never comes by such an instruction dies all the same. */
static intptr_t compute_in_registers(void *seed) {
    fe_defer(clean, NULL);
    uint64_t x = (uintptr_t)seed;
    for (;;) {
        x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
        if (x == 0) /* it never is */
            fe_task_exit(0);
    }
}

Test(preempt, what_cannot_clean_up_is_killed_all_the_same, .timeout = LIMIT) {
    need_slices();
    for (uintptr_t i = 0; i < 5; i++) {
        struct fe_task_result result;
        fe_task task = guest_spawn(compute_in_registers, (void *)(i + 1), i % 2 ? guest_last_core() : FE_ANY_CORE);
        fe_task_sleep(FE_MILLISECOND);
        cr_assert_eq(fe_task_kill(task), FE_OK);
        cr_assert_eq(fe_task_join_until(task, &result, fe_time_now() + HANG), FE_OK, "it did not die");
        cr_assert_eq(result.outcome, FE_KILLED);
    }
}

/* Run with slice=0 by tests/system. */
Test(preempt, without_slices_nobody_is_stopped) {
    if (fe_preempt_enabled())
        cr_skip_test("there are slices");
    _Atomic bool told = false;
    uint64_t before = preemptions();
    fe_task task = fe_task_spawn(tell, &told, NULL);
    fe_nanoseconds began = fe_time_now();
    while (fe_time_now() - began < 50 * FE_MILLISECOND)
        ;
    cr_assert(!atomic_load(&told), "the task in front ran though this one never let it");
    guest_join(task);
    cr_assert_eq(preemptions(), before);
}
