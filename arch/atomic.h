/*
 * Atomic variables with the order in the operation's name, and plain variables whose accesses the model checker
 * watches.
 *
 * Files that share memory without a lock are written over this header, in the common subset of C and C++98, so that the
 * very source that the kernel runs is also compiled under Relacy (with FE_MODEL defined; tests/model/). In the kernel
 * each operation is one builtin on a struct around the integer: no call, no cost. The struct keeps a plain `x = 1` or
 * `x++` on an atomic from compiling, and the name keeps an order from being left out; <stdatomic.h> allows both.
 *
 *   fe_load_ORDER(p)                     relaxed acquire seq_cst
 *   fe_store_ORDER(p, v)                 relaxed release seq_cst
 *   fe_exchange_ORDER(p, v)              relaxed acquire release acq_rel seq_cst; returns the old value
 *   fe_cas_ORDER(p, &expected, desired)  likewise; strong: fails only if *p differs from expected, and then stores what
 *                                        it found there. A failure is a load: acquire if ORDER has acquire (seq_cst for
 *                                        seq_cst), else relaxed
 *   fe_fetch_add_ORDER(p, v)             likewise, and fetch_sub, fetch_or, fetch_and; returns the old value
 *   fe_fence_ORDER()                     acquire release seq_cst
 *
 * Three further kinds of access cost what a plain one costs and say to the model what may be relied on:
 *
 *   FE_PLAIN(type) x; fe_plain_get(x), fe_plain_set(x, v)
 *       An ordinary variable that several cores access in turn. The model fails if two accesses, one of them a write,
 *       are not ordered. Takes the variable, not its address.
 *   fe_store_private(p, v)
 *       A relaxed store to an atomic that no other core can reach now. The model fails unless all earlier accesses by
 *       others happen before it and all later ones after it.
 *   fe_speculative_pointer s; fe_speculative_read(&s), fe_speculative_confirm(&s), fe_speculative_write(&s, v)
 *       A slot that is read first and claimed afterwards, by a compare-and-swap elsewhere; the value of a failed claim
 *       is thrown away. `confirm`, called at once after the claim succeeded, makes the caller's last read count: the
 *       model fails unless the next write happens after it. (That is how it can see a claim that is too weak: a read
 *       after the write that it should precede is load buffering, which Relacy itself never shows.)
 *
 * Not for device registers, nor for what one core shares with its own interrupt handlers only (volatile does there).
 * There is no consume, since compilers make it acquire; nor a weak compare-and-swap, since each use here would loop.
 */
#ifndef FERRITE_ATOMIC_H
#define FERRITE_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef FE_MODEL
#include "../tests/model/atomic_relacy.h"
#else

/*
 * Marks functions that read figures which other cores keep with plain stores, in words that do not tear: what is read was true
 * a moment ago, orders nothing and is only shown. Making each such store atomic would cost the fast paths more than a figure
 * is worth, so ThreadSanitizer is told to look away here, and nowhere else. Each read in one is volatile or atomic.
 */
#define FE_GLANCE __attribute__((no_sanitize("thread")))

/* Keeps what follows on cache lines of its own: for what different cores write. */
#define FE_CACHE_ALIGNED __attribute__((aligned(64)))

typedef struct {
    uint32_t value;
} fe_atomic_u32;
typedef struct {
    uint64_t value;
} fe_atomic_u64;
typedef struct {
    uintptr_t value;
} fe_atomic_uptr;
typedef struct {
    void *value;
} fe_atomic_pointer;

#define fe_load_relaxed(p) __atomic_load_n(&(p)->value, __ATOMIC_RELAXED)
#define fe_load_acquire(p) __atomic_load_n(&(p)->value, __ATOMIC_ACQUIRE)
#define fe_load_seq_cst(p) __atomic_load_n(&(p)->value, __ATOMIC_SEQ_CST)

#define fe_store_relaxed(p, v) __atomic_store_n(&(p)->value, (v), __ATOMIC_RELAXED)
#define fe_store_release(p, v) __atomic_store_n(&(p)->value, (v), __ATOMIC_RELEASE)
#define fe_store_seq_cst(p, v) __atomic_store_n(&(p)->value, (v), __ATOMIC_SEQ_CST)
#define fe_store_private(p, v) fe_store_relaxed(p, v)

#define fe_exchange_relaxed(p, v) __atomic_exchange_n(&(p)->value, (v), __ATOMIC_RELAXED)
#define fe_exchange_acquire(p, v) __atomic_exchange_n(&(p)->value, (v), __ATOMIC_ACQUIRE)
#define fe_exchange_release(p, v) __atomic_exchange_n(&(p)->value, (v), __ATOMIC_RELEASE)
#define fe_exchange_acq_rel(p, v) __atomic_exchange_n(&(p)->value, (v), __ATOMIC_ACQ_REL)
#define fe_exchange_seq_cst(p, v) __atomic_exchange_n(&(p)->value, (v), __ATOMIC_SEQ_CST)

#define FE_ATOMIC_CAS(p, e, d, success, failure)                                                                       \
    __atomic_compare_exchange_n(&(p)->value, (e), (d), false, success, failure)
#define fe_cas_relaxed(p, e, d) FE_ATOMIC_CAS(p, e, d, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define fe_cas_acquire(p, e, d) FE_ATOMIC_CAS(p, e, d, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)
#define fe_cas_release(p, e, d) FE_ATOMIC_CAS(p, e, d, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define fe_cas_acq_rel(p, e, d) FE_ATOMIC_CAS(p, e, d, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define fe_cas_seq_cst(p, e, d) FE_ATOMIC_CAS(p, e, d, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#define fe_fetch_add_relaxed(p, v) __atomic_fetch_add(&(p)->value, (v), __ATOMIC_RELAXED)
#define fe_fetch_add_acquire(p, v) __atomic_fetch_add(&(p)->value, (v), __ATOMIC_ACQUIRE)
#define fe_fetch_add_release(p, v) __atomic_fetch_add(&(p)->value, (v), __ATOMIC_RELEASE)
#define fe_fetch_add_acq_rel(p, v) __atomic_fetch_add(&(p)->value, (v), __ATOMIC_ACQ_REL)
#define fe_fetch_add_seq_cst(p, v) __atomic_fetch_add(&(p)->value, (v), __ATOMIC_SEQ_CST)
#define fe_fetch_sub_relaxed(p, v) __atomic_fetch_sub(&(p)->value, (v), __ATOMIC_RELAXED)
#define fe_fetch_sub_acquire(p, v) __atomic_fetch_sub(&(p)->value, (v), __ATOMIC_ACQUIRE)
#define fe_fetch_sub_release(p, v) __atomic_fetch_sub(&(p)->value, (v), __ATOMIC_RELEASE)
#define fe_fetch_sub_acq_rel(p, v) __atomic_fetch_sub(&(p)->value, (v), __ATOMIC_ACQ_REL)
#define fe_fetch_sub_seq_cst(p, v) __atomic_fetch_sub(&(p)->value, (v), __ATOMIC_SEQ_CST)
#define fe_fetch_or_relaxed(p, v) __atomic_fetch_or(&(p)->value, (v), __ATOMIC_RELAXED)
#define fe_fetch_or_acquire(p, v) __atomic_fetch_or(&(p)->value, (v), __ATOMIC_ACQUIRE)
#define fe_fetch_or_release(p, v) __atomic_fetch_or(&(p)->value, (v), __ATOMIC_RELEASE)
#define fe_fetch_or_acq_rel(p, v) __atomic_fetch_or(&(p)->value, (v), __ATOMIC_ACQ_REL)
#define fe_fetch_or_seq_cst(p, v) __atomic_fetch_or(&(p)->value, (v), __ATOMIC_SEQ_CST)
#define fe_fetch_and_relaxed(p, v) __atomic_fetch_and(&(p)->value, (v), __ATOMIC_RELAXED)
#define fe_fetch_and_acquire(p, v) __atomic_fetch_and(&(p)->value, (v), __ATOMIC_ACQUIRE)
#define fe_fetch_and_release(p, v) __atomic_fetch_and(&(p)->value, (v), __ATOMIC_RELEASE)
#define fe_fetch_and_acq_rel(p, v) __atomic_fetch_and(&(p)->value, (v), __ATOMIC_ACQ_REL)
#define fe_fetch_and_seq_cst(p, v) __atomic_fetch_and(&(p)->value, (v), __ATOMIC_SEQ_CST)

#define fe_fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define fe_fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)
#if defined(__x86_64__) && defined(__clang__)
/* What gcc makes of the builtin: a locked operation on the stack orders as much normal memory as mfence, which clang 14
 * emits, and costs less on every x86_64 core so far. */
#define fe_fence_seq_cst() __asm__ volatile("lock orl $0, (%%rsp)" ::: "memory", "cc")
#else
#define fe_fence_seq_cst() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#define FE_PLAIN(type) type
#define fe_plain_get(x) (x)
#define fe_plain_set(x, v) ((void)((x) = (v)))

typedef fe_atomic_pointer fe_speculative_pointer;
#define fe_speculative_read(p) fe_load_relaxed(p)
#define fe_speculative_confirm(p) ((void)(p))
#define fe_speculative_write(p, v) fe_store_relaxed(p, v)

#endif
#endif
