/*
 * Walks frame pointers. On every port a frame begins with the caller's frame pointer and, eight bytes on, the return
 * address; the first frame of a context has a frame pointer of 0.
 *
 * The walk trusts nothing: it reads through fe_arch_probe, takes only return addresses in the image's text, and is
 * bounded; a function that calls itself is shown once, with a count. Frame pointers need not grow, since a chain may
 * lead from an exception stack to a task's.
 */
#include "backtrace.h"

#include "symbols.h"

#include <arch/arch.h>
#include <ferrite/io.h>

enum { FRAMES_SHOWN_MAX = 40, FRAMES_WALKED_MAX = 20000, LINE_BYTES = 128 };

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

/* One frame read. False: it is none. */
static bool read_frame(uintptr_t frame_pointer, uint64_t *next, uint64_t *back) {
    return frame_pointer != 0 && frame_pointer % sizeof(uintptr_t) == 0 && fe_arch_probe(frame_pointer, next) &&
           fe_arch_probe(frame_pointer + 8, back) && in_text(*back);
}

static void print_repeats(unsigned repeats, void (*line)(const char *text)) {
    char text[LINE_BYTES];
    fe_format(text, sizeof(text), "   ... and %u more of these", repeats);
    if (repeats > 0)
        line(text);
}

void fe_backtrace(uintptr_t pc, uintptr_t frame_pointer, void (*line)(const char *text)) {
    uint64_t next, back, last = 0;
    unsigned index = 0, repeats = 0;
    /* Where `pc` is what the innermost frame returns to, the frame tells it better: as a call, not the code behind it.
     */
    if (pc != 0 && !(read_frame(frame_pointer, &next, &back) && back == pc))
        print_frame(index++, pc, false, line);
    for (unsigned walked = 0; walked < FRAMES_WALKED_MAX && read_frame(frame_pointer, &next, &back); walked++) {
        if (back == last) { /* recursion */
            repeats++;
        } else {
            print_repeats(repeats, line);
            repeats = 0;
            if (index == FRAMES_SHOWN_MAX) {
                line("   ... and further frames");
                return;
            }
            print_frame(index++, back, true, line);
        }
        if (next == frame_pointer)
            break;
        last = back;
        frame_pointer = next;
    }
    print_repeats(repeats, line);
}
