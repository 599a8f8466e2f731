/*
 * Landing pads: where a function cleans up. Its table has, for each stretch of its instructions that may fail, the pad, and an
 * action: 0 for a cleanup, otherwise a chain of C++ handlers, none of which ends what goes on here, with 0 where there is a
 * cleanup besides.
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

uintptr_t fe_unwind_landing(const struct fe_unwind_function *function, uintptr_t pc) {
    const uint8_t *at = (const uint8_t *)function->landings;
    uintptr_t base = function->start;
    unsigned encoding = *at++;
    if (encoding != FE_UNWIND_OMITTED && !fe_unwind_pointer(&at, encoding, &base))
        return 0;
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
            return 0;
        uint64_t action = fe_unwind_uleb(&at);
        if (offset < start) /* they are sorted */
            return 0;
        if (offset - start < length)
            return pad && cleans_up(actions, action) ? base + pad : 0;
    }
    return 0;
}
