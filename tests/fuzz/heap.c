/*
 * The heap, driven by sequences of operations on four cores (one thread, which becomes each in turn), against a model that
 * knows each block's address, length and contents. Misuse has tests of its own (tests/unit/heap_misuse.c).
 *
 * What is asserted: blocks are aligned, lie apart, hold what was written to them until they are freed, whichever core does
 * that; realloc keeps contents; figures agree with the model after each sequence; and when all is freed and sent home, every
 * page is there again.
 *
 * Links: heap arch/host/host.c
 */
#include "fuzz.h"

#include <arch/arch.h>
#include <arch/host/host.h>
#include <ferrite/context.h>
#include <ferrite/panic.h>
#include <heap/exchange.h>
#include <heap/page.h>

#define CORES 4u
#define BLOCKS 256u
#define RUNS 32u
#define MEMORY (UINT64_C(64) << 20)

static struct fe_core cores[CORES];
static struct block {
    uint8_t *start;
    size_t bytes;
    uint8_t seed;
    uint8_t core;
} blocks[BLOCKS];
static struct run {
    uint64_t page;
    size_t pages;
} runs[RUNS];
static uint64_t pages_at_start;

FE_NORETURN void fe_panic_at(const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: panic: ", file, line);
    vfprintf(stderr, format, arguments);
    abort();
}

FE_NORETURN void fe_fail_at(const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: failed: ", file, line);
    vfprintf(stderr, format, arguments);
    abort();
}

enum fe_context_kind fe_context(void) {
    return FE_CONTEXT_TASK;
}

static void become(unsigned core) {
    fe_arch_core_set(&cores[core]);
}

static uint64_t free_pages(void) {
    struct fe_page_statistics statistics;
    fe_page_statistics(&statistics);
    return statistics.free_pages;
}

static void give_all_back(void) {
    for (unsigned core = 0; core < CORES; core++) {
        become(core);
        fe_heap_flush();
    }
    for (unsigned core = 0; core < CORES; core++) {
        become(core);
        fe_heap_trim();
        fe_page_trim();
    }
}

static void set_up(void) {
    static bool done;
    if (done)
        return;
    done = true;
    for (unsigned core = 0; core < CORES; core++)
        cores[core] = (struct fe_core){.self = &cores[core], .index = core};
    become(0);
    fuzz_check(fe_host_memory(MEMORY));
    struct fe_memory_range ram = {1 << 20, MEMORY - (1 << 20)};
    uint64_t needed;
    fuzz_check(fe_page_init(&ram, 1, NULL, 0, 0, MEMORY, &needed) == FE_OK);
    for (unsigned core = 1; core < CORES; core++)
        fuzz_check(fe_heap_core_init(&cores[core]) == FE_OK);
    fe_heap_free(fe_heap_alloc(1)); /* makes the map of spans, which stays */
    give_all_back();
    pages_at_start = free_pages();
}

/* Contents: each byte follows from the seed and its place; large blocks are written and checked at both ends. */
static uint8_t content(const struct block *block, size_t at) {
    return (uint8_t)(block->seed + at * 7 + (at >> 8));
}

static void each_edge(struct block *block, size_t bytes, void (*visit)(struct block *, size_t)) {
    size_t edge = bytes < 128 ? bytes : 64;
    for (size_t i = 0; i < edge; i++)
        visit(block, i);
    for (size_t i = bytes - edge; i < bytes; i++)
        visit(block, i);
}

static void write_at(struct block *block, size_t at) {
    block->start[at] = content(block, at);
}

static void check_at(struct block *block, size_t at) {
    fuzz_check(block->start[at] == content(block, at));
}

static void check_apart(const struct block *block) {
    for (unsigned i = 0; i < BLOCKS; i++)
        fuzz_check(&blocks[i] == block || !blocks[i].start || blocks[i].start + blocks[i].bytes <= block->start ||
                   block->start + block->bytes <= blocks[i].start);
}

static void allocated(struct block *block, void *start, size_t bytes, size_t alignment, unsigned core, uint8_t seed) {
    if (!start)
        return; /* there is little memory, and that is meant */
    *block = (struct block){start, bytes ? bytes : 1, seed, (uint8_t)core};
    fuzz_check((uintptr_t)start % alignment == 0);
    fuzz_check(fe_heap_usable_size(start) >= block->bytes);
    block->bytes = fe_heap_usable_size(start); /* all of it may be used */
    check_apart(block);
    each_edge(block, block->bytes, write_at);
}

/* Mostly small, at times up to half of memory. */
static size_t some_size(struct fuzz_reader *reader) {
    uint8_t kind = fuzz_byte(reader);
    uint32_t value = fuzz_word(reader);
    if (kind < 200)
        return value % 600;
    if (kind < 250)
        return value;
    return (size_t)value << ((kind - 250) * 3);
}

static void free_block(struct block *block) {
    each_edge(block, block->bytes, check_at);
    fe_heap_free(block->start);
    block->start = NULL;
}

static void operate(struct fuzz_reader *reader) {
    uint8_t what = fuzz_byte(reader), which = fuzz_byte(reader);
    unsigned core = what >> 6;
    struct block *block = &blocks[which];
    struct run *run = &runs[which % RUNS];
    become(core);
    switch (what & 0xf) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (block->start) {
            free_block(block);
        } else {
            size_t bytes = some_size(reader);
            allocated(block, fe_heap_try_alloc(bytes), bytes, 16, core, which ^ what);
        }
        break;
    case 4: /* many of one size, to empty magazines and slabs and to fill them */
    case 5: {
        size_t bytes = some_size(reader) % 4096;
        unsigned count = fuzz_byte(reader);
        for (unsigned i = 0; i < count && i < BLOCKS; i++)
            if (!blocks[i].start)
                allocated(&blocks[i], fe_heap_try_alloc(bytes), bytes, 16, core, (uint8_t)i);
        break;
    }
    case 6:
        for (unsigned i = which; i < BLOCKS; i += 1 + fuzz_byte(reader) % 4)
            if (blocks[i].start)
                free_block(&blocks[i]);
        break;
    case 7: {
        size_t bytes = some_size(reader);
        size_t alignment = (size_t)1 << fuzz_byte(reader) % 22;
        if (!block->start)
            allocated(block, fe_heap_try_alloc_aligned(alignment, bytes), bytes, alignment < 16 ? 16 : alignment, core,
                      which);
        break;
    }
    case 8: {
        size_t bytes = some_size(reader), count = 1 + fuzz_byte(reader) % 8;
        if (block->start)
            break;
        uint8_t *start = fe_heap_try_alloc_zeroed(count, bytes);
        size_t all = count * bytes, edge = all < 4096 ? all : 2048;
        for (size_t i = 0; start && i < edge; i++)
            fuzz_check(start[i] == 0 && start[all - 1 - i] == 0);
        allocated(block, start, count * bytes, 16, core, which);
        break;
    }
    case 9:
    case 10: {
        size_t bytes = some_size(reader);
        if (!block->start)
            break;
        size_t kept = bytes < block->bytes ? bytes : block->bytes;
        each_edge(block, block->bytes, check_at);
        uint8_t *start = fe_heap_try_realloc(block->start, bytes);
        if (!start) {
            each_edge(block, block->bytes, check_at);
            break;
        }
        block->start = start;
        size_t before = block->bytes;
        for (size_t i = 0; i < kept && (before < 128 || i < 64); i++)
            check_at(block, i);
        block->start = NULL;
        allocated(block, start, bytes, 16, core, which ^ 0x55);
        break;
    }
    case 11:
        fe_heap_poll();
        break;
    case 12:
        fe_heap_flush();
        break;
    case 13:
        fe_heap_trim();
        break;
    case 14:
        if (run->page) {
            fe_page_free_run(run->page, run->pages);
            run->page = 0;
        } else {
            size_t pages = 1 + fuzz_word(reader) % 3000;
            unsigned order = fuzz_byte(reader) % 11;
            run->page = fe_page_alloc_run_aligned(pages, order);
            run->pages = pages;
            fuzz_check(run->page % (FE_PAGE_SIZE << order) == 0);
            if (run->page)
                memset(fe_direct(run->page), 0xff, FE_PAGE_SIZE);
        }
        break;
    default:
        if (!run->page) {
            run->page = fe_page_alloc(0);
            run->pages = 1;
        } else if (run->pages == 1) {
            fe_page_free(run->page, 0);
            run->page = 0;
        }
        break;
    }
}

static void check_figures(void) {
    struct fe_heap_statistics all, one;
    uint64_t live = 0, bytes = 0, summed = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        live += blocks[i].start != NULL;
        bytes += blocks[i].start ? blocks[i].bytes : 0;
    }
    fe_heap_statistics(FE_ANY_CORE, &all);
    fuzz_check(all.live_blocks == live && all.live_bytes == bytes && all.allocations - all.frees == live);
    for (unsigned core = 0; core < CORES; core++) {
        fe_heap_statistics((int)core, &one);
        summed += one.live_blocks;
    }
    fuzz_check(summed == live);
    fuzz_check(fe_heap_leaks(NULL, NULL) == live);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    set_up();
    struct fuzz_reader reader = {data, data + bytes};
    while (fuzz_more(&reader))
        operate(&reader);
    check_figures();
    for (unsigned i = 0; i < BLOCKS; i++) {
        become(i % CORES);
        if (blocks[i].start)
            free_block(&blocks[i]);
    }
    for (unsigned i = 0; i < RUNS; i++) {
        if (runs[i].page)
            fe_page_free_run(runs[i].page, runs[i].pages);
        runs[i].page = 0;
    }
    give_all_back();
    check_figures();
    fuzz_check(free_pages() == pages_at_start);
    return 0;
}
