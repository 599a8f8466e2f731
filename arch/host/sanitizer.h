/*
 * Contexts, and what AddressSanitizer and ThreadSanitizer must be told of them. Without a sanitizer this is the x86_64
 * port's context.h and nothing more.
 */
#ifndef FERRITE_HOST_SANITIZER_H
#define FERRITE_HOST_SANITIZER_H

static inline void fe_arch_context_make(struct fe_arch_context *context, void *stack_top, void (*entry)(void *passed)) {
    fe_x86_context_make(context, stack_top, entry);
}

#endif
