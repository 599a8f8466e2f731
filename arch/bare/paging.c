/*
 * Page tables, shared by the bare-metal ports: four levels, 4 KiB granule. What differs between machines (how an entry
 * is encoded, how a root is installed) are the inlines of port_paging.h.
 *
 * Invariants
 *   An entry goes from zero to a table under `growth_lock` only, and never back: a table once seen stays where it is, so
 *   that walks need no lock, and fe_arch_map_page and fe_arch_unmap_page take none.
 *   A leaf is written by whoever owns that range of addresses (the callers' business); two writers of one table touch
 *   different entries.
 *   fe_arch_map makes three passes: look for what is in the way, grow tables, write leaves. Only the second can run out of
 *   memory, when nothing is mapped yet; so there is nothing to undo, and no other core can have cached a mapping that goes.
 *
 * Rejected: recursive mapping (costs a root entry, and TLB flushes on table growth), tables freed when empty (then every walk
 * needs a lock or a grace period; task stacks reuse their tables anyway).
 */
#include "paging.h"

#include <ferrite/panic.h>
#include <stdatomic.h>

/* A boot that is refused before there is memory maps the console to say so: three tables reach the first devices, and one more is
 * spare. They lie below the entry code's root, which paging_init leaves behind. */
#define POOL_PAGES 4

typedef _Atomic uint64_t entry_t;

FE_BOOT_MEMORY static uint64_t pool[POOL_PAGES][FE_TABLE_ENTRIES] __attribute__((aligned(4096)));
FE_BOOT_MEMORY static unsigned pool_used; /* the boot core's, before there is another */

uint64_t (*fe_arch_table_source)(void);

static atomic_flag growth_lock = ATOMIC_FLAG_INIT;
static _Atomic uint64_t table_pages;
static _Atomic uint64_t device_cursor = FE_DEVICES_BASE;

static unsigned level_shift(unsigned level) {
    return FE_PAGE_SHIFT + 9 * level;
}

static uint64_t level_bytes(unsigned level) {
    return UINT64_C(1) << level_shift(level);
}

static entry_t *entry_in(entry_t *table, uintptr_t address, unsigned level) {
    return &table[(address >> level_shift(level)) & (FE_TABLE_ENTRIES - 1)];
}

static entry_t *current_root(void) {
    return fe_direct(fe_port_root());
}

/* Reads an entry. Acquire pairs with the release in grow(): a table that is seen is seen zeroed. */
static uint64_t load(const entry_t *entry) {
    return atomic_load_explicit(entry, memory_order_acquire);
}

/* Leaves need no order among each other: fe_port_entries_written follows, and whoever is told of the mapping is told by
 * an operation that orders more. */
static void store(entry_t *entry, uint64_t value) {
    atomic_store_explicit(entry, value, memory_order_relaxed);
}

static bool translate_in(entry_t *root, uintptr_t address, uint64_t *physical) {
    entry_t *table = root;
    for (unsigned level = FE_TABLE_ROOT_LEVEL;; level--) {
        uint64_t entry = load(entry_in(table, address, level));
        if (!fe_port_entry_valid(entry))
            return false;
        if (fe_port_entry_leaf(level, entry)) {
            *physical = fe_port_entry_physical(level, entry) + (address & (level_bytes(level) - 1));
            return true;
        }
        table = fe_direct(fe_port_entry_physical(level, entry));
    }
}

bool fe_arch_translate(uintptr_t address, uint64_t *physical) {
    return translate_in(current_root(), address, physical);
}

uint64_t fe_arch_table_pages(void) {
    return atomic_load_explicit(&table_pages, memory_order_relaxed); /* a figure to be shown: orders nothing */
}

/* A zeroed page for a table, or 0. Called with growth_lock held, or on the boot core alone. */
static uint64_t new_table(void) {
    uint64_t page = 0;
    if (fe_arch_table_source)
        page = fe_arch_table_source();
    else if (pool_used < POOL_PAGES && fe_arch_translate((uintptr_t)pool[pool_used], &page))
        __builtin_memset(pool[pool_used++], 0, sizeof pool[0]);
    if (page)
        atomic_fetch_add_explicit(&table_pages, 1, memory_order_relaxed); /* statistics only */
    return page;
}

/* Makes *entry point to a table if it is still not valid. Returns the entry, 0 when out of memory. */
static uint64_t grow(entry_t *entry) {
    /* Pairs with the release of whoever held it before. The holder may be interrupted, but no handler takes this lock. */
    while (atomic_flag_test_and_set_explicit(&growth_lock, memory_order_acquire))
        fe_arch_relax();
    uint64_t value = load(entry);
    if (!fe_port_entry_valid(value)) {
        uint64_t page = new_table();
        value = page ? fe_port_table(page) : 0;
        if (page) {
            /* Pairs with load(): the page's zeroes are seen before the pointer to it. */
            atomic_store_explicit(entry, value, memory_order_release);
            fe_port_entries_written();
        }
    }
    atomic_flag_clear_explicit(&growth_lock, memory_order_release); /* pairs with the acquire above */
    return value;
}

/*
 * Walks down to the entry of `address` at level `wanted`. Ends early, with *level above `wanted`, at a leaf, or, unless
 * `growing`, at an entry that is not valid. NULL: a table was needed and there is no memory.
 */
static entry_t *walk(entry_t *root, uintptr_t address, unsigned wanted, bool growing, unsigned *level) {
    entry_t *table = root;
    for (*level = FE_TABLE_ROOT_LEVEL;; --*level) {
        entry_t *entry = entry_in(table, address, *level);
        if (*level == wanted)
            return entry;
        uint64_t value = load(entry);
        if (!fe_port_entry_valid(value)) {
            if (!growing)
                return entry;
            value = grow(entry);
            if (value == 0)
                return NULL;
        }
        if (fe_port_entry_leaf(*level, value))
            return entry;
        table = fe_direct(fe_port_entry_physical(*level, value));
    }
}

/* The bytes from `address` to the end of what an entry of `level` covers, at most `bytes`. */
static uint64_t step(uintptr_t address, uint64_t bytes, unsigned level) {
    uint64_t left = level_bytes(level) - (address & (level_bytes(level) - 1));
    return left < bytes ? left : bytes;
}

/* The bytes of whole pages of `level` from `address` to the end of its table, at most `bytes`. */
static uint64_t run(uintptr_t address, uint64_t bytes, unsigned level) {
    return step(address, bytes, level + 1) & ~(level_bytes(level) - 1);
}

/* How much of the run of `length` bytes at `entry` has no valid entry before the first valid one. */
static uint64_t free_run(const entry_t *entry, uint64_t length, unsigned level) {
    const entry_t *first = entry, *last = entry + (length >> level_shift(level));
    while (entry < last && !fe_port_entry_valid(load(entry)))
        entry++;
    return (uint64_t)(entry - first) << level_shift(level);
}

static bool anything_mapped(entry_t *root, uintptr_t address, uint64_t bytes) {
    while (bytes) {
        unsigned level;
        entry_t *entry = walk(root, address, 0, false, &level);
        uint64_t skip = level == 0 ? run(address, bytes, 0) : step(address, bytes, level);
        if (level == 0 ? free_run(entry, skip, 0) < skip : fe_port_entry_valid(load(entry)))
            return true;
        address += skip;
        bytes -= skip;
    }
    return false;
}

/* The largest level whose page fits at the front of the range. */
static unsigned largest_level(uintptr_t address, uint64_t physical, uint64_t bytes) {
    unsigned level = FE_TABLE_ROOT_LEVEL - 1;
    for (; level > 0; level--)
        if (fe_port_level_can_map(level) && ((address | physical) & (level_bytes(level) - 1)) == 0 &&
            bytes >= level_bytes(level))
            break;
    return level;
}

/* The second pass of a map (write false) and the third (write true). */
static fe_status map_pass(entry_t *root, uintptr_t address, uint64_t physical, uint64_t bytes, unsigned protection,
                          bool write) {
    while (bytes) {
        unsigned level = largest_level(address, physical, bytes);
        entry_t *entry;
        for (;; level--) { /* go below what is a table already, though it be an empty one */
            unsigned reached;
            entry = walk(root, address, level, true, &reached);
            if (!entry)
                return FE_ENOMEM;
            if (level == 0 || !fe_port_entry_valid(load(entry)))
                break;
        }
        /* The rest of this table at once: a larger page can begin only where the table ends. Above level 0 the run
         * also ends where there is a table already. */
        uint64_t length = run(address, bytes, level);
        if (level > 0)
            length = free_run(entry, length, level);
        if (write) { /* an entry holds its physical address as it is, so the next one's is this one's plus a page */
            uint64_t value = fe_port_leaf(level, physical, protection);
            for (uint64_t last = value + length; value != last; value += level_bytes(level))
                store(entry++, value);
        }
        address += length;
        physical += length;
        bytes -= length;
    }
    return FE_OK;
}

static fe_status map_in(entry_t *root, uintptr_t address, uint64_t physical, uint64_t bytes, unsigned protection) {
    if ((address | physical | bytes) & (FE_PAGE_SIZE - 1) || address + bytes < address || physical + bytes < physical)
        return FE_EINVAL;
    if ((protection & FE_PROTECTION_WRITE) && (protection & FE_PROTECTION_EXECUTE))
        return FE_EINVAL;
    if (anything_mapped(root, address, bytes))
        return FE_EBUSY;
    fe_status status = map_pass(root, address, physical, bytes, protection, false);
    if (status == FE_OK)
        status = map_pass(root, address, physical, bytes, protection, true);
    fe_port_entries_written();
    return status;
}

fe_status fe_arch_map(uintptr_t address, uint64_t physical, size_t bytes, unsigned protection) {
    return map_in(current_root(), address, physical, bytes, protection);
}

void fe_arch_unmap(uintptr_t address, size_t bytes) {
    entry_t *root = current_root();
    fe_check(((address | bytes) & (FE_PAGE_SIZE - 1)) == 0);
    while (bytes) {
        unsigned level;
        entry_t *entry = walk(root, address, 0, false, &level);
        uint64_t covered = step(address, bytes, level);
        if (fe_port_entry_valid(load(entry))) {
            fe_check(covered == level_bytes(level)); /* part of a large page: only what was mapped whole can go */
            store(entry, 0);
        }
        address += covered;
        bytes -= covered;
    }
}

fe_status fe_arch_reserve_tables(uintptr_t address, size_t bytes) {
    entry_t *root = current_root();
    while (bytes) {
        unsigned level;
        if (!walk(root, address, 0, true, &level))
            return FE_ENOMEM;
        uint64_t covered = step(address, bytes, level == 0 ? 1 : level); /* a table serves all of its 2 MiB */
        address += covered;
        bytes -= covered;
    }
    return FE_OK;
}

void fe_arch_map_page(uintptr_t address, uint64_t physical) {
    unsigned level;
    entry_t *entry = walk(current_root(), address, 0, false, &level);
    fe_check(level == 0); /* fe_arch_reserve_tables has been there */
    store(entry, fe_port_leaf(0, physical, FE_PROTECTION_READ | FE_PROTECTION_WRITE));
    fe_port_entries_written();
}

uint64_t fe_arch_unmap_page(uintptr_t address) {
    unsigned level;
    entry_t *entry = walk(current_root(), address, 0, false, &level);
    uint64_t value = load(entry);
    if (!fe_port_entry_valid(value))
        return 0;
    fe_check(level == 0);
    store(entry, 0);
    return fe_port_entry_physical(0, value);
}

static entry_t *page_entry(uintptr_t address) {
    unsigned level;
    entry_t *entry = walk(current_root(), address, 0, false, &level);
    fe_check(level == 0);
    return entry;
}

void fe_arch_exchange_pages(const uintptr_t *addresses, uint64_t *pages, unsigned count) {
    const unsigned protection = FE_PROTECTION_READ | FE_PROTECTION_WRITE;
    for (unsigned i = 0; i < count; i++) {
        entry_t *entry = page_entry(addresses[i]);
        uint64_t was = fe_port_entry_physical(0, load(entry));
        store(entry, FE_ARCH_TLB_BROADCAST ? pages[i] : fe_port_leaf(0, pages[i], protection));
        pages[i] = was;
    }
    if (!FE_ARCH_TLB_BROADCAST)
        return;
    /* Break before make, as Arm wants it (D8.14.1 of the architecture's manual): no core may come by two translations of one
     * address. Until here the entries have been bare addresses, which are not valid. */
    fe_arch_tlb_flush(FE_STACKS_BASE, FE_STACKS_BYTES);
    for (unsigned i = 0; i < count; i++) {
        entry_t *entry = page_entry(addresses[i]);
        store(entry, fe_port_leaf(0, load(entry), protection));
    }
    fe_port_entries_written();
}

void *fe_arch_map_device(uint64_t physical, size_t bytes) {
    uint64_t first = physical & ~(uint64_t)(FE_PAGE_SIZE - 1);
    uint64_t offset = physical - first;
    uint64_t large = level_bytes(1);
    if (bytes == 0 || offset + bytes < bytes || physical + bytes < physical)
        return NULL;
    uint64_t length = (offset + bytes + FE_PAGE_SIZE - 1) & ~(uint64_t)(FE_PAGE_SIZE - 1);
    /* A large window gets an address that lets large pages be used: congruent to its physical one. */
    uint64_t slack = length >= large ? 2 * large : 0;
    /* Relaxed: the counter only hands out disjoint ranges. */
    uint64_t address = atomic_fetch_add_explicit(&device_cursor, length + slack, memory_order_relaxed);
    if (address + length + slack - FE_DEVICES_BASE > level_bytes(FE_TABLE_ROOT_LEVEL))
        return NULL;
    if (slack)
        address = ((address + large - 1) & ~(large - 1)) + (first & (large - 1));
    if (map_in(current_root(), address, first, length, FE_PROTECTION_READ | FE_PROTECTION_WRITE | FE_PROTECTION_DEVICE) !=
        FE_OK)
        return NULL;
    return (void *)(uintptr_t)(address + offset);
}

struct section {
    const char *start, *end;
    unsigned protection;
};

/* Maps [base, end) of RAM read-write in the direct map, and what of it is the image's constant part [constant,
 * constant_end) read-only, so that no alias makes code writable. */
static fe_status map_direct(entry_t *root, uint64_t base, uint64_t end, uint64_t constant, uint64_t constant_end) {
    const unsigned writable = FE_PROTECTION_READ | FE_PROTECTION_WRITE;
    if (base >= constant_end || end <= constant)
        return map_in(root, FE_DIRECT_BASE + base, base, end - base, writable);
    uint64_t low = base > constant ? base : constant;
    uint64_t high = end < constant_end ? end : constant_end;
    fe_status status = map_in(root, FE_DIRECT_BASE + low, low, high - low, FE_PROTECTION_READ);
    if (status == FE_OK && base < low)
        status = map_in(root, FE_DIRECT_BASE + base, base, low - base, writable);
    if (status == FE_OK && high < end)
        status = map_in(root, FE_DIRECT_BASE + high, high, end - high, writable);
    return status;
}

fe_status fe_arch_paging_init(const struct fe_memory_range *ram, size_t count) {
    const struct section sections[] = {
        {fe_text_start, fe_text_end, FE_PROTECTION_READ | FE_PROTECTION_EXECUTE},
        {fe_rodata_start, fe_rodata_end, FE_PROTECTION_READ},
        {fe_data_start, fe_data_end, FE_PROTECTION_READ | FE_PROTECTION_WRITE},
        {fe_boot_start, fe_boot_end, FE_PROTECTION_READ | FE_PROTECTION_WRITE},
    };
    uint64_t image;
    if (!fe_arch_translate((uintptr_t)fe_image_start, &image))
        return FE_EINVAL;
    uint64_t root_page = new_table();
    if (root_page == 0)
        return FE_ENOMEM;
    entry_t *root = fe_direct(root_page);
    for (size_t i = 0; i < FE_ARRAY_LENGTH(sections); i++) {
        const struct section *s = &sections[i];
        fe_status status = map_in(root, (uintptr_t)s->start, image + (uint64_t)(s->start - fe_image_start),
                                  (uint64_t)(s->end - s->start), s->protection);
        if (status != FE_OK)
            return status;
    }
    for (size_t i = 0; i < count; i++) {
        fe_status status = map_direct(root, ram[i].base, ram[i].base + ram[i].bytes,
                                      image + (uint64_t)(fe_text_start - fe_image_start),
                                      image + (uint64_t)(fe_rodata_end - fe_image_start));
        if (status != FE_OK)
            return status;
    }
    fe_port_root_install(root_page);
    return FE_OK;
}
