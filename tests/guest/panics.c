/* What must end the machine. Each runs alone: tests/system/panics boots a machine for it and looks at the status. */
#include "guest.h"

#include <ferrite/panic.h>
#include <sched/scheduler.h>

Test(panics, plain, .data = FE_TEST_ALONE) {
    fe_panic("on purpose: %d", 7);
}

Test(panics, check, .data = FE_TEST_ALONE) {
    fe_check(fe_core_count() == 0);
}

static void wait_for_ever(void) {
    numbers_sender out;
    numbers_port in;
    numbers_open(&out, &in, 1, 0);
    numbers_receive(in);
}

static void misuse(struct fe_event *event) {
    (void)event;
    fe_task_yield();
    fe_task_yield(); /* so that the first is no tail call, which would leave no trace of this function */
}

static void null_write(struct fe_event *event) {
    (void)event;
    volatile int *volatile null = NULL;
    *null = 1;
}

/* A checked build names the function, the context and the caller. */
Test(panics, yield_in_a_handler, .data = FE_TEST_ALONE) {
    static struct fe_event event;
    fe_event_init(&event, (unsigned)guest_last_core(), misuse);
    fe_event_post(&event);
    wait_for_ever();
}

Test(panics, fault_in_a_handler, .data = FE_TEST_ALONE) {
    static struct fe_event event;
    fe_event_init(&event, (unsigned)guest_last_core(), null_write);
    fe_event_post(&event);
    wait_for_ever();
}
