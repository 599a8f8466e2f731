/* Select: over several ports, with deadlines, fair, and never a lost wake-up. */
#include "guest.h"

enum { PORTS = 8 };

struct many {
    numbers_sender out[PORTS];
    numbers_port in[PORTS];
    fe_selector selector;
};

static void open_many(struct many *many, size_t capacity) {
    fe_selector_open(&many->selector);
    for (uintptr_t i = 0; i < PORTS; i++) {
        numbers_open(&many->out[i], &many->in[i], capacity, 0);
        cr_assert_eq(fe_selector_add(many->selector, many->in[i].end, i), FE_OK);
    }
}

static void close_many(struct many *many, bool senders) {
    for (int i = 0; i < PORTS; i++) {
        cr_assert_eq(fe_selector_remove(many->selector, many->in[i].end), FE_OK);
        if (senders)
            numbers_close_sender(many->out[i]);
        numbers_close_port(many->in[i]);
    }
    fe_selector_close(many->selector);
}

Test(select, finds_the_ready_one) {
    struct many many;
    open_many(&many, 4);
    for (uintptr_t i = 0; i < PORTS; i++) {
        uintptr_t tag = 99;
        uint64_t value;
        numbers_send(many.out[i], i * 10);
        cr_assert_eq(fe_select(many.selector, fe_time_now() + HANG, &tag), FE_OK);
        cr_assert_eq(tag, i);
        cr_assert_eq(numbers_try_receive(many.in[i], &value), FE_OK);
        cr_assert_eq(value, i * 10);
    }
    close_many(&many, true);
}

Test(select, deadline) {
    struct many many;
    uintptr_t tag = 0;
    open_many(&many, 4);
    fe_nanoseconds begun = fe_time_now();
    cr_assert_eq(fe_select(many.selector, begun + 2 * FE_MILLISECOND, &tag), FE_ETIMEDOUT);
    cr_assert_geq(fe_time_now() - begun, 2 * FE_MILLISECOND);
    cr_assert_eq(fe_select(many.selector, 0, &tag), FE_ETIMEDOUT);
    numbers_send(many.out[3], 1);
    cr_assert_eq(fe_select(many.selector, 0, &tag), FE_OK);
    cr_assert_eq(tag, 3);
    close_many(&many, true);
}

Test(select, a_port_is_in_one_selector) {
    struct many many;
    open_many(&many, 4);
    fe_selector other;
    fe_selector_open(&other);
    cr_expect_eq(fe_selector_add(many.selector, many.in[0].end, 1), FE_EBUSY);
    cr_expect_eq(fe_selector_add(other, many.in[0].end, 1), FE_EBUSY);
    cr_expect_eq(fe_selector_remove(other, many.in[0].end), FE_ENOENT);
    fe_selector_close(other);
    close_many(&many, true);
}

Test(select, what_is_there_already_counts) {
    numbers_sender out;
    numbers_port in;
    fe_selector selector;
    uintptr_t tag = 0;
    numbers_open(&out, &in, 4, 0);
    numbers_send(out, 1);
    fe_selector_open(&selector);
    cr_assert_eq(fe_selector_add(selector, in.end, 5), FE_OK);
    cr_assert_eq(fe_select(selector, fe_time_now() + HANG, &tag), FE_OK);
    cr_assert_eq(tag, 5);
    cr_assert_eq(fe_selector_remove(selector, in.end), FE_OK);
    fe_selector_close(selector);
    numbers_close_sender(out);
    numbers_close_port(in);
}

Test(select, ready_ports_take_turns) {
    struct many many;
    open_many(&many, 256);
    for (int i = 0; i < PORTS; i++)
        for (uint64_t j = 0; j < 200; j++)
            numbers_send(many.out[i], j);
    unsigned turns[PORTS] = {0};
    for (int i = 0; i < 100 * PORTS; i++) {
        uintptr_t tag = 0;
        uint64_t value;
        cr_assert_eq(fe_select(many.selector, fe_time_now() + HANG, &tag), FE_OK);
        cr_assert_eq(numbers_try_receive(many.in[tag], &value), FE_OK);
        turns[tag]++;
    }
    for (int i = 0; i < PORTS; i++)
        cr_expect(turns[i] >= 90 && turns[i] <= 110, "port %d had %u turns of %d", i, turns[i], 100 * PORTS);
    close_many(&many, true);
}

static intptr_t close_it(void *argument) {
    numbers_close_sender(*(numbers_sender *)argument);
    return 0;
}

Test(select, closing_wakes) {
    struct many many;
    open_many(&many, 4);
    uintptr_t tag = 0;
    fe_task task = guest_spawn(close_it, &many.out[6], guest_last_core());
    cr_assert_eq(fe_select(many.selector, fe_time_now() + HANG, &tag), FE_OK);
    cr_assert_eq(tag, 6);
    uint64_t value;
    cr_assert_eq(numbers_try_receive(many.in[6], &value), FE_ECLOSED);
    guest_join(task);
    for (int i = 0; i < PORTS; i++)
        if (i != 6)
            numbers_close_sender(many.out[i]);
    close_many(&many, false);
}

struct source {
    numbers_sender out;
    uint64_t count;
};

static intptr_t produce(void *argument) {
    struct source *source = argument;
    for (uint64_t i = 0; i < source->count; i++)
        numbers_send(source->out, i);
    numbers_close_sender(source->out);
    return 0;
}

static void all_arrive(size_t capacity, uint64_t each) {
    struct many many;
    struct source sources[PORTS];
    fe_task tasks[PORTS];
    open_many(&many, capacity);
    for (int i = 0; i < PORTS; i++) {
        sources[i] = (struct source){many.out[i], each};
        tasks[i] = guest_spawn(produce, &sources[i], i % (int)fe_core_count());
    }
    uint64_t next[PORTS] = {0};
    int open = PORTS;
    while (open > 0) {
        uintptr_t tag = PORTS;
        uint64_t value;
        cr_assert_eq(fe_select(many.selector, fe_time_now() + HANG, &tag), FE_OK, "a wake-up was lost");
        cr_assert_lt(tag, (uintptr_t)PORTS);
        fe_status status = numbers_try_receive(many.in[tag], &value);
        if (status == FE_ECLOSED) {
            cr_assert_eq(next[tag], each);
            cr_assert_eq(fe_selector_remove(many.selector, many.in[tag].end), FE_OK);
            numbers_close_port(many.in[tag]);
            open--;
        } else {
            cr_assert_eq(status, FE_OK, "a port that was called ready was not");
            cr_assert_eq(value, next[tag]);
            next[tag]++;
        }
    }
    for (int i = 0; i < PORTS; i++)
        guest_join(tasks[i]);
    fe_selector_close(many.selector);
}

Test(select, all_arrive_bounded) {
    all_arrive(4, guest_size(1500, 125000));
}

Test(select, all_arrive_unbounded) {
    all_arrive(FE_UNBOUNDED, guest_size(1500, 125000));
}

Test(select, all_arrive_rendezvous) {
    all_arrive(FE_RENDEZVOUS, guest_size(500, 50000));
}
