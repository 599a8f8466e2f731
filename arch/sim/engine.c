/*
 * Cores, time and interrupts of the simulation. One core runs at a time, on the one thread; at each step (hooks.c) it may be
 * stopped and another one taken up where that was stopped, by the port's own switch.
 *
 * Time is counted in steps. What is to happen at some time (a switch, an interrupt, a store that reaches memory) bounds
 * fe_sim.next, so that a step in between costs an addition and a comparison.
 *
 * A core that cannot go on (it waits for an interrupt, or spins) gives way: that is not a choice, but which core comes next is.
 * If none can, the clock jumps to the next thing that is due; if nothing is due, the machine has stopped, and the run failed.
 *
 * A choice whose value is 0 is the default: no switch, no delay, no failure. Only others are recorded, so a record is short,
 * and one with entries left out is a record too; that is how a failing run is shrunk (runner.c).
 */
#define _GNU_SOURCE
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Without a choice a core runs this long before the next has its turn, so that whoever spins unseen does not spin for ever. */
#define SLICE 400000
#define NEVER UINT64_MAX

struct fe_core *fe_sim_core;
struct fe_sim_state fe_sim = {.next = NEVER};

enum state { OFF, RUNNING, WAITING, HALTED };

static struct core {
    struct fe_core *self; /* what fe_sim_core is while it runs */
    struct fe_arch_context context, handler, interrupted;
    enum state state;
    bool masked, handling;
    unsigned vector;
    uint64_t timer, wake; /* when the interrupt comes */
    uint64_t frozen;      /* stands still until then */
} cores[FE_CORES_MAX] = {[0] = {.state = RUNNING, .masked = true, .timer = NEVER, .wake = NEVER}};
static unsigned count = 1;

static struct {
    bool active;
    uint64_t seed;
    uint64_t random;
    const struct fe_sim_entry *replay;
    uint32_t replay_count, replay_next[FE_SIM_KINDS];
    uint64_t ordinal[FE_SIM_KINDS];
    uint64_t limit, slice_end, switch_at;
    uint32_t gap, freeze, stray, late, fail;
    bool failures;
    struct fe_sim_result *result;
} run;

/* Choosing -------------------------------------------------------------------------------------------------------- */

static uint64_t random_next(void) {
    uint64_t x = run.random; /* xorshift64* */
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    run.random = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

static uint32_t below(uint32_t bound) {
    return (uint32_t)((random_next() >> 32) * bound >> 32);
}

static void record(enum fe_sim_choice kind, uint64_t ordinal, uint32_t value) {
    struct fe_sim_result *result = run.result;
    if (result->count == FE_SIM_ENTRIES) {
        result->overflow = true;
        return;
    }
    result->entries[result->count++] = (struct fe_sim_entry){ordinal, kind, value};
}

SIM void fe_sim_trace(uint64_t a, uint64_t b) {
    if (run.result) {
        uint64_t x = run.result->hash ^ (a * UINT64_C(0x9e3779b97f4a7c15) + b + fe_sim.core);
        x *= UINT64_C(0xff51afd7ed558ccd);
        run.result->hash = x ^ x >> 32;
    }
}

/* The replayed value at `ordinal` of `kind`; 0: the default. Entries are sorted by ordinal within a kind. */
static uint32_t replayed(enum fe_sim_choice kind, uint64_t ordinal) {
    uint32_t *next = &run.replay_next[kind];
    while (*next < run.replay_count && (run.replay[*next].kind != (uint32_t)kind || run.replay[*next].ordinal < ordinal))
        ++*next;
    return *next < run.replay_count && run.replay[*next].ordinal == ordinal ? run.replay[*next].value : 0;
}

/* One of `count` values; 0 is the default, and others come `per_million` times in a million. */
SIM uint32_t fe_sim_choose(enum fe_sim_choice kind, uint32_t values, uint32_t per_million) {
    if (!run.active || values < 2)
        return 0;
    uint64_t ordinal = run.ordinal[kind]++;
    uint32_t value;
    if (run.replay)
        value = replayed(kind, ordinal) % values;
    else
        value = below(1000000) < per_million ? 1 + below(values - 1) : 0;
    if (value)
        record(kind, ordinal, value);
    return value;
}

/* Interrupts ------------------------------------------------------------------------------------------------------ */

static uint64_t interrupt_due(const struct core *core) {
    return core->timer < core->wake ? core->timer : core->wake;
}

SIM static bool interruptible(const struct core *core) {
    return !core->masked && !core->handling && interrupt_due(core) <= fe_sim.now;
}

static void handle(void *unused) {
    (void)unused;
    struct core *core = &cores[fe_sim.core];
    fe_arch_hooks.interrupt(core->vector, NULL);
    core = &cores[fe_sim.core];
    fe_arch_resume(NULL, &core->interrupted);
}

/* Takes the interrupt that is due, on the core's exception stack. */
SIM static void interrupt(void) {
    struct core *core = &cores[fe_sim.core];
    bool timer = core->timer <= core->wake;
    if (timer)
        core->timer = NEVER;
    else
        core->wake = NEVER;
    core->vector = timer ? FE_SIM_VECTOR_TIMER : FE_SIM_VECTOR_WAKE;
    core->handling = true;
    core->state = RUNNING;
    fe_sim_trace(1, core->vector);
    uintptr_t bottom, top;
    fe_sim_exception_stack(fe_sim.core, &bottom, &top);
    fe_arch_context_make(&core->handler, (void *)top, handle);
    unsigned index = fe_sim.core;
    fe_arch_switch(&core->interrupted, &core->handler, NULL);
    cores[index].handling = false;
}

/* Cores ----------------------------------------------------------------------------------------------------------- */

static bool can_run(const struct core *core) {
    return core->state == RUNNING || (core->state == WAITING && interruptible(core));
}

SIM static void switch_to(unsigned next) {
    struct core *from = &cores[fe_sim.core], *to = &cores[next];
    from->self = fe_sim_core;
    fe_sim_core = to->self;
    fe_sim.core = next;
    run.slice_end = fe_sim.now + SLICE;
    fe_sim_trace(2, next);
    fe_arch_switch(&from->context, &to->context, NULL);
}

/* The `nth` core after the running one that can run and does not stand still; the running one if there is none. */
static unsigned other(uint32_t nth) {
    unsigned found[FE_CORES_MAX], n = 0;
    for (int even_frozen = 0; even_frozen < 2 && n == 0; even_frozen++)
        for (unsigned i = 1; i < count; i++) {
            unsigned index = (fe_sim.core + i) % count;
            if (can_run(&cores[index]) && (even_frozen || cores[index].frozen <= fe_sim.now))
                found[n++] = index;
        }
    return n ? found[nth % n] : fe_sim.core;
}

/* When something is due next that any core has to do with. */
static uint64_t next_event(void) {
    uint64_t at = fe_sim_stores_due();
    for (unsigned i = 0; i < count; i++) {
        uint64_t due =
            cores[i].state == WAITING || (i == fe_sim.core && !cores[i].masked) ? interrupt_due(&cores[i]) : NEVER;
        if (cores[i].state == OFF || cores[i].state == HALTED || cores[i].masked || cores[i].handling)
            due = NEVER;
        if (due < at)
            at = due;
    }
    return at;
}

SIM void fe_sim_due(uint64_t time) {
    if (time < fe_sim.next)
        fe_sim.next = time;
}

static void reschedule(void) {
    uint64_t next = run.switch_at < run.slice_end ? run.switch_at : run.slice_end;
    const struct core *core = &cores[fe_sim.core];
    if (!core->masked && !core->handling && interrupt_due(core) < next)
        next = interrupt_due(core);
    uint64_t stores = fe_sim_stores_due();
    if (stores < next)
        next = stores;
    fe_sim.next = run.limit < next ? run.limit : next;
}

/* Draws when the next switch comes; in a replay, looks for it. */
static void plan_switch(void) {
    run.switch_at = NEVER;
    if (run.replay) {
        uint32_t *next = &run.replay_next[FE_SIM_SWITCH];
        while (*next < run.replay_count &&
               (run.replay[*next].kind != FE_SIM_SWITCH || run.replay[*next].ordinal <= fe_sim.now))
            ++*next;
        if (*next < run.replay_count)
            run.switch_at = run.replay[*next].ordinal;
    } else if (run.gap) {
        run.switch_at = fe_sim.now + 1 + below(2 * run.gap);
    }
}

#define FREEZES 4u

/* A switch is due: its value says which core, and how long this one then stands still. */
static void choose_switch(void) {
    uint32_t value;
    if (run.replay) {
        value = replayed(FE_SIM_SWITCH, run.switch_at);
    } else {
        value = 1 + below(count) * FREEZES;
        if (below(1000) < run.freeze)
            value += below(FREEZES);
    }
    uint64_t at = run.switch_at;
    plan_switch();
    uint32_t stray = fe_sim_choose(FE_SIM_STRAY, count + 1, run.stray);
    if (stray && cores[stray - 1].state != OFF && cores[stray - 1].wake > fe_sim.now)
        cores[stray - 1].wake = fe_sim.now;
    if (value == 0)
        return;
    record(FE_SIM_SWITCH, at, value);
    unsigned freeze = (value - 1) % FREEZES, next = other((value - 1) / FREEZES);
    if (freeze)
        cores[fe_sim.core].frozen = fe_sim.now + (UINT64_C(200) << 3 * freeze);
    if (next != fe_sim.core)
        switch_to(next);
}

static void hang(const char *what);

/* Touches the stack below, so that a fault there is the watched code's and not ours. */
SIM static inline void probe(void) {
    *((volatile char *)__builtin_frame_address(0) - 1536) = 0;
}

SIM __attribute__((noinline)) void fe_sim_step(void) {
    probe();
    if (!run.active) {
        if (interruptible(&cores[fe_sim.core]))
            interrupt();
        fe_sim.next = NEVER;
        return;
    }
    if (fe_sim.now >= run.limit)
        hang("it takes too long");
    if (fe_sim.now >= run.switch_at)
        choose_switch();
    if (fe_sim.now >= run.slice_end) {
        run.slice_end = fe_sim.now + SLICE;
        unsigned next = other(0);
        if (next != fe_sim.core)
            switch_to(next);
    }
    if (interruptible(&cores[fe_sim.core]))
        interrupt();
    reschedule();
}

/* Lets another core run, if there is one that can; `spinning`: this one could too. */
SIM static void give_way(bool spinning) {
    probe();
    for (;;) {
        unsigned next = other(fe_sim_choose(FE_SIM_FORCED, count, run.replay ? 0 : 300000));
        if (next != fe_sim.core) {
            switch_to(next);
            break;
        }
        if (spinning)
            break;
        if (interruptible(&cores[fe_sim.core]))
            break;
        uint64_t at = next_event();
        if (at == NEVER)
            hang("every core sleeps, and nothing is due that would wake one");
        if (at > fe_sim.now)
            fe_sim.now = at;
        if (run.active && fe_sim.now >= run.limit)
            hang("it takes too long");
        (void)fe_sim_stores_due();
    }
    if (run.active)
        reschedule();
}

SIM uintptr_t fe_sim_mask(void) {
    bool masked = cores[fe_sim.core].masked;
    cores[fe_sim.core].masked = true;
    return masked;
}

SIM void fe_sim_unmask(uintptr_t state) {
    cores[fe_sim.core].masked = state != 0;
    if (!state)
        fe_sim_due(interrupt_due(&cores[fe_sim.core]));
    fe_sim.now += 8;
    if (fe_sim.now >= fe_sim.next)
        fe_sim_step();
}

SIM bool fe_sim_unmasked(void) {
    return !cores[fe_sim.core].masked;
}

/* Enables interrupts and sleeps until one has been taken. */
SIM void fe_sim_wait(void) {
    fe_sim_stores_flush(fe_sim.core);
    struct core *core = &cores[fe_sim.core];
    core->masked = false;
    core->state = WAITING;
    fe_sim.now += 8;
    while (core->state == WAITING) {
        if (interruptible(core))
            interrupt();
        else
            give_way(false);
    }
    if (run.active)
        reschedule();
}

SIM void fe_sim_relax(void) {
    fe_sim.now += 64;
    fe_sim_due(interrupt_due(&cores[fe_sim.core]));
    if (fe_sim.now >= fe_sim.next)
        fe_sim_step();
    give_way(true);
    if (interruptible(&cores[fe_sim.core]))
        interrupt();
}

SIM uint64_t fe_sim_time(void) {
    fe_sim.now += 8;
    if (fe_sim.now >= fe_sim.next)
        fe_sim_step();
    return fe_sim.now;
}

FE_NORETURN void fe_arch_halt(void) {
    fe_sim_stores_flush(fe_sim.core);
    cores[fe_sim.core].masked = true;
    cores[fe_sim.core].state = HALTED;
    for (;;)
        give_way(false);
}

/* What drivers/sim asks for ----------------------------------------------------------------------------------------- */

void fe_sim_timer(uint64_t counter) {
    struct core *core = &cores[fe_sim.core];
    core->timer = counter;
    if (counter != NEVER) {
        if (counter < fe_sim.now)
            counter = fe_sim.now;
        core->timer = counter + ((UINT64_C(64) << 2 * fe_sim_choose(FE_SIM_TIMER, 6, run.late)) & ~UINT64_C(64));
        fe_sim_due(core->timer);
    }
}

void fe_sim_wake(unsigned index) {
    fe_sim_stores_flush(fe_sim.core); /* as drivers have it: a barrier, or a write that is ordered */
    uint64_t at = fe_sim.now + 16 + ((UINT64_C(64) << 2 * fe_sim_choose(FE_SIM_IPI, 6, run.late)) & ~UINT64_C(64));
    if (at < cores[index].wake)
        cores[index].wake = at;
    if (index == fe_sim.core)
        fe_sim_due(at);
}

static struct {
    void *stack_top;
    void (*entry)(void *argument);
    void *argument;
} prepared;

uint64_t fe_arch_core_prepare(void *stack_top, void (*entry)(void *), void *argument) {
    prepared.stack_top = stack_top;
    prepared.entry = entry;
    prepared.argument = argument;
    return (uint64_t)(uintptr_t)&prepared;
}

static void begin_core(void *unused) {
    (void)unused;
    prepared.entry(prepared.argument);
    fe_arch_halt();
}

void fe_sim_core_start(unsigned index, uint64_t place) {
    (void)place;
    cores[index] = (struct core){.state = RUNNING, .masked = true, .timer = NEVER, .wake = NEVER};
    fe_arch_context_make(&cores[index].context, prepared.stack_top, begin_core);
    if (index >= count)
        count = index + 1;
}

uint32_t fe_arch_hardware_id(void) {
    return fe_sim.core;
}

fe_status fe_arch_core_init(struct fe_core *core) {
    (void)core;
    if (fe_sim.core == 0)
        fe_sim_traps_init();
    return FE_OK;
}

/* Failures -------------------------------------------------------------------------------------------------------- */

void fe_sim_failures(bool allowed) {
    run.failures = allowed;
}

#define MAY_FAIL(type, name, parameters, arguments)                                                                    \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters {                                                                                    \
        if (run.failures && fe_sim_choose(FE_SIM_FAILURE, 2, run.fail))                                                \
            return 0;                                                                                                  \
        return __real_##name arguments;                                                                                \
    }
MAY_FAIL(uint64_t, fe_page_alloc, (unsigned order), (order))
MAY_FAIL(uint64_t, fe_page_alloc_run, (size_t pages), (pages))
MAY_FAIL(uint64_t, fe_page_alloc_run_aligned, (size_t pages, unsigned order), (pages, order))
MAY_FAIL(void *, fe_heap_try_alloc, (size_t bytes), (bytes))
MAY_FAIL(void *, fe_heap_try_alloc_aligned, (size_t alignment, size_t bytes), (alignment, bytes))
MAY_FAIL(void *, fe_heap_try_alloc_zeroed, (size_t number, size_t bytes), (number, bytes))

/* Runs ------------------------------------------------------------------------------------------------------------ */

static void say(const char *format, ...) FE_PRINTF(1, 2);
static void say(const char *format, ...) {
    struct fe_sim_result *result = run.result;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (!result) {
        fputs(line, stderr);
        return;
    }
    size_t used = strlen(result->why);
    snprintf(result->why + used, sizeof result->why - used, "%s", line);
}

void fe_sim_print(const char *text, size_t bytes) {
    struct fe_sim_result *result = run.result;
    if (!result) {
        if (write(STDOUT_FILENO, text, bytes) < 0)
            return;
        return;
    }
    for (size_t i = 0; i < bytes && result->text_bytes < FE_SIM_TEXT - 1; i++)
        result->text[result->text_bytes++] = text[i];
}

/* tasks.c: who waits for what. */
void fe_sim_describe_tasks(void (*line)(const char *format, ...));

static FE_NORETURN void finish(int status) {
    if (run.result) {
        run.result->status = status;
        run.result->time = fe_sim.now;
        run.result->done = true;
    }
    extern void __gcov_dump(void) __attribute__((weak)); /* there with COVERAGE=y */
    if (__gcov_dump)
        __gcov_dump();
    _exit(0);
}

/* What each core and each task does. */
static void show_machine(void) {
    static const char *const states[] = {"off", "running", "waiting", "halted"};
    for (unsigned i = 0; i < count; i++)
        say("core %u: %s%s%s\n", i, states[cores[i].state], cores[i].masked ? ", interrupts masked" : "",
            cores[i].handling ? ", in a handler" : "");
    fe_sim_describe_tasks(say);
}

void fe_sim_fail(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    run.active = false;
    fe_sim.next = NEVER;
    say("%s\n", text);
    show_machine();
    finish(102);
}

static void hang(const char *what) {
    run.active = false;
    fe_sim.next = NEVER;
    say("hang: %s\n", what);
    show_machine();
    finish(124);
}

static void (*at_end)(void);

void fe_sim_at_end(void (*check)(void)) {
    at_end = check;
}

FE_NORETURN void fe_sim_end(int status) {
    run.active = false;
    fe_sim.next = NEVER;
    if (at_end && status == 0)
        at_end();
    finish(status);
}

/* Gaps between switches: from almost every step to a few in a run. */
static const uint32_t gaps[] = {6, 20, 60, 200, 600, 2000, 6000, 20000};

void fe_sim_begin(const struct fe_sim_plan *plan, struct fe_sim_result *result) {
    run.result = result;
    run.seed = plan->seed;
    run.random = (plan->seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < 8; i++)
        random_next();
    run.replay = plan->replay;
    run.replay_count = plan->replay_count;
    run.limit = fe_sim.now + plan->limit;
    run.slice_end = fe_sim.now + SLICE;
    run.gap = gaps[below(FE_ARRAY_LENGTH(gaps))];
    run.freeze = below(3) ? below(500) : 0;
    run.stray = below(4) ? 0 : 50000;
    run.late = below(2) ? 400000 : 30000;
    static const uint32_t delays[] = {0, 30000, 200000, 600000};
    fe_sim_stores_mode(plan->replay ? 1 : delays[below(FE_ARRAY_LENGTH(delays))]);
    static const uint32_t fails[] = {2000, 20000, 100000};
    run.fail = fails[below(FE_ARRAY_LENGTH(fails))];
    run.active = true;
    plan_switch();
    reschedule();
}

uint64_t fe_sim_seed(void) {
    return run.seed;
}
