/*
 * The timing wheel against a plain list of timers.
 * Links: sched/wheel.c
 */
#include <criterion/criterion.h>
#include <sched/wheel.h>
#include <stdlib.h>
#include <string.h>

#define TIMERS 300

static struct fe_wheel wheel;
static struct fe_wheel_node nodes[TIMERS];
static uint64_t state, last_fired;
static unsigned fired_count;
static bool rearm, cancel_others;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Near and far deadlines alike: the number of bits is chosen evenly. */
static uint64_t random_delay(unsigned bits) {
    return 1 + (next_random() & ((UINT64_C(1) << (1 + next_random() % bits)) - 1));
}

static void set_up(void) {
    fe_wheel_init(&wheel);
    memset(nodes, 0, sizeof nodes);
    state = 42;
    last_fired = 0;
    fired_count = 0;
    rearm = cancel_others = false;
}

static void insert(struct fe_wheel_node *node, uint64_t tick) {
    node->tick = tick;
    fe_wheel_insert(&wheel, node);
}

static void due(struct fe_wheel_node *node) {
    cr_assert(!fe_wheel_contains(node));
    cr_assert_geq(node->tick, last_fired, "fired out of order");
    last_fired = node->tick;
    fired_count++;
    if (cancel_others) {
        struct fe_wheel_node *other = &nodes[next_random() % TIMERS];
        if (fe_wheel_contains(other))
            fe_wheel_remove(&wheel, other);
    }
    if (rearm)
        insert(node, wheel.now + random_delay(20));
}

static uint64_t earliest(void) {
    uint64_t first = FE_WHEEL_NEVER;
    for (unsigned i = 0; i < TIMERS; i++)
        if (fe_wheel_contains(&nodes[i]) && nodes[i].tick < first)
            first = nodes[i].tick;
    return first;
}

static void check(uint64_t now) {
    uint64_t first = earliest();
    cr_assert_gt(first, now, "due at %lu, not fired at %lu", (unsigned long)first, (unsigned long)now);
    cr_assert_leq(wheel.next, first, "the wheel would sleep over a timer");
}

/* Random insertions, removals and steps of the clock. */
static void churn(unsigned bits) {
    uint64_t now = 0;
    for (unsigned round = 0; round < 20000; round++) {
        struct fe_wheel_node *node = &nodes[next_random() % TIMERS];
        if (fe_wheel_contains(node))
            fe_wheel_remove(&wheel, node);
        else
            insert(node, wheel.now + random_delay(bits));
        cr_assert_leq(wheel.next, earliest());
        if (next_random() % 4 == 0) {
            now += random_delay(bits - 2);
            if (wheel.next <= now)
                fe_wheel_advance(&wheel, now, due);
            check(now);
        }
    }
    cr_assert_gt(fired_count, 100);
}

Test(wheel, near, .init = set_up) {
    churn(10);
}
Test(wheel, far, .init = set_up) {
    churn(30);
}
Test(wheel, beyond_its_span, .init = set_up) {
    churn(45);
}

Test(wheel, handlers_arm_again, .init = set_up) {
    rearm = true;
    churn(20);
}

Test(wheel, handlers_cancel_others, .init = set_up) {
    cancel_others = true;
    churn(20);
}

/* An idle core that wakes at wheel.next and finds nothing due was woken in vain. */
Test(wheel, single_timer_costs_one_wake_up, .init = set_up) {
    for (unsigned bits = 1; bits < 40; bits++) {
        fired_count = 0;
        uint64_t tick = wheel.now + (UINT64_C(1) << bits) + next_random() % (UINT64_C(1) << bits);
        insert(&nodes[0], tick);
        cr_assert_eq(wheel.next, tick);
        fe_wheel_advance(&wheel, tick - 1, due);
        cr_assert_eq(fired_count, 0);
        cr_assert_eq(wheel.next, tick);
        fe_wheel_advance(&wheel, tick, due);
        cr_assert_eq(fired_count, 1);
        cr_assert_eq(wheel.next, FE_WHEEL_NEVER);
    }
}
