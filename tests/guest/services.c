/* Contexts and what they offer; code that runs with no task at all, at boot and in event handlers. */
#include "guest.h"

#include <sched/scheduler.h>

#define AT_BOOT (FE_SERVICE_LOG | FE_SERVICE_TIME | FE_SERVICE_HEAP)
#define IN_SCHEDULER (AT_BOOT | FE_SERVICE_PIPES | FE_SERVICE_TASKS | FE_SERVICE_GLOBAL_DATA | FE_SERVICE_FOREIGN)
#define IN_TASK (IN_SCHEDULER | FE_SERVICE_WAIT | FE_SERVICE_OWN)

/* At boot, before there is a scheduler; looked at by a test later. */
static struct {
    enum fe_context_kind context;
    unsigned services;
    fe_task task;
    bool heap_works, time_passes, wants_too_much_in_vain;
    fe_status foreign;
} at_boot;

static intptr_t same(void *argument) {
    return (intptr_t)argument;
}

static void look_at_boot(void) {
    at_boot.context = fe_context();
    at_boot.services = fe_services();
    at_boot.task = fe_task_self();
    unsigned char *block = fe_heap_try_alloc(1000), *large = fe_heap_try_alloc((size_t)1 << 20);
    at_boot.heap_works = block != NULL && large != NULL;
    if (at_boot.heap_works)
        block[999] = large[(1 << 20) - 1] = 1;
    fe_heap_free(block);
    fe_heap_free(large);
    volatile size_t huge = SIZE_MAX / 2;
    at_boot.wants_too_much_in_vain = fe_heap_try_alloc(huge) == NULL;
    fe_nanoseconds began = fe_time_now();
    for (unsigned i = 0; i < 100000000 && !at_boot.time_passes; i++)
        at_boot.time_passes = fe_time_now() > began;
    intptr_t value;
    at_boot.foreign = fe_foreign_try(same, NULL, &value);
    fe_debug("services: before there is a scheduler");
}
FE_AT_BOOT(look_at_boot);

Test(services, at_boot) {
    cr_assert_eq(at_boot.context, FE_CONTEXT_GLOBAL);
    cr_assert_eq(at_boot.services, (unsigned)AT_BOOT, "%#x", at_boot.services);
    cr_assert_eq(at_boot.task.id, 0u);
    cr_assert(at_boot.heap_works);
    cr_assert(at_boot.wants_too_much_in_vain);
    cr_assert(at_boot.time_passes);
    cr_assert_eq(at_boot.foreign, FE_ECONTEXT);
}

Test(services, in_a_task) {
    cr_assert_eq(fe_services(), (unsigned)IN_TASK, "%#x", fe_services());
}

/* In scheduler context -------------------------------------------------------------------------------------------- */

struct bare {
    struct fe_event event;
    unsigned services;
    bool heap_works;
    numbers_port in;
    uint64_t sum, received;
    fe_status last;
    _Atomic bool done;
};

/* Uses global services only: spins on a pipe until it is closed, and sums what comes, in a block of its own. */
static void sum_up(struct fe_event *event) {
    struct bare *bare = FE_CONTAINER_OF(event, struct bare, event);
    bare->services = fe_services();
    uint64_t *sum = fe_heap_try_alloc_zeroed(1, sizeof(*sum)), value;
    bare->heap_works = sum != NULL;
    fe_nanoseconds hang = fe_time_now() + HANG;
    do {
        bare->last = numbers_try_receive(bare->in, &value);
        if (bare->last == FE_OK && sum != NULL) {
            *sum += value;
            bare->received++;
        }
    } while ((bare->last == FE_OK || bare->last == FE_EAGAIN) && fe_time_now() < hang);
    bare->sum = sum != NULL ? *sum : 0;
    fe_heap_free(sum);
    atomic_store(&bare->done, true);
}

#define SENT 1000u

static void spin_receive_on(unsigned core, bool before) {
    struct bare bare = {.services = 0};
    numbers_sender out;
    numbers_open(&out, &bare.in, before ? SENT : 8, 0);
    fe_event_init(&bare.event, core, sum_up);
    if (!before)
        fe_event_post(&bare.event);
    for (uint64_t i = 1; i <= SENT; i++)
        numbers_send(out, i);
    numbers_close_sender(out);
    if (before)
        fe_event_post(&bare.event);
    fe_nanoseconds hang = fe_time_now() + HANG;
    while (!atomic_load(&bare.done)) {
        cr_assert_lt(fe_time_now(), hang);
        fe_task_yield();
    }
    cr_assert_eq(bare.services, (unsigned)IN_SCHEDULER, "%#x", bare.services);
    cr_assert(bare.heap_works);
    cr_assert_eq(bare.last, FE_ECLOSED);
    cr_assert_eq(bare.received, SENT);
    cr_assert_eq(bare.sum, (uint64_t)SENT * (SENT + 1) / 2);
    numbers_close_port(bare.in);
}

Test(services, a_bare_context_receives_what_is_there) {
    spin_receive_on(0, true);
}

static intptr_t spin_receive_elsewhere(void *core) {
    spin_receive_on((unsigned)(uintptr_t)core, false);
    return 0;
}

Test(services, a_bare_context_spins_for_what_comes) {
    if (fe_core_count() == 1)
        cr_skip_test("one core");
    /* The sender keeps to core 0, and the receiver has the last one to itself. */
    guest_join(guest_spawn(spin_receive_elsewhere, (void *)(uintptr_t)guest_last_core(), 0));
}
