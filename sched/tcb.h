/*
 * The task control block. It lies at the top of the task's first stack page, so that an idle task costs one page, and its
 * memory is type-stable: once an address has been a control block it stays mapped as one. A stale handle is told by its
 * id, and a stale wake-up is harmless, because everything that waits looks at its condition again.
 *
 *                 spawn                 dispatch                        function returns, fails, faults
 *      (cached) ────1────▶ READY ◀──┬─────2─────▶ RUNNING ──────────5──────────▶ ENDED ───6───▶ (cached)
 *                            ▲      └──3 yield──────┘ │                                join or detach
 *                            └────────4b unpark── BLOCKED ◀──4a park
 */
#ifndef FERRITE_SCHED_TCB_H
#define FERRITE_SCHED_TCB_H

#include "inbox.h"
#include "park.h"
#include "timer.h"

#include <arch/atomic.h>

struct fe_tcb;

/*
 * Values of fe_tcb.joiner, which is 64 bits: the id of the task if nobody waits for it yet; that with FE_JOIN_ENDED once it
 * has ended; the control block of who waits; or one of the constants. With the id in the word a swap by a stale handle
 * fails, whatever task has the memory by then. Ids have neither of the highest two bits, addresses both, and no id is as
 * small as the constants.
 */
#define FE_JOIN_ENDED (UINT64_C(1) << 62)
#define FE_JOIN_DETACHED UINT64_C(2)
#define FE_JOIN_TAKEN UINT64_C(3) /* being recycled, or in the cache */

/* The two bits, where the port's addresses do not have them by themselves. */
#define FE_JOIN_WAITS (FE_STACKS_BASE >> 62 == 3 ? UINT64_C(0) : UINT64_C(3) << 62)

/* The value that stands for `tcb`, who waits. */
static inline uint64_t fe_join_by(const struct fe_tcb *tcb) {
    return (uint64_t)(uintptr_t)tcb | FE_JOIN_WAITS;
}

/* Whether `joiner` is such a value, and who it stands for. */
static inline bool fe_join_waits(uint64_t joiner) {
    return (int64_t)joiner < 0;
}

static inline struct fe_tcb *fe_join_waiter(uint64_t joiner) {
    return (struct fe_tcb *)(uintptr_t)(joiner & ~FE_JOIN_WAITS);
}

static inline bool fe_join_ended(uint64_t joiner) {
    return joiner >> 62 == 1;
}

struct fe_tcb {
    /* The core that runs it, or that took it from a queue. */
    struct fe_arch_context context;
    void (*after)(struct fe_tcb *self); /* runs on the next context once this one is saved whole */
    struct fe_tcb *next;                /* in an owner-only list: overflow, pinned, stack cache */
    struct fe_message inbound;          /* in another core's inbox */

    /* Any core. */
    fe_atomic_u32 parking; /* park.h */
    fe_atomic_u64 joiner;  /* see FE_JOIN_ENDED */
    fe_atomic_u64 id;      /* 0: no task; written by spawn and by recycling */
    fe_atomic_u64 kill;    /* kill.c: the id of the task that is to be killed; another's or 0: nobody asked */
    fe_atomic_u64 left;    /* preempt.c: the id of the task that is left behind; another's or 0: it is not */

    /* Set by spawn, then read-only. */
    fe_task_function function;
    void *argument;
    int home;               /* FE_ANY_CORE, the only core that may run it, or FE_IN_GROUP */
    struct fe_group *group; /* FE_IN_GROUP */
    uint8_t kind;           /* enum fe_task_kind */
    char name[FE_TASK_NAME_MAX];

    /* The task itself (its fault handler included). */
    uint32_t ending;     /* ending.h: what its end has to do; 0 for most */
    uint16_t unkillable; /* sections that it is in, one in the other (kill.c); all four 0 for most */
    uint16_t rekillable;
    uint16_t atomic;
    uint8_t doom;              /* enum fe_doom */
    uint16_t put_off;          /* preempt.c: by how many instructions its death was, for a better place */
    struct fe_task_data *data; /* task_data.h; &fe_task_data_none for most */
    struct fe_local *local;    /* its local heap; &fe_local_none for most */
    struct fe_tcb *foreign; /* foreign.h: the stack of a foreign call that it is in, linked by `next`; NULL for most */
    uintptr_t foreign_left; /* of such a stack: the stack pointer of who called */

    /* Under kills_lock: whether it is in that list, and its successor. */
    bool kill_listed;
    struct fe_tcb *kill_next;

    struct fe_pipe *notify; /* result.c; written by spawn, as `tag` */
    uintptr_t tag;
    uintptr_t overflowed_to;      /* fault.c: where it goes on once the runtime has finished; 0: nowhere else */
    uint32_t sections;            /* of fe_preempt_disable that are open */
    volatile bool preempt_wanted; /* set by its core's handlers: to be preempted when the outermost section ends */

    /* The task itself, and whoever joins it after its end. */
    struct fe_timer timer; /* for waits with a deadline */
    enum fe_outcome outcome;
    intptr_t value;
    enum fe_fault_kind fault;
    uintptr_t fault_address;
    uintptr_t fault_pc;
    char message[FE_TASK_MESSAGE_MAX];

    /* The stack, written by the core that runs the task (its fault handler included). */
    uintptr_t stack_keep; /* what is committed below this goes back at the end of the task; fixed */
    uintptr_t stack_slot; /* lowest address of the slot; its first page is the guard */
    uintptr_t stack_low;  /* lowest address that the task may touch */
    uintptr_t stack_deep; /* lowest page that was ever committed since the last trim */
    uint32_t stack_class; /* the slot has FE_STACK_SLOT << class bytes */
    uint32_t stack_pages; /* committed */

    unsigned core; /* runs, or ran last */
};

#endif
