/* See support.h. Stands in for what kernel/ and sched/ provide to the rooms below. */
#include "support.h"

#include <ferrite/panic.h>
#include <ferrite/task.h>
#include <heap/exchange.h>
#include <heap/page.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__thread enum unit_failure unit_failure;
__thread char unit_message[256];
__thread jmp_buf unit_trap;
__thread bool unit_trapping;
__thread enum fe_context_kind unit_context = FE_CONTEXT_TASK;

static struct fe_core cores[FE_CORES_MAX];

static FE_NORETURN void trap(enum unit_failure failure, const char *format, va_list arguments) {
    unit_failure = failure;
    vsnprintf(unit_message, sizeof unit_message, format, arguments);
    if (unit_trapping)
        longjmp(unit_trap, 1);
    fprintf(stderr, "%s: %s\n", failure == UNIT_FAILED ? "failed" : "panic", unit_message);
    abort();
}

__attribute__((weak)) void fe_panic_at(const char *file, int line, const char *format, ...) {
    (void)file, (void)line;
    va_list arguments;
    va_start(arguments, format);
    trap(UNIT_PANICKED, format, arguments);
}

__attribute__((weak)) void fe_fail_at(const char *file, int line, const char *format, ...) {
    (void)file, (void)line;
    va_list arguments;
    va_start(arguments, format);
    trap(UNIT_FAILED, format, arguments);
}

__attribute__((weak)) enum fe_context_kind fe_context(void) {
    return unit_context;
}

/* Weak, so that suites of other rooms need not link the heap. */
__attribute__((weak)) fe_status fe_page_init(const struct fe_memory_range *ram, size_t ram_count,
                                             const struct fe_memory_range *reserved, size_t reserved_count,
                                             uint64_t early_base, uint64_t early_end, uint64_t *needed);
__attribute__((weak)) fe_status fe_heap_core_init(struct fe_core *core);

static void make_core(unsigned index) {
    cores[index].self = &cores[index];
    cores[index].index = index;
    fe_arch_core_set(&cores[index]);
}

void unit_boot_core(void) {
    make_core(0);
}

void unit_machine(uint64_t bytes) {
    make_core(0);
    cr_assert(fe_host_memory(bytes));
    struct fe_memory_range ram = {MIB, bytes - MIB};
    uint64_t needed;
    cr_assert_eq(fe_page_init(&ram, 1, NULL, 0, 0, bytes, &needed), FE_OK, "needed: %llu", (unsigned long long)needed);
}

void unit_become_core(unsigned index) {
    make_core(index);
    cr_assert_eq(fe_heap_core_init(&cores[index]), FE_OK);
}

char unit_complaints[8192];

void unit_complain(const char *format, ...) {
    size_t used = strlen(unit_complaints);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(unit_complaints + used, sizeof(unit_complaints) - used, format, arguments);
    va_end(arguments);
}
