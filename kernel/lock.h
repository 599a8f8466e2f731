/*
 * The kernel's spinlock: for the few places where two cores must take turns (struct fe_kernel_state names them all).
 *
 * Held for a bounded time; never across a switch of tasks. No interrupt handler takes one unless all its holders mask
 * interrupts. The holder is recorded, so that taking a lock twice on one core is a panic that names it and not a hang.
 *
 * Rejected: ticket and queue locks. None of these locks is taken on a path that matters for speed, and the console
 * needs a try.
 */
#ifndef FERRITE_KERNEL_LOCK_H
#define FERRITE_KERNEL_LOCK_H

#include <arch/arch.h>
#include <ferrite/panic.h>
#include <stdatomic.h>

struct fe_lock {
    _Atomic unsigned holder; /* index of the core that holds it, plus one; 0: free */
    const char *name;
};

#define FE_LOCK(name_)                                                                                                 \
    { .holder = 0, .name = (name_) }

static inline bool fe_lock_try(struct fe_lock *lock) {
    unsigned nobody = 0;
    /* Acquire pairs with the release in fe_lock_release: what the last holder wrote is seen. */
    return atomic_compare_exchange_strong_explicit(&lock->holder, &nobody, fe_arch_core()->index + 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void fe_lock_take(struct fe_lock *lock) {
    while (!fe_lock_try(lock)) {
        /* Relaxed: only this core writes its own index, so it reads it only if it did. */
        if (atomic_load_explicit(&lock->holder, memory_order_relaxed) == fe_arch_core()->index + 1)
            fe_panic("lock %s taken twice by core %u", lock->name, fe_arch_core()->index);
        fe_arch_relax();
    }
}

static inline void fe_lock_release(struct fe_lock *lock) {
    atomic_store_explicit(&lock->holder, 0, memory_order_release); /* pairs with fe_lock_try */
}

#endif
