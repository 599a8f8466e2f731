/* A core's life: a thread that drivers/host makes, on the stack that Linux gives it. */
#define _GNU_SOURCE
#include "host.h"

#include <unistd.h>

/* What fe_arch_core_prepare was told last: one core at a time. */
static struct {
    void (*entry)(void *argument);
    void *argument;
} prepared;

uint32_t fe_arch_hardware_id(void) {
    return fe_arch_core() ? fe_arch_core()->index : 0;
}

fe_status fe_arch_core_init(struct fe_core *core) {
    (void)core;
    return fe_host_traps_init() ? FE_OK : FE_ENOMEM;
}

/* The thread keeps the stack that it has: libraries that its scheduler calls need more than `stack_top` offers. */
uint64_t fe_arch_core_prepare(void *stack_top, void (*entry)(void *), void *argument) {
    (void)stack_top;
    prepared.entry = entry;
    prepared.argument = argument;
    return (uint64_t)(uintptr_t)&prepared;
}

void fe_host_core_begin(uint64_t place) {
    (void)place;
    prepared.entry(prepared.argument);
    fe_arch_halt();
}

void fe_arch_halt(void) {
    for (;;)
        pause();
}
