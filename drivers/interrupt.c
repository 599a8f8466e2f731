/*
 * The machine as found (fe_machine), what it calls (fe_machine_hooks), and the handlers of device interrupts.
 *
 * A byte for each line gives the handler's place in a small table: the few lines in use keep the table in two cache lines
 * or so, where an entry for every line that a controller can have would take 16 KiB. A handler is registered once and stays;
 * registering is lock-free, so that it may happen on any core.
 */
#include "interrupt.h"

#include <stdatomic.h>

struct fe_machine fe_machine;
struct fe_machine_hooks fe_machine_hooks;

struct handler {
    void (*function)(void *argument);
    void *argument;
};

static struct handler handlers[FE_INTERRUPT_HANDLERS]; /* written before its number is stored in `places` */
static _Atomic unsigned handlers_used;
static _Atomic uint8_t places[FE_INTERRUPT_LINES]; /* index into handlers, plus one; 0: none */

_Static_assert(FE_INTERRUPT_HANDLERS < 256, "a place is one byte");

fe_status fe_interrupt_register(unsigned line, void (*handler)(void *argument), void *argument) {
    if (line >= FE_INTERRUPT_LINES || !handler)
        return FE_EINVAL;
    if (atomic_load_explicit(&places[line], memory_order_relaxed)) /* a quick answer only: the exchange below decides */
        return FE_EBUSY;
    unsigned index = atomic_load_explicit(&handlers_used, memory_order_relaxed);
    do { /* relaxed: hands out distinct entries, and orders nothing */
        if (index == FE_INTERRUPT_HANDLERS)
            return FE_ENOMEM;
    } while (!atomic_compare_exchange_weak_explicit(&handlers_used, &index, index + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    handlers[index] = (struct handler){handler, argument};
    uint8_t none = 0;
    /* Release pairs with the acquire in fe_interrupt_dispatch: the entry is whole before its place is known. */
    if (!atomic_compare_exchange_strong_explicit(&places[line], &none, (uint8_t)(index + 1), memory_order_release,
                                                 memory_order_relaxed))
        return FE_EBUSY; /* lost a race for the line; the entry stays unused */
    return FE_OK;
}

bool fe_interrupt_dispatch(unsigned line) {
    if (line >= FE_INTERRUPT_LINES)
        return false;
    /* Pairs with the release in fe_interrupt_register. */
    unsigned place = atomic_load_explicit(&places[line], memory_order_acquire);
    if (place == 0)
        return false;
    const struct handler *h = &handlers[place - 1];
    h->function(h->argument);
    return true;
}
