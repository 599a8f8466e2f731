/* The stack of a foreign call; see foreign.c. */
#ifndef FERRITE_SCHED_FOREIGN_H
#define FERRITE_SCHED_FOREIGN_H

#include "stack.h"

static inline bool fe_stack_holds(const struct fe_tcb *stack, uintptr_t address) {
    return address - stack->stack_slot < FE_STACK_SLOT << stack->stack_class;
}

/* Where what runs on `self` is in a foreign call, if it is: the task's, or the scheduler's own. */
static inline struct fe_tcb **fe_foreign_of(struct fe_scheduler *self) {
    return self->current ? &self->current->foreign : &self->foreign;
}

#endif
