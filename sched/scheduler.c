/*
 * The scheduler: which task runs next on this core, and what the core does when there is none.
 *
 * Each core has one scheduler, which only that core touches, save its ring (thieves take from the head), its inbox (any
 * core posts) and figures that others read. Ready tasks wait in three places, looked at in this order:
 *
 *   lifo      one task, made ready by the running one: its data is in the cache
 *   ring      a bounded FIFO from which idle cores steal half
 *   pinned    a FIFO of tasks that may not be stolen; takes turns with the ring
 *
 * What the ring has no room for waits in `overflow`, which refills it at each poll and when it is empty. A task that leaves
 * (yields, blocks, ends) switches straight to the next one; every FE_POLL_INTERVAL switches, or when an interrupt asks for
 * attention, it switches to the scheduler's own context instead, which handles inbox and timers first, and then prefers the
 * queues to `lifo`, so that two tasks which keep waking each other cannot starve the rest.
 *
 * The rule that makes migration safe: nobody may resume a task before the switch has saved it whole. A task that blocks or
 * ends is therefore published (parked, given to its joiner) by its `after` function, which runs on the next context. A
 * task that yields is put into the ring before the switch, which saves the call, and marked there as unfinished until it is
 * saved, so that thieves leave it (ring.h).
 *
 * Rejected: a global run queue (a lock on every switch); a saved flag in each task (a store on every switch, and every
 * waker would have to wait on it); stealing through messages (an idle core would wait for a busy one); a count of tasks
 * taken from `lifo` in a row (the poll bounds it already).
 */
#include "core.h"
#include "group.h"
#include "kill.h"
#include "loop.h"
#include "watch.h"

#include <ferrite/panic.h>
#include <ferrite/time.h>
#include <heap/exchange.h>
#include <heap/page.h>

struct fe_sched_state fe_sched;
struct fe_sched_hooks fe_sched_hooks;

/* How many tasks this core, the caller's, has counted as ended. */
static inline uint64_t ended_here(struct fe_scheduler *self) {
    return fe_load_relaxed(&self->strong.ended) + fe_load_relaxed(&self->weak.ended);
}

/* Queues ---------------------------------------------------------------------------------------------------------- */

static inline void list_append(struct fe_task_list *list, struct fe_tcb *tcb) {
    tcb->next = NULL;
    *list->tail = tcb;
    list->tail = &tcb->next;
}

static inline struct fe_tcb *list_take(struct fe_task_list *list) {
    struct fe_tcb *tcb = list->head;
    if (tcb) {
        list->head = tcb->next;
        if (!list->head)
            list->tail = &list->head;
    }
    return tcb;
}

static inline void wake(struct fe_scheduler *self, int core) {
    if (FE_UNLIKELY(core >= 0)) {
        self->statistics.wakeups_sent++;
        fe_sched.loop->wake((unsigned)core);
    }
}

/* Work has become stealable: wakes a sleeping core unless one is looking for work already. */
static inline void announce_work(struct fe_scheduler *self) {
    if (self->several)
        wake(self, fe_sleep_wake_one(&fe_sched.sleep));
}

/* Puts `tcb` at the end of this core's queue. */
void fe_scheduler_put_last(struct fe_scheduler *self, struct fe_tcb *tcb) {
    if (FE_UNLIKELY(self->unusual.alone))
        fe_alone_end(self);
    if (FE_UNLIKELY(tcb->home != FE_ANY_CORE)) {
        self->unusual.pinned = 1;
        if (tcb->home == FE_IN_GROUP)
            fe_group_queue(self, tcb);
        else
            list_append(&self->pinned, tcb);
        return;
    }
    if (FE_UNLIKELY(self->overflow.head != NULL) || FE_UNLIKELY(!fe_ring_push(&self->ring, tcb))) {
        self->unusual.overflow = 1;
        list_append(&self->overflow, tcb);
    }
    announce_work(self);
}

/* The next of those that not every core may run: pinned ones and those of groups take turns. */
static struct fe_tcb *take_bound(struct fe_scheduler *self) {
    struct fe_tcb *tcb = NULL;
    if (self->polls & 1)
        tcb = list_take(&self->pinned);
    if (!tcb)
        tcb = fe_group_take(self);
    return tcb ? tcb : list_take(&self->pinned);
}

/* The next task in turn, off the ring or bound to this core, with the ring refilled; NULL: none is ready here. */
static struct fe_tcb *take_in_turn(struct fe_scheduler *self) {
    struct fe_tcb *tcb = NULL;
    self->pinned_turn = !self->pinned_turn;
    if (self->pinned_turn)
        tcb = take_bound(self);
    if (!tcb)
        tcb = fe_ring_pop(&self->ring);
    do {
        while (self->overflow.head && fe_ring_length(&self->ring) < FE_RING_CAPACITY)
            fe_ring_push(&self->ring, list_take(&self->overflow)); /* taken first: once pushed it may be another core's */
        if (!tcb)
            tcb = fe_ring_pop(&self->ring);
    } while (!tcb && self->overflow.head); /* thieves took all of it: this core must not sleep on the rest */
    if (!tcb)
        tcb = take_bound(self);
    return tcb;
}

static void note_unusual(struct fe_scheduler *self, const struct fe_tcb *next) {
    if (self->unusual.alone) {
        self->unusual.pinned = next && next->home != FE_ANY_CORE;
        return;
    }
    self->unusual.overflow = self->overflow.head != NULL;
    self->unusual.pinned = self->pinned.head || fe_group_wants(self) || (next && next->home != FE_ANY_CORE) ||
                           (self->lifo && self->lifo->home != FE_ANY_CORE);
}

static inline void count_switches(struct fe_scheduler *self) {
    self->statistics.switches += (uint64_t)(FE_POLL_INTERVAL - self->ticks_left);
    self->ticks_left = FE_POLL_INTERVAL;
}

/*
 * Whether the poll that is due would find nothing, so that the switch to the scheduler can be spared. Timers tell by an
 * interrupt, that is as attention, where the loop has them. What is pushed into the inbox as we look waits for the next poll,
 * as it would if it came a moment later.
 */
static bool nothing_to_poll(struct fe_scheduler *self) {
    if (!fe_inbox_empty(&self->inbox) || fe_machine.poll != NULL || !fe_timers_tell(self) || self->memory_due ||
        ended_here(self) != self->ended_checked)
        return false;
    fe_heap_poll();
    return true;
}

/* The next task with the queues before `lifo`: so that tasks which wake each other do not starve the rest. */
static struct fe_tcb *take_queues_first(struct fe_scheduler *self) {
    struct fe_tcb *next = take_in_turn(self);
    if (!next) {
        next = self->lifo;
        self->lifo = NULL;
    }
    return next;
}

/* The long way to the next task; NULL: the scheduler has to look first. */
struct fe_tcb *fe_scheduler_take_unusual(struct fe_scheduler *self) {
    struct fe_tcb *next = NULL;
    if (self->unusual.attention || self->unusual.alone) {
        /* to the scheduler */
    } else if (self->ticks_left >= 0) {
        next = self->lifo;
        if (next)
            self->lifo = NULL;
        else
            next = take_in_turn(self);
    } else if (nothing_to_poll(self)) {
        count_switches(self);
        next = take_queues_first(self);
        if (next)
            self->ticks_left--;
    }
    note_unusual(self, next);
    return next;
}

static void ready_message(struct fe_message *message) {
    fe_scheduler_ready(FE_CONTAINER_OF(message, struct fe_tcb, inbound));
}

/* A task that may not simply go to the front here: it is at home elsewhere, or this is an interrupt handler, which may
 * have interrupted a change to a queue. */
static __attribute__((noinline)) void ready_elsewhere(struct fe_scheduler *self, struct fe_tcb *tcb) {
    tcb->inbound.handle = ready_message;
    fe_scheduler_post(tcb->home < 0 ? self->core.index : (unsigned)tcb->home, &tcb->inbound);
}

/* Makes a task that is off all queues, and whose context is saved, ready to run. */
void fe_scheduler_ready(struct fe_tcb *tcb) {
    struct fe_scheduler *self = fe_scheduler_self();
    if (FE_UNLIKELY(self->core.interrupt_depth != 0)) {
        ready_elsewhere(self, tcb);
        return;
    }
    if (FE_UNLIKELY(tcb->home != FE_ANY_CORE)) {
        if (tcb->home == FE_IN_GROUP) {
            if (!self->current || !fe_group_has(self, tcb)) {
                fe_group_queue(self, tcb);
                return;
            }
        } else if ((unsigned)tcb->home != self->core.index) {
            ready_elsewhere(self, tcb);
            return;
        }
        self->unusual.pinned = 1;
    }
    tcb->core = self->core.index;
    if (FE_LIKELY(self->current != NULL)) {
        if (FE_UNLIKELY(self->unusual.alone))
            fe_alone_no_more(self);
        struct fe_tcb *displaced = self->lifo;
        self->lifo = tcb;
        if (displaced)
            fe_scheduler_put_last(self, displaced);
    } else if (self->first || (!self->unusual.alone && (self->lifo || self->pinned.head || fe_ring_length(&self->ring)))) {
        fe_scheduler_put_last(self, tcb); /* by events and timers: in their order */
    } else {
        self->first = tcb; /* not through the ring: it would wake a core to steal what this one is about to run */
    }
}

/* Switching ------------------------------------------------------------------------------------------------------- */

static void after_yield(struct fe_tcb *task) {
    fe_scheduler_put_last(fe_scheduler_self(), task);
}

static __attribute__((noinline)) void yield_slowly(struct fe_scheduler *self) {
    union fe_unusual seen = {.any = fe_unusual_any(&self->unusual)};
    seen.pinned = 0;
    if (seen.any == ((union fe_unusual){.alone = 1}).any && self->ticks_left >= 0)
        return;         /* there is nobody else */
    self->ticks_left++; /* fe_scheduler_leave counts it */
    struct fe_tcb *task = self->current;
    if (FE_UNLIKELY(self->unusual.atomic))
        fe_kill_for_leaving(task);
    if (FE_UNLIKELY(fe_kill_due(task)))
        fe_kill_act(task);
    fe_scheduler_leave(self, self->current, after_yield);
}

void fe_task_yield(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_scheduler *self = fe_scheduler_self();
    /* Counts even if there is nobody else: a task that is alone must let the inbox be looked at, too. */
    if (FE_UNLIKELY(--self->ticks_left < 0) || FE_UNLIKELY(fe_unusual_any(&self->unusual) != 0) ||
        FE_UNLIKELY(self->lifo != NULL)) {
        yield_slowly(self);
        return;
    }
    /* As much to steal as before, so nobody need be woken. */
    struct fe_tcb *task = self->current;
    struct fe_tcb *next = fe_ring_rotate(&self->ring, task);
    if (!next)
        return;
    self->current = next;
    fe_scheduler_arrive(fe_arch_switch(&task->context, &next->context, NULL));
}

/* Messages -------------------------------------------------------------------------------------------------------- */

/* Posts to a core's inbox and makes sure that it will look. */
void fe_scheduler_post(unsigned core, struct fe_message *message) {
    struct fe_scheduler *target = fe_sched.schedulers[core];
    bool first = fe_inbox_push(&target->inbox, &message->node);
    if (target == fe_scheduler_self())
        target->unusual.attention = 1;
    else if (first && (fe_sleep_wake_core(&fe_sched.sleep, core) || fe_alone_to_be_told(&target->alone)))
        wake(fe_scheduler_self(), (int)core);
}

static void event_message(struct fe_message *message) {
    struct fe_event *event = FE_CONTAINER_OF(message, struct fe_event, message);
    /* Pairs with the exchange in fe_event_post: a post after this one makes another call. */
    fe_exchange_acq_rel(&event->pending, 0);
    event->handler(event);
}

void fe_event_init(struct fe_event *event, unsigned home, void (*handler)(struct fe_event *event)) {
    *event = (struct fe_event){.home = home, .handler = handler};
    event->message.handle = event_message;
}

void fe_event_post(struct fe_event *event) {
    /* Pairs with the exchange in event_message: what the poster wrote before is seen by the handler. */
    if (fe_exchange_acq_rel(&event->pending, 1) == 0)
        fe_scheduler_post(event->home, &event->message);
}

void fe_scheduler_drain(struct fe_scheduler *self) {
    struct fe_inbox_node *node;
    while ((node = fe_inbox_pop(&self->inbox)) != NULL) {
        struct fe_message *message = FE_CONTAINER_OF(node, struct fe_message, node);
        message->handle(message);
    }
}

/* The scheduler's own context ------------------------------------------------------------------------------------- */

/* Tells who waits for the last task, if it has ended. */
static void look_for_termination(struct fe_scheduler *self) {
    self->ended_checked = ended_here(self);
    struct fe_tcb *waiter = fe_termination_look(&fe_sched.termination);
    if (waiter)
        fe_unpark(waiter);
}

/* Some of what is due: the rest at the next poll, which comes soon. */
static void mind_memory(struct fe_scheduler *self) {
    self->memory_due = !fe_stack_refill(self);
    if (!fe_page_is_scarce())
        return;
    if (fe_stacks_retire(self)) {
        self->memory_due = true;
        self->unusual.attention = 1;
    } else if (fe_page_no_more()) { /* others may have some of theirs to give, which the sleeping ones never look at */
        for (unsigned i = 0; i < fe_sched.cores; i++)
            if (i != self->core.index && fe_sched.schedulers[i])
                wake(self, (int)i);
    }
}

void fe_scheduler_memory_scarce(void) {
    fe_scheduler_self()->memory_due = true;
}

static void poll(struct fe_scheduler *self) {
    self->unusual.attention = 0;
    self->polls++;
    count_switches(self);
    if (FE_UNLIKELY(self->soft < self->armed))
        fe_timers_arm(self, self->soft);
    if (FE_UNLIKELY(fe_machine.poll != NULL))
        fe_machine.poll();
    if (FE_UNLIKELY(!fe_inbox_empty(&self->inbox)))
        fe_scheduler_drain(self);
    fe_timers_poll(self);
    fe_heap_poll();
    if (FE_UNLIKELY(self->memory_due))
        mind_memory(self);
    if (FE_UNLIKELY(fe_unusual_kills(&self->unusual)))
        fe_kill_poll(self);
    if (ended_here(self) != self->ended_checked)
        look_for_termination(self);
}

static uint64_t next_random(struct fe_scheduler *self) {
    uint64_t x = self->random; /* xorshift64 (Marsaglia, 2003) */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return self->random = x;
}

/* Goes round the other cores once, from a random one on. */
static struct fe_tcb *steal(struct fe_scheduler *self) {
    unsigned start = (unsigned)(next_random(self) % fe_sched.cores);
    for (unsigned i = 0; i < fe_sched.cores; i++) {
        unsigned index = start + i < fe_sched.cores ? start + i : start + i - fe_sched.cores;
        struct fe_scheduler *victim = fe_sched.schedulers[index];
        if (!victim || victim == self)
            continue;
        void *first = NULL;
        unsigned count = fe_ring_steal(&victim->ring, &self->ring, &first);
        if (count) {
            if (count > 1 && self->unusual.alone)
                fe_alone_end(self);
            self->statistics.steals++;
            self->statistics.stolen += count;
            return first;
        }
    }
    return NULL;
}

static bool work_anywhere(void) {
    for (unsigned i = 0; i < fe_sched.cores; i++) {
        if (fe_sched.schedulers[i] && fe_ring_length(&fe_sched.schedulers[i]->ring))
            return true;
    }
    return false;
}

/* Looks for work in other cores' rings. */
static struct fe_tcb *search(struct fe_scheduler *self, bool already_searching) {
    if (!already_searching && !fe_sleep_search_begin(&fe_sched.sleep))
        return NULL;
    struct fe_tcb *tcb = steal(self);
    wake(self, fe_sleep_search_end(&fe_sched.sleep, tcb != NULL));
    return tcb;
}

/* Waits until there may be something to do. Returns true if a waker made this core a searcher. */
static bool sleep(struct fe_scheduler *self) {
    if (FE_UNLIKELY(!fe_heap_flush()))
        return false;
    if (!self->unusual.alone && fe_sched.slice)
        fe_alone_begin(self); /* and so it stays for the one task that ends the sleep */
    fe_sleep_announce(&fe_sched.sleep, self->core.index);
    /* From here on whoever makes work visible either is seen below or sees the announcement. */
    if (!fe_inbox_empty(&self->inbox) || self->unusual.attention || fe_group_wants(self))
        return fe_sleep_cancel(&fe_sched.sleep, self->core.index);
    if (self->several && work_anywhere()) {
        fe_sleep_cancel_to_search(&fe_sched.sleep, self->core.index);
        return true;
    }
    if (self->clock.due < FE_SLICE_OFF)
        fe_slice_stop(self);
    fe_store_relaxed(&self->resting, 1); /* ordered by the fence in fe_watch_before_sleep */
    fe_watch_before_sleep(self);
    uint64_t before = fe_arch_counter();
    self->statistics.sleeps++;
    fe_sched.loop->wait(self, fe_timers_before_sleep(self));
    fe_store_relaxed(&self->resting, 0); /* and the beat changes before it does anything */
    self->idle_ticks += fe_arch_counter() - before;
    return fe_sleep_cancel(&fe_sched.sleep, self->core.index);
}

/* The next task after a poll: the queues go before `lifo`. */
static struct fe_tcb *take_after_poll(struct fe_scheduler *self) {
    struct fe_tcb *next = self->first;
    self->first = NULL;
    if (FE_UNLIKELY(self->unusual.alone && fe_group_wants(self)))
        fe_alone_end(self);
    if (!next && !self->unusual.alone)
        next = take_queues_first(self);
    note_unusual(self, next);
    return next;
}

void fe_scheduler_run(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    bool searching = false;
    fe_slice_prepare(self);
    fe_arch_interrupts_enable();
    for (;;) {
        poll(self);
        struct fe_tcb *next = take_after_poll(self);
        if (next && searching)
            wake(self, fe_sleep_search_end(&fe_sched.sleep, true));
        else if (!next && self->several)
            next = search(self, searching);
        searching = false;
        if (!next) {
            searching = sleep(self);
            continue;
        }
        if (self->several && FE_UNLIKELY(!fe_load_relaxed(&self->guard.kept)))
            fe_guard_call(self);
        next->core = self->core.index;
        self->ticks_left--;
        self->current = next;
        if (self->clock.due == FE_FOREVER && FE_UNLIKELY(!fe_alone_still(self)))
            fe_slice_begin(self);
        fe_scheduler_arrive(fe_arch_switch(&self->core.scheduler, &next->context, NULL));
    }
}

/* Interrupts ------------------------------------------------------------------------------------------------------ */

const struct fe_arch_preemption *fe_scheduler_interrupt(unsigned vector, struct fe_trap_frame *frame) {
    struct fe_scheduler *self = fe_scheduler_self();
    self->core.interrupt_depth++;
    self->statistics.interrupts++;
    fe_machine.interrupt_dispatch(vector);
    self->core.interrupt_depth--;
    return FE_LIKELY(self->current == NULL) ? NULL : fe_slice_check(self, frame);
}

void fe_scheduler_timer_interrupt(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    fe_nanoseconds due = self->armed;
    self->armed = FE_FOREVER;
    if (FE_UNLIKELY(due >= self->soft) || self->current)
        fe_slice_due(self, due);
    else
        self->unusual.attention = 1;
}

void fe_scheduler_wake_interrupt(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    self->statistics.ipis++;
    if (FE_LIKELY(!fe_guard_interrupted(self)) || fe_slice_is_called(self))
        self->unusual.attention = 1;
    fe_stack_flush_requested(self);
}
