/*
 * The console's input: the serial interrupt puts bytes into a ring and posts an event; the event, in scheduler context,
 * makes the reading task ready. Nothing polls.
 *
 * The ring has one producer (the interrupt handler, on the core that the line is routed to) and one consumer (the task
 * that has made itself the reader). Before the ring is full the handler holds the device back, and the reader lets it
 * go on when half is free; the rest waits in the device or with the sender. (Where a device can't be held back, bytes
 * that find the ring full are counted, and told as an error.)
 *
 * In a pipe (console=pipe) the end-of-transmission character, 0x04, is the end of input, and stays so: a serial line
 * has no other way to say it. It ends the input when it is reached, not when it arrives. On a terminal every byte
 * passes.
 *
 * The reader: fe_kernel_state.reader, under reader_lock. The event unparks it with the lock held, so that the task
 * cannot have gone in between.
 *
 *     none --1 fe_console_read--> reading --2 bytes, end or deadline--> none
 */
#define FE_LOG_MODULE "console"
#include "console.h"

#include "log.h"
#include "state.h"

#include <ferrite/panic.h>
#include <ferrite/time.h>
#include <sched/scheduler.h>

#define RING_BYTES 2048u /* a power of two */
#define ROOM 64u         /* the most that comes at once */
#define END_OF_TRANSMISSION 0x04

static struct {
    uint8_t bytes[RING_BYTES];
    _Atomic uint32_t head; /* bytes ever put in; the interrupt handler's */
    _Atomic uint32_t lost; /* bytes that found it full; the interrupt handler's */
    _Atomic bool held; /* set by the handler after it has held the device back; whoever clears it lets the device go on */
    struct fe_event arrived;
    uint32_t lost_told;                                            /* the event handler's */
    _Atomic uint32_t tail __attribute__((aligned(FE_CACHE_LINE))); /* bytes ever taken out; the reader's */
    bool ended;                                                    /* the reader's */
} input;

/* Interrupt handler. */
static bool received(const uint8_t *data, size_t bytes) {
    uint32_t head = atomic_load_explicit(&input.head, memory_order_relaxed); /* this handler alone writes it */
    uint32_t tail = atomic_load_explicit(&input.tail, memory_order_acquire); /* pairs with take(): the slots are read */
    for (size_t i = 0; i < bytes; i++) {
        if (head - tail == RING_BYTES) {
            atomic_fetch_add_explicit(&input.lost, (uint32_t)(bytes - i), memory_order_relaxed); /* a count */
            break;
        }
        input.bytes[head++ % RING_BYTES] = data[i];
    }
    atomic_store_explicit(&input.head, head, memory_order_release); /* pairs with take() */
    bool full = RING_BYTES - (head - tail) < ROOM && fe_machine.console_hold != NULL;
    if (full) {
        fe_machine.console_hold(true);
        atomic_store_explicit(&input.held, true, memory_order_release); /* pairs with take(): lets go after the hold */
    }
    fe_event_post(&input.arrived); /* also wakes a reader that emptied the ring before it could see `held` */
    return !full;
}

/* Scheduler context, on the core that takes the interrupts. */
static void arrived(struct fe_event *event) {
    (void)event;
    uint32_t lost = atomic_load_explicit(&input.lost, memory_order_relaxed);
    if (lost != input.lost_told) {
        fe_error("%u bytes of input lost: they came faster than they were read", lost - input.lost_told);
        input.lost_told = lost;
    }
    fe_lock_take(&fe_kernel_state.reader_lock);
    if (fe_kernel_state.reader != NULL)
        fe_unpark(fe_kernel_state.reader);
    fe_lock_release(&fe_kernel_state.reader_lock);
}

/* Edge 1. */
static bool become_reader(void) {
    fe_lock_take(&fe_kernel_state.reader_lock);
    bool free = fe_kernel_state.reader == NULL;
    if (free)
        fe_kernel_state.reader = fe_park_self();
    fe_lock_release(&fe_kernel_state.reader_lock);
    return free;
}

/* Edge 2. */
static void leave_reader(void) {
    fe_lock_take(&fe_kernel_state.reader_lock);
    fe_kernel_state.reader = NULL;
    fe_lock_release(&fe_kernel_state.reader_lock);
}

/* Takes what is there: how many bytes, up to the end of input, which it notes. */
static size_t take(uint8_t *data, size_t bytes) {
    uint32_t tail = atomic_load_explicit(&input.tail, memory_order_relaxed); /* the reader alone writes it */
    uint32_t head = atomic_load_explicit(&input.head, memory_order_acquire); /* pairs with received(): the bytes are there */
    size_t got = 0;
    while (got < bytes && tail != head && !input.ended) {
        uint8_t byte = input.bytes[tail++ % RING_BYTES];
        if (byte == END_OF_TRANSMISSION && !fe_kernel_state.is_terminal)
            input.ended = true;
        else
            data[got++] = byte;
    }
    atomic_store_explicit(&input.tail, tail, memory_order_release); /* pairs with received() */
    /* Acquire: pairs with received(), which is done with the device by then. A `held` that comes later is seen next
     * time: the event that follows it wakes the reader. */
    if (head - tail <= RING_BYTES / 2 && atomic_load_explicit(&input.held, memory_order_relaxed) &&
        atomic_exchange_explicit(&input.held, false, memory_order_acquire))
        fe_machine.console_hold(false);
    return got;
}

fe_status fe_console_read_until(void *data, size_t bytes, size_t *got, fe_nanoseconds deadline) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    *got = 0;
    if (bytes == 0)
        return FE_EINVAL;
    if (!fe_kernel_state.console_input)
        return FE_ECLOSED; /* nothing will ever come */
    if (!become_reader())
        return FE_EBUSY;
    fe_status status = FE_OK;
    for (;;) {
        *got = take(data, bytes);
        if (*got > 0)
            break;
        if (input.ended) {
            status = FE_ECLOSED;
            break;
        }
        if (deadline != FE_FOREVER && fe_time_now() >= deadline) {
            status = FE_ETIMEDOUT;
            break;
        }
        fe_park_until(deadline);
        if (FE_UNLIKELY(fe_park_killed())) {
            leave_reader();
            fe_park_die();
        }
    }
    leave_reader();
    return status;
}

fe_status fe_console_read(void *data, size_t bytes, size_t *got) {
    return fe_console_read_until(data, bytes, got, FE_FOREVER);
}

void fe_console_input_start(void) {
    if (fe_machine.console_start == NULL) {
        fe_log_complain("console: no input: the machine's console has none");
        return;
    }
    fe_event_init(&input.arrived, fe_arch_core()->index, arrived);
    fe_machine_hooks.console_received = received;
    fe_status status = fe_machine.console_start();
    if (status != FE_OK) {
        fe_log_complain("console: no input: %s", fe_status_string(status));
        return;
    }
    fe_kernel_state.console_input = true;
    fe_log_boot("console: input ready");
}
