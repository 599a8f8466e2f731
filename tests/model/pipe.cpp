/*
 * sched/pipe_*.h: what is sent is received once, in each sender's order; nobody waits for ever; a send that says
 * "taken" was taken, and one that says otherwise was not; what was sent before the closing is received before it is
 * seen.
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

/* SENDERS senders of EACH values (or as many as succeed), which then close. The receiver receives until it sees that.
 * */
template <char KIND, int SENDERS, int EACH, bool SENDERS_EXPIRE, bool RECEIVER_EXPIRES>
struct transfer_suite
    : rl::test_suite<transfer_suite<KIND, SENDERS, EACH, SENDERS_EXPIRE, RECEIVER_EXPIRES>, SENDERS + 1> {
    model_pipe<KIND, (SENDERS > 1)> p;
    task tasks[SENDERS + 1];
    int sent[SENDERS], received[SENDERS];

    void before() {
        p.init(SENDERS);
        for (int i = 0; i < SENDERS; i++) {
            tasks[i].init(SENDERS_EXPIRE);
            sent[i] = received[i] = 0;
        }
        tasks[SENDERS].init(RECEIVER_EXPIRES);
    }
    void thread(unsigned index) {
        if (index < SENDERS) {
            for (int i = 0; i < EACH; i++) {
                status result = p.send(&tasks[index], (int)index * EACH + i);
                RL_ASSERT(result == OK || (SENDERS_EXPIRE && result == TIMED_OUT) ||
                          (RECEIVER_EXPIRES && result == CLOSED));
                if (result != OK)
                    break;
                sent[index]++;
            }
            p.close_sender();
            return;
        }
        for (;;) {
            int v = -1;
            status result = p.receive(&tasks[SENDERS], &v);
            if (result == CLOSED)
                return;
            if (result == TIMED_OUT) {
                p.close_port();
                return;
            }
            RL_ASSERT(v >= 0 && v % EACH == received[v / EACH]); /* in order */
            received[v / EACH]++;
        }
    }
    void after() {
        for (int i = 0; i < SENDERS; i++)
            RL_ASSERT(RECEIVER_EXPIRES && KIND != 'm' ? received[i] <= sent[i] : received[i] == sent[i]);
        for (int i = 0; i <= SENDERS; i++)
            tasks[i].destroy();
    }
};

/* A sender closes without a word; the receiver hears of it. */
struct close_suite : rl::test_suite<close_suite, 2> {
    model_pipe<'c', false> p;
    task receiver;

    void before() {
        p.init(1);
        receiver.init();
    }
    void thread(unsigned index) {
        int v;
        if (index == 0)
            p.close_sender();
        else
            RL_ASSERT(p.receive(&receiver, &v) == CLOSED);
    }
    void after() {
        receiver.destroy();
    }
};

/* COUNT values and no closing: the receiver waits for each, and nothing but the send of it wakes it. */
template <char KIND, int COUNT> struct stream_suite : rl::test_suite<stream_suite<KIND, COUNT>, 2> {
    model_pipe<KIND, false> p;
    task tasks[2];

    void before() {
        p.init(1);
        tasks[0].init();
        tasks[1].init();
    }
    void thread(unsigned index) {
        for (int i = 0; i < COUNT; i++) {
            int v = -1;
            status result = index == 0 ? p.send(&tasks[0], i) : p.receive(&tasks[1], &v);
            RL_ASSERT(result == OK && (index == 0 || v == i));
        }
    }
    void after() {
        tasks[0].destroy();
        tasks[1].destroy();
    }
};

/* A oneshot: closed with its one value, which is received all the same. */
struct oneshot_suite : rl::test_suite<oneshot_suite, 2> {
    model_pipe<'c', false> p;
    task tasks[2];

    void before() {
        p.init(1);
        p.oneshot = true;
        tasks[0].init();
        tasks[1].init();
    }
    void thread(unsigned index) {
        int v = -1;
        if (index == 0) {
            RL_ASSERT(p.send(&tasks[0], 7) == OK);
        } else {
            RL_ASSERT(p.receive(&tasks[1], &v) == OK && v == 7);
            RL_ASSERT(p.receive(&tasks[1], &v) == CLOSED);
        }
    }
    void after() {
        tasks[0].destroy();
        tasks[1].destroy();
    }
};

/* The receiver closes; a sender that waits for room, or for its value to be taken, hears of it. */
template <char KIND> struct port_close_suite : rl::test_suite<port_close_suite<KIND>, 2> {
    model_pipe<KIND, false> p;
    task sender;

    void before() {
        p.init(1);
        sender.init();
    }
    void thread(unsigned index) {
        if (index == 0)
            p.close_port();
        else
            for (int i = 0; i < 3; i++)
                if (p.send(&sender, i) != OK)
                    break;
    }
    void after() {
        sender.destroy();
    }
};

typedef transfer_suite<'c', 1, 2, false, false> cell_one;
typedef transfer_suite<'c', 2, 2, false, false> cell_two;
typedef transfer_suite<'c', 2, 1, true, true> cell_deadlines;
typedef transfer_suite<'m', 1, 2, false, false> meeting_one;
typedef transfer_suite<'m', 2, 1, false, false> meeting_two;
typedef transfer_suite<'m', 1, 2, true, true> meeting_deadlines_one;
typedef transfer_suite<'m', 2, 1, true, true> meeting_deadlines;
typedef transfer_suite<'r', 1, 4, false, false> ring_one;
typedef transfer_suite<'r', 2, 3, false, false> ring_two;
typedef transfer_suite<'r', 2, 2, true, true> ring_deadlines;
typedef transfer_suite<'l', 1, 3, false, false> list_one;
typedef transfer_suite<'l', 2, 2, false, true> list_two;
typedef stream_suite<'c', 2> cell_stream;
typedef stream_suite<'m', 2> meeting_stream;
typedef stream_suite<'r', 3> ring_stream;
typedef stream_suite<'l', 2> list_stream;
typedef port_close_suite<'c'> port_close_cell;
typedef port_close_suite<'m'> port_close_meeting;
typedef port_close_suite<'r'> port_close_ring;

#define USUAL(suite) &rl::simulate<suite>, FE_MODEL_RANDOM(50000), FE_MODEL_RANDOM(5000000)
static const fe_model_case cases[] = {
    {"pipe::one slot, one sender", USUAL(cell_one)},
    {"pipe::one slot, two senders", USUAL(cell_two)},
    {"pipe::one slot, deadlines", USUAL(cell_deadlines)},
    {"pipe::rendezvous, one sender", USUAL(meeting_one)},
    {"pipe::rendezvous, two senders", USUAL(meeting_two)},
    {"pipe::rendezvous, one sender, deadlines", USUAL(meeting_deadlines_one)},
    {"pipe::rendezvous, two senders, deadlines", USUAL(meeting_deadlines)},
    {"pipe::bounded, one sender", USUAL(ring_one)},
    {"pipe::bounded, two senders", USUAL(ring_two)},
    {"pipe::bounded, deadlines", USUAL(ring_deadlines)},
    {"pipe::unbounded, one sender", USUAL(list_one)},
    {"pipe::unbounded, two senders, a deadline", USUAL(list_two)},
    {"pipe::one slot, never closed", USUAL(cell_stream)},
    {"pipe::rendezvous, never closed", USUAL(meeting_stream)},
    {"pipe::bounded, never closed", USUAL(ring_stream)},
    {"pipe::unbounded, never closed", USUAL(list_stream)},
    {"pipe::oneshot", USUAL(oneshot_suite)},
    {"pipe::the sender closes", USUAL(close_suite)},
    {"pipe::the port closes, one slot", USUAL(port_close_cell)},
    {"pipe::the port closes, rendezvous", USUAL(port_close_meeting)},
    {"pipe::the port closes, bounded", USUAL(port_close_ring)},
};
FE_MODEL_MAIN(cases)
