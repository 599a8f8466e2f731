/*
 * The simulation's own: what its files share, and what drivers/sim and the programs of tests/sim call.
 */
#ifndef FERRITE_SIM_SIM_H
#define FERRITE_SIM_SIM_H

#include <arch/arch.h>

/* For programs: from here to the call with false any allocation in the kernel may fail. */
void fe_sim_failures(bool allowed);
/* `check` is called when the machine turns itself off. */
void fe_sim_at_end(void (*check)(void));
/* How the run fails, from anywhere; does not return. */
FE_NORETURN void fe_sim_fail(const char *format, ...) FE_PRINTF(1, 2);

/* For drivers/sim. */
enum { FE_SIM_VECTOR_TIMER = 32, FE_SIM_VECTOR_WAKE };
#define FE_SIM_HZ UINT64_C(125000000) /* a step takes 8 ns, and an atomic one eight times as long */
void fe_sim_timer(uint64_t counter);  /* UINT64_MAX: none */
void fe_sim_wake(unsigned core);
void fe_sim_core_start(unsigned core, uint64_t place);
FE_NORETURN void fe_sim_end(int status);
void fe_sim_print(const char *text, size_t bytes);
struct fe_sim_boot {
    uint64_t memory_bytes;
    unsigned cores;
    const char *command_line;
};
bool fe_sim_memory(uint64_t bytes);

/* Among the files of this folder ----------------------------------------------------------------------------------- */

/* Functions that run on whatever stack the watched code has: a fault there is that code's (trap.c). */
#define SIM __attribute__((section("sim_text")))
extern char __start_sim_text[], __stop_sim_text[];

enum fe_sim_choice {
    FE_SIM_SWITCH, /* which core runs on, and whether this one then stands still for a while */
    FE_SIM_FORCED, /* which core, where this one cannot go on */
    FE_SIM_STORE,  /* how long a store stays in the buffer */
    FE_SIM_IPI,    /* how long a wake-up takes */
    FE_SIM_TIMER,  /* how late the timer is */
    FE_SIM_STRAY,  /* which core takes a wake-up that nobody sent */
    FE_SIM_FAILURE,
    FE_SIM_KINDS,
};

/* A choice that is not the default: at the `ordinal`th opportunity of its kind (of SWITCH: at that time) take `value`. */
struct fe_sim_entry {
    uint64_t ordinal;
    uint32_t kind;
    uint32_t value;
};

#define FE_SIM_ENTRIES (1u << 17)
#define FE_SIM_TEXT (1u << 16)

/* What a run leaves; in memory that it shares with the runner. */
struct fe_sim_result {
    bool done;
    int status; /* what the machine was turned off with */
    uint64_t hash, time, atomics;
    uint32_t count;
    bool overflow;
    char why[2048];
    struct fe_sim_entry entries[FE_SIM_ENTRIES];
    uint32_t text_bytes;
    char text[FE_SIM_TEXT];
};

/* How a run is made. */
struct fe_sim_plan {
    uint64_t seed;
    const struct fe_sim_entry *replay; /* NULL: chosen by the seed */
    uint32_t replay_count;
    uint64_t limit; /* of time: a run that takes longer hangs */
};
void fe_sim_begin(const struct fe_sim_plan *plan, struct fe_sim_result *result);
/* The seed of this run. */
uint64_t fe_sim_seed(void);

uint32_t fe_sim_choose(enum fe_sim_choice kind, uint32_t count, uint32_t per_million);
void fe_sim_trace(uint64_t a, uint64_t b);

/* engine.c */
extern struct fe_sim_state {
    uint64_t now;     /* the clock: grows with each step */
    uint64_t next;    /* when fe_sim_step has something to do */
    unsigned core;    /* the one that runs */
    unsigned pending; /* stores in all buffers */
} fe_sim;
void fe_sim_step(void);
void fe_sim_due(uint64_t time);

/* stores.c: the buffers. */
void fe_sim_stores_flush(unsigned core);                    /* all of one core */
void fe_sim_stores_settle(uintptr_t address, size_t bytes); /* the running core's own at an address */
uint64_t fe_sim_stores_due(void);                           /* flushes what is due; when the next is */
void fe_sim_stores_mode(uint32_t per_million);
/* The atomic operations; `order` is C11's. */
enum fe_sim_modification { FE_SIM_EXCHANGE, FE_SIM_ADD, FE_SIM_SUB, FE_SIM_AND, FE_SIM_OR, FE_SIM_XOR, FE_SIM_NAND };
uint64_t fe_sim_load(uintptr_t address, unsigned bytes, int order);
void fe_sim_store(uintptr_t address, unsigned bytes, uint64_t value, int order);
uint64_t fe_sim_modify(uintptr_t address, unsigned bytes, enum fe_sim_modification how, uint64_t operand, int order);
bool fe_sim_compare(uintptr_t address, unsigned bytes, uint64_t *expected, uint64_t desired, int order);
void fe_sim_fence(int order);

/* trap.c */
void fe_sim_traps_init(void);
void fe_sim_exception_stack(unsigned core, uintptr_t *bottom, uintptr_t *top);

#endif
