/*
 * Preemption: a task that runs on while others wait for its core is stopped between two instructions, and goes to the end of
 * the queue.
 *
 * The clock. While nothing waits for a core its clock stands still: one task that computes is not interrupted. It is set,
 * one slice ahead, by whoever finds something waiting: the scheduler when it runs a task, the running task that makes another
 * ready, an interrupt handler that has posted something. When it is due, and the same task has run since it was set, that
 * task is preempted; if another runs, the clock is set for that one. So a task that others wait for runs for one slice at
 * least and two at most.
 *
 * So that making a task ready pays nothing for this, `lifo` is closed (FE_LIFO_CLOSED) while the clock stands: the test that
 * finds `lifo` in use on the short ways then leads to the long one, once. Other cores see `alone`, and interrupt a core that
 * they post to:
 *
 *              nothing is ready (sleep); the clock finds nothing waiting            a task is queued
 *     open ------------------------------------------------------------> alone --------------------------> open
 *
 * and it stays so over sleeps, as long as one task at a time is woken. An interrupt that posts sets the clock while it is so.
 *
 * What may be stopped. Code of the program, in a task that has no section open (fe_preempt_disable). The runtime's own code
 * is one range of addresses, and runs to its end; the clock is then set again for a moment later, and `attention` lets the
 * task lose the core wherever it may wait or yield. The moments differ in length, so that no loop's period fits them for long.
 *
 * Saving. The whole state goes to a page of the core's own (arch.h, struct fe_arch_preemption), never to the task's stack,
 * whose red zone may be in use and whose next page may be missing. The page is taken when a task is preempted and is free when
 * it goes on, on whatever core: so tasks that are not preempted pay nothing. Pages are taken and given back in scheduler context.
 *
 * Killing. A task that is killed while it is preempted dies where it was stopped, if its function can clean up from there
 * (unwind/landing.c); otherwise it goes on, one instruction at a time, until it can, or has had its time.
 *
 * Preempting always leads to the scheduler's context, which looks at inbox and timers before the task is queued, so that
 * what had to wait for it is not behind it.
 *
 * Rejected: a periodic tick (a lone task would be interrupted for nothing); a count of instructions or calls in compiled code
 * (needs a compiler); saving on the task's stack (see above); preempting runtime code with locks and queues marked (a mark in
 * every operation); watching the return address of an interrupted runtime function (the moment later does it).
 */
#include "core.h"
#include "ending.h"
#include "group.h"
#include "kill.h"
#include "watch.h"

#include <ferrite/preempt.h>
#include <ferrite/task.h>
#include <ferrite/time.h>
#include <heap/page.h>

/* How long to wait before another look at a task that could not be preempted; up to twice that. A look costs some 300
 * instructions. */
#define FE_SLICE_AGAIN (20 * FE_MICROSECOND)
/* By how many instructions at most the death of a killed task is put off, because it stands where its function cannot clean up. One
 * costs some 1,500 instructions. */
#define FE_PUT_OFF_MOST 4000u
/* A task that keeps its core from others for so long is reported. */
#define FE_HELD_TOO_LONG (400 * FE_MILLISECOND)
/* Pages that a core keeps for the next tasks it preempts. One is enough, unless it resumes what others preempted. */
#define FE_SAVED_PAGES_KEPT 4u

_Static_assert(sizeof(struct fe_saved_page) <= FE_PAGE_SIZE, "a page holds a preempted task");

/* Pages ----------------------------------------------------------------------------------------------------------- */

/* Sees to it that there is a page for the next task that is preempted. Scheduler context. */
static void keep_pages(struct fe_scheduler *self) {
    struct fe_slice_clock *clock = &self->clock;
    while (clock->page_count > FE_SAVED_PAGES_KEPT) {
        uintptr_t state = fe_arch_interrupts_disable();
        struct fe_saved_page *page = clock->pages;
        clock->pages = page->next;
        clock->page_count--;
        fe_arch_interrupts_restore(state);
        fe_page_free(fe_direct_physical(page), 0);
    }
    if (clock->page_count > 0)
        return;
    uint64_t page = fe_page_alloc(0);
    if (!page)
        return; /* until there is one, nobody is preempted here */
    struct fe_saved_page *saved = fe_direct(page);
    uintptr_t state = fe_arch_interrupts_disable();
    saved->next = clock->pages;
    clock->pages = saved;
    clock->page_count++;
    fe_arch_interrupts_restore(state);
}

/* The clock ------------------------------------------------------------------------------------------------------- */

/* Interrupts are masked. */
static void set(struct fe_scheduler *self, fe_nanoseconds due) {
    self->clock.due = due;
    fe_slice_changed(self);
    fe_timers_arm(self, due);
}

static void stop(struct fe_scheduler *self) {
    self->clock.due = FE_FOREVER;
    self->clock.held = 0;
    self->clock.told = false;
    fe_slice_changed(self);
}

void fe_slice_changed(struct fe_scheduler *self) {
    fe_nanoseconds clock = fe_sched.slice ? self->clock.due : FE_FOREVER;
    self->soft = clock < self->guard.due ? clock : self->guard.due;
}

/* Something waits from here on. Interrupts are masked. */
static void start(struct fe_scheduler *self) {
    uint64_t beat = fe_scheduler_beat(self);
    if (self->clock.beat != beat) {
        self->clock.beat = beat;
        self->clock.held = 0;
        self->clock.told = false;
    }
    set(self, fe_time_now() + fe_sched.slice);
}

/* Only the owner's code, or a handler that interrupted the program's. */
static bool is_wanted(struct fe_scheduler *self) {
    return self->unusual.attention || fe_unusual_kills(&self->unusual) || fe_group_wants(self) ||
           (self->lifo != NULL && self->lifo != FE_LIFO_CLOSED) || self->pinned.head || self->overflow.head ||
           fe_ring_length(&self->ring) || !fe_inbox_empty(&self->inbox);
}

bool fe_slice_is_called(struct fe_scheduler *self) {
    return !self->current || self->unusual.kills || fe_group_wants(self) || !fe_inbox_empty(&self->inbox);
}

void fe_alone_begin(struct fe_scheduler *self) {
    self->lifo = FE_LIFO_CLOSED;
    self->unusual.alone = 1;
    fe_alone_announce(&self->alone);
}

/* The same while a task runs, which may run on for ever: what was posted before it was known that it must be told counts. */
static void begin_alone_running(struct fe_scheduler *self) {
    fe_alone_begin(self);
    if (!fe_inbox_empty(&self->inbox)) {
        self->unusual.attention = 1;
        fe_alone_no_more(self);
    }
}

void fe_alone_end(struct fe_scheduler *self) {
    self->lifo = NULL;
    self->unusual.alone = 0;
    fe_store_relaxed(&self->alone, 0); /* who still sees 1 interrupts in vain */
}

void fe_alone_no_more(struct fe_scheduler *self) {
    fe_alone_end(self);
    uintptr_t state = fe_arch_interrupts_disable();
    if (self->clock.due == FE_FOREVER) /* else a handler has set it */
        start(self);
    fe_arch_interrupts_restore(state);
}

void fe_slice_prepare(struct fe_scheduler *self) {
    keep_pages(self);
}

void fe_slice_begin(struct fe_scheduler *self) {
    if (self->clock.page_count != 1)
        keep_pages(self);
    if (!self->unusual.alone && !is_wanted(self)) {
        begin_alone_running(self);
        return;
    }
    uintptr_t state = fe_arch_interrupts_disable();
    start(self);
    fe_arch_interrupts_restore(state);
}

void fe_slice_stop(struct fe_scheduler *self) {
    uintptr_t state = fe_arch_interrupts_disable();
    if (fe_sched.slice)
        stop(self);
    fe_timers_put_off(self);
    fe_arch_interrupts_restore(state);
}

/* Interrupts ------------------------------------------------------------------------------------------------------ */

void fe_slice_due(struct fe_scheduler *self, fe_nanoseconds due) {
    if (due >= self->guard.due)
        fe_guard_look(self);
    if (fe_sched.slice && due >= self->clock.due) {
        self->clock.due = FE_FOREVER;
        fe_slice_changed(self);
        self->clock.fired = self->current != NULL; /* else the scheduler sets it anew when it runs one */
    }
    fe_nanoseconds next = fe_timers_next(self);
    if (next <= due || !self->current) {
        self->unusual.attention = 1; /* the wheel is looked at, and the timer set for what it holds */
        next = FE_FOREVER;
    }
    fe_timers_arm(self, next < self->soft ? next : self->soft);
}

static bool in_runtime(uintptr_t pc) {
    return pc >= (uintptr_t)fe_runtime_text_start && pc < (uintptr_t)fe_runtime_text_end;
}

/* Whether shutdown has given it up: then it is never resumed, and counts as ended, since nothing more will come of it. */
static bool is_left(struct fe_scheduler *self, struct fe_tcb *task) {
    /* Relaxed: it is preempted again if this comes too early, and an id is nobody else's ever. */
    if (FE_LIKELY(fe_load_relaxed(&task->left) != fe_load_relaxed(&task->id)))
        return false;
    fe_count(task->kind == FE_TASK_WEAK ? &self->weak.ended : &self->strong.ended);
    self->unusual.attention = 1; /* to look whether it was the last */
    return true;
}

void fe_task_leave_behind(fe_task task) {
    fe_store_relaxed(&task.tcb->left, task.id);
    for (unsigned i = 0; i < fe_sched.cores; i++) { /* so that something waits for the core that it has to itself */
        if (fe_sched.schedulers[i])
            fe_event_post(&fe_sched.schedulers[i]->group_hint);
    }
}

static void after_preemption(struct fe_tcb *task) {
    struct fe_scheduler *self = fe_scheduler_self();
    fe_arch_interrupts_enable();
    self->statistics.preemptions++;
    if (self->unusual.alone)
        fe_alone_end(self);
    if (self->lifo) { /* its waker would go before it */
        fe_scheduler_put_last(self, self->lifo);
        self->lifo = NULL;
    }
    fe_scheduler_drain(self);
    fe_timers_poll(self);
    if (!is_left(self, task))
        fe_scheduler_put_last(self, task);
    keep_pages(self);
}

static const struct fe_arch_preemption *preempt(struct fe_scheduler *self, struct fe_tcb *task) {
    struct fe_saved_page *page = self->clock.pages;
    self->clock.pages = page->next;
    self->clock.page_count--;
    self->current = NULL;
    task->after = after_preemption;
    self->clock.preemption = (struct fe_arch_preemption){page->area, &task->context, &self->core.scheduler, task};
    return &self->clock.preemption;
}

/* The task could not be preempted, again. */
static void hold(struct fe_scheduler *self, const struct fe_tcb *task, bool section, struct fe_arch_place place) {
    fe_nanoseconds now = fe_time_now();
    if (self->clock.held == 0)
        self->clock.held = now;
    if (self->clock.told || now - self->clock.held < FE_HELD_TOO_LONG || !fe_sched_hooks.held)
        return;
    self->clock.told = true;
    fe_task handle = {(struct fe_tcb *)(uintptr_t)task, fe_load_relaxed(&task->id)}; /* the interrupted task's own */
    fe_sched_hooks.held(handle, task->name, section, place, now - self->clock.held);
}

static fe_nanoseconds soon(void) {
    return fe_time_now() + FE_SLICE_AGAIN + (fe_arch_counter() * 7919) % FE_SLICE_AGAIN;
}

/* Whether `task`, whose death was put off, may die where its own code stands. */
static bool may_die(struct fe_tcb *task) {
    return task->put_off && !task->sections && fe_kill_due(task);
}

/* Whether `task`, which has seen that it is killed, had better go on for a moment: at `pc` it would lose what it has to clean up. */
static bool put_off(struct fe_tcb *task, uintptr_t pc) {
    if (task->put_off == FE_PUT_OFF_MOST || fe_task_may_unwind(pc))
        return false;
    task->put_off++;
    return true;
}

/* The clock is due while a task runs, interrupted in `frame`. */
static __attribute__((noinline)) const struct fe_arch_preemption *look(struct fe_scheduler *self,
                                                                       struct fe_trap_frame *frame) {
    struct fe_tcb *task = self->current;
    struct fe_arch_place place = fe_arch_trap_place(frame);
    bool runtime = in_runtime(place.pc);
    self->clock.fired = false;
    bool dies = !runtime && may_die(task);
    if (dies && put_off(task, place.pc)) {
        fe_arch_trap_step(frame, true);
        start(self);
        return NULL;
    }
    if (!runtime && !is_wanted(self) && !dies) {
        if (!self->unusual.alone)
            begin_alone_running(self);
        return NULL;
    }
    if (runtime && !is_wanted(self)) { /* `lifo` may be about to change: another time */
        start(self);
        return NULL;
    }
    if (self->clock.beat != fe_scheduler_beat(self)) {
        start(self);
        return NULL;
    }
    if (!runtime && !task->sections && !task->atomic && self->clock.page_count)
        return preempt(self, task);
    self->unusual.attention = 1;
    task->preempt_wanted = true;
    hold(self, task, task->sections || task->atomic, place);
    set(self, soon());
    return NULL;
}

const struct fe_arch_preemption *fe_slice_check(struct fe_scheduler *self, struct fe_trap_frame *frame) {
    if (FE_UNLIKELY(self->clock.fired))
        return look(self, frame);
    if (self->unusual.attention && self->clock.due == FE_FOREVER)
        start(self);
    return NULL;
}

static void die_where_it_was(struct fe_scheduler *self, struct fe_trap_frame *frame) {
    struct fe_task_result result = {.outcome = FE_KILLED, .message = "killed"};
    struct fe_arch_place place = fe_arch_trap_place(frame);
    fe_task_fails(self->current, &result, place.pc, place.frame_pointer);
    fe_task_unwind_interrupted(self, self->current, frame);
}

bool fe_slice_stepped(struct fe_scheduler *self, struct fe_trap_frame *frame) {
    struct fe_tcb *task = self->current;
    if (!task || !task->put_off)
        return false;
    uintptr_t pc = fe_arch_trap_pc(frame);
    bool dies = !in_runtime(pc) && may_die(task), again = dies && put_off(task, pc);
    fe_arch_trap_step(frame, again);
    if (again)
        return true;
    if (dies) {
        die_where_it_was(self, frame);
        return true;
    }
    self->clock.beat = fe_scheduler_beat(self); /* it is looked at again, if it does not die in there, or at a section's end */
    set(self, soon());
    return true;
}

/* The port has switched to a preempted task, which has yet to get its registers back. */
void fe_scheduler_resumed(void *passed, void *area) {
    fe_scheduler_arrive(passed);
    struct fe_scheduler *self = fe_scheduler_self();
    if (FE_UNLIKELY(fe_kill_due(self->current))) {
        struct fe_trap_frame *frame = fe_arch_saved_frame(area);
        if (put_off(self->current, fe_arch_trap_pc(frame)))
            fe_arch_trap_step(frame, true);
        else
            die_where_it_was(self, frame);
    }
    fe_arch_interrupts_disable(); /* until the task runs: nobody may take the page before */
    struct fe_saved_page *page = FE_CONTAINER_OF(area, struct fe_saved_page, area);
    page->next = self->clock.pages;
    self->clock.pages = page;
    self->clock.page_count++;
}

/* Sections -------------------------------------------------------------------------------------------------------- */

void fe_preempt_disable(void) {
    struct fe_tcb *task = fe_park_self();
    if (!task)
        return;
    task->sections++;
    fe_ending_add(task, FE_ENDING_SECTIONS);
}

void fe_preempt_enable(void) {
    struct fe_tcb *task = fe_park_self();
    if (!task)
        return;
    if (FE_UNLIKELY(task->sections == 0)) {
        if (fe_ending_begun(task))
            return; /* it has left them all */
        fe_fail("fe_preempt_enable: no section is open (called from %p)", __builtin_return_address(0));
    }
    if (--task->sections == 0 && FE_UNLIKELY(task->preempt_wanted)) {
        task->preempt_wanted = false;
        fe_task_yield();
    }
}

bool fe_preempt_enabled(void) {
    const struct fe_tcb *task = fe_park_self();
    return task && fe_sched.slice && task->sections == 0;
}
