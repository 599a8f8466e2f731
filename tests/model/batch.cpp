/*
 * heap/batch.h: every batch comes to the owner once, with what its sender wrote, and is the owner's to reuse
 * afterwards.
 */
#define FE_BATCH_SLOTS 1
#include "model.h"
#include <heap/batch.h>

/* SENDERS of EACH batches. The owner drains as heap/remote.c does, and destroys what it has done with. */
template <int SENDERS, int EACH> struct batch_suite : rl::test_suite<batch_suite<SENDERS, EACH>, SENDERS + 1> {
    fe_batch_stack stack;
    fe_batch batches[SENDERS * EACH];
    bool got[SENDERS * EACH];

    void before() {
        fe_store_relaxed(&stack.newest, NULL);
        for (int i = 0; i < SENDERS * EACH; i++)
            got[i] = false;
    }
    void send(int sender) {
        for (int i = 0; i < EACH; i++) {
            fe_batch *batch = &batches[sender * EACH + i];
            fe_plain_set(batch->count, 1);
            fe_plain_set(batch->slot[1].block, (void *)batch);
            fe_batch_push(&stack, batch);
        }
    }
    void drain() {
        fe_batch *incoming = NULL;
        for (int left = SENDERS * EACH; left > 0 || incoming != NULL;) {
            if (incoming == NULL) {
                if (!fe_batch_waiting(&stack)) {
                    rl::yield(1, RL_INFO);
                    continue;
                }
                incoming = fe_batch_take(&stack);
                RL_ASSERT(incoming != NULL);
            }
            if (!got[incoming - batches]) {
                RL_ASSERT(fe_plain_get(incoming->count) == 1);
                RL_ASSERT(fe_plain_get(incoming->slot[1].block) == (void *)incoming);
                got[incoming - batches] = true;
                left--;
            }
            fe_batch *next;
            if (!fe_batch_next(incoming, &next)) {
                rl::yield(1, RL_INFO);
                continue;
            }
            fe_plain_set(incoming->count, 0);
            fe_store_private(&incoming->next, NULL); /* as one would who sends it again */
            incoming = next;
        }
        RL_ASSERT(!fe_batch_waiting(&stack));
    }
    void thread(unsigned index) {
        if (index == SENDERS)
            drain();
        else
            send((int)index);
    }
};

typedef batch_suite<1, 2> one_sender;
typedef batch_suite<2, 2> two_senders;
typedef batch_suite<3, 1> three_senders;

static const fe_model_case cases[] = {
    {"batch::one sender", &rl::simulate<one_sender>, FE_MODEL_FULL, FE_MODEL_FULL},
    {"batch::two senders", &rl::simulate<two_senders>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
    {"batch::three senders", &rl::simulate<three_senders>, FE_MODEL_RANDOM(100000), FE_MODEL_RANDOM(5000000)},
};
FE_MODEL_MAIN(cases)
