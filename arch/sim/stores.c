/*
 * Store buffers: what makes a missing barrier show. Each core has one, of atomic stores that the others do not see yet.
 *
 * A store goes to memory at once unless the chooser delays it. Then it waits for its time, and leaves earlier where C11 says so:
 *   release          not before the stores that are older
 *   at one address   in their order; a load of its own core sees the newest
 *   seq_cst          a store, a read-modify-write or a fence: all of the buffer first, and nothing of it waits
 *   read-modify-write  reads memory and may wait like a store, but before another core writes there, it goes. (So "acquire" and
 *                    "acq_rel" do not keep it before later loads, as on AArch64 they do not.)
 *   release fence    stores after it count as release
 * Loads are never early: what needs an acquire is left to the models (tests/model) and to the checks for races.
 *
 * Plain accesses go to memory at once, which C11 allows: nobody may look at them without having seen a release. One at an
 * address that is in the buffer settles it first, so that a core sees its own accesses in their order.
 */
#include "sim.h"

#include <string.h>

#define DEPTH 16
/* A store to the running stack is never delayed: what the compiler puts there later, unwatched, must not be overwritten. */
#define OWN_STACK ((uintptr_t)64 << 10)
#define NEVER UINT64_MAX

struct store {
    uintptr_t address;
    uint64_t value;
    uint64_t due;
    uint8_t bytes;
    bool release, modified; /* modified: of a read-modify-write */
};

static struct buffer {
    struct store stores[DEPTH]; /* oldest first */
    unsigned count;
    bool fenced; /* a release fence came after the oldest */
} buffers[FE_CORES_MAX];
static uint32_t delayed;  /* stores in a million */
static unsigned modified; /* of read-modify-writes, in all buffers */
static uint64_t first_due = NEVER;

void fe_sim_stores_mode(uint32_t per_million) {
    delayed = per_million;
}

SIM static uint64_t read_memory(uintptr_t address, unsigned bytes) {
    switch (bytes) {
    case 1:
        return *(volatile uint8_t *)address;
    case 2:
        return *(volatile uint16_t *)address;
    case 4:
        return *(volatile uint32_t *)address;
    default:
        return *(volatile uint64_t *)address;
    }
}

SIM static void write_memory(uintptr_t address, unsigned bytes, uint64_t value) {
    switch (bytes) {
    case 1:
        *(volatile uint8_t *)address = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)address = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)address = (uint32_t)value;
        break;
    default:
        *(volatile uint64_t *)address = value;
    }
}

SIM static bool overlaps(const struct store *store, uintptr_t address, size_t bytes) {
    return store->address < address + bytes && address < store->address + store->bytes;
}

static void settle_others(unsigned core, uintptr_t address, size_t bytes);

/* Lets one store go, after those that must go before it. */
SIM static void let_go(unsigned core, unsigned index) {
    struct buffer *buffer = &buffers[core];
    struct store store = buffer->stores[index];
    for (unsigned i = 0; i < index;) {
        if (store.release || overlaps(&buffer->stores[i], store.address, store.bytes)) {
            unsigned before = buffer->count;
            let_go(core, i); /* and those before it that it must not overtake */
            index -= before - buffer->count;
            i = 0;
        } else {
            i++;
        }
    }
    buffer->count--;
    memmove(&buffer->stores[index], &buffer->stores[index + 1], (buffer->count - index) * sizeof store);
    fe_sim.pending--;
    modified -= store.modified;
    if (buffer->count == 0)
        buffer->fenced = false;
    settle_others(core, store.address, store.bytes);
    write_memory(store.address, store.bytes, store.value);
    fe_sim_trace(3 + store.address, store.value);
}

SIM static void settle(unsigned core, uintptr_t address, size_t bytes) {
    struct buffer *buffer = &buffers[core];
    for (unsigned i = 0; i < buffer->count;) {
        if (overlaps(&buffer->stores[i], address, bytes)) {
            let_go(core, i);
            i = 0;
        } else {
            i++;
        }
    }
}

/* Before `core` writes: what others have modified there and not shown yet came before. */
SIM static void settle_others(unsigned core, uintptr_t address, size_t bytes) {
    if (!modified)
        return;
    for (unsigned i = 0; i < FE_CORES_MAX; i++) {
        struct buffer *buffer = &buffers[i];
        for (unsigned n = 0; i != core && n < buffer->count; n++) {
            if (buffer->stores[n].modified && overlaps(&buffer->stores[n], address, bytes)) {
                settle(i, address, bytes);
                break;
            }
        }
    }
}

SIM void fe_sim_stores_flush(unsigned core) {
    while (buffers[core].count)
        let_go(core, 0);
}

SIM void fe_sim_stores_settle(uintptr_t address, size_t bytes) {
    settle(fe_sim.core, address, bytes);
}

SIM uint64_t fe_sim_stores_due(void) {
    if (first_due > fe_sim.now)
        return first_due;
    first_due = NEVER;
    for (unsigned core = 0; core < FE_CORES_MAX && fe_sim.pending; core++) {
        struct buffer *buffer = &buffers[core];
        for (unsigned i = 0; i < buffer->count;) {
            if (buffer->stores[i].due <= fe_sim.now) {
                let_go(core, i);
                i = 0;
            } else {
                i++;
            }
        }
        for (unsigned i = 0; i < buffer->count; i++)
            if (buffer->stores[i].due < first_due)
                first_due = buffer->stores[i].due;
    }
    return first_due;
}

/* Whether a store waits, and then it does. */
SIM static bool delay(uintptr_t address, unsigned bytes, uint64_t value, bool release, bool is_modified) {
    struct buffer *buffer = &buffers[fe_sim.core];
    if (!delayed || address - ((uintptr_t)__builtin_frame_address(0) - OWN_STACK) < 2 * OWN_STACK)
        return false;
    uint32_t how = fe_sim_choose(FE_SIM_STORE, 6, delayed);
    if (!how || buffer->count == DEPTH)
        return false;
    uint64_t due = fe_sim.now + (UINT64_C(8) << 2 * how);
    buffer->stores[buffer->count++] =
        (struct store){address, value, due, (uint8_t)bytes, release || buffer->fenced, is_modified};
    fe_sim.pending++;
    modified += is_modified;
    if (due < first_due)
        first_due = due;
    fe_sim_due(due);
    return true;
}

/* Operations ------------------------------------------------------------------------------------------------------ */

SIM static bool releases(int order) {
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

SIM static void step(void) {
    fe_sim.now += 8;
    if (__builtin_expect(fe_sim.now >= fe_sim.next, 0))
        fe_sim_step();
}

SIM uint64_t fe_sim_load(uintptr_t address, unsigned bytes, int order) {
    step();
    (void)order;
    if (fe_sim.pending)
        settle(fe_sim.core, address, bytes);
    uint64_t value = read_memory(address, bytes);
    fe_sim_trace(address, value);
    return value;
}

/* Everything that a store with this order must not overtake. */
SIM static void before_write(uintptr_t address, unsigned bytes, int order) {
    if (!fe_sim.pending)
        return;
    if (releases(order) || buffers[fe_sim.core].fenced)
        fe_sim_stores_flush(fe_sim.core);
    else
        settle(fe_sim.core, address, bytes);
    settle_others(fe_sim.core, address, bytes);
}

SIM void fe_sim_store(uintptr_t address, unsigned bytes, uint64_t value, int order) {
    step();
    if (order != __ATOMIC_SEQ_CST && delay(address, bytes, value, releases(order), false))
        return;
    before_write(address, bytes, order);
    write_memory(address, bytes, value);
    fe_sim_trace(address, value);
}

SIM static void modify(uintptr_t address, unsigned bytes, uint64_t value, int order) {
    if (order != __ATOMIC_SEQ_CST && delay(address, bytes, value, releases(order), true))
        return;
    write_memory(address, bytes, value);
}

SIM uint64_t fe_sim_modify(uintptr_t address, unsigned bytes, enum fe_sim_modification how, uint64_t operand, int order) {
    step();
    before_write(address, bytes, order);
    uint64_t old = read_memory(address, bytes);
    uint64_t values[] = {operand,       old + operand, old - operand,   old & operand,
                         old | operand, old ^ operand, ~(old & operand)};
    fe_sim_trace(address, values[how]);
    modify(address, bytes, values[how], order);
    return old;
}

SIM bool fe_sim_compare(uintptr_t address, unsigned bytes, uint64_t *expected, uint64_t desired, int order) {
    step();
    before_write(address, bytes, order);
    uint64_t old = read_memory(address, bytes);
    fe_sim_trace(address, old);
    if (old != *expected) {
        *expected = old;
        return false;
    }
    modify(address, bytes, desired, order);
    return true;
}

SIM void fe_sim_fence(int order) {
    step();
    if (order == __ATOMIC_SEQ_CST)
        fe_sim_stores_flush(fe_sim.core);
    else if (releases(order))
        buffers[fe_sim.core].fenced = buffers[fe_sim.core].count > 0;
}
