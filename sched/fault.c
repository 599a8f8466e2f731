/*
 * Faults in tasks: a touched stack page is committed, anything else ends the task.
 *
 * Runs on the exception stack with interrupts masked. A page comes from the page allocator, unless that was itself interrupted:
 * then it comes from the core's reserve. The allocator needs few pages of stack, so the reserve is small.
 */
#include "ending.h"
#include "kill.h"
#include "foreign.h"

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
    if (fe_page_is_at_rest()) {
        uint64_t page = fe_page_alloc(0);
        if (page || !runtime)
            return page; /* none: the task fails. The reserve is for code that cannot be made to */
    }
    if (!self->reserve_count)
        return 0;
    self->memory_due = true;
    self->unusual.attention = 1;
    self->reserve_count = self->reserve_count - 1;
    return self->reserve[self->reserve_count];
}

/* The stack in whose slot `address` lies, of those that what runs is on: the task's, or a foreign call's. NULL: neither. */
static struct fe_tcb *stack_at(struct fe_scheduler *self, uintptr_t address) {
    if (self->current && fe_stack_holds(self->current, address))
        return self->current;
    struct fe_tcb *stack = *fe_foreign_of(self);
    while (stack && !fe_stack_holds(stack, address))
        stack = stack->next;
    return stack;
}

static bool commit(struct fe_scheduler *self, struct fe_tcb *stack, uintptr_t page_address, bool runtime) {
    uint64_t page = take_page(self, runtime);
    if (!page)
        return false;
    fe_arch_map_page(page_address, page);
    if (page_address < stack->stack_deep)
        stack->stack_deep = page_address;
    stack->stack_pages++;
    fe_stack_account(self, 1);
    return true;
}

static void end_entry(void *task) {
    fe_task_end(task);
}

static void unwind_entry(void *task) {
    fe_task_unwind(task);
}

/* Has page-aligned `page`, if it lies on a stack that the task is on, emergency pages included. */
static bool have_page(struct fe_scheduler *self, uintptr_t page, bool runtime) {
    uint64_t physical;
    struct fe_tcb *stack = stack_at(self, page);
    if (!stack || page <= stack->stack_slot || page >= (uintptr_t)stack)
        return false;
    return fe_arch_translate(page, &physical) || commit(self, stack, page, runtime);
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
        have_page(self, stack & ~(FE_PAGE_SIZE - 1), runtime) && have_page(self, last & ~(FE_PAGE_SIZE - 1), runtime)) {
        fe_ending_add(task, FE_ENDING_BEGUN); /* it may use the emergency pages from its first push on */
        fe_arch_trap_call(frame, unwind_entry, task, stack);
    } else {
        fe_arch_trap_redirect(frame, end_entry, task, task);
    }
}

static void fail_task(struct fe_tcb *task, const struct fe_tcb *stack, enum fe_fault_kind kind,
                      const struct fe_fault *fault) {
    struct fe_task_result result = {
        .outcome = FE_FAULTED, .fault = kind, .fault_address = fault->address, .fault_pc = fault->pc};
    char *message = result.message;
    size_t bytes = sizeof result.message;
    unsigned long address = fault->address, pc = fault->pc;
    switch (kind) {
    case FE_FAULT_STACK_OVERFLOW:
        fe_format(message, bytes, "stack overflow at %#lx, stack of %zu bytes (pc %#lx)", address,
                  (size_t)(stack->stack_slot + (FE_STACK_SLOT << stack->stack_class) - stack->stack_low), pc);
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
    fe_task_fails(task, &result, fault->pc, fault->frame_pointer);
}

/* Overflow inside the runtime ------------------------------------------------------------------------------------- */

static bool in_program(uintptr_t pc) {
    return pc >= (uintptr_t)fe_text_start && pc < (uintptr_t)fe_text_end && !in_runtime(pc);
}

/*
 * The runtime was caught by the bound while it did something for the task. It finishes, on the emergency pages, and fails the
 * task where it returns to the program: the return address is exchanged. It is found by the chain of frame pointers, or, of a
 * function that has no frame yet, where the port says. If it is not found the task fails at its end.
 */
static void fail_on_return(struct fe_tcb *task, const struct fe_tcb *stack, const struct fe_fault *fault) {
    uintptr_t *slot = NULL, *link = fe_arch_trap_link(fault->frame);
    uintptr_t fp = fault->frame_pointer, below = fault->stack_pointer - 1;
    for (; fp > below && fp + 16 <= (uintptr_t)stack && !(fp & 7); fp = *(uintptr_t *)fp) {
        below = fp;
        if (in_program(((uintptr_t *)fp)[1])) {
            slot = (uintptr_t *)fp + 1;
            break;
        }
    }
    if (link && in_program(*link) && (!slot || *slot != *link))
        slot = link;
    if (!slot)
        return;
    task->overflowed_to = *slot;
    *slot = (uintptr_t)fe_arch_return_overflowed;
}

uintptr_t fe_task_return_address(void) {
    struct fe_tcb *task = fe_scheduler_self()->current;
    uintptr_t address = task->overflowed_to;
    task->overflowed_to = 0;
    return address;
}

void fe_task_overflowed(void) {
    struct fe_tcb *task = fe_scheduler_self()->current;
    fe_sections_end(task);
    fe_task_unwind(task);
}

/* The same for a task that was preempted with the registers in `frame`, before it goes on. */
void fe_task_unwind_interrupted(struct fe_scheduler *self, struct fe_tcb *task, struct fe_trap_frame *frame) {
    const struct fe_fault fault = {.frame = frame};
    redirect(self, task, &fault, false, false);
}

bool fe_scheduler_fault(const struct fe_fault *fault) {
    struct fe_scheduler *self = fe_scheduler_self();
    struct fe_tcb *task = self->current;
    if (fault->nested || self->core.interrupt_depth)
        return false;
    if (fault->step && fe_slice_stepped(self, fault->frame))
        return true;
    bool runtime = in_runtime(fault->pc);
    enum fe_fault_kind kind = fault->kind;
    uintptr_t page = fault->address & ~(FE_PAGE_SIZE - 1);
    if (kind == FE_FAULT_MEMORY && !fault->execute && fe_stacks_in_exchange(page))
        return true;
    struct fe_tcb *stack = kind == FE_FAULT_MEMORY && !fault->present ? stack_at(self, page) : NULL;
    if (stack) {
        if (page >= stack->stack_low) {
            if (commit(self, stack, page, runtime))
                return true;
            kind = FE_FAULT_NO_MEMORY;
        } else {
            kind = FE_FAULT_STACK_OVERFLOW;
            bool failing = task && fe_ending_begun(task);
            if (task && (runtime || failing) && page != stack->stack_slot && commit(self, stack, page, runtime)) {
                /* The runtime finishes what it is doing on the pages below the bound, and the task fails when it is done. One
                 * that unwinds has them for its cleanups. */
                if (!failing && !(task->ending & 1u << FE_ENDING_OVERFLOW)) {
                    fe_ending_add(task, FE_ENDING_OVERFLOW);
                    fail_task(task, stack, kind, fault);
                    fail_on_return(task, stack, fault);
                }
                return true;
            }
        }
    }
    if (!task || (runtime && !is_lenient(fault->pc)))
        return false;
    bool again = fe_ending_begun(task);
    fail_task(task, stack ? stack : task, kind, fault);
    redirect(self, task, fault, again, runtime);
    return true;
}
