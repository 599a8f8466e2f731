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

/*
 * fe_arch_switch, entered by a jump. A call would leave an entry in the CPU's stack of return addresses that no return takes
 * off again (the switch goes on by a jump), and the next return of the resumed task would be mispredicted: a yield takes 7.7 ns
 * so, and 15.7 with the call. (On bare machines instructions are counted, and this has two more.)
 */
static inline __attribute__((always_inline)) void *fe_host_switch(struct fe_arch_context *from,
                                                                  const struct fe_arch_context *to, void *passed) {
    void *result;
    __asm__ volatile("leaq 1f(%%rip), %%rcx\n\tpushq %%rcx\n\tjmp fe_arch_switch\n1:"
                     : "=a"(result), "+D"(from), "+S"(to), "+d"(passed)
                     :
                     : "rcx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
                       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return result;
}
#define fe_arch_switch fe_host_switch

#endif
#endif
