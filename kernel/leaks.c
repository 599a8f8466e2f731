/*
 * The leak report: which blocks of the exchange heap that the program allocated are still live at the end.
 *
 * leaks=off (the default) says nothing; leaks=report tells how many there are and how many bytes, and shows the first ten, with
 * the place where each was allocated in a checked build; leaks=fail does so too, and turns status 0 into 101 if there are any.
 */
#include "leaks.h"

#include "backtrace.h"
#include "log.h"

#include <ferrite/env.h>
#include <heap/exchange.h>

enum { KERNEL_BLOCKS_MAX = 2 * FE_CORES_MAX, LEAKS_SHOWN = 10 };

/* The kernel's own blocks: those that were live before the program ran. */
static struct {
    const void *block[KERNEL_BLOCKS_MAX];
    size_t count;
} kernel_blocks;

static void note_kernel_block(const struct fe_heap_leak *leak, void *unused) {
    (void)unused;
    if (kernel_blocks.count < KERNEL_BLOCKS_MAX)
        kernel_blocks.block[kernel_blocks.count++] = leak->block;
}

struct leaks {
    uint64_t blocks, bytes;
};

static void count_leak(const struct fe_heap_leak *leak, void *argument) {
    struct leaks *leaks = argument;
    for (size_t i = 0; i < kernel_blocks.count; i++)
        if (kernel_blocks.block[i] == leak->block)
            return;
    leaks->bytes += leak->bytes;
    if (leaks->blocks++ >= LEAKS_SHOWN)
        return;
    char site[128] = "";
    if (leak->site != NULL)
        fe_backtrace_name((uintptr_t)leak->site, true, site, sizeof(site));
    fe_log_boot("leak: %p, %zu bytes, core %u%s%s", leak->block, leak->bytes, leak->core,
                leak->site ? ", allocated at " : "", site);
}

enum { LEAKS_OFF, LEAKS_REPORT, LEAKS_FAIL };

static unsigned mode; /* written before the program runs */

void fe_leaks_begin(void) {
    static const char *const names[] = {"off", "report", "fail"};
    mode = fe_env_choice("leaks", names, FE_ARRAY_LENGTH(names), LEAKS_OFF);
    if (mode != LEAKS_OFF)
        fe_heap_leaks(note_kernel_block, NULL);
}

bool fe_leaks_report(void) {
    if (mode == LEAKS_OFF)
        return false;
    struct leaks leaks = {0};
    fe_heap_leaks(count_leak, &leaks);
    fe_log_boot("leaks: %llu blocks, %llu bytes", (unsigned long long)leaks.blocks, (unsigned long long)leaks.bytes);
    return mode == LEAKS_FAIL && leaks.blocks > 0;
}
