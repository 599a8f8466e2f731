/*
 * Task stacks, with the MMU as their manager.
 *
 * The stack arena has a part for each class, cut into slots of 64 KiB << class. From the bottom of a slot: a guard page that is never mapped, three emergency
 * pages, the stack, and at the top of the last page the control block. Only that last page is committed when a slot is
 * first used; the fault handler commits the others as they are touched (fault.c).
 *
 * Each core carves slots out of grants of its own and keeps a cache of used ones per class; caches spill to and fill from
 * a depot in batches, so the one lock here is taken once per FE_STACK_BATCH tasks. A used stack keeps at most
 * FE_STACK_KEEP pages; what it grew beyond that goes back, after every core has flushed its TLB; and where memory is scarce
 * those in the depot lose the rest, too (retire.c).
 *
 * Pages of a grant share their tables, which are made with the grant: growing never needs memory for tables.
 *
 * Rejected: a linked list of stack segments (each call pays, and hot splits thrash), and stacks from the heap (no guard,
 * no growth).
 */
#define FE_LOG_MODULE "sched"
#include "stack.h"

#include "task_data.h"

#include <ferrite/panic.h>
#include <heap/local.h>
#include <heap/page.h>

/* Tasks seldom go deeper than this twice by chance; giving back less would fault it in again each time. */
#define FE_STACK_KEEP 4u
/* A core's first grant of a class, which one table serves, and each later one: their tables stay for good, and as they are made
 * together they lie together, and do not cut what is free around them into small pieces. */
#define FE_STACK_GRANT ((size_t)2 << 20)
#define FE_STACK_GRANT_LATER ((size_t)32 << 20)

static unsigned class_of(size_t bytes) {
    size_t slots = (bytes + FE_STACK_GUARD - 1) / FE_STACK_SLOT;
    return slots == 0 ? 0 : 64 - (unsigned)__builtin_clzll(slots);
}

/* Fresh slots ----------------------------------------------------------------------------------------------------- */

/* Takes addresses for stacks of `class` out of its part of the arena; slots are then made one by one. */
static fe_status grant(struct fe_scheduler *self, unsigned class) {
    size_t slot = FE_STACK_SLOT << class;
    size_t least = self->fresh[class].end ? FE_STACK_GRANT_LATER : FE_STACK_GRANT;
    size_t bytes = slot > least ? slot : least;
    fe_status status = FE_ENOMEM;
    fe_spinlock_acquire(&fe_sched.stacks_lock);
    uintptr_t base = fe_sched.stacks_end[class];
    if (base - fe_stack_arena(class) + bytes <= FE_STACK_ARENA)
        status = fe_arch_reserve_tables(base, bytes);
    if (status == FE_OK)
        fe_sched.stacks_end[class] = base + bytes;
    fe_spinlock_release(&fe_sched.stacks_lock);
    if (status == FE_OK)
        self->fresh[class] = (struct fe_stack_fresh){base, base + bytes};
    return status;
}

static fe_status make_slot(struct fe_scheduler *self, unsigned class, struct fe_tcb **out) {
    struct fe_stack_fresh *fresh = &self->fresh[class];
    if (fresh->next == fresh->end) {
        fe_status status = grant(self, class);
        if (status != FE_OK)
            return status;
    }
    uint64_t page = fe_page_alloc(0);
    if (!page)
        return FE_ENOMEM;
    uintptr_t slot = fresh->next;
    fresh->next = slot + (FE_STACK_SLOT << class);
    fe_arch_map_page(fresh->next - FE_PAGE_SIZE, page);
    *out = fe_stack_prepare(self, slot, class);
    return FE_OK;
}

struct fe_tcb *fe_stack_prepare(struct fe_scheduler *self, uintptr_t slot, unsigned class) {
    uintptr_t end = slot + (FE_STACK_SLOT << class);
    struct fe_tcb *tcb = fe_stack_tcb(slot, class);
    __builtin_memset(tcb, 0, sizeof *tcb);
    tcb->data = &fe_task_data_none;
    tcb->local = &fe_local_none;
    tcb->stack_slot = slot;
    tcb->stack_keep = end - FE_STACK_KEEP * FE_PAGE_SIZE;
    tcb->stack_class = class;
    tcb->stack_pages = 1;
    tcb->stack_deep = end - FE_PAGE_SIZE;
    fe_store_relaxed(&tcb->joiner, FE_JOIN_TAKEN); /* not published yet */
    fe_timer_init(&tcb->timer, fe_task_timer_fired);
    fe_stack_account(self, 1);
    return tcb;
}

/* Taking ---------------------------------------------------------------------------------------------------------- */

static void fill_from_depot(struct fe_scheduler *self, unsigned class) {
    struct fe_stack_cache *cache = &self->stacks[class];
    fe_spinlock_acquire(&fe_sched.stacks_lock);
    for (unsigned i = 0; i < FE_STACK_BATCH && fe_load_relaxed(&fe_sched.depot[class]); i++) {
        struct fe_tcb *tcb = (struct fe_tcb *)fe_load_relaxed(&fe_sched.depot[class]);
        fe_store_relaxed(&fe_sched.depot[class], tcb->next);
        tcb->next = cache->head;
        cache->head = tcb;
        cache->count++;
    }
    fe_spinlock_release(&fe_sched.stacks_lock);
}

fe_status fe_stack_take(struct fe_scheduler *self, size_t bytes, struct fe_tcb **out) {
    if (bytes == 0)
        bytes = fe_sched.default_stack;
    if (bytes > fe_sched.max_stack)
        return FE_EINVAL;
    bytes = (bytes + FE_PAGE_SIZE - 1) & ~(FE_PAGE_SIZE - 1);
    unsigned class = class_of(bytes);
    struct fe_stack_cache *cache = &self->stacks[class];
    if (!cache->head && fe_load_relaxed(&fe_sched.depot[class])) /* a hint; it is looked at again under its lock */
        fill_from_depot(self, class);
    if (!cache->head && fe_load_relaxed(&fe_sched.retired[class]))
        fe_stacks_restore(self, class);
    struct fe_tcb *tcb = cache->head;
    if (tcb) {
        cache->head = tcb->next;
        cache->count--;
    } else {
        fe_status status = make_slot(self, class, &tcb);
        if (status != FE_OK)
            return status;
    }
    tcb->stack_low = tcb->stack_slot + (FE_STACK_SLOT << class) - bytes;
    if (tcb->stack_low < tcb->stack_slot + FE_STACK_GUARD)
        tcb->stack_low = tcb->stack_slot + FE_STACK_GUARD;
    *out = tcb;
    return FE_OK;
}

/* Giving back ----------------------------------------------------------------------------------------------------- */

void fe_stack_flush_requested(struct fe_scheduler *self) {
    /* Pairs with the fetch_add in fe_stack_shootdown: the pages are unmapped before the generation grows. */
    uint32_t generation = fe_load_acquire(&fe_sched.tlb_generation);
    if (fe_load_relaxed(&self->flushed) == generation)
        return;
    fe_arch_tlb_flush(FE_STACKS_BASE, FE_STACKS_BYTES);
    fe_store_release(&self->flushed, generation); /* pairs with the wait in fe_stack_shootdown */
}

void fe_stack_shootdown(struct fe_scheduler *self, uintptr_t address, size_t bytes) {
    fe_arch_tlb_flush(address, bytes);
    if (FE_ARCH_TLB_BROADCAST || !self->several)
        return;
    /* Pairs with fe_stack_flush_requested. */
    uint32_t generation = fe_fetch_add_acq_rel(&fe_sched.tlb_generation, 1) + 1;
    for (unsigned i = 0; i < fe_sched.cores; i++) {
        if (fe_sched.schedulers[i] && fe_sched.schedulers[i] != self) {
            self->statistics.wakeups_sent++;
            fe_machine.wake(i);
        }
    }
    for (unsigned i = 0; i < fe_sched.cores; i++) {
        struct fe_scheduler *other = fe_sched.schedulers[i];
        /* Interrupts are enabled here, so two cores that shoot at once answer each other. */
        while (other && other != self && (int32_t)(fe_load_acquire(&other->flushed) - generation) < 0)
            fe_arch_relax();
    }
}

/* Returns what the stack grew beyond FE_STACK_KEEP pages. */
static void trim(struct fe_scheduler *self, struct fe_tcb *tcb) {
    uintptr_t keep = tcb->stack_keep;
    uint64_t pages[64];
    while (tcb->stack_deep < keep) {
        uintptr_t from = tcb->stack_deep;
        unsigned count = 0;
        for (; tcb->stack_deep < keep && count < FE_ARRAY_LENGTH(pages); tcb->stack_deep += FE_PAGE_SIZE) {
            uint64_t page = fe_arch_unmap_page(tcb->stack_deep);
            if (page)
                pages[count++] = page;
        }
        if (count)
            fe_stack_shootdown(self, from, tcb->stack_deep - from);
        for (unsigned i = 0; i < count; i++)
            fe_page_free(pages[i], 0);
        tcb->stack_pages -= count;
        fe_stack_account(self, -(uint64_t)count);
    }
}

/* The stack has grown, or the cache is full, half of which then goes to the depot. */
void fe_stack_recycle_slowly(struct fe_scheduler *self, struct fe_tcb *tcb) {
    unsigned class = tcb->stack_class;
    struct fe_stack_cache *cache = &self->stacks[class];
    trim(self, tcb);
    tcb->next = cache->head;
    cache->head = tcb;
    if (++cache->count <= FE_STACK_CACHE_MAX)
        return;
    fe_spinlock_acquire(&fe_sched.stacks_lock);
    for (unsigned i = 0; i < FE_STACK_BATCH; i++) {
        struct fe_tcb *spilled = cache->head;
        cache->head = spilled->next;
        spilled->next = (struct fe_tcb *)fe_load_relaxed(&fe_sched.depot[class]);
        fe_store_relaxed(&fe_sched.depot[class], spilled);
    }
    fe_spinlock_release(&fe_sched.stacks_lock);
    cache->count -= FE_STACK_BATCH;
}

/* The fault handler's reserve: filled where the page allocator may be called, popped where it may not. */
bool fe_stack_refill(struct fe_scheduler *self) {
    while (self->reserve_count < FE_STACK_RESERVE) {
        uint64_t page = fe_page_alloc(0);
        if (!page)
            return false;
        uintptr_t state = fe_arch_interrupts_disable();
        self->reserve[self->reserve_count] = page;
        self->reserve_count = self->reserve_count + 1;
        fe_arch_interrupts_restore(state);
    }
    return true;
}
