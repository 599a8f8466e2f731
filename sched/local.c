/*
 * Local heaps of tasks: each has its own (heap/local.h), made when it first allocates a box. What may point to boxes: the
 * task's stack, from where it is to its top, with the registers that are kept over calls; the stack that a foreign call has
 * left; and task-local data.
 */
#define FE_LENIENT_UNIT "task_local"
#include "core.h"
#include "ending.h"
#include "foreign.h"
#include "task_data.h"

#include <arch/lenient.h>
#include <ferrite/panic.h>
#include <heap/local.h>

static void scan_stacks(void *argument, uintptr_t stack_pointer) {
    struct fe_tcb *task = argument, *foreign = task->foreign;
    if (foreign != NULL && fe_stack_holds(foreign, stack_pointer)) {
        fe_local_scan(task->local, stack_pointer, (uintptr_t)foreign);
        stack_pointer = foreign->foreign_left;
    }
    fe_local_scan(task->local, stack_pointer, (uintptr_t)task);
}

static void scan_roots(struct fe_local *heap, void *argument) {
    struct fe_tcb *task = argument;
    if (task->data != &fe_task_data_none)
        fe_local_scan(heap, (uintptr_t)task->data->value, (uintptr_t)(task->data->value + FE_TASK_DATA_KEYS + 1));
    fe_arch_call_spilled(scan_stacks, task);
}

/* The step FE_ENDING_LOCAL. */
static void end_local(struct fe_tcb *task) {
    fe_ending_add(task, FE_ENDING_LOCAL); /* again, if a finalizer does not return */
    fe_local_annihilate(task->local);
    task->local = &fe_local_none;
    task->ending &= ~(1u << FE_ENDING_LOCAL);
}

static __attribute__((noinline)) void *make(const struct fe_local_type *type, size_t bytes, const char *function) {
    struct fe_tcb *task = fe_scheduler_self()->current;
    if (task->local == &fe_local_none) {
        struct fe_local *heap = fe_local_create(scan_roots, task);
        if (heap != NULL) {
            task->local = heap;
            fe_ending_add_by(task, FE_ENDING_LOCAL, end_local);
        }
    }
#ifdef FE_CHECKED
    if (task->local->busy)
        fe_fail("a box of type '%s' was allocated in a trace function or a finalizer", type->name);
#endif
    void *box = task->local != &fe_local_none ? fe_local_make(task->local, type, bytes) : NULL;
    if (FE_UNLIKELY(box == NULL) && function != NULL)
        fe_fail("%s: no '%s' of %zu bytes: %s", function, type->name, bytes,
                bytes == 0 || bytes > FE_LOCAL_BOX_MAX ? "the size is out of range"
                : task->local->ended                   ? "the heap is being finalized"
                                                       : "out of memory");
    return box;
}

static inline __attribute__((always_inline)) void *make_short(const struct fe_local_type *type) {
    struct fe_local *heap = fe_scheduler_self()->current->local;
#ifdef FE_CHECKED
    if (heap->busy)
        return NULL;
#endif
    return fe_local_make_short(heap, type);
}

FE_LENIENT void *fe_local_alloc(const struct fe_local_type *type) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    void *box = make_short(type);
    return FE_LIKELY(box != NULL) ? box : make(type, type->size, "fe_local_alloc");
}

FE_LENIENT void *fe_local_try_alloc(const struct fe_local_type *type) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    void *box = make_short(type);
    return FE_LIKELY(box != NULL) ? box : make(type, type->size, NULL);
}

FE_LENIENT void *fe_local_alloc_bytes(const struct fe_local_type *type, size_t bytes) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    return make(type, bytes, "fe_local_alloc_bytes");
}

FE_LENIENT void *fe_local_try_alloc_bytes(const struct fe_local_type *type, size_t bytes) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    return make(type, bytes, NULL);
}

FE_LENIENT void fe_local_overwrite(const void *box) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    fe_local_keep(fe_scheduler_self()->current->local, box);
}

size_t fe_local_collect(void) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    struct fe_local *heap = fe_scheduler_self()->current->local;
    return heap == &fe_local_none || heap->busy || heap->ended ? 0 : fe_local_collect_all(heap);
}

void fe_local_statistics(struct fe_local_statistics *statistics) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    fe_local_figures(fe_scheduler_self()->current->local, statistics);
}
