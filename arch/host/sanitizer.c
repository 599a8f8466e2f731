/*
 * Telling sanitizers of switches. This file is compiled without them, and does nothing where there is none.
 *
 * ThreadSanitizer has a fiber for each context. One is made with the context and destroyed when the context is made anew, as
 * another task's, since a task that ends is in its fiber to its last instruction. A switch orders what the two do (as it does:
 * they share a thread), so a race between tasks is seen where they run on different cores.
 *
 * AddressSanitizer has to know the bounds of the stack. A stack is used again with the shadow of frames that were never
 * left (a task failed in their midst), so it is made clean when a context is made on it.
 */
#include "host.h"

#include <ferrite/foreign.h>

#define CONTEXT_BYTES ((uintptr_t)64 << 10) /* of a stack: what is made clean, and taken for its size */

void *fe_x86_switch(struct fe_arch_context *from, const struct fe_arch_context *to, void *passed);
FE_NORETURN void fe_x86_resume(void *passed, const struct fe_arch_context *to);
#define STACK_MOST ((uintptr_t)64 << 20) /* of a task */
intptr_t fe_x86_call_on(void *stack_top, intptr_t (*function)(void *), void *argument, uintptr_t *left);
#define EXPORTED __attribute__((visibility("default")))

#ifdef FE_SANITIZE_THREAD
#include <sanitizer/tsan_interface.h>

const char *__tsan_default_options(void);
EXPORTED const char *__tsan_default_options(void) {
    return "halt_on_error=1:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:second_deadlock_stack=1:"
           "history_size=4";
}

void fe_host_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    fe_x86_context_make(context, stack_top, entry);
    if (context->fiber)
        __tsan_destroy_fiber(context->fiber);
    context->fiber = __tsan_create_fiber(0);
}

void *fe_arch_switch(struct fe_arch_context *from, const struct fe_arch_context *to, void *passed) {
    if (!from->fiber)
        from->fiber = __tsan_get_current_fiber(); /* a scheduler's: its thread's own */
    __tsan_switch_to_fiber(to->fiber, 0);
    return fe_x86_switch(from, to, passed);
}

void fe_arch_resume(void *passed, const struct fe_arch_context *to) {
    __tsan_switch_to_fiber(to->fiber, 0);
    fe_x86_resume(passed, to);
}

void fe_host_frames_dropped(uintptr_t stack_pointer, const void *stack_top) {
    (void)stack_pointer;
    (void)stack_top;
}

intptr_t fe_arch_call_on(void *stack_top, intptr_t (*function)(void *), void *argument, uintptr_t *left) {
    return fe_x86_call_on(stack_top, function, argument, left); /* the same fiber */
}
#endif

#ifdef FE_SANITIZE_ADDRESS
#define _GNU_SOURCE
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

const char *__asan_default_options(void);
EXPORTED const char *__asan_default_options(void) {
    return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:detect_leaks=0:"
           "detect_stack_use_after_return=0:use_sigaltstack=0";
}

const char *__ubsan_default_options(void);
EXPORTED const char *__ubsan_default_options(void) {
    return "print_stacktrace=1:halt_on_error=1";
}

static __thread void (*beginning)(void *passed);

/* The first code of a context. */
static void begin(void *passed) {
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    beginning(passed);
}

void fe_host_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    context->bottom = (char *)stack_top - CONTEXT_BYTES;
    context->bytes = CONTEXT_BYTES;
    context->entry = entry;
    context->fiber = NULL;
    __asan_unpoison_memory_region(context->bottom, context->bytes);
    fe_x86_context_make(context, stack_top, begin);
}

/* A scheduler's context is on its thread's own stack. */
static void find_stack(struct fe_arch_context *context) {
    pthread_attr_t attributes;
    void *bottom = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &bottom, &bytes);
        pthread_attr_destroy(&attributes);
    }
    context->bottom = bottom;
    context->bytes = bytes;
}

void *fe_arch_switch(struct fe_arch_context *from, const struct fe_arch_context *to, void *passed) {
    if (!from->bottom)
        find_stack(from);
    from->entry = NULL;
    beginning = to->entry;
    __sanitizer_start_switch_fiber(&from->fiber, to->bottom, to->bytes);
    passed = fe_x86_switch(from, to, passed);
    __sanitizer_finish_switch_fiber(from->fiber, NULL, NULL);
    return passed;
}

void fe_arch_resume(void *passed, const struct fe_arch_context *to) {
    beginning = to->entry;
    __sanitizer_start_switch_fiber(NULL, to->bottom, to->bytes);
    fe_x86_resume(passed, to);
}

void fe_host_frames_dropped(uintptr_t stack_pointer, const void *stack_top) {
    uintptr_t top = (uintptr_t)stack_top;
    if (top - stack_pointer > STACK_MOST) /* it was on a foreign call's */
        stack_pointer = top - CONTEXT_BYTES;
    __asan_unpoison_memory_region((void *)stack_pointer, top - stack_pointer);
}

/* A foreign call's stack may hold the shadow of a call that never returned. */
intptr_t fe_arch_call_on(void *stack_top, intptr_t (*function)(void *), void *argument, uintptr_t *left) {
    __asan_unpoison_memory_region((char *)stack_top - FE_FOREIGN_STACK_BYTES, FE_FOREIGN_STACK_BYTES);
    return fe_x86_call_on(stack_top, function, argument, left);
}
#endif
