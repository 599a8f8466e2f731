/*
 * The spinlock of this room: for what cores share and touch rarely (the buddy allocator, the grants of the exchange
 * heap). Each lock lives in the structure that it guards and is named there.
 *
 * Held for a bounded number of instructions, never over a switch, and never taken by an interrupt handler, so
 * interrupts stay as they are. Test-and-test-and-set: unfair, but a holder whose virtual CPU is descheduled delays
 * nobody but those who want the lock; a ticket lock would stop the whole queue behind a sleeping next-in-line.
 */
#ifndef FERRITE_HEAP_SPINLOCK_H
#define FERRITE_HEAP_SPINLOCK_H

#include <arch/arch.h>

struct fe_spinlock {
    uint32_t held;
};

static inline void fe_spinlock_acquire(struct fe_spinlock *lock) {
    /* Acquire: pairs with the release in fe_spinlock_release, so that we see what the last holder wrote. */
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) != 0) {
        /* Relaxed: only a hint that trying again is worth it. */
        while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0)
            fe_arch_relax();
    }
}

static inline void fe_spinlock_release(struct fe_spinlock *lock) {
    /* Release: pairs with the acquire in fe_spinlock_acquire. */
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

#endif
