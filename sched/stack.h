/* Task stacks; see stack.c. */
#ifndef FERRITE_SCHED_STACK_H
#define FERRITE_SCHED_STACK_H

#include "core.h"

/* Bytes of a slot of class 0, guard included; class n has this times 2^n. */
#define FE_STACK_SLOT ((size_t)64 << 10)
/* Of a slot's bytes, how many are never the stack's: a guard page, and the emergency pages: for the runtime's own code, when it
 * is caught by an overflow in the middle of an operation, and for the unwinder (1 KiB) and what cleanups
 * need when a task fails with its stack full. */
#define FE_STACK_GUARD (4 * FE_PAGE_SIZE)

/* Each class has a part of the stack arena to itself, so that its slots can be walked. */
#define FE_STACK_ARENA (FE_STACKS_BYTES / 16)
_Static_assert(FE_STACK_CLASSES <= 16, "more stack classes than parts of the arena");
static inline uintptr_t fe_stack_arena(unsigned class) {
    return FE_STACKS_BASE + class * FE_STACK_ARENA;
}

/* The control block of the slot at `slot`. */
static inline struct fe_tcb *fe_stack_tcb(uintptr_t slot, unsigned class) {
    return (struct fe_tcb *)((slot + (FE_STACK_SLOT << class) - sizeof(struct fe_tcb)) & ~(uintptr_t)(FE_CACHE_LINE - 1));
}

/* A cached stack of the default size without ado; NULL: take the long way, fe_stack_take. */
static inline struct fe_tcb *fe_stack_take_cached(struct fe_scheduler *scheduler, size_t bytes) {
    struct fe_tcb *tcb = scheduler->stacks[0].head;
    if (FE_UNLIKELY(bytes != 0 || !tcb || fe_sched.default_stack > FE_STACK_SLOT - FE_STACK_GUARD))
        return NULL;
    scheduler->stacks[0].head = tcb->next;
    scheduler->stacks[0].count--;
    tcb->stack_low = tcb->stack_slot + FE_STACK_GUARD;
    return tcb;
}

/* Stacks go between a core's cache and the depot in batches. */
#define FE_STACK_BATCH 32u
#define FE_STACK_CACHE_MAX (2 * FE_STACK_BATCH)

/* The stack has grown, or the cache is full. */
void fe_stack_recycle_slowly(struct fe_scheduler *scheduler, struct fe_tcb *tcb);

/* A control block for the slot, whose last page is there. */
struct fe_tcb *fe_stack_prepare(struct fe_scheduler *scheduler, uintptr_t slot, unsigned class);

/* Makes every core forget its translations of [address, address + bytes), which have changed. */
void fe_stack_shootdown(struct fe_scheduler *scheduler, uintptr_t address, size_t bytes);

/* `pages` more (or less) are committed. */
static inline void fe_stack_account(struct fe_scheduler *self, uint64_t pages) {
    /* Written by this core alone; read as a figure. */
    fe_store_relaxed(&self->stack_pages, fe_load_relaxed(&self->stack_pages) + pages);
}

/* Brings some retired stacks of the class back into this core's cache, which is empty, if there are any and memory for them. */
void fe_stacks_restore(struct fe_scheduler *scheduler, unsigned class);

/* Whether a fault at the page `address` came of a page being exchanged (retire.c): the access is to be tried again. */
bool fe_stacks_in_exchange(uintptr_t address);

/* Takes back the stack of a task that nobody can reach any more. */
static inline void fe_stack_recycle(struct fe_tcb *tcb) {
    struct fe_scheduler *self = fe_scheduler_self();
    struct fe_stack_cache *cache = &self->stacks[tcb->stack_class];
    if (FE_UNLIKELY(tcb->stack_deep < tcb->stack_keep) || FE_UNLIKELY(cache->count >= FE_STACK_CACHE_MAX)) {
        fe_stack_recycle_slowly(self, tcb);
        return;
    }
    tcb->next = cache->head;
    cache->head = tcb;
    cache->count++;
}

#endif
