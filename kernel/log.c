/*
 * The log: what a line goes through on its way to the console.
 *
 *     fe_log in a task -----> pipe --> the log task --.
 *     fe_log elsewhere --------------------------------+--> ring of the core --> console, by whoever holds its lock
 *
 * In a task a line is a message to the log task (log_task.c): it costs its formatting and a send, and the serial line is somebody
 * else's business. Elsewhere, and before the log task is there, it goes straight to the fallback: a ring per core, which whoever
 * has logged tries to drain at once (kernel/console.c); interrupt handlers only post an event, which drains from scheduler
 * context. What finds no room in pipe or ring is dropped and counted, and the count is printed where the lines are missing.
 *
 * A line is copied into its core's ring with interrupts masked, so the ring has one producer: that core. It has one consumer at
 * a time: whoever holds the console's lock. Lines carry the counter's value, and draining takes the oldest of all rings first, so
 * what reaches the console is whole, and in order of time but for what still waits in the pipe.
 *
 * The ring exists before the first line of C runs and needs nothing, so early boot logs as everything else does.
 *
 * Rejected: one ring for all cores (a shared line written by every log call, and lost boot lines when a core dies holding it);
 * formatting when draining (arguments may be gone by then); the pipe for all contexts (a machine that is stuck could not say so).
 */
#include "log.h"

#include "console.h"
#include "state.h"

#include <sched/scheduler.h>

#define RING_BYTES ((FE_PAGE_SIZE << FE_LOG_RING_PAGES_ORDER) - 256)

struct fe_log_ring {
    /* This core, interrupts masked. */
    _Atomic uint64_t head __attribute__((aligned(FE_CACHE_LINE))); /* bytes ever written */
    _Atomic uint32_t dropped;                                      /* lines that found no room */
    struct fe_event drain;
    bool drain_ready;
    /* The holder of the console's lock. */
    _Atomic uint64_t tail __attribute__((aligned(FE_CACHE_LINE))); /* bytes ever drained */
    uint32_t reported;                                             /* of `dropped`, told */
    unsigned core;                                                 /* set at creation */
    uint8_t bytes[RING_BYTES] __attribute__((aligned(FE_CACHE_LINE)));
};

_Static_assert(sizeof(struct fe_log_ring) <= FE_PAGE_SIZE << FE_LOG_RING_PAGES_ORDER, "a ring fits its pages");

static struct fe_log_ring boot_ring;
volatile uint32_t fe_log_generation = 1;

static uint32_t index_of(uint64_t position) {
    return (uint32_t)(position % RING_BYTES);
}

static uint64_t copy_in(struct fe_log_ring *ring, uint64_t position, const void *data, uint32_t bytes) {
    uint32_t at = index_of(position);
    uint32_t first = bytes < RING_BYTES - at ? bytes : (uint32_t)RING_BYTES - at;
    __builtin_memcpy(ring->bytes + at, data, first);
    __builtin_memcpy(ring->bytes, (const uint8_t *)data + first, bytes - first);
    return position + bytes;
}

static uint64_t copy_out(const struct fe_log_ring *ring, uint64_t position, void *data, uint32_t bytes) {
    uint32_t at = index_of(position);
    uint32_t first = bytes < RING_BYTES - at ? bytes : (uint32_t)RING_BYTES - at;
    __builtin_memcpy(data, ring->bytes + at, first);
    __builtin_memcpy((uint8_t *)data + first, ring->bytes, bytes - first);
    return position + bytes;
}

/* Producing -----------------------------------------------------------------------------------------------------------
 */

void fe_log_put(const struct fe_log_record *record, const char *text) {
    uintptr_t interrupts = fe_arch_interrupts_disable();
    struct fe_core *core = fe_arch_core();
    struct fe_log_ring *ring = core->log;
    if (ring == NULL) { /* a core that has not been given one yet says nothing */
        fe_arch_interrupts_restore(interrupts);
        return;
    }
    /* Relaxed: this core alone writes head. Acquire pairs with the release in take_line: its bytes have been read. */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (RING_BYTES - (head - tail) < sizeof(*record) + record->bytes) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed); /* a count: orders nothing */
    } else {
        head = copy_in(ring, copy_in(ring, head, record, sizeof(*record)), text, record->bytes);
        atomic_store_explicit(&ring->head, head, memory_order_release); /* pairs with the acquire in oldest() */
        if (record->level == FE_LOG_ERROR)
            atomic_store_explicit(&fe_kernel_state.log_urgent, true, memory_order_relaxed);
    }
    bool in_handler = core->interrupt_depth > 0;
    if (in_handler && ring->drain_ready)
        fe_event_post(&ring->drain);
    fe_arch_interrupts_restore(interrupts);
    if (!in_handler)
        fe_console_drain();
}

void fe_log_put_v(enum fe_log_level level, const char *module, const char *format, va_list arguments) {
    struct fe_log_message message;
    int length = fe_format_v(message.text, sizeof(message.text), format, arguments);
    uint32_t bytes = (uint32_t)length;
    if (length > FE_LOG_LINE_MAX) {
        bytes = FE_LOG_LINE_MAX;
        __builtin_memcpy(message.text + bytes - 3, "...", 3);
    }
    while (bytes > 0 && message.text[bytes - 1] == '\n')
        bytes--;
    message.record = (struct fe_log_record){.counter = fe_arch_counter(),
                                            .module = module,
                                            .bytes = (uint16_t)bytes,
                                            .level = (uint8_t)level,
                                            .core = (uint8_t)fe_arch_core()->index};
    if (!fe_log_send(&message))
        fe_log_put(&message.record, message.text);
}

void fe_log_boot(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fe_log_put_v((enum fe_log_level)FE_LOG_BOOT, "boot", format, arguments);
    va_end(arguments);
}

void fe_log_complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (fe_log_enabled("boot", FE_LOG_WARN))
        fe_log_put_v(FE_LOG_WARN, "boot", format, arguments);
    va_end(arguments);
}

/* Levels --------------------------------------------------------------------------------------------------------------
 */

/* The generation and the level that go together under the current specification. */
static uint32_t look_up(const char *module, uint32_t *generation) {
    uintptr_t interrupts = fe_arch_interrupts_disable();
    fe_lock_take(&fe_kernel_state.log_spec_lock);
    uint32_t level = fe_log_spec_level(&fe_kernel_state.log_spec, module);
    *generation = fe_log_generation;
    fe_lock_release(&fe_kernel_state.log_spec_lock);
    fe_arch_interrupts_restore(interrupts);
    return level;
}

bool fe_log_enabled(const char *module, enum fe_log_level level) {
    uint32_t generation;
    return (uint32_t)level <= look_up(module, &generation);
}

/* Both words of a site change in one store: a generation never stands beside another's level. */
static void refresh(struct fe_log_site *site) {
    struct {
        uint32_t generation, level;
    } pair;
    _Static_assert(offsetof(struct fe_log_site, generation) % 8 == 0 &&
                       offsetof(struct fe_log_site, level) == offsetof(struct fe_log_site, generation) + 4,
                   "the two words are one aligned double word");
    pair.level = look_up(site->module, &pair.generation);
    uint64_t both;
    __builtin_memcpy(&both, &pair, sizeof(both));
    /* Relaxed: the site holds all that its readers use. */
    __atomic_store_n((uint64_t *)(void *)&site->generation, both, __ATOMIC_RELAXED);
}

void fe_log_write_v(struct fe_log_site *site, enum fe_log_level level, const char *format, va_list arguments) {
    if (__atomic_load_n(&site->generation, __ATOMIC_RELAXED) != fe_log_generation)
        refresh(site);
    if ((uint32_t)level <= __atomic_load_n(&site->level, __ATOMIC_RELAXED))
        fe_log_put_v(level, site->module, format, arguments);
}

void fe_log_write(struct fe_log_site *site, enum fe_log_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fe_log_write_v(site, level, format, arguments);
    va_end(arguments);
}

static void complain_of_part(const char *part, size_t bytes, const char *why) {
    fe_log_complain("log=: '%.*s' skipped: %s", bytes > 64 ? 64 : (int)bytes, part, why);
}

fe_status fe_log_set(const char *specification) {
    struct fe_log_spec spec;
    fe_status status = fe_log_spec_parse(&spec, specification, complain_of_part);
    uintptr_t interrupts = fe_arch_interrupts_disable();
    fe_lock_take(&fe_kernel_state.log_spec_lock);
    fe_kernel_state.log_spec = spec;
    fe_log_generation = fe_log_generation + 1 ? fe_log_generation + 1 : 1;
    fe_lock_release(&fe_kernel_state.log_spec_lock);
    fe_arch_interrupts_restore(interrupts);
    return status;
}

/* Draining: all of it with the console's lock held -------------------------------------------------------------------
 */

/* The ring whose next line is the oldest, its header in *record; NULL when all are empty. */
static struct fe_log_ring *oldest(struct fe_log_record *record) {
    struct fe_log_ring *found = NULL;
    for (unsigned i = 0; i < FE_CORES_MAX; i++) {
        /* Acquire pairs with the release in fe_log_init_core: the ring is set up. Rings are made in order of cores. */
        struct fe_log_ring *ring = atomic_load_explicit(&fe_kernel_state.log_rings[i], memory_order_acquire);
        if (ring == NULL)
            break;
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* only the lock's holder writes it */
        if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))     /* pairs with the release in put() */
            continue;
        struct fe_log_record candidate;
        copy_out(ring, tail, &candidate, sizeof(candidate));
        if (found == NULL || candidate.counter < record->counter) {
            found = ring;
            *record = candidate;
        }
    }
    return found;
}

static void print_prefix(const struct fe_log_record *record) {
    char prefix[96];
    int bytes;
    if (record->level == FE_LOG_BOOT) {
        bytes = fe_format(prefix, sizeof(prefix), "# ");
    } else {
        uint64_t ticks = record->counter - fe_kernel_state.entry.counter;
        uint64_t hz = fe_machine.counter_hz ? fe_machine.counter_hz : UINT64_C(1000000000);
        bytes = fe_format(prefix, sizeof(prefix), "# %u.%06u core %u %s %.40s: ", (unsigned)(ticks / hz),
                          (unsigned)(ticks % hz * 1000000 / hz), record->core, fe_log_level_name(record->level),
                          record->module);
    }
    fe_console_put_locked(prefix, (size_t)bytes);
}

/* The text; further lines in it begin with "# " too, and control characters (which may come from anywhere, a command
 * line for one) do not reach the terminal. */
static void print_text(char *text, size_t bytes) {
    size_t start = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\n') {
            fe_console_put_locked(text + start, i + 1 - start);
            fe_console_put_locked("#   ", 4);
            start = i + 1;
        } else if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f) {
            text[i] = '?';
        }
    }
    fe_console_put_locked(text + start, bytes - start);
    fe_console_put_locked("\n", 1);
}

void fe_log_print_locked(const struct fe_log_record *record, char *text) {
    print_prefix(record);
    print_text(text, record->bytes);
}

static void report_dropped(struct fe_log_ring *ring) {
    uint32_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);
    if (dropped == ring->reported)
        return;
    char text[80];
    int bytes = fe_format(text, sizeof(text), "# log: core %u dropped %u lines: its ring was full\n", ring->core,
                          dropped - ring->reported);
    ring->reported = dropped;
    fe_console_put_locked(text, (size_t)bytes);
}

void fe_log_drain_locked(bool only_at_line_start) {
    struct fe_log_record record;
    for (struct fe_log_ring *ring; (ring = oldest(&record)) != NULL;) {
        if (fe_kernel_state.console_column != 0) {
            uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
            bool pressing = head - atomic_load_explicit(&ring->tail, memory_order_relaxed) > RING_BYTES / 2;
            /* Relaxed: a hint; one that comes too late is seen by the drain that follows its line. */
            if (only_at_line_start && !pressing && !atomic_load_explicit(&fe_kernel_state.log_urgent, memory_order_relaxed))
                return;
            fe_console_fresh_line_locked();
        }
        if (record.level == FE_LOG_ERROR) /* relaxed: one that is set again meanwhile has its line in a ring still */
            atomic_store_explicit(&fe_kernel_state.log_urgent, false, memory_order_relaxed);
        char text[FE_LOG_LINE_MAX + 1];
        uint64_t at = atomic_load_explicit(&ring->tail, memory_order_relaxed) + sizeof(record);
        uint64_t next = copy_out(ring, at, text, record.bytes);
        fe_log_print_locked(&record, text);
        /* Now: of a core that is stopped while it prints, the panic finds the line here. Pairs with the acquire in put(). */
        atomic_store_explicit(&ring->tail, next, memory_order_release);
        report_dropped(ring);
    }
}

uint64_t fe_log_position(void) {
    uint64_t position = 0;
    for (unsigned i = 0; i < FE_CORES_MAX; i++) {
        struct fe_log_ring *ring = atomic_load_explicit(&fe_kernel_state.log_rings[i], memory_order_acquire);
        if (ring == NULL)
            break;
        /* Relaxed: the caller's fence orders it (fe_console_drain). */
        position += atomic_load_explicit(&ring->head, memory_order_relaxed);
    }
    return position;
}

/* Set-up --------------------------------------------------------------------------------------------------------------
 */

static void attach(struct fe_core *core, struct fe_log_ring *ring) {
    ring->core = core->index;
    core->log = ring;
    atomic_store_explicit(&fe_kernel_state.log_rings[core->index], ring, memory_order_release); /* pairs with oldest() */
}

void fe_log_init_boot_core(struct fe_core *core) {
    attach(core, &boot_ring);
}

void fe_log_init_core(struct fe_core *core, void *memory) {
    __builtin_memset(memory, 0, offsetof(struct fe_log_ring, bytes));
    attach(core, memory);
}

static void drain_event(struct fe_event *event) {
    (void)event;
    fe_console_drain();
}

void fe_log_start_events(struct fe_core *core) {
    struct fe_log_ring *ring = core->log;
    fe_event_init(&ring->drain, core->index, drain_event);
    ring->drain_ready = true;
}
