/*
 * arch/atomic.h over Relacy: the same operations as model-checked ones. Included by arch/atomic.h when FE_MODEL is
 * defined, and by nothing else. C++98, since Relacy is.
 *
 * Every atomic operation is a point where the checker may switch threads; plain accesses and the bookkeeping here are
 * not, so what follows an operation up to the next one is one step with it. fe_speculative_confirm rests on that.
 *
 * Beyond Relacy's own atomics there are ghosts: plain variables that exist only to be checked for races.
 *   fe_model_atomic::reach_         written by a private store, read by every other access: so the two must be ordered.
 *   fe_speculative_pointer::read_   one for each thread, written with each speculative read; the next write reads that
 *   of
 *                                   the thread that confirmed: so the confirmed read must happen before it.
 */
#ifndef FERRITE_TESTS_MODEL_ATOMIC_RELACY_H
#define FERRITE_TESTS_MODEL_ATOMIC_RELACY_H

#include <cstring>

#include <relacy/relacy.hpp>

#define FE_CACHE_ALIGNED

/*
 * The access that this run weakens, if any (tests/model/weaken): the operation `op` written with `from` on that line is
 * done with the order `to` instead. `seen`: whether it ever was done.
 */
struct fe_model_weakening {
    const char *file; /* as the preprocessor names it, or its end; NULL: nothing is weakened */
    unsigned line;
    const char *op;
    rl::memory_order from;
    rl::memory_order to;
    bool seen;
};
static fe_model_weakening fe_model_weakened;

static bool fe_model_is_weakened(const char *file, const char *op, rl::memory_order order) {
    const fe_model_weakening &w = fe_model_weakened;
    if (w.file == NULL || order != w.from || std::strcmp(op, w.op) != 0)
        return false;
    size_t length = std::strlen(file), end = std::strlen(w.file);
    return length >= end && std::strcmp(file + length - end, w.file) == 0;
}

static inline rl::memory_order fe_model_order(rl::memory_order order, unsigned line, const char *file, const char *op) {
    if (line != fe_model_weakened.line || !fe_model_is_weakened(file, op, order))
        return order;
    fe_model_weakened.seen = true;
    return fe_model_weakened.to;
}
#define FE_MODEL_ORDER(op, order) fe_model_order(rl::mo_##order, __LINE__, __FILE__, #op)

static inline void fe_model_fence(rl::memory_order order, rl::debug_info_param info) {
    if (order != rl::mo_relaxed)
        rl::atomic_thread_fence(order, info);
}

template <typename T> class fe_model_atomic {
  public:
    fe_model_atomic() : was_private_(false) {
    }

    T load(rl::memory_order order, rl::debug_info_param info) const {
        touch(info);
        return atomic_.load(order, info);
    }
    void store(T value, rl::memory_order order, rl::debug_info_param info) {
        touch(info);
        atomic_.store(value, order, info);
    }
    void store_private(T value, rl::debug_info_param info) {
        reach_(info).store(0);
        was_private_ = true;
        atomic_.store(value, rl::mo_relaxed, info);
    }
    T exchange(T value, rl::memory_order order, rl::debug_info_param info) {
        touch(info);
        return atomic_.exchange(value, order, info);
    }
    bool cas(T *expected, T desired, rl::memory_order order, rl::debug_info_param info) {
        touch(info);
        return atomic_.compare_exchange_strong(*expected, desired, order, info);
    }
    T fetch_add(T value, rl::memory_order order, rl::debug_info_param info) {
        touch(info);
        return atomic_.fetch_add(value, order, info);
    }
    T fetch_sub(T value, rl::memory_order order, rl::debug_info_param info) {
        touch(info);
        return atomic_.fetch_sub(value, order, info);
    }
    T fetch_or(T value, rl::memory_order order, rl::debug_info_param info) {
        touch(info);
        return atomic_.fetch_or(value, order, info);
    }
    T fetch_and(T value, rl::memory_order order, rl::debug_info_param info) {
        touch(info);
        return atomic_.fetch_and(value, order, info);
    }

  private:
    rl::atomic<T> atomic_;
    mutable rl::var<int> reach_;
    bool was_private_;

    void touch(rl::debug_info_param info) const {
        if (was_private_)
            (void)reach_(info).load();
    }
    fe_model_atomic(const fe_model_atomic &);
    fe_model_atomic &operator=(const fe_model_atomic &);
};

typedef fe_model_atomic<uint32_t> fe_atomic_u32;
typedef fe_model_atomic<uint64_t> fe_atomic_u64;
typedef fe_model_atomic<uintptr_t> fe_atomic_uptr;
typedef fe_model_atomic<void *> fe_atomic_pointer;

class fe_speculative_pointer {
  public:
    fe_speculative_pointer() : confirmed_by_(-1) {
    }

    void *read(rl::debug_info_param info) {
        void *value = value_.load(rl::mo_relaxed, info);
        read_[rl::ctx().current_thread()](info).store(0);
        return value;
    }
    void confirm() {
        confirmed_by_ = (int)rl::ctx().current_thread();
    }
    void write(void *value, rl::debug_info_param info) {
        if (confirmed_by_ >= 0)
            (void)read_[confirmed_by_](info).load();
        confirmed_by_ = -1;
        value_.store(value, rl::mo_relaxed, info);
    }

  private:
    enum { THREADS_MAX = 8 };
    rl::atomic<void *> value_;
    rl::var<int> read_[THREADS_MAX];
    int confirmed_by_;
};

#define fe_load_relaxed(p) (p)->load(FE_MODEL_ORDER(load, relaxed), RL_INFO)
#define fe_load_acquire(p) (p)->load(FE_MODEL_ORDER(load, acquire), RL_INFO)
#define fe_load_seq_cst(p) (p)->load(FE_MODEL_ORDER(load, seq_cst), RL_INFO)

#define fe_store_relaxed(p, v) (p)->store((v), FE_MODEL_ORDER(store, relaxed), RL_INFO)
#define fe_store_release(p, v) (p)->store((v), FE_MODEL_ORDER(store, release), RL_INFO)
#define fe_store_seq_cst(p, v) (p)->store((v), FE_MODEL_ORDER(store, seq_cst), RL_INFO)
#define fe_store_private(p, v) (p)->store_private((v), RL_INFO)

#define fe_exchange_relaxed(p, v) (p)->exchange((v), FE_MODEL_ORDER(exchange, relaxed), RL_INFO)
#define fe_exchange_acquire(p, v) (p)->exchange((v), FE_MODEL_ORDER(exchange, acquire), RL_INFO)
#define fe_exchange_release(p, v) (p)->exchange((v), FE_MODEL_ORDER(exchange, release), RL_INFO)
#define fe_exchange_acq_rel(p, v) (p)->exchange((v), FE_MODEL_ORDER(exchange, acq_rel), RL_INFO)
#define fe_exchange_seq_cst(p, v) (p)->exchange((v), FE_MODEL_ORDER(exchange, seq_cst), RL_INFO)

#define fe_cas_relaxed(p, e, d) (p)->cas((e), (d), FE_MODEL_ORDER(cas, relaxed), RL_INFO)
#define fe_cas_acquire(p, e, d) (p)->cas((e), (d), FE_MODEL_ORDER(cas, acquire), RL_INFO)
#define fe_cas_release(p, e, d) (p)->cas((e), (d), FE_MODEL_ORDER(cas, release), RL_INFO)
#define fe_cas_acq_rel(p, e, d) (p)->cas((e), (d), FE_MODEL_ORDER(cas, acq_rel), RL_INFO)
#define fe_cas_seq_cst(p, e, d) (p)->cas((e), (d), FE_MODEL_ORDER(cas, seq_cst), RL_INFO)

#define fe_fetch_add_relaxed(p, v) (p)->fetch_add((v), FE_MODEL_ORDER(fetch_add, relaxed), RL_INFO)
#define fe_fetch_add_acquire(p, v) (p)->fetch_add((v), FE_MODEL_ORDER(fetch_add, acquire), RL_INFO)
#define fe_fetch_add_release(p, v) (p)->fetch_add((v), FE_MODEL_ORDER(fetch_add, release), RL_INFO)
#define fe_fetch_add_acq_rel(p, v) (p)->fetch_add((v), FE_MODEL_ORDER(fetch_add, acq_rel), RL_INFO)
#define fe_fetch_add_seq_cst(p, v) (p)->fetch_add((v), FE_MODEL_ORDER(fetch_add, seq_cst), RL_INFO)
#define fe_fetch_sub_relaxed(p, v) (p)->fetch_sub((v), FE_MODEL_ORDER(fetch_sub, relaxed), RL_INFO)
#define fe_fetch_sub_acquire(p, v) (p)->fetch_sub((v), FE_MODEL_ORDER(fetch_sub, acquire), RL_INFO)
#define fe_fetch_sub_release(p, v) (p)->fetch_sub((v), FE_MODEL_ORDER(fetch_sub, release), RL_INFO)
#define fe_fetch_sub_acq_rel(p, v) (p)->fetch_sub((v), FE_MODEL_ORDER(fetch_sub, acq_rel), RL_INFO)
#define fe_fetch_sub_seq_cst(p, v) (p)->fetch_sub((v), FE_MODEL_ORDER(fetch_sub, seq_cst), RL_INFO)
#define fe_fetch_or_relaxed(p, v) (p)->fetch_or((v), FE_MODEL_ORDER(fetch_or, relaxed), RL_INFO)
#define fe_fetch_or_acquire(p, v) (p)->fetch_or((v), FE_MODEL_ORDER(fetch_or, acquire), RL_INFO)
#define fe_fetch_or_release(p, v) (p)->fetch_or((v), FE_MODEL_ORDER(fetch_or, release), RL_INFO)
#define fe_fetch_or_acq_rel(p, v) (p)->fetch_or((v), FE_MODEL_ORDER(fetch_or, acq_rel), RL_INFO)
#define fe_fetch_or_seq_cst(p, v) (p)->fetch_or((v), FE_MODEL_ORDER(fetch_or, seq_cst), RL_INFO)
#define fe_fetch_and_relaxed(p, v) (p)->fetch_and((v), FE_MODEL_ORDER(fetch_and, relaxed), RL_INFO)
#define fe_fetch_and_acquire(p, v) (p)->fetch_and((v), FE_MODEL_ORDER(fetch_and, acquire), RL_INFO)
#define fe_fetch_and_release(p, v) (p)->fetch_and((v), FE_MODEL_ORDER(fetch_and, release), RL_INFO)
#define fe_fetch_and_acq_rel(p, v) (p)->fetch_and((v), FE_MODEL_ORDER(fetch_and, acq_rel), RL_INFO)
#define fe_fetch_and_seq_cst(p, v) (p)->fetch_and((v), FE_MODEL_ORDER(fetch_and, seq_cst), RL_INFO)

#define fe_fence_acquire() fe_model_fence(FE_MODEL_ORDER(fence, acquire), RL_INFO)
#define fe_fence_release() fe_model_fence(FE_MODEL_ORDER(fence, release), RL_INFO)
#define fe_fence_seq_cst() fe_model_fence(FE_MODEL_ORDER(fence, seq_cst), RL_INFO)

#define FE_PLAIN(type) rl::var<type>
#define fe_plain_get(x) ((x)(RL_INFO).load())
#define fe_plain_set(x, v) ((x)(RL_INFO).store(v))

#define fe_speculative_read(p) (p)->read(RL_INFO)
#define fe_speculative_confirm(p) (p)->confirm()
#define fe_speculative_write(p, v) (p)->write((v), RL_INFO)

#endif
