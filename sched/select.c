/*
 * Select: a queue of ports that became ready, filled by their senders. A wait looks at that queue only, so idle ports cost
 * nothing; a port that was answered and is still ready goes to the back, so ports take turns.
 *
 * A port's node is in the queue at most once (`selected`). The sender puts it there under the pipe's lock, so that taking
 * a port out of its selector leaves nobody with a pointer to either.
 */
#include "kill.h"
#include "misuse.h"

#include <ferrite/context.h>
#include <ferrite/heap.h>
#include <ferrite/panic.h>
#include <ferrite/time.h>

static struct fe_selector_state *selector_of(const struct fe_pipe *pipe) {
    uintptr_t word = fe_load_relaxed(&pipe->waiter); /* under the lock, or by the receiver, who alone changes it */
    return word & FE_WAITER_SELECTOR ? (struct fe_selector_state *)(word & ~FE_WAITER_SELECTOR) : NULL;
}

/* Puts the pipe's node into the queue unless it is there; true if it was put. */
static bool enqueue(struct fe_selector_state *state, struct fe_pipe *pipe) {
    if (!fe_selected_mark(&pipe->selected))
        return false;
    fe_inbox_push(&state->ready, &pipe->node);
    return true;
}

void fe_select_notify(struct fe_pipe *pipe) {
    uintptr_t interrupts = fe_arch_interrupts_disable();
    fe_spinlock_acquire(&pipe->lock);
    struct fe_selector_state *state = selector_of(pipe);
    if (state && enqueue(state, pipe))
        fe_unpark((struct fe_tcb *)fe_load_acquire(&state->owner)); /* pairs with the stores in open and fe_select */
    fe_spinlock_release(&pipe->lock);
    fe_arch_interrupts_restore(interrupts);
}

fe_status fe_selector_try_open(fe_selector *selector) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_selector_state *state = fe_heap_try_alloc_aligned(FE_CACHE_LINE, sizeof *state);
    if (!state)
        return FE_ENOMEM;
    fe_inbox_init(&state->ready);
#ifdef FE_CHECKED
    state->mark = FE_SELECTOR_MARK;
    fe_store_relaxed(&state->selecting, 0);
#endif
    state->last = NULL;
    state->ports = 0;
    fe_store_relaxed(&state->owner, (uintptr_t)fe_park_self()); /* published by the first add */
    selector->state = state;
    return FE_OK;
}

void fe_selector_open(fe_selector *selector) {
    fe_status status = fe_selector_try_open(selector);
    if (status != FE_OK)
        fe_fail("cannot open a selector: %s", fe_status_string(status));
}

/* After this no sender touches the selector on the pipe's behalf. */
static void detach(struct fe_pipe *pipe) {
    uintptr_t interrupts = fe_arch_interrupts_disable();
    fe_spinlock_acquire(&pipe->lock);
    fe_store_relaxed(&pipe->waiter, FE_WAITER_NONE); /* under the lock, which senders take before they use it */
    fe_spinlock_release(&pipe->lock);
    fe_arch_interrupts_restore(interrupts);
}

/* Takes the pipe's node out of the queue if it is there: by going round once. */
static void dequeue(struct fe_selector_state *state, struct fe_pipe *pipe) {
    while (fe_load_acquire(&pipe->selected)) { /* pairs with enqueue: its push may not be done yet */
        struct fe_inbox_node *node = fe_inbox_pop(&state->ready);
        if (!node)
            continue;
        if (node == &pipe->node)
            fe_store_relaxed(&pipe->selected, 0); /* detached: nobody else looks */
        else
            fe_inbox_push(&state->ready, node);
    }
}

void fe_select_forget(struct fe_pipe *pipe) {
    struct fe_selector_state *state = selector_of(pipe);
    if (!state)
        return;
    detach(pipe);
    dequeue(state, pipe);
    if (state->last == pipe)
        state->last = NULL;
    state->ports--;
}

fe_status fe_selector_add(fe_selector selector, fe_port port, uintptr_t tag) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_SELECTOR(selector);
    FE_CHECK_PORT(port);
    struct fe_pipe *pipe = port.pipe;
    if (fe_load_relaxed(&pipe->waiter) != FE_WAITER_NONE) /* set by receivers only */
        return FE_EBUSY;
    pipe->tag = tag;
    selector.state->ports++;
    fe_waiter_announce(&pipe->waiter, (uintptr_t)selector.state | FE_WAITER_SELECTOR);
    if (fe_pipe_ready(pipe))
        enqueue(selector.state, pipe);
    return FE_OK;
}

fe_status fe_selector_remove(fe_selector selector, fe_port port) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_SELECTOR(selector);
    FE_CHECK_PORT(port);
    if (selector_of(port.pipe) != selector.state)
        return FE_ENOENT;
    fe_select_forget(port.pipe);
    return FE_OK;
}

static inline fe_status select_from(struct fe_selector_state *state, fe_nanoseconds deadline, uintptr_t *tag) {
    /* Release: pairs with fe_select_notify, which wakes this task. */
    fe_store_release(&state->owner, (uintptr_t)fe_park_self());
    if (state->last) {
        struct fe_pipe *last = state->last;
        state->last = NULL;
        if (fe_pipe_ready(last))
            enqueue(state, last);
    }
    for (;;) {
        struct fe_inbox_node *node = fe_inbox_pop(&state->ready);
        if (node) {
            struct fe_pipe *pipe = FE_CONTAINER_OF(node, struct fe_pipe, node);
            fe_selected_clear(&pipe->selected);
            if (!fe_pipe_ready(pipe))
                continue;
            state->last = pipe;
            *tag = pipe->tag;
            return FE_OK;
        }
        if (state->ports == 0 && deadline == FE_FOREVER)
            return FE_ENOENT;
        if (deadline != FE_FOREVER && fe_time_now() >= deadline)
            return FE_ETIMEDOUT;
        fe_park_until(deadline);
        if (FE_UNLIKELY(fe_kill_due(fe_park_self()))) {
#ifdef FE_CHECKED
            fe_store_relaxed(&state->selecting, 0);
#endif
            fe_kill_act(fe_park_self());
        }
    }
}

fe_status fe_select(fe_selector selector, fe_nanoseconds deadline, uintptr_t *tag) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_SELECTOR(selector);
#ifdef FE_CHECKED
    fe_store_relaxed(&selector.state->selecting, (uintptr_t)fe_park_self()); /* relaxed, both: only found by mistakes */
    fe_status status = select_from(selector.state, deadline, tag);
    fe_store_relaxed(&selector.state->selecting, 0);
    return status;
#else
    return select_from(selector.state, deadline, tag);
#endif
}

void fe_selector_close(fe_selector selector) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    FE_CHECK_SELECTOR(selector);
    if (selector.state->ports != 0)
        fe_fail("fe_selector_close: %u ports are still in the selector; remove or close them first", selector.state->ports);
#ifdef FE_CHECKED
    selector.state->mark = 0;
#endif
    fe_heap_free(selector.state);
}
