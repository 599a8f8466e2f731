/*
 * Frames that have been unwound before. What the tables say of an address never changes, and programs fail in few places, so
 * each is worked out once: 15 instructions to find it again, where the tables take a thousand.
 *
 * One table for all cores, open addressing with a few probes. A row is claimed, written, published by its address, and from then
 * on immutable; when there is no room what comes later is worked out each time. Wait-free.
 */
#ifndef FERRITE_SCHED_UNWIND_KNOWN_H
#define FERRITE_SCHED_UNWIND_KNOWN_H

#include "table.h"

#include <arch/atomic.h>

struct fe_unwind_row {
    fe_atomic_u64 pc;  /* 0: free; 1: being written */
    uintptr_t landing; /* 0: nothing to clean up */
    uint32_t saved;    /* registers that lie at base + offset */
    int32_t base_offset;
    uint16_t arguments;
    uint8_t base;           /* a register */
    uint8_t return_index;   /* that of the return address */
    bool interrupted, last; /* no call led here; there is no caller */
    int16_t offset[FE_ARCH_FRAME_REGISTERS];
};

/* The row of `pc`; NULL: it is not known. */
const struct fe_unwind_row *fe_unwind_known(uintptr_t pc);

/* Remembers what the tables say of `pc`, if it is simple and there is room. */
void fe_unwind_learn(uintptr_t pc, uintptr_t landing, const struct fe_unwind_function *function,
                     const struct fe_unwind_rules *rules);

#endif
