/*
 * Faults in tasks: a touched stack page is committed, anything else ends the task.
 *
 * Runs on the exception stack with interrupts masked. Where the interrupted code was the program's, this core's heap and
 * page allocator are at rest and may be called; where it was the runtime's own, they may be in the middle of something,
 * and a page comes from the core's reserve. The runtime needs few pages at a time, so the reserve is small.
 */
#include "ending.h"
#include "stack.h"

#include <ferrite/io.h>
#include <ferrite/panic.h>
#include <heap/page.h>

static bool in_runtime(uintptr_t pc) {
    return pc >= (uintptr_t)fe_runtime_text_start && pc < (uintptr_t)fe_runtime_text_end;
}

/* Kernel code that works on a program's memory and holds nothing: see arch/lenient.h. */
static bool is_lenient(uintptr_t pc) {
    return pc >= (uintptr_t)fe_lenient_text_start && pc < (uintptr_t)fe_lenient_text_end;
}

static uint64_t take_page(struct fe_scheduler *self, bool runtime) {
    if (!runtime) {
        fe_stack_refill(self);
        return fe_page_alloc(0); /* none: the task fails. The reserve is for code that cannot be made to */
    }
    if (!self->reserve_count)
        return 0;
    self->unusual.attention = 1; /* to be refilled */
    self->reserve_count = self->reserve_count - 1;
    return self->reserve[self->reserve_count];
}

static bool commit(struct fe_scheduler *self, struct fe_tcb *task, uintptr_t page_address, bool runtime) {
    uint64_t page = take_page(self, runtime);
    if (!page)
        return false;
    fe_arch_map_page(page_address, page);
    if (page_address < task->stack_deep)
        task->stack_deep = page_address;
    task->stack_pages++;
    fe_store_relaxed(&self->stack_pages, fe_load_relaxed(&self->stack_pages) + 1); /* this core's alone */
    return true;
}

static void end_entry(void *task) {
    fe_task_end(task);
}

static void unwind_entry(void *task) {
    fe_task_unwind(task);
}

/* Has page-aligned `page`, if it lies on the task's stack, emergency pages included. */
static bool have_page(struct fe_scheduler *self, struct fe_tcb *task, uintptr_t page, bool runtime) {
    uint64_t physical;
    if (page <= task->stack_slot || page >= (uintptr_t)task)
        return false;
    return fe_arch_translate(page, &physical) || commit(self, task, page, runtime);
}

/* Makes the task, which has been told to fail, unwind from where it was interrupted; or end, if there is no doing that. */
static void redirect(struct fe_scheduler *self, struct fe_tcb *task, const struct fe_fault *fault, bool again,
                     bool runtime) {
    struct fe_trap_frame *frame = fault->frame;
    bool known = !again && (!fault->execute || fe_arch_trap_to_caller(frame));
    uintptr_t pc = fe_arch_trap_pc(frame);
    uintptr_t stack = (fe_arch_trap_stack(frame) - FE_ARCH_RED_ZONE - FE_ARCH_TRAP_CALL_BYTES) & ~(uintptr_t)15;
    uintptr_t last = stack + FE_ARCH_TRAP_CALL_BYTES - 1;
    if (known && pc >= (uintptr_t)fe_text_start && pc < (uintptr_t)fe_text_end &&
        have_page(self, task, stack & ~(FE_PAGE_SIZE - 1), runtime) &&
        have_page(self, task, last & ~(FE_PAGE_SIZE - 1), runtime))
        fe_arch_trap_call(frame, unwind_entry, task, stack);
    else
        fe_arch_trap_redirect(frame, end_entry, task, task);
}

static void fail_task(struct fe_tcb *task, enum fe_fault_kind kind, const struct fe_fault *fault) {
    struct fe_task_result result = {
        .outcome = FE_FAULTED, .fault = kind, .fault_address = fault->address, .fault_pc = fault->pc};
    char *message = result.message;
    size_t bytes = sizeof result.message;
    unsigned long address = fault->address, pc = fault->pc;
    switch (kind) {
    case FE_FAULT_STACK_OVERFLOW:
        fe_format(message, bytes, "stack overflow at %#lx, stack of %zu bytes (pc %#lx)", address,
                  (size_t)(task->stack_slot + (FE_STACK_SLOT << task->stack_class) - task->stack_low), pc);
        break;
    case FE_FAULT_NO_MEMORY:
        fe_format(message, bytes, "no memory to grow the stack at %#lx (pc %#lx)", address, pc);
        break;
    case FE_FAULT_MEMORY:
        fe_format(message, bytes, "%s: %s of %s address %#lx (pc %#lx)", fault->name,
                  fault->execute ? "execution"
                  : fault->write ? "write"
                                 : "read",
                  fault->present ? "protected" : "unmapped", address, pc);
        break;
    default:
        fe_format(message, bytes, "%s (pc %#lx)", fault->name, pc);
        break;
    }
    fe_task_failing(task, &result, fault->pc, fault->frame_pointer);
}

bool fe_scheduler_fault(const struct fe_fault *fault) {
    struct fe_scheduler *self = fe_scheduler_self();
    struct fe_tcb *task = self->current;
    if (!task || fault->nested || self->core.interrupt_depth)
        return false;
    bool runtime = in_runtime(fault->pc);
    enum fe_fault_kind kind = fault->kind;
    uintptr_t page = fault->address & ~(FE_PAGE_SIZE - 1);
    uintptr_t end = task->stack_slot + (FE_STACK_SLOT << task->stack_class);
    if (kind == FE_FAULT_MEMORY && !fault->present && page >= task->stack_slot && page < end) {
        if (page >= task->stack_low) {
            if (commit(self, task, page, runtime))
                return true;
            kind = FE_FAULT_NO_MEMORY;
        } else {
            kind = FE_FAULT_STACK_OVERFLOW;
            bool failing = fe_ending_begun(task);
            if ((runtime || failing) && page != task->stack_slot && commit(self, task, page, runtime)) {
                /* The runtime finishes what it is doing on the pages below the bound, and the task fails at its end. One
                 * that unwinds has them for its cleanups. */
                if (!failing && !(task->ending & 1u << FE_ENDING_OVERFLOW)) {
                    fe_ending_add(task, FE_ENDING_OVERFLOW);
                    fail_task(task, kind, fault);
                }
                return true;
            }
        }
    }
    if (runtime && !is_lenient(fault->pc))
        return false;
    bool again = fe_ending_begun(task);
    fail_task(task, kind, fault);
    redirect(self, task, fault, again, runtime);
    return true;
}
