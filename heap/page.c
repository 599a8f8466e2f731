/*
 * Physical pages: the public side of page.h. Single pages go through a cache per core (owner's core only, no lock); all
 * else takes the buddy allocator's lock.
 *
 * Invariant: a page in a cache has the state FE_PAGE_CACHED, one that was given out has FE_PAGE_HELD, so freeing one
 * twice is seen whichever way it went.
 *
 * The stack that an operation runs on may have to grow in the middle of it, and the fault handler takes a page from here where
 * it can: so each operation marks the core as busy.
 */
#include "page.h"
#include "buddy.h"
#include "core.h"

#include <ferrite/panic.h>

/* What bounds the longest call: blocks taken from the buddy at a time, and pages given back. */
#define REFILL_BLOCKS 2
#define SPILL_PAGES 8

static FE_NORETURN void misuse(uint64_t page, size_t pages, const char *what) {
    fe_panic("fe_page_free: %zu page(s) at physical %#llx: %s", pages, (unsigned long long)page, what);
}

/* Says why a block that does not carry the state that it should cannot be freed. */
static FE_NORETURN void refuse(uint64_t page, size_t pages) {
    size_t index = fe_buddy_index(page);
    if ((page & (FE_PAGE_SIZE - 1)) != 0)
        misuse(page, pages, "not page-aligned");
    if (index == FE_PAGE_INDEX_NONE)
        misuse(page, pages, "not a page of RAM");
    uint8_t state = fe_buddy.state[index];
    if (state == FE_PAGE_CACHED)
        misuse(page, pages, "freed twice");
    if ((state & (FE_PAGE_HELD | FE_PAGE_NEXT)) != 0)
        misuse(page, pages, "given out with another length");
    fe_spinlock_acquire(&fe_buddy.lock);
    bool free = fe_buddy_is_free(index);
    fe_spinlock_release(&fe_buddy.lock);
    misuse(page, pages, free ? "freed twice" : "never given out, or inside a run");
}

/* NULL: the core has no cache yet, nor tasks. */
static inline struct fe_page_cache *enter(void) {
    struct fe_heap_core *heap = fe_heap_core();
    if (FE_UNLIKELY(heap == NULL))
        return NULL;
    heap->pages.busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* before what the fault handler must not find half done */
    return &heap->pages;
}

static inline void leave(struct fe_page_cache *cache) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (FE_LIKELY(cache != NULL))
        cache->busy = false;
}

bool fe_page_is_at_rest(void) {
    return !fe_heap_core()->pages.busy;
}

/* Of a single page, without the lock. Relaxed: it is the caller's; who frees the run before it may look (fe_page_free_run). */
static inline void set_state(size_t index, uint8_t state) {
    __atomic_store_n(&fe_buddy.state[index], state, __ATOMIC_RELAXED);
}

bool fe_page_is_scarce(void) {
    /* Relaxed: figures. */
    return __atomic_load_n(&fe_buddy.free_pages, __ATOMIC_RELAXED) < fe_buddy.total_pages / 4 ||
           __atomic_load_n(&fe_buddy.wanted, __ATOMIC_RELAXED);
}

bool fe_page_no_more(void) {
    return __atomic_exchange_n(&fe_buddy.wanted, false, __ATOMIC_RELAXED);
}

/* After pages have been taken from the buddy, or in vain: where they are scarce now, the next poll tells (fe_heap_scarce). */
static inline void look_for_scarcity(bool in_vain) {
    if (FE_UNLIKELY(in_vain))
        __atomic_store_n(&fe_buddy.wanted, true, __ATOMIC_RELAXED);
    if (FE_UNLIKELY(fe_page_is_scarce()) && fe_heap_core())
        fe_heap_core()->overfull |= FE_PAGES_SCARCE;
}

static void count_free(struct fe_page_cache *cache, unsigned count) {
    /* Relaxed: one writer, this core; readers want a figure, not an order. */
    __atomic_store_n(&cache->count, count, __ATOMIC_RELAXED);
}

/* Brings pages to an empty cache, the lowest there are: half of what it holds, or of what few blocks have, so that it takes
 * no longer where memory is in pieces. False: there are none. */
static __attribute__((noinline)) bool refill(struct fe_page_cache *cache) {
    unsigned count = 0;
    fe_spinlock_acquire(&fe_buddy.lock);
    for (unsigned blocks = 0; blocks < REFILL_BLOCKS && count < FE_PAGE_CACHE_BATCH; blocks++) {
        unsigned order = 31 - (unsigned)__builtin_clz(FE_PAGE_CACHE_BATCH - count);
        size_t index = fe_buddy_take(0, &order);
        if (index == FE_PAGE_INDEX_NONE)
            break;
        uint64_t page = fe_buddy_address(index);
        /* Downwards, so that they are given out upwards. */
        for (size_t n = (size_t)1 << order; n-- > 0;) {
            fe_buddy.state[index + n] = FE_PAGE_CACHED;
            cache->page[count++] = page + n * FE_PAGE_SIZE;
        }
    }
    fe_spinlock_release(&fe_buddy.lock);
    count_free(cache, count);
    look_for_scarcity(count == 0);
    return count != 0;
}

/* Returns the `count` pages that have lain in the cache longest. */
static __attribute__((noinline)) void spill(struct fe_page_cache *cache, unsigned count) {
    fe_spinlock_acquire(&fe_buddy.lock);
    for (unsigned n = 0; n < count; n++) {
        size_t index = fe_buddy_index(cache->page[n]);
        fe_buddy.state[index] = 0;
        fe_buddy_give(index, 0);
    }
    fe_spinlock_release(&fe_buddy.lock);
    for (unsigned n = count; n < cache->count; n++)
        cache->page[n - count] = cache->page[n];
    count_free(cache, cache->count - count);
}

static uint64_t take_block(unsigned order) {
    unsigned most = order;
    fe_spinlock_acquire(&fe_buddy.lock);
    size_t index = fe_buddy_take(order, &most);
    if (index != FE_PAGE_INDEX_NONE)
        fe_buddy.state[index] = (uint8_t)(FE_PAGE_HELD | order);
    fe_spinlock_release(&fe_buddy.lock);
    return index == FE_PAGE_INDEX_NONE ? 0 : fe_buddy_address(index);
}

static void trim(struct fe_page_cache *cache) {
    if (cache != NULL && cache->count != 0)
        spill(cache, cache->count);
}

static __attribute__((noinline)) uint64_t alloc_block(unsigned order) {
    if (order > FE_PAGE_ORDER_MAX)
        return 0;
    struct fe_page_cache *cache = enter();
    uint64_t block = take_block(order);
    if (FE_UNLIKELY(block == 0)) {
        trim(cache); /* this core's cached pages may be what is missing to a whole block */
        block = take_block(order);
    }
    look_for_scarcity(block == 0);
    leave(cache);
    return block;
}

uint64_t fe_page_alloc(unsigned order) {
    if (FE_UNLIKELY(order != 0))
        return alloc_block(order);
    struct fe_page_cache *cache = enter();
    uint64_t page = 0;
    if (FE_LIKELY(cache->count != 0) || refill(cache)) {
        unsigned count = cache->count - 1;
        page = cache->page[count];
        count_free(cache, count);
        set_state(fe_buddy_index(page), FE_PAGE_HELD);
    }
    leave(cache);
    return page;
}

uint64_t fe_page_alloc_zeroed(void) {
    uint64_t page = fe_page_alloc(0);
    if (page != 0)
        __builtin_memset(fe_direct(page), 0, FE_PAGE_SIZE);
    return page;
}

void fe_page_free(uint64_t page, unsigned order) {
    size_t index = fe_buddy_index(page);
    if (FE_UNLIKELY(order > FE_PAGE_ORDER_MAX))
        misuse(page, 0, "no such order");
    if (FE_UNLIKELY((page & (FE_PAGE_SIZE - 1)) != 0 || index == FE_PAGE_INDEX_NONE ||
                    fe_buddy.state[index] != (FE_PAGE_HELD | order)))
        refuse(page, (size_t)1 << order);
    struct fe_page_cache *cache = enter();
    if (FE_LIKELY(order == 0)) {
        if (FE_UNLIKELY(cache->count == FE_PAGE_CACHE_SIZE))
            spill(cache, SPILL_PAGES);
        set_state(index, FE_PAGE_CACHED);
        cache->page[cache->count] = page;
        count_free(cache, cache->count + 1);
    } else {
        fe_spinlock_acquire(&fe_buddy.lock);
        fe_buddy.state[index] = 0;
        fe_buddy_give(index, order);
        fe_spinlock_release(&fe_buddy.lock);
    }
    leave(cache);
}

/*
 * Runs. A run of n pages begins at an index aligned to the next power of two (or to the largest block), and is kept as
 * the blocks of n's binary digits, longest first: the first has the state HELD, the others NEXT. Freeing walks the same
 * blocks, so a wrong start or length is seen.
 */
static size_t take_run(size_t pages, unsigned order) {
    fe_spinlock_acquire(&fe_buddy.lock);
    size_t blocks = (pages + FE_SECTION_PAGES - 1) / FE_SECTION_PAGES;
    unsigned most = order;
    size_t first = blocks > 1 ? fe_buddy_take_blocks(blocks) : fe_buddy_take(order, &most);
    size_t taken = blocks > 1 ? blocks * FE_SECTION_PAGES : (size_t)1 << order;
    if (first != FE_PAGE_INDEX_NONE) {
        size_t index = first, rest = pages;
        uint8_t mark = FE_PAGE_HELD;
        while (rest > 0) {
            unsigned piece = fe_buddy_order_at(index, rest);
            fe_buddy.state[index] = (uint8_t)(mark | piece);
            mark = FE_PAGE_NEXT;
            index += (size_t)1 << piece;
            rest -= (size_t)1 << piece;
        }
        for (rest = taken - pages; rest > 0;) {
            unsigned piece = fe_buddy_order_at(index, rest);
            fe_buddy_give(index, piece);
            index += (size_t)1 << piece;
            rest -= (size_t)1 << piece;
        }
    }
    fe_spinlock_release(&fe_buddy.lock);
    return first;
}

uint64_t fe_page_alloc_run_aligned(size_t pages, unsigned order) {
    if (pages == 0 || pages > fe_buddy.total_pages || order > FE_PAGE_ORDER_MAX)
        return 0;
    unsigned least = pages == 1 ? 0 : 64 - (unsigned)__builtin_clzll(pages - 1);
    order = least > order ? least : order;
    struct fe_page_cache *cache = enter();
    size_t index = take_run(pages, order);
    if (FE_UNLIKELY(index == FE_PAGE_INDEX_NONE)) {
        trim(cache);
        index = take_run(pages, order);
    }
    look_for_scarcity(index == FE_PAGE_INDEX_NONE);
    leave(cache);
    return index == FE_PAGE_INDEX_NONE ? 0 : fe_buddy_address(index);
}

uint64_t fe_page_alloc_run(size_t pages) {
    return fe_page_alloc_run_aligned(pages, 0);
}

void fe_page_free_run(uint64_t page, size_t pages) {
    size_t first = fe_buddy_index(page);
    if (FE_UNLIKELY((page & (FE_PAGE_SIZE - 1)) != 0 || first == FE_PAGE_INDEX_NONE || pages == 0 ||
                    pages > fe_buddy.total_pages))
        refuse(page, pages);
    size_t end = fe_buddy.places * FE_SECTION_PAGES;
    uint8_t mark = FE_PAGE_HELD;
    for (size_t index = first, rest = pages; rest > 0;) {
        unsigned piece = fe_buddy_order_at(index, rest);
        if (FE_UNLIKELY(index >= end || fe_buddy.state[index] != (mark | piece)))
            refuse(page, pages);
        mark = FE_PAGE_NEXT;
        index += (size_t)1 << piece;
        rest -= (size_t)1 << piece;
    }
    struct fe_page_cache *cache = enter();
    fe_spinlock_acquire(&fe_buddy.lock); /* what lies behind the run may be another's */
    if (FE_UNLIKELY(first + pages < end && !fe_buddy_is_fresh(first + pages) &&
                    (__atomic_load_n(&fe_buddy.state[first + pages], __ATOMIC_RELAXED) & FE_PAGE_NEXT) != 0)) {
        fe_spinlock_release(&fe_buddy.lock);
        refuse(page, pages);
    }
    for (size_t index = first, rest = pages; rest > 0;) {
        unsigned piece = fe_buddy_order_at(index, rest);
        fe_buddy.state[index] = 0;
        fe_buddy_give(index, piece);
        index += (size_t)1 << piece;
        rest -= (size_t)1 << piece;
    }
    fe_spinlock_release(&fe_buddy.lock);
    leave(cache);
}

void fe_page_trim(void) {
    struct fe_page_cache *cache = enter();
    trim(cache);
    leave(cache);
}

void fe_page_extent(uint64_t *base, uint64_t *end) {
    *base = fe_buddy.first_section << FE_SECTION_SHIFT;
    *end = (fe_buddy.first_section + fe_buddy.sections) << FE_SECTION_SHIFT;
}

void fe_page_statistics(struct fe_page_statistics *statistics) {
    struct fe_page_cache *cache = enter();
    fe_spinlock_acquire(&fe_buddy.lock);
    statistics->total_pages = fe_buddy.total_pages;
    statistics->free_pages = fe_buddy.free_pages;
    fe_spinlock_release(&fe_buddy.lock);
    leave(cache);
    for (unsigned core = 0; core < FE_CORES_MAX; core++) {
        const struct fe_heap_core *heap = fe_heap_core_at(core);
        if (heap != NULL)
            statistics->free_pages += __atomic_load_n(&heap->pages.count, __ATOMIC_RELAXED);
    }
}
