/* The two heaps, and data of a task and of the machine. */
#include "tour.h"

/* The exchange heap: blocks move by pointer ------------------------------------------------------------------------- */

FE_PIPE_TYPE(texts, char *);

static intptr_t receive_text(void *argument) {
    texts_port *in = argument;
    char *text = texts_receive(*in);
    intptr_t address = (intptr_t)text;
    fe_print("  the receiver reads: %s\n", text);
    fe_heap_free(text); /* on whatever core this is */
    return address;
}

void show_exchange_heap(void) {
    texts_sender out;
    texts_port in;
    texts_open(&out, &in, FE_RENDEZVOUS, FE_PIPE_BLOCKS);
    fe_task receiver = fe_task_spawn(receive_text, &in, NULL);
    char *text = fe_heap_alloc(32);
    fe_format(text, 32, "a block of %zu bytes", fe_heap_usable_size(text));
    intptr_t address = (intptr_t)text;
    texts_send(out, text); /* it is the receiver's now */
    struct fe_task_result result;
    fe_assert(fe_task_join(receiver, &result) == FE_OK);
    fe_print("  at the %s address\n", result.value == address ? "same" : "wrong");
    texts_close_sender(out);
    texts_close_port(in);
    volatile size_t much = SIZE_MAX / 2;
    fe_print("  too much memory: %s\n", fe_heap_try_alloc(much) == NULL ? "none" : "some");
}

/* The local heap: cycles die, finalizers run -------------------------------------------------------------------------- */

struct person {
    struct person *friend;
    uint64_t number;
};

static _Atomic unsigned buried;

static void visit_person(const void *box, struct fe_local *heap) {
    fe_local_visit(heap, ((const struct person *)box)->friend);
}

static void bury_person(void *box) {
    buried += ((struct person *)box)->number != 0;
}

static const struct fe_local_type person_type = FE_LOCAL_TYPE_FINALIZED(struct person, visit_person, bury_person);

/* Two who know each other, and whom nobody else knows. */
static void make_friends(uint64_t number) {
    struct person *one = fe_local_alloc(&person_type), *other = fe_local_alloc(&person_type);
    one->number = number;
    other->number = number;
    fe_local_set(one->friend, other);
    fe_local_set(other->friend, one);
}

static intptr_t live_among_friends(void *argument) {
    (void)argument;
    struct fe_local_statistics most = {0}, now;
    for (uint64_t i = 1; i <= 50000; i++) {
        make_friends(i);
        fe_local_statistics(&now);
        if (now.held_bytes > most.held_bytes)
            most = now;
    }
    fe_print("  %llu boxes in cycles, never more than 512 KiB: %s\n", (unsigned long long)now.allocations,
             most.held_bytes <= 512 << 10 ? "yes" : "no");
    fe_print("  the collector has freed some while the task ran: %s\n", now.frees > 0 && buried > 0 ? "yes" : "no");
    return 0;
}

void show_local_heap(void) {
    buried = 0;
    fe_task_join(fe_task_spawn(live_among_friends, NULL, NULL), NULL);
    fe_print("  finalizers run, now that the task has ended: %u\n", buried);
}

/* Task-local data ------------------------------------------------------------------------------------------------- */

static _Atomic unsigned dropped;

static void drop_name(void *name) {
    fe_heap_free(name);
    dropped++;
}

static struct fe_task_key name_key = FE_TASK_KEY("name", drop_name);

static void print_name(void) { /* deep inside a library, say */
    const char *name = fe_task_data_get(&name_key);
    fe_print("  here my name is %s\n", name != NULL ? name : "unknown");
}

static intptr_t have_a_name(void *number) {
    print_name();
    char *name = fe_heap_alloc(16);
    fe_format(name, 16, "task %lu", (unsigned long)(uintptr_t)number);
    fe_task_data_set(&name_key, name);
    print_name();
    return 0;
}

void show_task_data(void) {
    dropped = 0;
    for (uintptr_t i = 1; i <= 2; i++)
        fe_task_join(fe_task_spawn(have_a_name, (void *)i, NULL), NULL);
    fe_print("  names dropped at the tasks' ends: %u\n", dropped);
}

/* Global data ----------------------------------------------------------------------------------------------------- */

static _Atomic unsigned made;

static fe_status make_table(void **value) {
    made++;
    fe_task_sleep(FE_MILLISECOND); /* who asks meanwhile waits, as a task */
    *value = fe_heap_try_alloc_zeroed(100, sizeof(uint64_t));
    return *value != NULL ? FE_OK : FE_ENOMEM;
}

static void drop_table(void *value) {
    fe_heap_free(value);
    fe_print("  at the end the table is destroyed\n");
}

static struct fe_global table = FE_GLOBAL("table", make_table, drop_table);

static intptr_t ask_for_table(void *argument) {
    (void)argument;
    return (intptr_t)fe_global_get(&table);
}

void show_global_data(void) {
    enum { ASKERS = 50 };
    fe_task tasks[ASKERS];
    unsigned agree = 0;
    for (unsigned i = 0; i < ASKERS; i++)
        tasks[i] = fe_task_spawn(ask_for_table, NULL, NULL);
    for (unsigned i = 0; i < ASKERS; i++) {
        struct fe_task_result result;
        fe_assert(fe_task_join(tasks[i], &result) == FE_OK);
        agree += (void *)result.value == fe_global_get(&table);
    }
    fe_print("  %u tasks asked at once, %u made the table, %u have the same one\n", ASKERS, made, agree);
}
