/* See misuse.h. */
#define FE_LENIENT_UNIT "misuse"
#include "misuse.h"

#include <arch/lenient.h>
#include <ferrite/context.h>
#include <ferrite/local.h>
#include <ferrite/task.h>

#ifdef FE_CHECKED

static FE_NORETURN void complain(const char *function, const char *what, void *caller) {
    fe_fail("%s: %s (%s context, called from %p)", function, what, fe_context_name(fe_context()), caller);
}

/* Whether `mark`, of an object at `object`, can be read, and is `expected`. */
static bool is_marked(const void *object, const uint32_t *mark, uint32_t expected) {
    uint64_t physical;
    return (uintptr_t)object % FE_CACHE_LINE == 0 && fe_arch_translate((uintptr_t)mark, &physical) && *mark == expected;
}

static void check_pipe(struct fe_pipe *pipe, const char *function, void *caller) {
    if (!pipe)
        complain(function, "this end of a pipe was never opened", caller);
    if (!is_marked(pipe, &pipe->mark, FE_PIPE_MARK))
        complain(function, "not an end of an open pipe", caller);
}

void fe_misuse_check_sender(struct fe_pipe *pipe, const char *function, void *caller) {
    check_pipe(pipe, function, caller);
    if (fe_load_relaxed(&pipe->senders) == 0) /* the caller's own end, if it is open, keeps it above */
        complain(function, "the sending end was closed before", caller);
}

/* Lenient, since `value` is the program's pointer. */
FE_LENIENT void fe_misuse_check_send(struct fe_pipe *pipe, const void *value, const char *function, void *caller) {
    fe_misuse_check_sender(pipe, function, caller);
    for (uint32_t at = 0; at + sizeof(void *) <= pipe->value_bytes; at += sizeof(void *)) {
        const void *word;
        const char *type;
        __builtin_memcpy(&word, (const char *)value + at, sizeof(word));
        if (fe_local_is_box(word, &type))
            fe_fail("%s: a box of type '%s' cannot be sent (called from %p)", function, type, caller);
    }
}

void fe_misuse_check_port(struct fe_pipe *pipe, const char *function, void *caller) {
    check_pipe(pipe, function, caller);
    if (fe_ends_closed(&pipe->closed) & FE_PORT_CLOSED) /* by the receiver, who is the caller */
        complain(function, "the receiving end was closed before", caller);
}

void fe_misuse_check_selector(struct fe_selector_state *state, const char *function, void *caller) {
    if (!state)
        complain(function, "this selector was never opened", caller);
    if (!is_marked(state, &state->mark, FE_SELECTOR_MARK))
        complain(function, "not an open selector", caller);
    uintptr_t user = fe_load_relaxed(&state->selecting); /* the caller's own, or a mistake */
    if (user != 0 && user != (uintptr_t)fe_park_self())
        complain(function, "another task is in fe_select with this selector", caller);
}

#endif
