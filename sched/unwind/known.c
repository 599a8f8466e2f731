/* See known.h. */
#include "known.h"

#define BITS 8
#define PROBES 4u
#define WRITING 1

static struct fe_unwind_row rows[(1u << BITS) + PROBES];

/* Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4). */
static inline struct fe_unwind_row *first_of(uintptr_t pc) {
    return &rows[pc * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BITS)];
}

const struct fe_unwind_row *fe_unwind_known(uintptr_t pc) {
    struct fe_unwind_row *row = first_of(pc);
    for (unsigned i = 0; i < PROBES; i++, row++) {
        uint64_t found = fe_load_acquire(&row->pc); /* pairs with the release below */
        if (found == pc)
            return row;
        if (found == 0)
            break;
    }
    return NULL;
}

/* False: the rules are not simple enough. */
static bool write(struct fe_unwind_row *row, const struct fe_unwind_function *function,
                  const struct fe_unwind_rules *rules) {
    uint32_t index = fe_arch_frame_index(function->return_column);
    row->last = rules->other == 1u << index && rules->kind[index] == FE_UNWIND_UNDEFINED;
    if ((rules->other && !row->last) || rules->base_expression || rules->base >= FE_ARCH_FRAME_REGISTERS ||
        rules->arguments > UINT16_MAX)
        return false;
    row->saved = rules->saved;
    row->base = (uint8_t)rules->base;
    row->base_offset = rules->base_offset;
    row->arguments = (uint16_t)rules->arguments;
    row->return_index = (uint8_t)index;
    row->interrupted = function->interrupted;
    for (uint32_t saved = rules->saved; saved; saved &= saved - 1) {
        unsigned i = (unsigned)__builtin_ctz(saved);
        row->offset[i] = (int16_t)rules->offset[i];
        if (row->offset[i] != rules->offset[i])
            return false;
    }
    return true;
}

void fe_unwind_learn(uintptr_t pc, uintptr_t landing, const struct fe_unwind_function *function,
                     const struct fe_unwind_rules *rules) {
    struct fe_unwind_row *row = first_of(pc);
    for (unsigned i = 0; i < PROBES; i++, row++) {
        uint64_t found = 0;
        /* Relaxed: who fails does not look at the row, who succeeds has it to himself. */
        if (!fe_cas_relaxed(&row->pc, &found, WRITING)) {
            if (found == pc)
                return; /* another core was faster */
            continue;
        }
        row->landing = landing;
        fe_store_release(&row->pc, write(row, function, rules) ? pc : 0); /* pairs with fe_unwind_known */
        return;
    }
}
