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

#include <relacy/relacy.hpp>

#define FE_CACHE_ALIGNED

template <typename T>
class fe_model_atomic {
public:
    fe_model_atomic() : was_private_(false) {}

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
    fe_speculative_pointer() : confirmed_by_(-1) {}

    void *read(rl::debug_info_param info) {
        void *value = value_.load(rl::mo_relaxed, info);
        read_[rl::ctx().current_thread()](info).store(0);
        return value;
    }
    void confirm() { confirmed_by_ = (int)rl::ctx().current_thread(); }
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

#define fe_load_relaxed(p) (p)->load(rl::mo_relaxed, RL_INFO)
#define fe_load_acquire(p) (p)->load(rl::mo_acquire, RL_INFO)
#define fe_load_seq_cst(p) (p)->load(rl::mo_seq_cst, RL_INFO)

#define fe_store_relaxed(p, v) (p)->store((v), rl::mo_relaxed, RL_INFO)
#define fe_store_release(p, v) (p)->store((v), rl::mo_release, RL_INFO)
#define fe_store_seq_cst(p, v) (p)->store((v), rl::mo_seq_cst, RL_INFO)
#define fe_store_private(p, v) (p)->store_private((v), RL_INFO)

#define fe_exchange_relaxed(p, v) (p)->exchange((v), rl::mo_relaxed, RL_INFO)
#define fe_exchange_acquire(p, v) (p)->exchange((v), rl::mo_acquire, RL_INFO)
#define fe_exchange_release(p, v) (p)->exchange((v), rl::mo_release, RL_INFO)
#define fe_exchange_acq_rel(p, v) (p)->exchange((v), rl::mo_acq_rel, RL_INFO)
#define fe_exchange_seq_cst(p, v) (p)->exchange((v), rl::mo_seq_cst, RL_INFO)

#define fe_cas_relaxed(p, e, d) (p)->cas((e), (d), rl::mo_relaxed, RL_INFO)
#define fe_cas_acquire(p, e, d) (p)->cas((e), (d), rl::mo_acquire, RL_INFO)
#define fe_cas_release(p, e, d) (p)->cas((e), (d), rl::mo_release, RL_INFO)
#define fe_cas_acq_rel(p, e, d) (p)->cas((e), (d), rl::mo_acq_rel, RL_INFO)
#define fe_cas_seq_cst(p, e, d) (p)->cas((e), (d), rl::mo_seq_cst, RL_INFO)

#define fe_fetch_add_relaxed(p, v) (p)->fetch_add((v), rl::mo_relaxed, RL_INFO)
#define fe_fetch_add_acquire(p, v) (p)->fetch_add((v), rl::mo_acquire, RL_INFO)
#define fe_fetch_add_release(p, v) (p)->fetch_add((v), rl::mo_release, RL_INFO)
#define fe_fetch_add_acq_rel(p, v) (p)->fetch_add((v), rl::mo_acq_rel, RL_INFO)
#define fe_fetch_add_seq_cst(p, v) (p)->fetch_add((v), rl::mo_seq_cst, RL_INFO)
#define fe_fetch_sub_relaxed(p, v) (p)->fetch_sub((v), rl::mo_relaxed, RL_INFO)
#define fe_fetch_sub_acquire(p, v) (p)->fetch_sub((v), rl::mo_acquire, RL_INFO)
#define fe_fetch_sub_release(p, v) (p)->fetch_sub((v), rl::mo_release, RL_INFO)
#define fe_fetch_sub_acq_rel(p, v) (p)->fetch_sub((v), rl::mo_acq_rel, RL_INFO)
#define fe_fetch_sub_seq_cst(p, v) (p)->fetch_sub((v), rl::mo_seq_cst, RL_INFO)
#define fe_fetch_or_relaxed(p, v) (p)->fetch_or((v), rl::mo_relaxed, RL_INFO)
#define fe_fetch_or_acquire(p, v) (p)->fetch_or((v), rl::mo_acquire, RL_INFO)
#define fe_fetch_or_release(p, v) (p)->fetch_or((v), rl::mo_release, RL_INFO)
#define fe_fetch_or_acq_rel(p, v) (p)->fetch_or((v), rl::mo_acq_rel, RL_INFO)
#define fe_fetch_or_seq_cst(p, v) (p)->fetch_or((v), rl::mo_seq_cst, RL_INFO)
#define fe_fetch_and_relaxed(p, v) (p)->fetch_and((v), rl::mo_relaxed, RL_INFO)
#define fe_fetch_and_acquire(p, v) (p)->fetch_and((v), rl::mo_acquire, RL_INFO)
#define fe_fetch_and_release(p, v) (p)->fetch_and((v), rl::mo_release, RL_INFO)
#define fe_fetch_and_acq_rel(p, v) (p)->fetch_and((v), rl::mo_acq_rel, RL_INFO)
#define fe_fetch_and_seq_cst(p, v) (p)->fetch_and((v), rl::mo_seq_cst, RL_INFO)

#define fe_fence_acquire() rl::atomic_thread_fence(rl::mo_acquire, RL_INFO)
#define fe_fence_release() rl::atomic_thread_fence(rl::mo_release, RL_INFO)
#define fe_fence_seq_cst() rl::atomic_thread_fence(rl::mo_seq_cst, RL_INFO)

#define FE_PLAIN(type) rl::var<type>
#define fe_plain_get(x) ((x)(RL_INFO).load())
#define fe_plain_set(x, v) ((x)(RL_INFO).store(v))

#define fe_speculative_read(p) (p)->read(RL_INFO)
#define fe_speculative_confirm(p) (p)->confirm()
#define fe_speculative_write(p, v) (p)->write((v), RL_INFO)

#endif
