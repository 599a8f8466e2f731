/*
 * Threads as cores. A thread gets a heap at its first allocation, and gives it to the next one when it ends, with all that
 * is in it: blocks live on, and what others free of them waits in its inbox. Who has none (a thread that only frees, one
 * whose destructors have run, or one too many) visits: there is one heap for them all, behind a lock.
 *
 * fork: the locks are held over it, so that the child finds everything whole. The heaps of threads that it has not are never
 * used there; what is freed of their blocks stays in their inboxes.
 */
#include "host.h"

#include <heap/buddy.h>

#include <pthread.h>
#include <sched.h>

struct fe_heap_core fe_host_nobody = {
    .magazine = {[0 ... FE_CLASSES - 1] = {.top = fe_slot_nothing + 1}},
};
__thread struct fe_core fe_host_core __attribute__((tls_model("initial-exec"))) = {.heap = &fe_host_nobody};
static __thread bool ending __attribute__((tls_model("initial-exec")));

static struct {
    struct fe_spinlock lock; /* taken before the heap's */
    bool ready;
    pthread_key_t key; /* its destructor says that a thread ends */
    unsigned made;     /* heaps; 0 is the visitors' */
    unsigned retired;
    unsigned free[FE_CORES_MAX]; /* indices of heaps without a thread */
    struct fe_core core[FE_CORES_MAX];
} threads;

static struct fe_heap_core *visitors;

void fe_host_yield(void) {
    sched_yield();
}

static void retire(void *index) {
    if (fe_host_core.heap == &fe_host_nobody)
        return;
    fe_heap_flush();
    fe_remote_accept(fe_heap_core(), UINT32_MAX);
    ending = true;
    fe_host_core.heap = &fe_host_nobody;
    fe_spinlock_acquire(&threads.lock);
    threads.free[threads.retired++] = (unsigned)(uintptr_t)index;
    fe_spinlock_release(&threads.lock);
}

static void before_fork(void) {
    fe_spinlock_acquire(&threads.lock);
    fe_spinlock_acquire(&fe_heap_grants.lock);
    fe_spinlock_acquire(&fe_buddy.lock);
}

static void after_fork(void) {
    fe_spinlock_release(&fe_buddy.lock);
    fe_spinlock_release(&fe_heap_grants.lock);
    fe_spinlock_release(&threads.lock);
}

/* Makes heap `index`; under the lock. The caller's core serves meanwhile, since pages come through a heap. */
static bool make(unsigned index) {
    struct fe_core *core = &threads.core[index];
    core->self = core;
    core->index = index;
    return fe_heap_core_init(core) == FE_OK;
}

/* The first heap, for which no heap serves yet: it gets its memory past the page allocator's cache. */
static bool begin(void) {
    static struct fe_heap_core first;
    if (!fe_host_memory_init(&first))
        return false;
    struct fe_core *self = &fe_host_core;
    self->index = 0;
    fe_heap_boot_core_init(&first);
    visitors = &first;
    self->heap = &fe_host_nobody;
    threads.made = 1;
    if (pthread_key_create(&threads.key, retire) != 0)
        return false;
    threads.ready = true;
    return true;
}

static bool prepare(void) {
    static bool registered;
    fe_spinlock_acquire(&threads.lock);
    bool ready = threads.ready || begin();
    fe_spinlock_release(&threads.lock);
    /* Outside the lock, since it may allocate. */
    if (ready && !__atomic_exchange_n(&registered, true, __ATOMIC_RELAXED))
        pthread_atfork(before_fork, after_fork, after_fork);
    return ready;
}

bool fe_host_attach(void) {
    if (ending || !prepare())
        return false;
    fe_spinlock_acquire(&threads.lock);
    unsigned index = 0;
    if (threads.retired > 0) {
        index = threads.free[--threads.retired];
    } else if (threads.made < FE_CORES_MAX) {
        fe_host_core.heap = visitors; /* for the pages; under the lock, like every visit */
        if (make(threads.made))
            index = threads.made++;
        fe_host_core.heap = &fe_host_nobody;
    }
    fe_spinlock_release(&threads.lock);
    if (index == 0)
        return false;
    fe_host_core.self = &fe_host_core;
    fe_host_core.index = index;
    fe_host_core.heap = fe_heap_core_at(index);
    pthread_setspecific(threads.key, (void *)(uintptr_t)index);
    return true;
}

bool fe_host_visit(void) {
    if (!prepare())
        return false;
    fe_spinlock_acquire(&threads.lock);
    fe_host_core.heap = visitors;
    return true;
}

void fe_host_leave(void) {
    fe_heap_flush();
    fe_heap_poll();
    fe_host_core.heap = &fe_host_nobody;
    fe_spinlock_release(&threads.lock);
}

/* A thread that has freed a few blocks will free more. One that is ending has freed its last few in its destructors. */
#define VISITS_MOST 32

void fe_arch_free_heapless(void *block) {
    static __thread unsigned visits __attribute__((tls_model("initial-exec")));
    if (visits++ >= VISITS_MOST && fe_host_attach()) {
        fe_heap_free(block);
        return;
    }
    if (!fe_host_visit())
        return;
    fe_heap_free(block);
    fe_host_leave();
}
