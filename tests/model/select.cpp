/*
 * sched/pipe_select.h: a task that selects over two pipes hears of every value and every closing, though a pipe's node
 * is in its queue at most once.
 */
#include "model.h"
#include <sched/inbox.h>
#include <sched/park.h>
#include <sched/pipe_cell.h>
#include <sched/pipe_ends.h>
#include <sched/pipe_list.h>
#include <sched/pipe_meet.h>
#include <sched/pipe_ring.h>
#include <sched/pipe_select.h>
#include <sched/pipe_waiter.h>
#include "pipe_model.h"

/* PIPES senders, each of EACH values to a pipe of its own; the last thread selects until it has them all. With CLOSING
 * each sender closes, and the selecting task goes on until it has heard of that from all. */
template <char KIND, int PIPES, int EACH, bool CLOSING>
struct select_suite : rl::test_suite<select_suite<KIND, PIPES, EACH, CLOSING>, PIPES + 1> {
    model_pipe<KIND, false> pipes[PIPES];
    task tasks[PIPES + 1];
    selector s;
    model_pipe<KIND, false> *last;
    int received[PIPES];

    void before() {
        fe_inbox_init(&s.ready);
        s.owner = &tasks[PIPES];
        last = NULL;
        for (int i = 0; i < PIPES; i++) {
            pipes[i].init(1);
            received[i] = 0;
        }
        for (int i = 0; i <= PIPES; i++)
            tasks[i].init();
    }
    /* As fe_selector_add. */
    void add(model_pipe<KIND, false> *p) {
        fe_waiter_announce(&p->waiter, (uintptr_t)&s | FE_WAITER_SELECTOR);
        if (p->ready())
            (void)p->enqueue(&s);
    }
    /* As fe_selector_remove of a pipe that was closed. */
    void remove(model_pipe<KIND, false> *p) {
        p->lock.lock(RL_INFO);
        fe_store_relaxed(&p->waiter, FE_WAITER_NONE);
        p->lock.unlock(RL_INFO);
        while (fe_load_acquire(&p->selected)) { /* told meanwhile: the node leaves the queue, by going round once */
            fe_inbox_node *node = fe_inbox_pop(&s.ready);
            if (node == NULL)
                rl::yield(1, RL_INFO);
            else if (node == &p->selector_node)
                fe_store_relaxed(&p->selected, 0);
            else
                fe_inbox_push(&s.ready, node);
        }
        if (last == p)
            last = NULL;
    }
    /* As fe_select. */
    model_pipe<KIND, false> *select() {
        if (last != NULL) {
            model_pipe<KIND, false> *again = last;
            last = NULL;
            if (again->ready())
                (void)again->enqueue(&s);
        }
        for (;;) {
            fe_inbox_node *node = fe_inbox_pop(&s.ready);
            if (node == NULL) {
                tasks[PIPES].park();
                continue;
            }
            for (int i = 0; i < PIPES; i++) {
                if (node != &pipes[i].selector_node)
                    continue;
                fe_selected_clear(&pipes[i].selected);
                if (pipes[i].ready())
                    return last = &pipes[i];
            }
        }
    }
    void thread(unsigned index) {
        if (index < PIPES) {
            for (int i = 0; i < EACH; i++)
                RL_ASSERT(pipes[index].send(&tasks[index], i) == OK);
            if (CLOSING)
                pipes[index].close_sender();
            return;
        }
        for (int i = 0; i < PIPES; i++)
            add(&pipes[i]);
        for (int left = PIPES * (CLOSING ? 1 : EACH); left > 0;) {
            model_pipe<KIND, false> *p = select();
            int v = -1;
            status result = p->try_receive(&v);
            if (result == OK) {
                RL_ASSERT(v == received[p - pipes]++);
                left -= !CLOSING;
            } else if (result == CLOSED) {
                remove(p);
                left--;
            }
        }
    }
    void after() {
        for (int i = 0; i < PIPES; i++)
            RL_ASSERT(received[i] == EACH);
        for (int i = 0; i <= PIPES; i++)
            tasks[i].destroy();
    }
};

typedef select_suite<'r', 1, 3, false> one_ring;
typedef select_suite<'c', 2, 2, false> two_cells;
typedef select_suite<'l', 2, 2, false> two_lists;
typedef select_suite<'c', 2, 1, true> two_closing;

#define USUAL(suite) &rl::simulate<suite>, FE_MODEL_RANDOM(50000), FE_MODEL_RANDOM(5000000)
static const fe_model_case cases[] = {
    {"select::one bounded pipe", USUAL(one_ring)},
    {"select::two pipes of one slot", USUAL(two_cells)},
    {"select::two unbounded pipes", USUAL(two_lists)},
    {"select::two pipes that close", USUAL(two_closing)},
};
FE_MODEL_MAIN(cases)
