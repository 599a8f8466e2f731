/*
 * What the compiler leaves about each function: its rules for unwinding (.eh_frame), found by a sorted index (.eh_frame_hdr),
 * and its landing pads (.gcc_except_table). Made by compiler and linker, so they are believed.
 *
 * Formats: DWARF 4 (6.4, 7.24), and the exception frames of the LSB core specification 5.0 (10.6).
 */
#ifndef FERRITE_SCHED_UNWIND_TABLE_H
#define FERRITE_SCHED_UNWIND_TABLE_H

#include <arch/arch.h>

/* Reading. Each takes what it reads off the front of `*at`. */

#define FE_UNWIND_READ(type, at)                                                                                       \
    __extension__({                                                                                                    \
        type read_;                                                                                                    \
        __builtin_memcpy(&read_, *(at), sizeof read_);                                                                 \
        *(at) += sizeof read_;                                                                                         \
        read_;                                                                                                         \
    })

uint64_t fe_unwind_leb_rest(const uint8_t **at, uint64_t first);
int64_t fe_unwind_sleb(const uint8_t **at);

static inline uint64_t fe_unwind_uleb(const uint8_t **at) {
    uint64_t first = *(*at)++;
    return FE_LIKELY(first < 0x80) ? first : fe_unwind_leb_rest(at, first);
}

/* A pointer in one of the encodings (DW_EH_PE_). False: an encoding that no table here has. */
#define FE_UNWIND_PCREL_SDATA4 0x1bu
#define FE_UNWIND_OMITTED 0xffu
bool fe_unwind_pointer(const uint8_t **at, unsigned encoding, uintptr_t *value);

/* A function. */
struct fe_unwind_function {
    uintptr_t start;
    uintptr_t landings;                 /* its table of landing pads; 0: it has none */
    const uint8_t *common, *common_end; /* instructions that lead to its rules: those it shares, and its own */
    const uint8_t *own, *own_end;
    uint64_t code_unit; /* factors of what the instructions say */
    int64_t data_unit;
    unsigned return_column; /* that of its return address */
    bool interrupted;       /* what it seems to have called was stopped at the very address */
};

/* Finds the function that has the instruction at `pc`; false: none here does. */
bool fe_unwind_find(uintptr_t pc, struct fe_unwind_function *function);

/* Where `function` goes on when what it does at `pc` fails: its landing pad; 0: it has nothing to clean up there. */
uintptr_t fe_unwind_landing(const struct fe_unwind_function *function, uintptr_t pc);

/* Whether a frame that was stopped at `pc`, between any two instructions, can be unwound from there with all that its function has to
 * clean up. False: at another instruction it may be. */
bool fe_unwind_may_begin(uintptr_t pc);

/* Makes of the frame of `function`, which is at `pc`, that of its caller. False: there is no caller, or no telling. `*arguments`
 * is what the function had pushed for a call, in bytes. */
struct fe_unwind_rules;
bool fe_unwind_rules_at(const struct fe_unwind_function *function, uintptr_t pc, struct fe_unwind_rules *rules);
bool fe_unwind_step(const struct fe_unwind_function *function, const struct fe_unwind_rules *rules,
                    struct fe_arch_frame *frame);

/* The value of a DWARF expression. False: it has an operation that no rule here has. */
bool fe_unwind_expression(const uint8_t *at, const uint8_t *end, const struct fe_arch_frame *frame, uintptr_t first,
                          uintptr_t *value);

/* How a frame's registers become those of its caller. */
enum fe_unwind_kind {
    FE_UNWIND_UNDEFINED,
    FE_UNWIND_VALUE_OFFSET,
    FE_UNWIND_REGISTER,
    FE_UNWIND_AT_EXPRESSION,
    FE_UNWIND_EXPRESSION
};
struct fe_unwind_rules {
    uint32_t saved; /* registers (by their index) that lie at CFA + offset */
    uint32_t other; /* of another kind; what is in neither is as it was */
    uint32_t base;  /* the CFA is this register + base_offset... */
    int32_t base_offset;
    const uint8_t *base_expression; /* ...or this, if not NULL: its length, then itself */
    uint32_t arguments;             /* bytes pushed for a call */
    int32_t offset[FE_ARCH_FRAME_REGISTERS]; /* or the register, or the expression: where it is, as a distance from the function's */
    uint8_t kind[FE_ARCH_FRAME_REGISTERS];
};

#endif
