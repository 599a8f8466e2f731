/*
 * DWARF expressions (DWARF 4, 2.5), as far as rules for unwinding have them: functions that realign their stack, the linker's
 * stubs for calls into shared libraries, signal trampolines.
 */
#include "table.h"

enum {
    DEREFERENCE = 0x06,
    CONST1U = 0x08,
    CONST1S,
    CONST2U,
    CONST2S,
    CONST4U,
    CONST4S,
    CONST8U,
    CONST8S,
    CONSTU,
    CONSTS,
    DUPLICATE,
    DROP,
    AND = 0x1a,
    MINUS = 0x1c,
    OR = 0x21,
    PLUS,
    PLUS_CONSTANT,
    SHIFT_LEFT,
    SHIFT_RIGHT,
    GREATER_OR_EQUAL = 0x2a,
    LITERAL = 0x30,
    BASE_REGISTER = 0x70,
    BASE_REGISTER_END = 0x90,
};

#define DEPTH 8

static bool constant(unsigned operation, const uint8_t **at, uintptr_t *value) {
    switch (operation) {
    case CONST1U:
        *value = FE_UNWIND_READ(uint8_t, at);
        return true;
    case CONST1S:
        *value = (uintptr_t)FE_UNWIND_READ(int8_t, at);
        return true;
    case CONST2U:
        *value = FE_UNWIND_READ(uint16_t, at);
        return true;
    case CONST2S:
        *value = (uintptr_t)FE_UNWIND_READ(int16_t, at);
        return true;
    case CONST4U:
        *value = FE_UNWIND_READ(uint32_t, at);
        return true;
    case CONST4S:
        *value = (uintptr_t)FE_UNWIND_READ(int32_t, at);
        return true;
    case CONST8U:
    case CONST8S:
        *value = FE_UNWIND_READ(uint64_t, at);
        return true;
    case CONSTU:
        *value = fe_unwind_uleb(at);
        return true;
    case CONSTS:
        *value = (uintptr_t)fe_unwind_sleb(at);
        return true;
    default:
        return false;
    }
}

/* `left` becomes left OPERATION right. */
static bool combine(unsigned operation, uintptr_t *left, uintptr_t right) {
    switch (operation) {
    case AND:
        *left &= right;
        return true;
    case OR:
        *left |= right;
        return true;
    case MINUS:
        *left -= right;
        return true;
    case PLUS:
        *left += right;
        return true;
    case SHIFT_LEFT:
        *left = right < 64 ? *left << right : 0;
        return true;
    case SHIFT_RIGHT:
        *left = right < 64 ? *left >> right : 0;
        return true;
    case GREATER_OR_EQUAL:
        *left = (intptr_t)*left >= (intptr_t)right;
        return true;
    default:
        return false;
    }
}

bool fe_unwind_expression(const uint8_t *at, const uint8_t *end, const struct fe_arch_frame *frame, uintptr_t first,
                          uintptr_t *value) {
    uintptr_t stack[DEPTH] = {first};
    unsigned depth = 1;
    while (at < end) {
        unsigned operation = *at++;
        uintptr_t pushed;
        if (operation >= LITERAL && operation < LITERAL + 32) {
            pushed = operation - LITERAL;
        } else if (operation >= BASE_REGISTER && operation < BASE_REGISTER_END) {
            unsigned index = fe_arch_frame_index(operation - BASE_REGISTER);
            if (index >= FE_ARCH_FRAME_REGISTERS)
                return false;
            pushed = frame->registers[index] + (uintptr_t)fe_unwind_sleb(&at);
        } else if (operation == DUPLICATE) {
            pushed = stack[depth - 1];
        } else if (!constant(operation, &at, &pushed)) {
            uintptr_t *top = &stack[depth - 1];
            if (operation == DEREFERENCE) {
                *top = *(const uintptr_t *)*top;
            } else if (operation == PLUS_CONSTANT) {
                *top += fe_unwind_uleb(&at);
            } else {
                if (depth < 2 || (operation != DROP && !combine(operation, top - 1, *top)))
                    return false;
                depth--;
            }
            continue;
        }
        if (depth == DEPTH)
            return false;
        stack[depth++] = pushed;
    }
    *value = stack[depth - 1];
    return true;
}
