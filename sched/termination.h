/*
 * Termination: how it is noticed that the last task has ended, with no counter that all cores write.
 *
 * Each core counts the tasks that were spawned there and those that ended there. Both only ever grow, and only that core
 * writes them. A spawn is counted before the task can be found, an end when its code has run. If the sum of all `ended`, read
 * first, equals the sum of all `spawned`, read after, then at the moment between the two no task was alive: a live one would be
 * in the second sum and not in the first. Nor is one left that could spawn another, unless something that is not counted does:
 * weak tasks, and the global context, which therefore holds a count of its own while it has something to spawn.
 *
 * One task waits for that moment. It announces itself and looks; a core that has counted an end looks for an announcement and
 * then at the sums. Both write, fence and read, so one of them sees that the last task has ended.
 *
 * Weak tasks are counted apart, by the same means; the kernel's own service tasks not at all.
 *
 * Model: tests/model/termination.pml (the protocol), termination.cpp (the orders). Rejected: one counter (a line that every
 * spawn and every end on every core writes).
 */
#ifndef FERRITE_SCHED_TERMINATION_H
#define FERRITE_SCHED_TERMINATION_H

#include <arch/atomic.h>

#ifndef FE_TERMINATION_CORES
#define FE_TERMINATION_CORES 64
#endif

/* Written by one core, read by all. */
struct fe_counts {
    fe_atomic_u64 spawned;
    fe_atomic_u64 ended;
};

struct fe_termination {
    /* Immutable once the schedulers run. */
    unsigned cores;
    struct fe_counts *strong[FE_TERMINATION_CORES];
    struct fe_counts *weak[FE_TERMINATION_CORES];
    /* The task that waits. Its own: */
    fe_atomic_pointer waiter; /* NULL: nobody waits */
    fe_atomic_u32 weak_too;   /* it waits for the weak tasks as well */
};

/* One more. Its owner alone writes a count, so a load and a store do. */
static inline void fe_count(fe_atomic_u64 *counter) {
    /* Release: pairs with the loads in fe_counts_even. Who sees an end counted sees the spawns that came before it. */
    fe_store_release(counter, fe_load_relaxed(counter) + 1);
}

/* Whether all that were spawned had ended, at a moment during this call. */
static inline bool fe_counts_even(struct fe_counts *const *counts, unsigned cores) {
    uint64_t ended = 0, spawned = 0;
    for (unsigned i = 0; i < cores; i++)
        ended += fe_load_acquire(&counts[i]->ended); /* pairs with fe_count: the spawn of whatever ended is seen below */
    for (unsigned i = 0; i < cores; i++)
        spawned += fe_load_relaxed(&counts[i]->spawned); /* ordered by the loads above */
    return ended == spawned;
}

/* Whether what the waiter waits for has come. */
static inline bool fe_termination_reached(const struct fe_termination *termination) {
    return fe_counts_even(termination->strong, termination->cores) &&
           (!fe_load_relaxed(&termination->weak_too) || fe_counts_even(termination->weak, termination->cores));
}

/* The calling task will wait, and must look (fe_termination_reached) after this and after each time that it is woken. */
static inline void fe_termination_announce(struct fe_termination *termination, void *waiter, bool weak_too) {
    /* Relaxed, both: the fence orders them before the look. Whoever sees the one without the other wakes it for nothing, as
     * it only ever goes from not waiting for the weak tasks to waiting for them. */
    fe_store_relaxed(&termination->weak_too, weak_too);
    fe_store_relaxed(&termination->waiter, waiter);
    fe_fence_seq_cst(); /* pairs with the one in fe_termination_look */
}

/* The calling core has counted ends. Who must be woken; NULL: nobody. */
static inline void *fe_termination_look(struct fe_termination *termination) {
    fe_fence_seq_cst(); /* pairs with the one in fe_termination_announce: our count before our look at the waiter */
    void *waiter = fe_load_relaxed(&termination->waiter); /* a task that lives as long as the machine */
    return waiter && fe_termination_reached(termination) ? waiter : NULL;
}

#endif
