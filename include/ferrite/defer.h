/*
 * Cleanups: what is done when a scope is left, whichever way: its end, return, break, and a failure of the task (fe_fail, a
 * fault, a kill, fe_task_exit), which unwinds the stack and runs the cleanups of its frames, innermost first.
 *
 *     numbers_sender out; numbers_port in;
 *     numbers_open(&out, &in, 64, 0);
 *     fe_defer(close_both, &ends);               close_both(&ends) at the end of the scope
 *
 *     fe_owned(char) line = fe_heap_alloc(80);   freed at the end of the scope, unless it was given away:
 *     fe_pipe_give(out, &line);                  sent and forgotten, or neither
 *
 * A cleanup runs in the task and may use every service. It may wait; the task cannot be killed meanwhile. If it fails, the
 * task ends without the cleanups that were still to come.
 *
 * Cost: none where a scope is left in the usual way but the call; some read-only data. Failing costs about 1,000 instructions
 * a frame the first time that it fails there, and 150 from then on. After a fault the compiler has to have known that the instruction may fail: gcc does, clang's programs run their
 * cleanups on failures and kills only. Frames built without -fexceptions and with no table end the unwinding.
 *
 * Source: Go's defer and C++'s destructors; the attribute is gcc's.
 */
#ifndef FERRITE_DEFER_H
#define FERRITE_DEFER_H

#include <ferrite/heap.h>
#include <ferrite/pipe.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls function(argument), which takes and returns what a void (*)(void *) does, when the enclosing scope is left. */
struct fe_deferred {
    void (*function)(void *argument);
    void *argument;
};
static inline void fe_defer_run(struct fe_deferred *deferred) {
    if (deferred->function)
        deferred->function(deferred->argument);
}
#define FE_DEFER_NAME_(line) fe_deferred_##line
#define FE_DEFER_(name, call, with)                                                                                    \
    __attribute__((cleanup(fe_defer_run), unused)) struct fe_deferred name = {(call), (with)}
#define FE_DEFER_LINE_(line, call, with) FE_DEFER_(FE_DEFER_NAME_(line), call, with)
#define fe_defer(function, argument) FE_DEFER_LINE_(__LINE__, function, argument)

/*
 * Owners: a variable that frees or closes what it holds when its scope is left; one that holds nothing does nothing.
 *
 *   fe_owned(type) p        a pointer to a block of the exchange heap (fe_heap_free); as `type *p`
 *   fe_owned_sender s       an fe_sender (fe_sender_close)
 *   fe_owned_port p         an fe_port (fe_port_close)
 *
 * fe_give(x) yields what x holds and leaves it empty: for handing it on, to what cannot fail. Blocks go into pipes by
 * fe_pipe_give (pipe.h), since a send may fail. Initialise owners where they are declared.
 */
static inline void fe_owned_free(void *pointer) {
    void *block;
    __builtin_memcpy(&block, pointer, sizeof block);
    if (block)
        fe_heap_free(block);
}
static inline void fe_owned_close_sender(fe_sender *sender) {
    if (sender->pipe)
        fe_sender_close(*sender);
}
static inline void fe_owned_close_port(fe_port *port) {
    if (port->pipe)
        fe_port_close(*port);
}
#define fe_owned(type) __attribute__((cleanup(fe_owned_free), unused)) type *
#define fe_owned_sender __attribute__((cleanup(fe_owned_close_sender), unused)) fe_sender
#define fe_owned_port __attribute__((cleanup(fe_owned_close_port), unused)) fe_port

#define fe_give(x)                                                                                                     \
    __extension__({                                                                                                    \
        __auto_type given_ = (x);                                                                                      \
        __builtin_memset(&(x), 0, sizeof(x));                                                                          \
        given_;                                                                                                        \
    })

#ifdef __cplusplus
}
#endif
#endif
