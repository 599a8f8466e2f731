/* Backtraces by frame pointers. */
#ifndef FERRITE_KERNEL_BACKTRACE_H
#define FERRITE_KERNEL_BACKTRACE_H

#include <ferrite/base.h>

/*
 * Gives `line` a line for each frame: "#0 0xffffffff80001234 fe_name+0x12", `pc` first (unless 0), then the callers
 * found from `frame_pointer` on. Reads memory through fe_arch_probe only and stops at what is not a frame, so it may be
 * called on any stack in any state. Any context.
 */
void fe_backtrace(uintptr_t pc, uintptr_t frame_pointer, void (*line)(const char *text));

/* Writes "0xffffffff80001234 fe_name+0x12" into `buffer`. `is_return`: the address is one that a call returns to, so
 * the call itself is looked up. */
void fe_backtrace_name(uintptr_t address, bool is_return, char *buffer, size_t size);

#endif
