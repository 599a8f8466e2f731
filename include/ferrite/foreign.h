/*
 * Foreign calls: code that wants a large stack and does not know of tasks, such as a C library written for threads.
 */
#ifndef FERRITE_FOREIGN_H
#define FERRITE_FOREIGN_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a foreign call's stack: of addresses; memory is taken as it is touched, and given back afterwards. */
#define FE_FOREIGN_STACK_BYTES (((size_t)2 << 20) - ((size_t)64 << 10))

/*
 * Calls function(argument) on a stack of FE_FOREIGN_STACK_BYTES and returns what it returns.
 *
 * The stack belongs to this call until it returns, so `function` may call back into the program, which may block: no other
 * call can come to lie on the same stack. A call from within a foreign call stays on the stack that it is on. If the task
 * fails in `function`, by a fault or past the end of that stack too, the task is unwound through the call as through any
 * other, and the stack is given back.
 *
 * Task and scheduler context, and global context once schedulers have been set up; not in interrupt handlers. Out of a task
 * `function` must not block. Blocks no more than `function` does. About 150 instructions with a stack at hand.
 *
 * Plain form: fails the task (outside a task: panics) if there is no memory for a stack. try form: FE_ENOMEM, and
 * `function` was not called; FE_ECONTEXT where it may not be called; FE_OK: its value is in *value (may be NULL).
 */
intptr_t fe_foreign(intptr_t (*function)(void *argument), void *argument);
FE_MUST_CHECK fe_status fe_foreign_try(intptr_t (*function)(void *argument), void *argument, intptr_t *value);

#ifdef __cplusplus
}
#endif
#endif
