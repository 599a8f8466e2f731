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

/* The stack that the thread is on: a context's, or a foreign call's. Only through functions that are not inlined, since a
 * context goes on in another thread after a switch. */
struct bounds {
    const void *bottom;
    size_t bytes;
};
static __thread struct bounds here;

static __attribute__((noinline)) struct bounds where(void) {
    return here;
}

static __attribute__((noinline)) void arrive(void *fake, const void *bottom, size_t bytes) {
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
    here = (struct bounds){bottom, bytes};
}

/* The first code of a context. */
static void begin(void *passed) {
    struct bounds beginning_on = where();
    arrive(NULL, beginning_on.bottom, beginning_on.bytes);
    beginning(passed);
}

static __attribute__((noinline)) void depart(void **fake, void (*entry)(void *passed), const void *bottom, size_t bytes) {
    beginning = entry;
    here = (struct bounds){bottom, bytes};
    __sanitizer_start_switch_fiber(fake, bottom, bytes);
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
static struct bounds thread_stack(void) {
    void *bottom = NULL;
    size_t bytes = 0;
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &bottom, &bytes);
        pthread_attr_destroy(&attributes);
    }
    return (struct bounds){bottom, bytes};
}

void *fe_arch_switch(struct fe_arch_context *from, const struct fe_arch_context *to, void *passed) {
    struct bounds on = where();
    if (!on.bottom)
        on = thread_stack();
    from->bottom = on.bottom;
    from->bytes = on.bytes;
    from->entry = NULL;
    depart(&from->fiber, to->entry, to->bottom, to->bytes);
    passed = fe_x86_switch(from, to, passed);
    arrive(from->fiber, from->bottom, from->bytes);
    return passed;
}

void fe_arch_resume(void *passed, const struct fe_arch_context *to) {
    depart(NULL, to->entry, to->bottom, to->bytes);
    fe_x86_resume(passed, to);
}

void fe_host_frames_dropped(uintptr_t stack_pointer, const void *stack_top) {
    uintptr_t top = (uintptr_t)stack_top;
    if (stack_pointer - top < CONTEXT_BYTES) { /* they are to be unwound, from a call below them */
        struct bounds on = where();
        uintptr_t end = (uintptr_t)on.bottom + on.bytes;
        if (top < end)
            __asan_unpoison_memory_region(stack_top, end - top);
        return;
    }
    if (top - stack_pointer > STACK_MOST) { /* it was on a foreign call's */
        stack_pointer = top - CONTEXT_BYTES;
        depart(NULL, NULL, (void *)stack_pointer, CONTEXT_BYTES);
        arrive(NULL, (void *)stack_pointer, CONTEXT_BYTES);
    }
    __asan_unpoison_memory_region((void *)stack_pointer, top - stack_pointer);
}

/* Foreign calls. The stack may hold the shadow of a call that never returned. */
struct call {
    intptr_t (*function)(void *argument);
    void *argument, *fake;
    struct bounds from, to;
    bool returned;
};

static intptr_t there(void *argument) {
    struct call *call = argument;
    arrive(NULL, call->to.bottom, call->to.bytes);
    return call->function(call->argument);
}

/* Back on the caller's stack: by a return, or by an unwinder that has crossed the call. */
static void back(struct call *call) {
    void *fake;
    depart(&fake, NULL, call->from.bottom, call->from.bytes);
    arrive(call->fake, call->from.bottom, call->from.bytes);
    if (!call->returned)
        __asan_unpoison_memory_region(call->from.bottom, call->from.bytes); /* frames there will not be left as usual, either */
}

intptr_t fe_arch_call_on(void *stack_top, intptr_t (*function)(void *), void *argument, uintptr_t *left) {
    __attribute__((cleanup(back))) struct call call = {
        .function = function,
        .argument = argument,
        .from = where(),
        .to = {(char *)stack_top - FE_FOREIGN_STACK_BYTES, FE_FOREIGN_STACK_BYTES}};
    if (!call.from.bottom)
        call.from = thread_stack();
    __asan_unpoison_memory_region(call.to.bottom, call.to.bytes);
    depart(&call.fake, NULL, call.to.bottom, call.to.bytes);
    intptr_t value = fe_x86_call_on(stack_top, there, &call, left);
    call.returned = true;
    return value;
}
#endif
