/*
 * Walks frame pointers. On every port a frame begins with the caller's frame pointer and, eight bytes on, the return
 * address; the first frame of a context has a frame pointer of 0.
 *
 * The walk trusts nothing: it reads through fe_arch_probe, takes only return addresses in the image's text, and is
 * bounded. Frame pointers need not grow, since a chain may lead from an exception stack to a task's.
 */
#include "backtrace.h"

#include "symbols.h"

#include <arch/arch.h>
#include <ferrite/io.h>

enum { FRAMES_MAX = 48, LINE_BYTES = 128 };

static bool in_text(uintptr_t address) {
    return address >= (uintptr_t)fe_text_start && address <= (uintptr_t)fe_text_end;
}

void fe_backtrace_name(uintptr_t address, bool is_return, char *buffer, size_t size) {
    uint64_t within = 0;
    const char *name = fe_symbol_at(is_return ? address - 1 : address, &within);
    if (name != NULL)
        fe_format(buffer, size, "0x%016lx %s+0x%llx", (unsigned long)address, name,
                  (unsigned long long)(within + (is_return ? 1 : 0)));
    else
        fe_format(buffer, size, "0x%016lx", (unsigned long)address);
}

static void print_frame(unsigned index, uintptr_t address, bool is_return, void (*line)(const char *text)) {
    char text[LINE_BYTES];
    int at = fe_format(text, sizeof(text), "#%u ", index);
    fe_backtrace_name(address, is_return, text + at, sizeof(text) - (size_t)at);
    line(text);
}

void fe_backtrace(uintptr_t pc, uintptr_t frame_pointer, void (*line)(const char *text)) {
    unsigned index = 0;
    if (pc != 0)
        print_frame(index++, pc, false, line);
    while (frame_pointer != 0 && frame_pointer % sizeof(uintptr_t) == 0) {
        if (index == FRAMES_MAX) {
            line("... more frames");
            return;
        }
        uint64_t next, back;
        if (!fe_arch_probe(frame_pointer, &next) || !fe_arch_probe(frame_pointer + 8, &back) || !in_text(back))
            return;
        print_frame(index++, back, true, line);
        if (next == frame_pointer)
            return;
        frame_pointer = next;
    }
}
