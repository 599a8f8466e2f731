/*
 * Landing pads: where a function cleans up. Its table has, for each stretch of its instructions that may fail, the pad, and an
 * action: 0 for a cleanup, otherwise a chain of C++ handlers, none of which ends what goes on here, with 0 where there is a
 * cleanup besides.
 *
 * Where the table says nothing, nothing can fail by itself. But a preempted task that is killed may stand there, and maybe with
 * something to clean up: only for instructions that can fail has the compiler seen to it that the pad finds what it needs.
 */
#include "table.h"

static bool cleans_up(const uint8_t *actions, uint64_t action) {
    if (action == 0)
        return true;
    const uint8_t *at = actions + action - 1;
    for (;;) {
        if (fe_unwind_sleb(&at) == 0)
            return true;
        const uint8_t *here = at;
        int64_t next = fe_unwind_sleb(&at);
        if (next == 0)
            return false;
        at = here + next;
    }
}

/* Whether the table says anything of `pc`; then *landing is the pad, or 0. */
static bool look_up(const struct fe_unwind_function *function, uintptr_t pc, uintptr_t *landing) {
    const uint8_t *at = (const uint8_t *)function->landings;
    uintptr_t base = function->start;
    unsigned encoding = *at++;
    *landing = 0;
    if (encoding != FE_UNWIND_OMITTED && !fe_unwind_pointer(&at, encoding, &base))
        return false;
    if (*at++ != FE_UNWIND_OMITTED)
        fe_unwind_uleb(&at); /* where the C++ types are */
    encoding = *at++;
    uint64_t bytes = fe_unwind_uleb(&at);
    const uint8_t *actions = at + bytes;
    uintptr_t offset = pc - function->start;
    while (at < actions) {
        uintptr_t start, length, pad;
        if (!fe_unwind_pointer(&at, encoding, &start) || !fe_unwind_pointer(&at, encoding, &length) ||
            !fe_unwind_pointer(&at, encoding, &pad))
            return false;
        uint64_t action = fe_unwind_uleb(&at);
        if (offset < start) /* they are sorted */
            return false;
        if (offset - start < length) {
            if (pad && cleans_up(actions, action))
                *landing = base + pad;
            return true;
        }
    }
    return false;
}

uintptr_t fe_unwind_landing(const struct fe_unwind_function *function, uintptr_t pc) {
    uintptr_t landing;
    look_up(function, pc, &landing);
    return landing;
}

bool fe_unwind_may_begin(uintptr_t pc) {
    struct fe_unwind_function function;
    uintptr_t landing;
    return !fe_unwind_find(pc, &function) || !function.landings || look_up(&function, pc, &landing);
}
