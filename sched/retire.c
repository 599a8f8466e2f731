/*
 * Retired stacks: where memory is scarce, the stacks in the depot give all of theirs back, control blocks included.
 *
 * A handle (fe_task) outlives its task for as long as its holder likes, and leads to the control block, whose words are read and
 * swapped to see that the task is gone. So the address must stay good: the page is exchanged for one of zeros, the same for all
 * retired stacks. There the id is 0, which is nobody's, and every swap that begins with an id fails. Who saw the task alive a
 * moment ago, and only then comes to write (fe_task_kill; the parking word), writes into that page: nobody reads it there.
 *
 *        depot --fe_stacks_retire--> retired --fe_stacks_restore--> a core's cache
 *
 * A stack whose control block is in a list still (a timer's, or that of kills, which are left lazily) is not retired.
 *
 * The slots are kept in pages of addresses; if there is no page for that, one of those is used that they give up.
 *
 * Both ways some stacks are exchanged at a time, with one shoot-down: after it nobody sees the old page of one that was retired
 * any more, and it can be freed; or the zeros of one that was restored, and it can be used.
 *
 * Rejected: control blocks apart from the stacks (another page for each task that lives, and another miss for each switch);
 * counting handles (each copy would pay); to wait with the ids until every handle is gone (nobody knows when).
 */
#include "stack.h"

#include <heap/page.h>

#define BATCH (2 * FE_STACK_BATCH)
/* A stack in the depot has been trimmed to four pages at most. */
#define PAGES_MOST (BATCH * 4u)

struct slots {
    uint64_t next; /* the page with more; 0: none */
    uint64_t count;
    uintptr_t slot[FE_PAGE_SIZE / sizeof(uintptr_t) - 2];
};

bool fe_stacks_in_exchange(uintptr_t address) {
    uint64_t physical;
    if (address - FE_STACKS_BASE >= FE_STACKS_BYTES)
        return false;
    uintptr_t slot_bytes = FE_STACK_SLOT << (address - FE_STACKS_BASE) / FE_STACK_ARENA;
    if (((address + FE_PAGE_SIZE) & (slot_bytes - 1)) != 0)
        return false;
    /* Acquire; pairs with the release in `exchanged`: if it is over, the page is there. */
    return fe_load_acquire(&fe_sched.retiring) != 0 || fe_arch_translate(address, &physical);
}

static void exchanging(void) {
    fe_fetch_add_acq_rel(&fe_sched.retiring, 1); /* before the first page goes */
}

static void exchanged(struct fe_scheduler *self) {
    if (!FE_ARCH_TLB_BROADCAST) /* else the exchange has done it */
        fe_stack_shootdown(self, FE_STACKS_BASE, FE_STACKS_BYTES);
    fe_fetch_sub_release(&fe_sched.retiring, 1);
}

/* Retiring -------------------------------------------------------------------------------------------------------- */

static struct fe_tcb *take_from_depot(unsigned *class) {
    struct fe_tcb *first = NULL;
    fe_spinlock_acquire(&fe_sched.stacks_lock);
    if (!fe_sched.zeros)
        fe_sched.zeros = fe_page_alloc_zeroed();
    if (!fe_sched.zeros) {
        fe_spinlock_release(&fe_sched.stacks_lock);
        return NULL;
    }
    for (*class = 0; *class < FE_STACK_CLASSES && !fe_load_relaxed(&fe_sched.depot[*class]);)
        ++*class;
    for (unsigned i = 0; *class < FE_STACK_CLASSES && i < BATCH; i++) {
        struct fe_tcb *tcb = (struct fe_tcb *)fe_load_relaxed(&fe_sched.depot[*class]);
        if (!tcb)
            break;
        fe_store_relaxed(&fe_sched.depot[*class], tcb->next);
        tcb->next = first;
        first = tcb;
    }
    fe_spinlock_release(&fe_sched.stacks_lock);
    return first;
}

static void put_into_depot(struct fe_tcb *first, unsigned class) {
    fe_spinlock_acquire(&fe_sched.stacks_lock);
    while (first) {
        struct fe_tcb *tcb = first;
        first = tcb->next;
        tcb->next = (struct fe_tcb *)fe_load_relaxed(&fe_sched.depot[class]);
        fe_store_relaxed(&fe_sched.depot[class], tcb);
    }
    fe_spinlock_release(&fe_sched.stacks_lock);
}

/* Takes a stack's pages but the last out of its slot. */
static unsigned take_pages(struct fe_tcb *tcb, uintptr_t last, uint64_t *pages) {
    unsigned count = 0;
    for (uintptr_t address = tcb->stack_deep; address < last; address += FE_PAGE_SIZE) {
        uint64_t page = fe_arch_unmap_page(address);
        if (page)
            pages[count++] = page;
    }
    return count;
}

/* Notes the slots; for the lists some of the pages may be used. Returns how many are left. */
static unsigned keep_slots(struct fe_scheduler *self, const uintptr_t *slot, unsigned slots, unsigned class,
                           uint64_t *pages, unsigned count) {
    fe_spinlock_acquire(&fe_sched.stacks_lock);
    for (unsigned i = 0; i < slots; i++) {
        uint64_t first = fe_load_relaxed(&fe_sched.retired[class]);
        struct slots *list = first ? fe_direct(first) : NULL;
        if (!list || list->count == FE_ARRAY_LENGTH(list->slot)) {
            uint64_t page = fe_page_alloc(0); /* it stays, and this is a better place for that */
            if (!page)
                page = pages[--count];
            else
                fe_stack_account(self, 1);
            list = fe_direct(page);
            list->next = first;
            list->count = 0;
            fe_store_relaxed(&fe_sched.retired[class], page);
        }
        list->slot[list->count++] = slot[i];
    }
    fe_spinlock_release(&fe_sched.stacks_lock);
    return count;
}

bool fe_stacks_retire(struct fe_scheduler *self) {
    unsigned class, slots = 0, count = 0;
    uint64_t pages[PAGES_MOST], last_page[BATCH];
    uintptr_t slot[BATCH], last[BATCH];
    struct fe_tcb *tcb = take_from_depot(&class), *kept = NULL;
    if (!tcb)
        return false;
    exchanging();
    fe_spinlock_acquire(&fe_sched.kills_lock); /* nobody is put into the list of kills meanwhile */
    while (tcb) {
        struct fe_tcb *next = tcb->next;
        /* Acquire: as fe_timer_fired. */
        if (tcb->kill_listed || fe_load_acquire(&tcb->timer.state) != FE_TIMER_IDLE) {
            tcb->next = kept;
            kept = tcb;
        } else {
            slot[slots] = tcb->stack_slot;
            last[slots] = (uintptr_t)tcb & ~(FE_PAGE_SIZE - 1);
            last_page[slots] = fe_sched.zeros;
            count += take_pages(tcb, last[slots], pages + count);
            slots++;
        }
        tcb = next;
    }
    fe_arch_exchange_pages(last, last_page, slots);
    fe_spinlock_release(&fe_sched.kills_lock);
    exchanged(self);
    for (unsigned i = 0; i < slots; i++)
        pages[count++] = last_page[i];
    if (kept)
        put_into_depot(kept, class);
    count = keep_slots(self, slot, slots, class, pages, count);
    fe_stack_account(self, -(uint64_t)count);
    while (count > 0)
        fe_page_free(pages[--count], 0);
    return slots > 0;
}

/* Restoring ------------------------------------------------------------------------------------------------------- */

/* The slot that was retired last; 0: there is none. Its page of the list, if that is empty now, goes to *page. */
static uintptr_t take_slot(unsigned class, uint64_t *page) {
    uintptr_t slot = 0;
    fe_spinlock_acquire(&fe_sched.stacks_lock);
    uint64_t first = fe_load_relaxed(&fe_sched.retired[class]);
    if (first) {
        struct slots *list = fe_direct(first);
        slot = list->slot[--list->count];
        if (list->count == 0) {
            *page = first;
            fe_store_relaxed(&fe_sched.retired[class], list->next);
        }
    }
    fe_spinlock_release(&fe_sched.stacks_lock);
    return slot;
}

void fe_stacks_restore(struct fe_scheduler *self, unsigned class) {
    uintptr_t slot[FE_STACK_BATCH], last[FE_STACK_BATCH];
    uint64_t page[FE_STACK_BATCH];
    unsigned slots = 0;
    for (; slots < FE_STACK_BATCH && (page[slots] = fe_page_alloc(0)) != 0; slots++) {
        uint64_t spare = 0;
        slot[slots] = take_slot(class, &spare);
        last[slots] = slot[slots] + (FE_STACK_SLOT << class) - FE_PAGE_SIZE;
        if (!slot[slots]) {
            fe_page_free(page[slots], 0);
            break;
        }
        if (spare) {
            fe_page_free(spare, 0);
            fe_stack_account(self, -(uint64_t)1);
        }
    }
    if (!slots)
        return;
    exchanging();
    fe_arch_exchange_pages(last, page, slots);
    exchanged(self);
    struct fe_stack_cache *cache = &self->stacks[class];
    for (unsigned i = 0; i < slots; i++) {
        struct fe_tcb *tcb = fe_stack_prepare(self, slot[i], class);
        tcb->next = cache->head;
        cache->head = tcb;
        cache->count++;
    }
}
