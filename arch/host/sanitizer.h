/*
 * Contexts, and what AddressSanitizer and ThreadSanitizer must be told of them: both keep books of each stack, and must know
 * when a thread goes on on another one. Without them this is the x86_64 port's context.h and nothing more; with one of them
 * switch.S's functions have other names (port.mk) and sanitizer.c wraps them.
 */
#ifndef FERRITE_HOST_SANITIZER_H
#define FERRITE_HOST_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

void fe_host_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed));
/* The interrupted code's frames from `stack_pointer` to `stack_top` are gone. */
void fe_host_frames_dropped(uintptr_t stack_pointer, const void *stack_top);

static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    fe_host_context_make(context, stack_top, entry);
}

FE_NORETURN static inline void fe_arch_restart(void *stack_top, void (*entry)(void *argument), void *argument) {
    fe_host_frames_dropped((uintptr_t)__builtin_frame_address(0), stack_top);
    fe_x86_restart(stack_top, entry, argument);
}

#else

static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    fe_x86_context_make(context, stack_top, entry);
}

FE_NORETURN static inline void fe_arch_restart(void *stack_top, void (*entry)(void *argument), void *argument) {
    fe_x86_restart(stack_top, entry, argument);
}

#endif
#endif
