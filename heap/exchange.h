/*
 * The exchange heap's interface to the rooms above; programs use include/ferrite/heap.h.
 *
 *   exchange.c   alloc, free, realloc: the fast paths
 *   slab.c       slabs, and how magazines are filled from them and emptied into them
 *   remote.c     blocks freed on another core than their own
 *   large.c      blocks above 32 KiB
 *   span.c       the map; metadata.c: memory for all that describes memory
 *   account.c    statistics, leaks; misuse.c: what is said of a bad pointer
 */
#ifndef FERRITE_HEAP_EXCHANGE_H
#define FERRITE_HEAP_EXCHANGE_H

#include <arch/arch.h>
#include <ferrite/heap.h>

/* What is chosen at boot, before fe_page_init: see docs/heap.md. */
enum fe_heap_poison { FE_HEAP_POISON_OFF, FE_HEAP_POISON_FIRST, FE_HEAP_POISON_ALL };

struct fe_heap_settings {
    uint64_t seed;              /* of the order in which slots of a slab are given out */
    enum fe_heap_poison poison; /* how much of a free block is filled and checked: nothing, 64 bytes, all of it */
    size_t quarantine; /* checked builds: bytes of freed blocks that each core holds back from reuse; else nothing */
};
/* What holds unless it is called; only poison and quarantine differ between builds. */
struct fe_heap_settings fe_heap_default_settings(void);
void fe_heap_configure(const struct fe_heap_settings *settings);

/* Prepares the heap of `core` (not the boot core, which fe_page_init prepares) and sets core->heap. On any core, before
 * `core` runs. FE_ENOMEM; FE_EINVAL: its index is taken or too large. */
FE_MUST_CHECK fe_status fe_heap_core_init(struct fe_core *core);

/*
 * Takes home some of what other cores have freed of this core's blocks, and gives back some of what this core holds too
 * much of. Called by the scheduler now and then (and in part by the heap itself whenever a magazine runs empty). Returns
 * the number of blocks that came home. Bounded: about 1,500 instructions at most. Not in interrupt handlers.
 */
size_t fe_heap_poll(void);

/* Called by fe_heap_poll on a core that has found pages to be scarce (page.h) since the last time: for who keeps memory of another
 * kind. It may not call back. NULL: nobody does. Set at boot. */
extern void (*fe_heap_scarce)(void);

/* Posts what this core has gathered of other cores' blocks, so that nothing is held back while it sleeps. Cheap when
 * there is nothing. False: a poll would find something, and had better come before the core sleeps. Not in interrupt handlers. */
bool fe_heap_flush(void);

/* All of this, then gives back all memory of this core that holds no live block. For memory pressure and tests. */
void fe_heap_trim(void);

struct fe_heap_leak {
    const void *block;
    size_t bytes;     /* usable size */
    unsigned core;    /* that allocated it */
    const void *site; /* where it was allocated; NULL: this build does not say */
};

/* Reports each live block and returns how many there are. Exact when no other core uses the heap: at shutdown. `report`
 * may be NULL, and must not use the heap. */
size_t fe_heap_leaks(void (*report)(const struct fe_heap_leak *leak, void *argument), void *argument);

#endif
