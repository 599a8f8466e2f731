/*
 * Checked builds: whether an end of a pipe, or a selector, may be used by the caller, and whether a value may be sent:
 * boxes of a local heap may not. If not, the task fails (outside a task:
 * panics) with the public function's name, what is wrong, the context and the caller.
 *
 * An end that was closed is told by the pipe as long as the other end is open, and after that by a mark in the freed memory,
 * until that is given out again.
 */
#ifndef FERRITE_SCHED_MISUSE_H
#define FERRITE_SCHED_MISUSE_H

#include "pipe.h"

#ifdef FE_CHECKED
#define FE_CHECK_SENDER(sender) fe_misuse_check_sender((sender).pipe, __func__, __builtin_return_address(0))
#define FE_CHECK_SEND(sender, value) fe_misuse_check_send((sender).pipe, value, __func__, __builtin_return_address(0))
#define FE_CHECK_PORT(port) fe_misuse_check_port((port).pipe, __func__, __builtin_return_address(0))
#define FE_CHECK_SELECTOR(selector) fe_misuse_check_selector((selector).state, __func__, __builtin_return_address(0))
void fe_misuse_check_sender(struct fe_pipe *pipe, const char *function, void *caller);
void fe_misuse_check_send(struct fe_pipe *pipe, const void *value, const char *function, void *caller);
void fe_misuse_check_port(struct fe_pipe *pipe, const char *function, void *caller);
void fe_misuse_check_selector(struct fe_selector_state *state, const char *function, void *caller);
#else
#define FE_CHECK_SENDER(sender) ((void)0)
#define FE_CHECK_SEND(sender, value) ((void)0)
#define FE_CHECK_PORT(port) ((void)0)
#define FE_CHECK_SELECTOR(selector) ((void)0)
#endif

#endif
