/*
 * How idle cores go to sleep and are woken: no work waits while a core that could run it sleeps, and no more cores are
 * woken than there is work for.
 *
 *              search_begin              search_end(false), announce
 *     BUSY  ---------------->  SEARCHING  ----------------------->  ASLEEP      asleep     one bit for each core
 *      ^ ^                      |    ^                              |   |       searching  how many search, those on
 *      | +----------------------+    +---- cancel_to_search, -------+   |                  their way out of sleep by
 *      |    search_end(true)               or wake_one chose it         |                  wake_one included
 *      +----------------- cancel, or another interrupt -----------------+
 *
 * The idle core: searches if fe_sleep_search_begin lets it; finds nothing and ends the search; masks interrupts;
 * fe_sleep_announce; looks once more at *every* source (each ring, its inbox, the injection list, timers); and only
 * then waits for an interrupt. Whether it found something or was interrupted it calls fe_sleep_cancel, or, if it found
 * work to steal, fe_sleep_cancel_to_search; the first may say that it is searching again, and after the second it is.
 * Who makes work: makes it visible, then calls fe_sleep_wake_one and interrupts the core that it names. Who pushes to
 * an inbox and was told that it may have been empty calls fe_sleep_wake_core.
 *
 * Why nothing is lost. Sleeper and waker both write, fence, and read what the other wrote, so at least one sees the
 * other: either the sleeper's second look finds the work, or the waker finds the sleeper. While somebody searches the
 * waker leaves it to them: a searcher that finds nothing takes itself off the count before its fence, so it too looks
 * again; one that finds something and is the last wakes the next. A count taken for a sleeper that was gone is put
 * back, and then whoever fell asleep trusting it is looked for again.
 *
 * Rejected: waking a core for each piece of work (a storm of interrupts for one burst); a targeted wake that takes the
 * core's bit (it would have to count the core as searching before it knew that it slept); both fields in one word (64
 * cores and a count do not fit).
 *
 * Source: Go's "worker thread parking/unparking" (runtime/proc.go), which allows the last case.
 */
#ifndef FERRITE_SCHED_SLEEP_H
#define FERRITE_SCHED_SLEEP_H

#include <arch/atomic.h>

/* One for each set of cores that steal from each other. Written when a core falls asleep, wakes or searches; read
 * whenever work is made. */
struct fe_sleep {
    FE_CACHE_ALIGNED fe_atomic_u64 asleep;
    fe_atomic_u32 searching;
    unsigned cores; /* immutable after start */
};

/* Before any core sleeps. `cores`: 1 to 64. */
static inline void fe_sleep_init(struct fe_sleep *sleep, unsigned cores) {
    fe_store_relaxed(&sleep->asleep, 0);
    fe_store_relaxed(&sleep->searching, 0);
    sleep->cores = cores;
}

/*
 * Work was made visible. Returns the core that the caller must interrupt, or -1 if that is not needed: nobody sleeps,
 * or somebody searches. Any core, any context.
 */
static inline int fe_sleep_wake_one(struct fe_sleep *sleep) {
    /* Pairs with the fences of fe_sleep_announce and below: the caller's work before our look at the sleepers. */
    fe_fence_seq_cst();
    for (;;) {
        /* All relaxed: the fences order them, and they carry no data; the woken core finds the work by itself. */
        uint64_t asleep = fe_load_relaxed(&sleep->asleep);
        if (asleep == 0 || fe_load_relaxed(&sleep->searching) != 0)
            return -1;
        uint32_t none = 0;
        if (!fe_cas_relaxed(&sleep->searching, &none, 1))
            return -1;
        while (asleep != 0) {
            uint64_t lowest = asleep & (~asleep + 1);
            if (fe_cas_relaxed(&sleep->asleep, &asleep, asleep & ~lowest))
                return __builtin_ctzll(lowest);
        }
        /* All woke up meanwhile. Another waker may have seen our count, and left its work to a search that never is:
         * put it back, fence, and look for sleepers on its behalf. Pairs with the first fence. */
        (void)fe_fetch_sub_relaxed(&sleep->searching, 1);
        fe_fence_seq_cst();
    }
}

/* Something was made visible that only `core` can take. True if it may sleep, and the caller must interrupt it. Any
 * core, any context. */
static inline bool fe_sleep_wake_core(struct fe_sleep *sleep, unsigned core) {
    /* Pairs with the fence of fe_sleep_announce. Relaxed: as above. */
    fe_fence_seq_cst();
    return (fe_load_relaxed(&sleep->asleep) >> core & 1) != 0;
}

/* Whether the calling core, with nothing to do, should look for work to steal: at most half of the cores do (a moment's
 * excess is harmless). If true, it is searching until fe_sleep_search_end. */
static inline bool fe_sleep_search_begin(struct fe_sleep *sleep) {
    /* Relaxed: a count; who relies on it fences. */
    if (2 * fe_load_relaxed(&sleep->searching) >= sleep->cores)
        return false;
    (void)fe_fetch_add_relaxed(&sleep->searching, 1);
    return true;
}

/* Ends the calling core's search. If it found work it must interrupt the core that this returns, unless -1; if it did
 * not, -1, and it must not wait before it has announced that and looked again. */
static inline int fe_sleep_search_end(struct fe_sleep *sleep, bool found) {
    /* Release; pairs with the fence of fe_sleep_wake_one or of fe_sleep_announce that follows for the others: who finds work and is
     * not the last leaves what it did not take to them, without a fence of its own. */
    bool last = fe_fetch_sub_release(&sleep->searching, 1) == 1;
    return found && last ? fe_sleep_wake_one(sleep) : -1;
}

/* The calling core is about to wait for an interrupt, which it has masked. It is not searching. It must look at every
 * source of work after this, and cancel if it finds some. */
static inline void fe_sleep_announce(struct fe_sleep *sleep, unsigned core) {
    (void)fe_fetch_or_relaxed(&sleep->asleep, (uint64_t)1 << core);
    /* Pairs with the fences of fe_sleep_wake_one and fe_sleep_wake_core: our announcement, and the end of our search,
     * before our second look. */
    fe_fence_seq_cst();
}

/* The calling core no longer sleeps: it has something to do, or was interrupted. True if fe_sleep_wake_one had chosen
 * it: it is searching now (fe_sleep_search_end is due), and an interrupt is on its way or was taken. */
static inline bool fe_sleep_cancel(struct fe_sleep *sleep, unsigned core) {
    uint64_t bit = (uint64_t)1 << core;
    /* Relaxed: only one of us and a waker gets the bit. */
    return (fe_fetch_and_relaxed(&sleep->asleep, ~bit) & bit) == 0;
}

/* The same for a core whose second look found work to steal: it is searching in every case, however many do. (Refused
 * by a count that a waker holds for it, it could announce and cancel in step with that waker for ever.) */
static inline void fe_sleep_cancel_to_search(struct fe_sleep *sleep, unsigned core) {
    if (!fe_sleep_cancel(sleep, core))
        (void)fe_fetch_add_relaxed(&sleep->searching, 1);
}

/* Whether the calling core's announcement still stands. For loops that wait by looking. */
static inline bool fe_sleep_is_asleep(const struct fe_sleep *sleep, unsigned core) {
    return (fe_load_relaxed(&sleep->asleep) >> core & 1) != 0; /* relaxed: looked at again and again */
}

#endif
