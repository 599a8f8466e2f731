/*
 * The unwinder: walks from a frame outwards, and enters the landing pad of the first that has something to clean up. That ends
 * by resuming (_Unwind_Resume), which walks on from there. Where nothing is left the task ends.
 *
 * Compilers call it by the names of the Itanium C++ ABI. Of that, this is the part which one without catching needs: one phase, no
 * exception object, and no personality functions, since all landing pads for cleanups are entered alike. So it needs less than a
 * kilobyte of stack: a task that has used but one page can be killed without another one.
 *
 * It is a library of its own, linked into images that have landing pads, and counts as program: what it meets on a stack that
 * a program has spoiled is a fault of the program's.
 *
 * Rejected: libgcc's unwinder, which keeps and restores every register of the machine, finds the same function twice a frame,
 * and needs more than 5 KiB of stack on AArch64: 30,000 to 180,000 instructions for ten frames with cleanups, and a page more for
 * each task that was killed.
 */
#include "known.h"

#include <sched/core.h>

/* A spoiled stack may lead round in circles; an honest one leads upwards, but for calls on other stacks. */
#define DESCENTS_MOST 64

/* From arch/ARCH/unwind/: goes on at `pc` with the registers of the frame. */
FE_NORETURN void fe_arch_frame_enter(const struct fe_arch_frame *frame, uintptr_t pc);
/* Called by it: unwinds from `frame`, which it has written, and which is in a call. */
FE_NORETURN void fe_unwind_frame(struct fe_arch_frame *frame);
/* Named in the tables of whatever has cleanups. Called, on a host, by its C library's unwinder: goes on. */
int __gcc_personality_v0(void);

/* Makes of a frame that of its caller, by what is known. */
static void step(const struct fe_unwind_row *row, struct fe_arch_frame *frame) {
    uintptr_t base = frame->registers[row->base] + (uintptr_t)(intptr_t)row->base_offset;
    frame->registers[FE_ARCH_FRAME_STACK] = base; /* before the others: there may be a rule for it */
    for (uint32_t saved = row->saved; saved; saved &= saved - 1) {
        unsigned index = (unsigned)__builtin_ctz(saved);
        frame->registers[index] = *(const uintptr_t *)(base + (uintptr_t)(intptr_t)row->offset[index]);
    }
    frame->registers[FE_ARCH_FRAME_PC] = frame->registers[row->return_index];
}

FE_NORETURN static void enter(struct fe_arch_frame *frame, uintptr_t landing, uintptr_t arguments) {
    frame->registers[FE_ARCH_FRAME_STACK] += arguments;
    fe_arch_frame_enter(frame, landing);
}

/* The same by the tables. False: there is no caller, or no telling. */
static bool step_by_tables(uintptr_t pc, struct fe_arch_frame *frame, bool *interrupted) {
    struct fe_unwind_function function;
    struct fe_unwind_rules rules;
    if (!fe_unwind_find(pc, &function) || !fe_unwind_rules_at(&function, pc, &rules))
        return false;
    uintptr_t landing = function.landings ? fe_unwind_landing(&function, pc) : 0;
    fe_unwind_learn(pc, landing, &function, &rules);
    if (landing)
        enter(frame, landing, rules.arguments);
    *interrupted = function.interrupted;
    return fe_unwind_step(&function, &rules, frame);
}

void fe_unwind_frame(struct fe_arch_frame *frame) {
    bool interrupted = false;
    for (unsigned descents = 0; descents < DESCENTS_MOST;) {
        uintptr_t pc = frame->registers[FE_ARCH_FRAME_PC] - !interrupted; /* of the call, if there is one */
        uintptr_t stack = frame->registers[FE_ARCH_FRAME_STACK];
        const struct fe_unwind_row *row = fe_unwind_known(pc);
        if (FE_LIKELY(row != NULL)) {
            if (row->landing)
                enter(frame, row->landing, row->arguments);
            if (row->last)
                break;
            step(row, frame);
            interrupted = row->interrupted;
        } else if (!step_by_tables(pc, frame, &interrupted)) {
            break;
        }
        if (frame->registers[FE_ARCH_FRAME_STACK] <= stack)
            descents++;
    }
    fe_task_unwound();
}

int __gcc_personality_v0(void) {
    return 8; /* _URC_CONTINUE_UNWIND */
}
