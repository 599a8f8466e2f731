/*
 * A pipe over the headers of sched/, for the models: what sched/transfer.c and sched/select.c do with them, step by
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

struct list_node {
    fe_inbox_node node; /* first */
    FE_PLAIN(int) value;
};

/* KIND: 'c' cell, 'm' rendezvous ("meeting"), 'r' ring, 'l' list. */
template <char KIND, bool SHARED> struct model_pipe {
    fe_atomic_u32 word, closed, crowded, senders, sequences[SLOTS];
    fe_atomic_uptr waiter, pending;
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
        fe_store_relaxed(&pending, 0);
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
    status put(int v, uint32_t *version) {
        if (fe_ends_closed(&closed) != 0)
            return CLOSED;
        if (KIND == 'c' || KIND == 'm') {
            if (!fe_cell_reserve(&word, SHARED, version))
                return AGAIN;
            fe_plain_set(value[0], v);
            fe_cell_publish(&word, *version);
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
        } else if (KIND == 'c') {
            if (!fe_cell_take(&word, &version))
                return false;
            *v = fe_plain_get(value[0]);
            fe_cell_empty(&word, version);
        } else {
            if (!fe_cell_claim(&word, &version))
                return false;
            *v = fe_plain_get(value[0]);
            task *sender = (task *)fe_pending_find(&pending);
            fe_cell_empty(&word, version);
            if (sender != NULL)
                sender->unpark();
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
        return fe_cell_ready_after_announcing(&word);
    }
    bool has_room() {
        if (fe_ends_closed_after_announcing(&closed))
            return true;
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
    status wait_taken(task *me, uint32_t version) {
        status result = OK;
        uintptr_t displaced;
        for (;;) {
            displaced = fe_pending_announce(&pending, (uintptr_t)me);
            if (!fe_cell_pending(&word, version))
                break;
            if (fe_ends_closed_after_announcing(&closed) & FE_PORT_CLOSED)
                result = CLOSED;
            else if (me->expired)
                result = TIMED_OUT;
            if (result != OK) {
                if (!fe_cell_withdraw(&word, version)) {
                    result = OK;
                    break;
                }
                wake_senders(false);
                break;
            }
            me->park_until();
        }
        fe_pending_retract(&pending, (uintptr_t)me);
        if (displaced != 0 && displaced != (uintptr_t)me)
            ((task *)displaced)->unpark();
        return result;
    }
    status send(task *me, int v) {
        uint32_t version;
        status result;
        while ((result = put(v, &version)) == AGAIN) {
            result = wait_for_room(me);
            if (result != OK)
                return result;
        }
        if (result != OK)
            return result;
        if (oneshot)
            fe_ends_close(&closed, FE_SENDER_CLOSED);
        if (!tell_receiver() && KIND == 'm')
            return wait_taken(me, version);
        return OK;
    }
    void close_sender() {
        if (!fe_ends_drop(&senders))
            return;
        fe_ends_close(&closed, FE_SENDER_CLOSED);
        (void)tell_receiver();
    }
    void close_port() {
        fe_ends_close(&closed, FE_PORT_CLOSED);
        wake_senders(true);
        task *sender = (task *)fe_pending_find(&pending);
        if (sender != NULL)
            sender->unpark();
    }

    /* transfer.c, receiving */
    status try_receive(int *v) {
        if (take(v))
            return OK;
        if (!fe_ends_closed_last(&closed))
            return AGAIN;
        return take(v) ? OK : CLOSED;
    }
    status receive(task *me, int *v) {
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
