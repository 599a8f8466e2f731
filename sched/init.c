/* Bringing schedulers up, and reading their figures. */
#define FE_LOG_MODULE "sched"
#include "clock.h"
#include "group.h"
#include "loop.h"
#include "stack.h"

#include <ferrite/context.h>
#include <ferrite/env.h>
#include <ferrite/log.h>
#include <heap/exchange.h>
#include <heap/page.h>

/* The smallest and the largest stack that `min_stack=` and `max_stack=` may ask for. */
#define FE_STACK_MIN ((size_t)4 << 10)
#define FE_STACK_MAX ((FE_STACK_SLOT << (FE_STACK_CLASSES - 1)) - FE_STACK_GUARD)

/* Of `slice=`, in microseconds. By default as in Go: long enough to cost nothing, short enough not to be felt. */
#define FE_SLICE_DEFAULT 10000u
#define FE_SLICE_LEAST 10u
#define FE_SLICE_MOST 10000000u

static struct fe_scheduler fe_boot_scheduler;

static void initialise(struct fe_scheduler *self, unsigned index, uint32_t hardware_id) {
    self->core.self = &self->core;
    self->core.index = index;
    self->core.hardware_id = hardware_id;
    self->ticks_left = FE_POLL_INTERVAL;
    self->pinned.tail = &self->pinned.head;
    self->overflow.tail = &self->overflow.head;
    self->next_id = index;
    self->armed = FE_FOREVER;
    self->soft = FE_FOREVER;
    self->guard.due = FE_FOREVER;
    self->clock.due = FE_SLICE_OFF; /* until the slice is known */
    fe_wheel_init(&self->wheel);
    fe_group_init_core(self);
    fe_inbox_init(&self->inbox);
    fe_ring_init(&self->ring);
}

struct fe_core *fe_scheduler_boot_core(void) {
    initialise(&fe_boot_scheduler, 0, 0);
    fe_arch_core_set(&fe_boot_scheduler.core);
    return &fe_boot_scheduler.core;
}

static void seed_random(struct fe_scheduler *self) {
    self->random = (fe_env_number("seed", 1, 1, UINT64_MAX) + self->core.index) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

/* How long a task runs while others wait; 0: as long as it likes. */
static fe_nanoseconds slice_length(void) {
    if (!FE_ARCH_PREEMPTS || fe_sched.loop != &fe_loop_interrupts)
        return 0; /* no timer interrupts it, or none that could stop it */
    uint64_t microseconds = fe_env_number("slice", FE_SLICE_DEFAULT, 0, FE_SLICE_MOST);
    if (microseconds > 0 && microseconds < FE_SLICE_LEAST) {
        fe_warn("command line: slice=%llu is below %u us; %u holds", (unsigned long long)microseconds, FE_SLICE_LEAST,
                FE_SLICE_DEFAULT);
        microseconds = FE_SLICE_DEFAULT;
    }
    return microseconds * FE_MICROSECOND;
}

fe_status fe_scheduler_init(unsigned cores) {
    const char *loop = fe_env("loop");
    fe_sched.loop = loop ? fe_loop_find(loop) : fe_loop_default();
    if (!fe_sched.loop) {
        fe_sched.loop = fe_loop_default();
        fe_warn("loop=%s: no such event loop (%s, basic); using %s", loop, fe_sched.loop->name, fe_sched.loop->name);
    }
    fe_sched.default_stack = fe_env_number("min_stack", FE_STACK_SLOT - FE_STACK_GUARD, FE_STACK_MIN, FE_STACK_MAX);
    fe_sched.max_stack = fe_env_number("max_stack", FE_STACK_MAX, fe_sched.default_stack, FE_STACK_MAX);
    for (unsigned class = 0; class < FE_STACK_CLASSES; class ++)
        fe_sched.stacks_end[class] = fe_stack_arena(class);
    fe_sched.slice = slice_length();
    fe_sched.cores = cores;
    fe_sleep_init(&fe_sched.sleep, cores);
    fe_scheduler_publish(&fe_boot_scheduler.core);
    fe_sched.termination.cores = cores;
    fe_sched.groups.ready_tail = &fe_sched.groups.ready;
    fe_boot_scheduler.core.hardware_id = fe_machine.core_ids[0];
    fe_boot_scheduler.several = cores > 1;
    seed_random(&fe_boot_scheduler);
    fe_heap_scarce = fe_scheduler_memory_scarce;
    if (!fe_stack_refill(&fe_boot_scheduler))
        return FE_ENOMEM;
    for (unsigned i = 0; i < cores; i++) {
        if (fe_sched.slice && fe_sched.schedulers[i])
            fe_sched.schedulers[i]->clock.due = FE_FOREVER;
    }
    fe_sched.started = true;
    return FE_OK;
}

fe_status fe_scheduler_create(unsigned index, uint32_t hardware_id, struct fe_core **core) {
    struct fe_scheduler *self = fe_heap_try_alloc_aligned(FE_CACHE_LINE, sizeof *self);
    if (!self)
        return FE_ENOMEM;
    __builtin_memset(self, 0, sizeof *self);
    initialise(self, index, hardware_id);
    if (!fe_stack_refill(self)) {
        while (self->reserve_count)
            fe_page_free(self->reserve[--self->reserve_count], 0);
        fe_heap_free(self);
        return FE_ENOMEM;
    }
    self->several = true;
    seed_random(self);
    *core = &self->core;
    return FE_OK;
}

void fe_scheduler_publish(struct fe_core *core) {
    struct fe_scheduler *scheduler = (struct fe_scheduler *)core;
    fe_sched.schedulers[core->index] = scheduler;
    fe_sched.termination.strong[core->index] = &scheduler->strong;
    fe_sched.termination.weak[core->index] = &scheduler->weak;
}

/* Figures --------------------------------------------------------------------------------------------------------- */

#define READ(field) __atomic_load_n(&(field), __ATOMIC_RELAXED) /* figures: no order */

FE_GLANCE fe_status fe_core_statistics(unsigned core, struct fe_core_statistics *statistics) {
    if (core >= fe_sched.cores || !fe_sched.schedulers[core])
        return FE_EINVAL;
    const struct fe_scheduler *scheduler = fe_sched.schedulers[core];
    const struct fe_core_statistics *kept = &scheduler->statistics;
    const struct fe_tcb *lifo = READ(scheduler->lifo);
    *statistics = (struct fe_core_statistics){
        .switches = READ(kept->switches),
        .preemptions = READ(kept->preemptions),
        .steals = READ(kept->steals),
        .stolen = READ(kept->stolen),
        .sleeps = READ(kept->sleeps),
        .interrupts = READ(kept->interrupts),
        .ipis = READ(kept->ipis),
        .wakeups_sent = READ(kept->wakeups_sent),
        .spawned = READ(kept->spawned) + fe_load_relaxed(&scheduler->strong.spawned) +
                   fe_load_relaxed(&scheduler->weak.spawned),
        .ended = READ(kept->ended) + fe_load_relaxed(&scheduler->strong.ended) + fe_load_relaxed(&scheduler->weak.ended),
        .idle = fe_clock_length(READ(scheduler->idle_ticks)),
        .queued = fe_ring_length(&scheduler->ring) + (lifo && lifo != FE_LIFO_CLOSED) + (READ(scheduler->first) != NULL),
    };
    return FE_OK;
}

/* All of this changes under our eyes; a listing is a glance. */
FE_GLANCE static void describe(const struct fe_tcb *tcb, uint64_t id, struct fe_task_information *entry) {
    *entry = (struct fe_task_information){
        .task = {(struct fe_tcb *)(uintptr_t)tcb, id},
        .state = FE_TASK_READY,
        .core = tcb->core,
        .pinned = tcb->home == FE_IN_GROUP ? FE_ANY_CORE : tcb->home,
        .kind = tcb->kind,
        .stack_committed = tcb->stack_pages * FE_PAGE_SIZE,
        .stack_bound = tcb->stack_slot + (FE_STACK_SLOT << tcb->stack_class) - tcb->stack_low,
    };
    __builtin_memcpy(entry->name, tcb->name, sizeof entry->name);
    if (fe_load_relaxed(&tcb->parking) == FE_PARKING_PARKED)
        entry->state = FE_TASK_BLOCKED;
    if (fe_join_ended(fe_load_relaxed(&tcb->joiner)))
        entry->state = FE_TASK_ENDED;
    for (unsigned i = 0; i < fe_sched.cores; i++) {
        const struct fe_scheduler *scheduler = fe_sched.schedulers[i];
        if (scheduler && *(struct fe_tcb *const volatile *)&scheduler->current == tcb) {
            entry->state = FE_TASK_RUNNING;
            entry->core = i;
        }
    }
}

FE_GLANCE void fe_tasks_each(void (*visit)(const struct fe_task_information *task, void *argument), void *argument) {
    for (unsigned class = 0; class < FE_STACK_CLASSES; class ++) {
        size_t slot_bytes = FE_STACK_SLOT << class;
        for (uintptr_t slot = fe_stack_arena(class); slot < fe_sched.stacks_end[class]; slot += slot_bytes) {
            uint64_t physical;
            if (!fe_arch_translate(slot + slot_bytes - FE_PAGE_SIZE, &physical))
                continue;
            const struct fe_tcb *tcb = fe_stack_tcb(slot, class);
            uint64_t id = fe_load_acquire(&tcb->id); /* pairs with the release in fe_task_try_spawn */
            if (!id)
                continue;
            struct fe_task_information entry;
            describe(tcb, id, &entry);
            visit(&entry, argument);
        }
    }
}

struct listing {
    struct fe_task_information *list;
    size_t capacity, count;
};

static void list_one(const struct fe_task_information *task, void *argument) {
    struct listing *listing = argument;
    if (listing->count < listing->capacity)
        listing->list[listing->count] = *task;
    listing->count++;
}

FE_GLANCE size_t fe_task_list(struct fe_task_information *list, size_t capacity) {
    struct listing listing = {list, capacity, 0};
    fe_tasks_each(list_one, &listing);
    return listing.count;
}

FE_GLANCE void fe_memory_statistics(struct fe_memory_statistics *statistics) {
    struct fe_page_statistics pages;
    struct fe_heap_statistics heap;
    fe_page_statistics(&pages);
    fe_heap_statistics(FE_ANY_CORE, &heap);
    uint64_t stacks = 0;
    for (unsigned i = 0; i < fe_sched.cores; i++) {
        if (fe_sched.schedulers[i])
            stacks += fe_load_relaxed(&fe_sched.schedulers[i]->stack_pages); /* a figure */
    }
    *statistics = (struct fe_memory_statistics){
        .total_bytes = pages.total_pages * FE_PAGE_SIZE,
        .free_bytes = pages.free_pages * FE_PAGE_SIZE,
        .kernel_bytes = (uint64_t)(fe_image_end - fe_image_start),
        .stack_bytes = stacks * FE_PAGE_SIZE,
        .table_bytes = fe_arch_table_pages() * FE_PAGE_SIZE,
        .heap_bytes = heap.pages * FE_PAGE_SIZE,
    };
}
