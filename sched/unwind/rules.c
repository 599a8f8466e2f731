/*
 * The rules by which a frame's registers become its caller's: what the function's instructions (DWARF 4, 6.4.2) come to at an
 * address, and then applied to a frame.
 */
#include "table.h"

enum {
    ADVANCE = 0x40, /* with the operand in the lower six bits, as the two that follow */
    OFFSET = 0x80,
    RESTORE = 0xc0,
    OPERAND = 0x3f,
    NOP = 0x00,
    SET_LOC,
    ADVANCE1,
    ADVANCE2,
    ADVANCE4,
    OFFSET_EXTENDED,
    RESTORE_EXTENDED,
    UNDEFINED,
    SAME_VALUE,
    REGISTER,
    REMEMBER_STATE,
    RESTORE_STATE,
    DEF_CFA,
    DEF_CFA_REGISTER,
    DEF_CFA_OFFSET,
    DEF_CFA_EXPRESSION,
    EXPRESSION,
    OFFSET_EXTENDED_SF,
    DEF_CFA_SF,
    DEF_CFA_OFFSET_SF,
    VAL_OFFSET,
    VAL_OFFSET_SF,
    VAL_EXPRESSION,
    AARCH64_NEGATE_RA_STATE = 0x2d, /* the return address is signed, or no longer */
    GNU_ARGS_SIZE = 0x2e,
};

/* States that are remembered one in the other. Compilers need one: where a function returns in its middle. */
#define REMEMBERED 2

struct run {
    const struct fe_unwind_function *function;
    struct fe_unwind_rules *rules;
    const struct fe_unwind_rules *first; /* what RESTORE goes back to; NULL while it comes about */
    uintptr_t at, pc;
};

/* A register without a place in the frame is nobody's concern: callers do not get it back. */
static void set_saved(struct run *run, uint64_t column, int64_t offset) {
    unsigned index = fe_arch_frame_index(column);
    if (index >= FE_ARCH_FRAME_REGISTERS)
        return;
    run->rules->saved |= 1u << index;
    run->rules->other &= ~(1u << index);
    run->rules->offset[index] = (int32_t)offset;
}

static void set_other(struct run *run, uint64_t column, enum fe_unwind_kind kind, int64_t offset) {
    unsigned index = fe_arch_frame_index(column);
    if (index >= FE_ARCH_FRAME_REGISTERS)
        return;
    run->rules->saved &= ~(1u << index);
    run->rules->other |= 1u << index;
    run->rules->offset[index] = (int32_t)offset;
    run->rules->kind[index] = (uint8_t)kind;
}

static void set_first(struct run *run, uint64_t column, bool same) {
    unsigned index = fe_arch_frame_index(column);
    if (index >= FE_ARCH_FRAME_REGISTERS)
        return;
    uint32_t bit = 1u << index;
    bool first = run->first && !same;
    run->rules->saved = (run->rules->saved & ~bit) | (first ? run->first->saved & bit : 0);
    run->rules->other = (run->rules->other & ~bit) | (first ? run->first->other & bit : 0);
    if (first) {
        run->rules->offset[index] = run->first->offset[index];
        run->rules->kind[index] = run->first->kind[index];
    }
}

static void set_expression(struct run *run, const uint8_t **at, enum fe_unwind_kind kind) {
    uint64_t column = fe_unwind_uleb(at);
    set_other(run, column, kind, *at - run->function->own);
    uint64_t bytes = fe_unwind_uleb(at);
    *at += bytes;
}

static void set_base(struct run *run, uint64_t column) {
    run->rules->base = fe_arch_frame_index(column);
    run->rules->base_expression = NULL;
}

/* Those that are rare. */
static bool run_rare(struct run *run, unsigned instruction, const uint8_t **at) {
    uint64_t column;
    int64_t unit = run->function->data_unit;
    switch (instruction) {
    case SET_LOC:
        return fe_unwind_pointer(at, FE_UNWIND_PCREL_SDATA4, &run->at);
    case OFFSET_EXTENDED:
        column = fe_unwind_uleb(at);
        set_saved(run, column, (int64_t)fe_unwind_uleb(at) * unit);
        return true;
    case OFFSET_EXTENDED_SF:
        column = fe_unwind_uleb(at);
        set_saved(run, column, fe_unwind_sleb(at) * unit);
        return true;
    case RESTORE_EXTENDED:
        set_first(run, fe_unwind_uleb(at), false);
        return true;
    case SAME_VALUE:
        set_first(run, fe_unwind_uleb(at), true);
        return true;
    case UNDEFINED:
        set_other(run, fe_unwind_uleb(at), FE_UNWIND_UNDEFINED, 0);
        return true;
    case REGISTER:
        column = fe_unwind_uleb(at);
        set_other(run, column, FE_UNWIND_REGISTER, fe_arch_frame_index(fe_unwind_uleb(at)));
        return true;
    case VAL_OFFSET:
        column = fe_unwind_uleb(at);
        set_other(run, column, FE_UNWIND_VALUE_OFFSET, (int64_t)fe_unwind_uleb(at) * unit);
        return true;
    case VAL_OFFSET_SF:
        column = fe_unwind_uleb(at);
        set_other(run, column, FE_UNWIND_VALUE_OFFSET, fe_unwind_sleb(at) * unit);
        return true;
    case EXPRESSION:
        set_expression(run, at, FE_UNWIND_AT_EXPRESSION);
        return true;
    case VAL_EXPRESSION:
        set_expression(run, at, FE_UNWIND_EXPRESSION);
        return true;
    case DEF_CFA_EXPRESSION: {
        run->rules->base_expression = *at;
        uint64_t bytes = fe_unwind_uleb(at);
        *at += bytes;
        return true;
    }
    case DEF_CFA_SF:
        set_base(run, fe_unwind_uleb(at));
        run->rules->base_offset = (int32_t)(fe_unwind_sleb(at) * unit);
        return true;
    case DEF_CFA_OFFSET_SF:
        run->rules->base_offset = (int32_t)(fe_unwind_sleb(at) * unit);
        return true;
    case GNU_ARGS_SIZE:
        run->rules->arguments = (uint32_t)fe_unwind_uleb(at);
        return true;
    default: /* AARCH64_NEGATE_RA_STATE, too: addresses that are signed could not be used */
        return false;
    }
}

/* Runs instructions up to those for what comes after pc. */
static bool run_until_pc(struct run *run, const uint8_t *at, const uint8_t *end) {
    struct fe_unwind_rules remembered[REMEMBERED];
    unsigned depth = 0;
    while (at < end) {
        unsigned instruction = *at++, operand = instruction & OPERAND;
        switch (instruction & ~(unsigned)OPERAND) {
        case ADVANCE:
            run->at += operand * run->function->code_unit;
            break;
        case OFFSET:
            set_saved(run, operand, (int64_t)fe_unwind_uleb(&at) * run->function->data_unit);
            continue;
        case RESTORE:
            set_first(run, operand, false);
            continue;
        default:
            switch (instruction) {
            case NOP:
                continue;
            case ADVANCE1:
                run->at += *at++ * run->function->code_unit;
                break;
            case ADVANCE2:
                run->at += FE_UNWIND_READ(uint16_t, &at) * run->function->code_unit;
                break;
            case ADVANCE4:
                run->at += FE_UNWIND_READ(uint32_t, &at) * run->function->code_unit;
                break;
            case DEF_CFA:
                set_base(run, fe_unwind_uleb(&at));
                run->rules->base_offset = (int32_t)fe_unwind_uleb(&at);
                continue;
            case DEF_CFA_REGISTER:
                set_base(run, fe_unwind_uleb(&at));
                continue;
            case DEF_CFA_OFFSET:
                run->rules->base_offset = (int32_t)fe_unwind_uleb(&at);
                continue;
            case REMEMBER_STATE:
                if (depth == REMEMBERED)
                    return false;
                remembered[depth++] = *run->rules;
                continue;
            case RESTORE_STATE: {
                if (depth == 0)
                    return false;
                uint32_t arguments = run->rules->arguments; /* no part of the state */
                *run->rules = remembered[--depth];
                run->rules->arguments = arguments;
                continue;
            }
            default:
                if (!run_rare(run, instruction, &at))
                    return false;
                if (instruction != SET_LOC)
                    continue;
            }
        }
        if (run->at > run->pc)
            return true;
    }
    return true;
}

bool fe_unwind_rules_at(const struct fe_unwind_function *function, uintptr_t pc, struct fe_unwind_rules *rules) {
    struct run run = {function, rules, NULL, function->start, pc};
    rules->saved = rules->other = rules->arguments = 0;
    rules->base = FE_ARCH_FRAME_REGISTERS;
    rules->base_expression = NULL;
    if (!run_until_pc(&run, function->common, function->common_end))
        return false;
    const struct fe_unwind_rules first = *rules;
    run.first = &first;
    return run_until_pc(&run, function->own, function->own_end);
}

/* Applying -------------------------------------------------------------------------------------------------------- */

static bool evaluate(const uint8_t *at, const struct fe_arch_frame *frame, uintptr_t first, uintptr_t *value) {
    uint64_t bytes = fe_unwind_uleb(&at);
    return fe_unwind_expression(at, at + bytes, frame, first, value);
}

/* The registers whose rules are not the usual one. False: there is no caller, or no telling. */
static bool apply_other(const struct fe_unwind_function *function, const struct fe_unwind_rules *rules, uintptr_t base,
                        struct fe_arch_frame *frame) {
    const struct fe_arch_frame callee = *frame;
    for (uint32_t other = rules->other; other; other &= other - 1) {
        unsigned index = (unsigned)__builtin_ctz(other);
        intptr_t offset = rules->offset[index];
        uintptr_t value = 0;
        switch ((enum fe_unwind_kind)rules->kind[index]) {
        case FE_UNWIND_UNDEFINED:
            if (index == fe_arch_frame_index(function->return_column))
                return false; /* the outermost frame */
            break;
        case FE_UNWIND_VALUE_OFFSET:
            value = base + (uintptr_t)offset;
            break;
        case FE_UNWIND_REGISTER:
            if ((uintptr_t)offset >= FE_ARCH_FRAME_REGISTERS)
                return false;
            value = callee.registers[offset];
            break;
        case FE_UNWIND_AT_EXPRESSION:
        case FE_UNWIND_EXPRESSION:
            if (!evaluate(function->own + offset, &callee, base, &value))
                return false;
            if (rules->kind[index] == FE_UNWIND_AT_EXPRESSION)
                value = *(const uintptr_t *)value;
            break;
        }
        frame->registers[index] = value;
    }
    return true;
}

bool fe_unwind_step(const struct fe_unwind_function *function, const struct fe_unwind_rules *rules,
                    struct fe_arch_frame *frame) {
    uintptr_t base;
    if (rules->base_expression) {
        if (!evaluate(rules->base_expression, frame, 0, &base))
            return false;
    } else {
        if (rules->base >= FE_ARCH_FRAME_REGISTERS)
            return false;
        base = frame->registers[rules->base] + (uintptr_t)(intptr_t)rules->base_offset;
    }
    if (FE_UNLIKELY(rules->other) && !apply_other(function, rules, base, frame))
        return false;
    for (uint32_t saved = rules->saved; saved; saved &= saved - 1) {
        unsigned index = (unsigned)__builtin_ctz(saved);
        frame->registers[index] = *(const uintptr_t *)(base + (uintptr_t)(intptr_t)rules->offset[index]);
    }
    if (FE_LIKELY(!((rules->saved | rules->other) >> FE_ARCH_FRAME_STACK & 1)))
        frame->registers[FE_ARCH_FRAME_STACK] = base;
    frame->registers[FE_ARCH_FRAME_PC] = frame->registers[fe_arch_frame_index(function->return_column)];
    return true;
}
