/*
 * The event loop over libuv: each core has a uv_loop_t on which it waits when it has nothing to run, and which it looks at now
 * and then when it has. What comes out of it is delivered as an interrupt is on a bare machine, through
 * fe_arch_hooks.interrupt, so that the rooms above see no difference.
 *
 * A wake-up costs a system call on either side, and some microseconds until Linux has the thread running; so a core first
 * waits for a while by looking, and only then in the kernel:
 *
 *     RUNNING --1 wait, nothing came for a while--> BLOCKED --2 the loop returns--> RUNNING
 *     RUNNING --3 wake--> KICKED --4 wait sees it--> RUNNING         BLOCKED --5 wake, with uv_async_send--> KICKED
 *
 * Deadlines: a timerfd, since libuv's timers count milliseconds.
 */
#define _GNU_SOURCE
#include "host.h"

#include <ferrite/panic.h>
#include <ferrite/time.h>
#include <sched/clock.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* How long a core looks before it blocks: about what blocking and being woken cost. */
#define SPIN (20 * FE_MICROSECOND)
/* How long a core that is busy leaves its devices alone. */
#define POLL_INTERVAL (50 * FE_MICROSECOND)

enum { RUNNING, BLOCKED, KICKED };

struct host_loop {
    uv_loop_t loop;
    uv_poll_t timer;
    int timer_file;
    fe_nanoseconds armed; /* what the timerfd is set to; FE_FOREVER: nothing */
    uint64_t polled;      /* the counter when the loop was last run */
    fe_atomic_u32 state __attribute__((aligned(FE_CACHE_LINE)));
    uv_async_t woken;
};

static struct host_loop *loops[FE_CORES_MAX]; /* each written by its core before it runs its scheduler */
static uint64_t poll_interval;                /* of the counter */
static fe_nanoseconds spin;

static struct host_loop *own(void) {
    return loops[fe_arch_core()->index];
}

uv_loop_t *fe_host_loop_devices(void) {
    return &loops[0]->loop;
}

static void woken(uv_async_t *handle) {
    (void)handle; /* `state` tells */
}

static void timer_fired(uv_poll_t *handle, int status, int events) {
    struct host_loop *self = FE_CONTAINER_OF(handle, struct host_loop, timer);
    uint64_t times;
    (void)status;
    (void)events;
    if (read(self->timer_file, &times, sizeof times) == sizeof times) {
        self->armed = FE_FOREVER;
        fe_arch_hooks.interrupt(FE_HOST_VECTOR_TIMER, NULL);
    }
}

void fe_host_loop_init_core(void) {
    struct host_loop *self = aligned_alloc(FE_CACHE_LINE, sizeof *self);
    fe_check(self != NULL);
    *self = (struct host_loop){.armed = FE_FOREVER};
    self->timer_file = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    fe_check(self->timer_file >= 0);
    fe_check(uv_loop_init(&self->loop) == 0);
    fe_check(uv_async_init(&self->loop, &self->woken, woken) == 0);
    fe_check(uv_poll_init(&self->loop, &self->timer, self->timer_file) == 0);
    fe_check(uv_poll_start(&self->timer, UV_READABLE, timer_fired) == 0);
    if (fe_arch_core()->index == 0) {
        poll_interval = fe_machine.counter_hz / (FE_SECOND / POLL_INTERVAL);
        /* More cores than the host has: looking would keep the others from running. */
        spin = sysconf(_SC_NPROCESSORS_ONLN) >= (long)fe_machine.core_count ? SPIN : 0;
    }
    loops[fe_arch_core()->index] = self;
}

static void run(struct host_loop *self, uv_run_mode mode) {
    uv_run(&self->loop, mode);
    self->polled = fe_arch_counter();
}

void fe_host_loop_poll(void) {
    struct host_loop *self = own();
    if (fe_arch_counter() - self->polled >= poll_interval)
        run(self, UV_RUN_NOWAIT);
}

static void set_timer(struct host_loop *self, fe_nanoseconds deadline) {
    if (deadline == self->armed)
        return;
    struct itimerspec in = {.it_value = {0, 0}};
    if (deadline != FE_FOREVER) {
        fe_nanoseconds now = fe_time_now(), left = deadline > now ? deadline - now : 1;
        in.it_value = (struct timespec){(time_t)(left / FE_SECOND), (long)(left % FE_SECOND)};
    }
    fe_check(timerfd_settime(self->timer_file, 0, &in, NULL) == 0);
    self->armed = deadline;
}

/* Waits by looking; true if there is something to do. */
static bool look(struct host_loop *self, struct fe_scheduler *scheduler, fe_nanoseconds deadline) {
    fe_nanoseconds now = fe_time_now(), end = now + spin;
    do {
        /* Relaxed: the exchange in libuv_wait acquires; the inbox is its own business. */
        if (fe_load_relaxed(&self->state) == KICKED || !fe_inbox_empty(&scheduler->inbox) || scheduler->unusual.attention)
            return true;
        __builtin_ia32_pause();
        now = fe_time_now();
        if (now >= deadline)
            return true;
    } while (now < end);
    return false;
}

static void libuv_wait(struct fe_scheduler *scheduler, fe_nanoseconds deadline) {
    struct host_loop *self = own();
    uint32_t expected = RUNNING;
    if (look(self, scheduler, deadline)) {
        fe_host_loop_poll();
    } else if (fe_cas_acq_rel(&self->state, &expected, BLOCKED)) { /* edge 1; fails if edge 3 came first */
        set_timer(self, deadline);
        run(self, UV_RUN_ONCE);
    }
    /* Edges 2 and 4. Acquire: pairs with libuv_wake; what the waker did before is seen by who looks after this. */
    if (fe_exchange_acq_rel(&self->state, RUNNING) == KICKED)
        fe_arch_hooks.interrupt(FE_HOST_VECTOR_WAKE, NULL);
}

static void libuv_wake(unsigned index) {
    struct host_loop *other = loops[index];
    /* Edges 3 and 5; pairs with libuv_wait. */
    if (fe_exchange_acq_rel(&other->state, KICKED) == BLOCKED)
        uv_async_send(&other->woken);
}

static void libuv_arm(fe_nanoseconds deadline) {
    (void)deadline; /* libuv_wait is told; a busy core looks at the clock at each poll */
}

const struct fe_loop_ops fe_loop_libuv = {"libuv", libuv_wait, libuv_wake, libuv_arm, false};
