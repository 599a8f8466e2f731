/*
 * Panic: stops the machine for a bug in the kernel, never for what a program did.
 */
#ifndef FERRITE_PANIC_H
#define FERRITE_PANIC_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Stops the other cores, flushes the log rings, prints the message (printf-style) with file, line, context, registers and
 * a symbolised backtrace on the polled console, and leaves with status 102. Any context. */
FE_NORETURN void fe_panic_at(const char *file, int line, const char *format, ...) FE_PRINTF(3, 4);
#define fe_panic(...) fe_panic_at(__FILE__, __LINE__, __VA_ARGS__)

/* Checks an invariant of the kernel, in every build. */
#define fe_check(condition) (FE_LIKELY(condition) ? (void)0 : fe_panic("%s: not so: %s", __func__, #condition))

/*
 * Checked builds only: the calling public function may run in the contexts of `allowed` (bits of 1 << enum
 * fe_context_kind); otherwise the task fails (outside a task: panics) with the function, the context and the caller.
 */
#ifdef FE_CHECKED
#define FE_REQUIRE_CONTEXT(allowed) fe_context_require((allowed), __func__, __builtin_return_address(0))
void fe_context_require(unsigned allowed, const char *function, void *caller);
#else
#define FE_REQUIRE_CONTEXT(allowed) ((void)0)
#endif
#define FE_IN_GLOBAL (1u << 0)
#define FE_IN_SCHEDULER (1u << 1)
#define FE_IN_TASK (1u << 2)
#define FE_IN_HANDLER (1u << 3) /* an interrupt handler, which FE_IN_GLOBAL does not include */
#define FE_IN_ANY (FE_IN_GLOBAL | FE_IN_SCHEDULER | FE_IN_TASK | FE_IN_HANDLER)

#ifdef __cplusplus
}
#endif
#endif
