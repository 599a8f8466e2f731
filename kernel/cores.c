/*
 * Starts the other cores, one after another: each gets a scheduler, a heap, a log ring and a stack with a guard page
 * below, comes up, sets itself up, and waits until all are there, so that the number of schedulers is known before the
 * first one runs.
 *
 *     starting --1 the core sets itself up--> ready --2 fe_cores_release--> running
 *              --3 the time limit passes----> abandoned: a core that still comes halts
 *
 * A core that the machine refuses to start is left out, and the next one takes its index: indices have no holes. After
 * a core that was started and did not come, no further one is: it may come at any time, through the same trampoline.
 */
#define FE_LOG_MODULE "boot"
#include "cores.h"

#include "log.h"
#include "state.h"

#include <heap/exchange.h>
#include <heap/page.h>
#include <sched/scheduler.h>

/* For core n, at n times the span from FE_CORE_STACKS_BASE: a guard page, then its stack. */
#define CORE_STACK_PAGES 4
#define CORE_STACK_SPAN (8 * FE_PAGE_SIZE)
#define START_LIMIT_MS 1000

enum { STARTING, READY, ABANDONED, FAILED };

static _Atomic int arrival; /* of the core that is being started; one at a time */
static _Atomic bool may_run;
static fe_status arrival_status; /* why it is FAILED */

/* The first code of a core at FE_IMAGE_BASE, on its own stack, interrupts masked. */
static void secondary_main(void *argument) {
    struct fe_core *core = argument;
    fe_arch_core_set(core);
    fe_status status = fe_arch_core_init(core);
    if (status == FE_OK)
        fe_machine.interrupts_init_core();
    else
        arrival_status = status;
    int expected = STARTING;
    /* Edge 1 or 3. Release pairs with the acquire in wait_for: the status is seen. */
    if (!atomic_compare_exchange_strong_explicit(&arrival, &expected, status == FE_OK ? READY : FAILED,
                                                 memory_order_release, memory_order_relaxed) ||
        status != FE_OK)
        fe_arch_halt();
    while (!atomic_load_explicit(&may_run, memory_order_acquire)) /* pairs with fe_cores_release */
        fe_arch_relax();
    fe_log_start_events(core); /* edge 2 */
    fe_scheduler_run();
}

fe_status fe_cores_make_stack(unsigned index, void **top) {
    uintptr_t bottom = FE_CORE_STACKS_BASE + index * CORE_STACK_SPAN + FE_PAGE_SIZE;
    uint64_t pages = fe_page_alloc_run(CORE_STACK_PAGES);
    if (pages == 0)
        return FE_ENOMEM;
    fe_status status =
        fe_arch_map(bottom, pages, CORE_STACK_PAGES * FE_PAGE_SIZE, FE_PROTECTION_READ | FE_PROTECTION_WRITE);
    if (status != FE_OK) {
        fe_page_free_run(pages, CORE_STACK_PAGES);
        return status;
    }
    *top = (void *)(bottom + CORE_STACK_PAGES * FE_PAGE_SIZE);
    return FE_OK;
}

/* All that core `index` needs before it starts. */
static fe_status prepare(unsigned index, struct fe_core **core, void **stack_top) {
    fe_status status = fe_scheduler_create(index, fe_machine.core_ids[index], core);
    if (status == FE_OK)
        status = fe_heap_core_init(*core);
    if (status == FE_OK)
        status = fe_cores_make_stack(index, stack_top);
    if (status != FE_OK)
        return status;
    uint64_t ring = fe_page_alloc(FE_LOG_RING_PAGES_ORDER);
    if (ring == 0)
        return FE_ENOMEM;
    fe_log_init_core(*core, fe_direct(ring));
    return FE_OK;
}

/* Waits for the core that is being started; false: it did not come. */
static bool wait_for(struct fe_core *core) {
    uint64_t limit = fe_arch_counter() + fe_machine.counter_hz / 1000 * START_LIMIT_MS;
    while (atomic_load_explicit(&arrival, memory_order_acquire) == STARTING) { /* pairs with secondary_main */
        if (fe_arch_counter() < limit) {
            fe_arch_relax();
            continue;
        }
        int expected = STARTING; /* edge 3, unless it came just now */
        if (atomic_compare_exchange_strong_explicit(&arrival, &expected, ABANDONED, memory_order_acquire,
                                                    memory_order_acquire)) {
            fe_error("core %u (id 0x%x) did not start within %d ms; it and those behind it are left out", core->index,
                     core->hardware_id, START_LIMIT_MS);
            return false;
        }
    }
    if (atomic_load_explicit(&arrival, memory_order_acquire) == FAILED) {
        fe_error("core %u (id 0x%x) could not be set up: %s; it and those behind it are left out", core->index,
                 core->hardware_id, fe_status_string(arrival_status));
        return false;
    }
    return true;
}

/* Takes the core at `index` out of the machine; those behind it move up. */
static void leave_out(unsigned index) {
    for (unsigned i = index; i + 1 < fe_machine.core_count; i++)
        fe_machine.core_ids[i] = fe_machine.core_ids[i + 1];
    fe_machine.core_count--;
}

/* Starts the first core from `index` on that can be started. False: no further one can. */
static bool start_next(unsigned index, struct fe_core *core, void *stack_top) {
    while (index < fe_machine.core_count) {
        core->hardware_id = fe_machine.core_ids[index];
        atomic_store_explicit(&arrival, STARTING, memory_order_relaxed); /* fe_machine.core_start orders it */
        uint64_t entry = fe_arch_core_prepare(stack_top, secondary_main, core);
        if (entry == 0) {
            fe_error("core %u: no place to start it at; running with %u", index, index);
            return false;
        }
        fe_status status = fe_machine.core_start(index, entry);
        if (status == FE_OK)
            return wait_for(core);
        fe_error("core %u (id 0x%x) cannot be started: %s; left out", index, core->hardware_id, fe_status_string(status));
        leave_out(index);
    }
    return false;
}

unsigned fe_cores_start(unsigned wanted) {
    unsigned running = 1;
    if (wanted > 1 && fe_machine.core_start == NULL) {
        fe_warn("this machine has no way to start its other cores; running with one");
        return running;
    }
    while (running < wanted && running < fe_machine.core_count) {
        struct fe_core *core;
        void *stack_top;
        fe_status status = prepare(running, &core, &stack_top);
        if (status != FE_OK) {
            fe_error("core %u: %s; running with %u", running, fe_status_string(status), running);
            break;
        }
        if (!start_next(running, core, stack_top))
            break;
        fe_scheduler_publish(core); /* now, so that a program never finds fewer cores than it was told of */
        running++;
    }
    return running;
}

bool fe_cores_some_missing(void) {
    return atomic_load_explicit(&arrival, memory_order_relaxed) == ABANDONED; /* whether it has come meanwhile or not */
}

void fe_cores_release(void) {
    atomic_store_explicit(&may_run, true, memory_order_release); /* pairs with secondary_main */
}
