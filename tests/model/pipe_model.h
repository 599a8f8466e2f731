/*
 * A pipe over the headers of sched/, for the models: what sched/transfer.c, sched/meet.c and sched/select.c do with them, step by
 * step, on tasks that are model threads. The steps are theirs; all that orders anything is in the headers. Includes
 * none of the headers of sched/: the models do, so that tests/model/weaken sees which they check.
 */
#ifndef FERRITE_TESTS_MODEL_PIPE_MODEL_H
#define FERRITE_TESTS_MODEL_PIPE_MODEL_H

#include <relacy/stdlib/mutex.hpp>
#include <relacy/stdlib/pthread.hpp>

struct task {
    fe_atomic_u32 parking;
    rl::rl_sem_t resumed;
    bool may_expire; /* its deadline may pass, at any time, once */
    bool expired;

    void init(bool deadline = false) {
        fe_parking_init(&parking);
        rl::rl_sem_init(&resumed, 0, 0, RL_INFO);
        may_expire = deadline;
        expired = false;
    }
    void destroy() {
        rl::rl_sem_destroy(&resumed, RL_INFO);
    }
    void park() {
        if (fe_parking_commit(&parking))
            while (rl::rl_sem_wait(&resumed, RL_INFO) != 0)
                ;
        fe_parking_reset(&parking);
    }
    void park_until() {
        if (may_expire && rl::rand(2) == 0) {
            expired = true;
            fe_parking_reset(&parking);
        } else {
            park();
        }
    }
    void unpark() {
        if (fe_parking_notify(&parking))
            rl::rl_sem_post(&resumed, RL_INFO);
    }
};

enum status { OK, CLOSED, AGAIN, TIMED_OUT };

/* A sender that waits for room; on its stack. The links are plain: the pipe's lock guards them. */
struct waiting_sender {
    FE_PLAIN(waiting_sender *) next;
    FE_PLAIN(task *) who;
    fe_atomic_u32 queued;
};

enum { SLOTS = 2 };

struct selector {
    fe_inbox ready;
    task *owner;
};

/* One who waits at a rendezvous; on its stack. */
struct record {
    FE_PLAIN(int) value;
    FE_PLAIN(task *) who;
    fe_atomic_u32 outcome;
};

struct list_node {
    fe_inbox_node node; /* first */
    FE_PLAIN(int) value;
};

/* KIND: 'c' cell, 'm' rendezvous ("meeting"), 'r' ring, 'l' list. */
template <char KIND, bool SHARED> struct model_pipe {
    fe_atomic_u32 word, closed, crowded, senders, sequences[SLOTS];
    fe_atomic_uptr waiter, meeting;
    FE_PLAIN(int) value[SLOTS];
    uint32_t head;
    rl::mutex lock;
    FE_PLAIN(waiting_sender *) waiting;
    fe_inbox list;
    fe_atomic_pointer spare;
    list_node nodes[4];
    int nodes_used;
    bool oneshot;
    fe_inbox_node selector_node;
    fe_atomic_u32 selected;

    void init(uint32_t sender_count) {
        fe_store_relaxed(&word, 0);
        fe_store_relaxed(&closed, 0);
        fe_store_relaxed(&crowded, 0);
        fe_store_relaxed(&senders, sender_count);
        fe_store_relaxed(&waiter, FE_WAITER_NONE);
        fe_store_relaxed(&meeting, FE_MEET_NOBODY);
        fe_store_relaxed(&selected, 0);
        fe_pipe_ring_init(sequences, SLOTS);
        fe_plain_set(waiting, NULL);
        fe_inbox_init(&list);
        fe_store_relaxed(&spare, NULL);
        head = 0;
        nodes_used = 0;
        oneshot = false;
    }

    /* transfer.c, queues */
    status put(int v) {
        if (fe_ends_closed(&closed) != 0)
            return CLOSED;
        if (KIND == 'c') {
            uint32_t version;
            if (!fe_cell_reserve(&word, SHARED, &version))
                return AGAIN;
            fe_plain_set(value[0], v);
            fe_cell_publish(&word, version);
        } else if (KIND == 'r') {
            uint32_t position;
            if (!fe_pipe_ring_reserve(&word, sequences, SLOTS - 1, SHARED, &position))
                return AGAIN;
            fe_plain_set(value[position % SLOTS], v);
            fe_pipe_ring_publish(sequences, SLOTS - 1, position);
        } else {
            list_node *node = (list_node *)fe_spare_take(&spare);
            if (node == NULL)
                node = &nodes[nodes_used++];
            fe_plain_set(node->value, v);
            fe_list_push(&list, &node->node);
        }
        return OK;
    }
    bool take(int *v) {
        uint32_t version;
        if (KIND == 'r') {
            if (!fe_pipe_ring_ready(sequences, SLOTS - 1, head))
                return false;
            *v = fe_plain_get(value[head % SLOTS]);
            fe_pipe_ring_release(sequences, SLOTS - 1, head);
            head++;
        } else if (KIND == 'l') {
            list_node *node = (list_node *)fe_inbox_pop(&list);
            if (node == NULL)
                return false;
            *v = fe_plain_get(node->value);
            list_node *other = (list_node *)fe_spare_leave(&spare, node);
            if (other != NULL)
                fe_plain_set(other->value, -1); /* as one would who frees it */
            return true;
        } else {
            if (!fe_cell_take(&word, &version))
                return false;
            *v = fe_plain_get(value[0]);
            fe_cell_empty(&word, version);
        }
        if (fe_crowd_waits(&crowded))
            wake_senders(false);
        return true;
    }
    bool ready() {
        if (fe_ends_closed_after_announcing(&closed) & FE_SENDER_CLOSED)
            return true;
        if (KIND == 'r')
            return fe_pipe_ring_ready_after_announcing(sequences, SLOTS - 1, head);
        if (KIND == 'l')
            return fe_list_ready_after_announcing(&list);
        if (KIND == 'm')
            return (fe_meet_look_after_announcing(&meeting) & FE_MEET_SENDER) != 0;
        return fe_cell_ready_after_announcing(&word);
    }
    bool has_room() {
        if (fe_ends_closed_after_announcing(&closed))
            return true;
        if (KIND == 'm')
            return (fe_meet_look_after_announcing(&meeting) & FE_MEET_SENDER) == 0;
        return KIND == 'r' ? fe_pipe_ring_has_room(&word, sequences, SLOTS - 1) : fe_cell_has_room(&word);
    }

    /* transfer.c, telling; select.c, fe_select_notify */
    bool tell_receiver() {
        uintptr_t who;
        while ((who = fe_waiter_find(&waiter)) != FE_WAITER_NONE) {
            if (who & FE_WAITER_SELECTOR) {
                selector *s = (selector *)(who & ~FE_WAITER_SELECTOR);
                lock.lock(RL_INFO);
                if (enqueue(s))
                    s->owner->unpark();
                lock.unlock(RL_INFO);
                return false;
            }
            if (fe_waiter_claim(&waiter, who)) {
                ((task *)who)->unpark();
                return true;
            }
        }
        return false;
    }
    bool enqueue(selector *s) {
        if (!fe_selected_mark(&selected))
            return false;
        (void)fe_inbox_push(&s->ready, &selector_node);
        return true;
    }
    void unlink(waiting_sender *sender) {
        if (fe_plain_get(waiting) == sender) {
            fe_plain_set(waiting, fe_plain_get(sender->next));
        } else {
            waiting_sender *before = fe_plain_get(waiting);
            while (fe_plain_get(before->next) != sender)
                before = fe_plain_get(before->next);
            fe_plain_set(before->next, fe_plain_get(sender->next));
        }
        if (fe_plain_get(waiting) == NULL)
            fe_crowd_disperse(&crowded);
        fe_crowd_release(&sender->queued);
    }
    void wake_senders(bool all) {
        do {
            lock.lock(RL_INFO);
            waiting_sender *sender = fe_plain_get(waiting);
            task *who = NULL;
            if (sender != NULL) {
                who = fe_plain_get(sender->who);
                unlink(sender);
            }
            lock.unlock(RL_INFO);
            if (who == NULL)
                return;
            who->unpark();
        } while (all);
    }

    /* transfer.c, waiting and sending */
    status wait_for_room(task *me) {
        waiting_sender self;
        fe_plain_set(self.who, me);
        lock.lock(RL_INFO);
        fe_crowd_announce(&crowded);
        bool room = has_room();
        if (room) {
            if (fe_plain_get(waiting) == NULL)
                fe_crowd_disperse(&crowded);
        } else {
            fe_plain_set(self.next, fe_plain_get(waiting));
            fe_plain_set(waiting, &self);
            fe_store_relaxed(&self.queued, 1);
        }
        lock.unlock(RL_INFO);
        if (room) {
            rl::yield(1, RL_INFO);
            return OK;
        }
        while (fe_crowd_held(&self.queued)) {
            if (me->expired) {
                lock.lock(RL_INFO);
                bool queued = fe_load_relaxed(&self.queued) != 0;
                if (queued)
                    unlink(&self);
                lock.unlock(RL_INFO);
                return queued ? TIMED_OUT : OK;
            }
            me->park_until();
        }
        fe_plain_set(self.next, NULL); /* as one would who returns, and reuses the stack */
        return OK;
    }
    /* meet.c */
    void tell_senders() {
        if (fe_crowd_waits(&crowded))
            wake_senders(false);
    }
    static record *record_of(uintptr_t seen) { return (record *)(seen & ~FE_MEET_TAG); }
    static void finish(record *r, uint32_t how) {
        task *who = fe_plain_get(r->who);
        fe_meet_finish(&r->outcome, how);
        who->unpark();
    }
    bool give(uintptr_t seen, int v) {
        if (!fe_meet_claim(&meeting, seen))
            return false;
        fe_plain_set(record_of(seen)->value, v);
        finish(record_of(seen), FE_MEET_DONE);
        tell_senders();
        return true;
    }
    bool take_from(uintptr_t seen, int *v) {
        if (!fe_meet_claim(&meeting, seen))
            return false;
        *v = fe_plain_get(record_of(seen)->value);
        finish(record_of(seen), FE_MEET_DONE);
        tell_senders();
        return true;
    }
    bool withdraw(uintptr_t mine) {
        if (!fe_meet_withdraw(&meeting, mine))
            return false;
        if (mine & FE_MEET_SENDER)
            tell_senders();
        return true;
    }
    status wait(task *me, record *r, uintptr_t mine) {
        uint32_t other = mine & FE_MEET_SENDER ? FE_PORT_CLOSED : FE_SENDER_CLOSED;
        if ((fe_ends_closed_after_announcing(&closed) & other) && withdraw(mine))
            return CLOSED;
        if (mine & FE_MEET_SENDER)
            (void)tell_receiver();
        uint32_t outcome;
        while ((outcome = fe_meet_outcome(&r->outcome)) == FE_MEET_WAITING) {
            if (me->expired) {
                if (withdraw(mine))
                    return TIMED_OUT;
                me->park(); /* it has been claimed, and will be finished */
            } else {
                me->park_until();
            }
        }
        return outcome == FE_MEET_DONE ? OK : CLOSED;
    }
    status meet_send(task *me, int v) {
        for (;;) {
            uintptr_t seen = fe_meet_look(&meeting);
            if (seen & FE_MEET_RECEIVER) {
                if (give(seen, v))
                    return OK;
            } else if (fe_ends_closed(&closed)) {
                return CLOSED;
            } else if (seen == FE_MEET_NOBODY) {
                record r;
                fe_plain_set(r.value, v);
                fe_plain_set(r.who, me);
                fe_store_relaxed(&r.outcome, FE_MEET_WAITING);
                if (fe_meet_offer(&meeting, (uintptr_t)&r | FE_MEET_SENDER)) {
                    status result = wait(me, &r, (uintptr_t)&r | FE_MEET_SENDER);
                    fe_plain_set(r.value, -1); /* as one would who returns, and reuses the stack */
                    return result;
                }
            } else {
                status result = wait_for_room(me);
                if (result != OK)
                    return result;
            }
            rl::yield(1, RL_INFO);
        }
    }
    status meet_try_receive(int *v) {
        uintptr_t seen;
        while ((seen = fe_meet_look(&meeting)) & FE_MEET_SENDER) {
            if (take_from(seen, v))
                return OK;
        }
        return fe_ends_closed_last(&closed) ? CLOSED : AGAIN;
    }
    status meet_receive(task *me, int *v) {
        for (;;) {
            status result = meet_try_receive(v);
            if (result != AGAIN)
                return result;
            record r;
            fe_plain_set(r.value, -1);
            fe_plain_set(r.who, me);
            fe_store_relaxed(&r.outcome, FE_MEET_WAITING);
            if (fe_meet_offer(&meeting, (uintptr_t)&r | FE_MEET_RECEIVER)) {
                result = wait(me, &r, (uintptr_t)&r | FE_MEET_RECEIVER);
                if (result == OK)
                    *v = fe_plain_get(r.value);
                fe_plain_set(r.value, -1); /* as above */
                return result;
            }
            rl::yield(1, RL_INFO);
        }
    }
    void meet_close(uintptr_t who) {
        uintptr_t seen;
        while ((seen = fe_meet_look_after_announcing(&meeting)) & who) {
            if (fe_meet_claim(&meeting, seen)) {
                finish(record_of(seen), FE_MEET_CLOSED);
                return;
            }
        }
    }

    status send(task *me, int v) {
        if (KIND == 'm')
            return meet_send(me, v);
        status result;
        while ((result = put(v)) == AGAIN) {
            result = wait_for_room(me);
            if (result != OK)
                return result;
        }
        if (result != OK)
            return result;
        if (oneshot)
            fe_ends_close(&closed, FE_SENDER_CLOSED);
        (void)tell_receiver();
        return OK;
    }
    void close_sender() {
        if (!fe_ends_drop(&senders))
            return;
        fe_ends_close(&closed, FE_SENDER_CLOSED);
        if (KIND == 'm')
            meet_close(FE_MEET_RECEIVER);
        (void)tell_receiver();
    }
    void close_port() {
        fe_ends_close(&closed, FE_PORT_CLOSED);
        wake_senders(true);
        if (KIND == 'm')
            meet_close(FE_MEET_SENDER);
    }

    /* transfer.c, receiving */
    status try_receive(int *v) {
        if (KIND == 'm')
            return meet_try_receive(v);
        if (take(v))
            return OK;
        if (!fe_ends_closed_last(&closed))
            return AGAIN;
        return take(v) ? OK : CLOSED;
    }
    status receive(task *me, int *v) {
        if (KIND == 'm')
            return meet_receive(me, v);
        status result = try_receive(v);
        while (result == AGAIN) {
            fe_waiter_announce(&waiter, (uintptr_t)me);
            if (!ready())
                me->park_until();
            else
                rl::yield(1, RL_INFO);
            (void)fe_waiter_retract(&waiter);
            result = try_receive(v);
            if (result == AGAIN && me->expired)
                return TIMED_OUT;
        }
        return result;
    }
};

#endif
