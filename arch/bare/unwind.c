/* What unwinding needs of a bare machine: where the tables are. One image, so one answer. */
#include <arch/arch.h>
#include <ferrite/task.h>

/* From linker/unwind.ld, in images that have the unwinder. */
extern char fe_unwind_tables[] __attribute__((weak));

const void *fe_arch_unwind_tables(uintptr_t pc) {
    (void)pc;
    return fe_unwind_tables;
}

/* Fails the task: for programs without a libc, and for what clang puts where an unwinding can't get to. */
FE_NORETURN __attribute__((weak)) void abort(void);
void abort(void) {
    fe_fail("abort");
}
