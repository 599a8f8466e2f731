/*
 * Groups: sets of cores with an id. What the fast paths know of them is that a task's `home` is not FE_ANY_CORE; all else is here
 * and on the long ways that pinned tasks take.
 *
 *     ready --> lifo of a core of the group        made ready by a task that runs there
 *           \-> queue of the group ----> any core of the group, in turn with its own tasks
 *
 * A group has one queue, from which its cores take; it is in the list of groups that have ready tasks as long as it is not empty,
 * and `wanted` has the cores of all groups in that list. A core looks at `wanted` whenever it looks at its pinned tasks, at each
 * poll, and once more between its announcement that it sleeps and its sleep. Who queues a task does so, fences, and looks for a
 * sleeping core of the group; if none sleeps, one is told by an event, so that it comes to poll. So no task of a group waits while
 * a core of it sleeps. A core that takes a task and leaves others wakes the next.
 *
 * One lock guards it all. Rejected: a ring per core and group (stealing takes half of a ring blindly, so it would have to be as
 * many rings as there are groups, to be searched by idle cores); giving each ready task to one core of the group, as pinned ones
 * are (it would wait there while another core of the group is idle).
 *
 * Ids are found by a hash of chains: a group is looked up when a task is spawned on it and when it is joined, no more.
 */
#include "group.h"
#include "ending.h"
#include "kill.h"

#include <ferrite/context.h>
#include <ferrite/heap.h>
#include <ferrite/panic.h>

#define FIRST_ID 1 /* the default scheduler; those of the cores follow */

struct fe_group {
    /* Immutable. */
    fe_scheduler_id id;
    uint64_t cores;
    /* Under the lock. */
    struct fe_group *next;       /* with the same hash */
    struct fe_group *next_ready; /* in the list of those with ready tasks */
    struct fe_task_list ready;
    uint64_t tasks; /* spawned on it and not ended */
    struct fe_tcb *joiner;
};

static inline struct fe_groups *groups(void) {
    return &fe_sched.groups;
}

static inline struct fe_group **bucket(fe_scheduler_id id) {
    return &groups()->buckets[id % FE_GROUP_BUCKETS];
}

static fe_scheduler_id core_id(unsigned core) {
    return FIRST_ID + 1 + core;
}

/* Under the lock: the group, or NULL. */
static struct fe_group *find_locked(fe_scheduler_id id) {
    struct fe_group *group = *bucket(id);
    while (group && group->id != id)
        group = group->next;
    return group;
}

/* Ready tasks ----------------------------------------------------------------------------------------------------- */

bool fe_group_has(const struct fe_scheduler *self, const struct fe_tcb *tcb) {
    return tcb->group->cores >> self->core.index & 1;
}

static void append_ready_locked(struct fe_group *group) {
    group->next_ready = NULL;
    *groups()->ready_tail = group;
    groups()->ready_tail = &group->next_ready;
}

static void note_wanted_locked(void) {
    uint64_t wanted = 0;
    for (struct fe_group *group = groups()->ready; group; group = group->next_ready)
        wanted |= group->cores;
    fe_store_relaxed(&groups()->wanted, wanted); /* a hint, but for the fences of who queues and who sleeps */
}

static void hinted(struct fe_event *event) {
    (void)event;
    fe_scheduler_self()->unusual.pinned = 1; /* look at other than the ring */
}

void fe_group_init_core(struct fe_scheduler *scheduler) {
    fe_event_init(&scheduler->group_hint, scheduler->core.index, hinted);
}

/* Has a core of `cores` look that sleeps; if `any`, one that does not if none sleeps. */
static void hint(struct fe_scheduler *self, uint64_t cores, bool any) {
    fe_fence_seq_cst(); /* pairs with the one in fe_sleep_announce: what was queued before our look at who sleeps */
    uint64_t others = cores & ~(UINT64_C(1) << self->core.index);
    uint64_t asleep = others & fe_load_relaxed(&fe_sched.sleep.asleep);
    if (asleep)
        fe_event_post(&fe_sched.schedulers[__builtin_ctzll(asleep)]->group_hint);
    else if (any && others)
        fe_event_post(&fe_sched.schedulers[__builtin_ctzll(others)]->group_hint);
}

void fe_group_queue(struct fe_scheduler *self, struct fe_tcb *tcb) {
    struct fe_group *group = tcb->group;
    uint64_t cores = group->cores; /* once it is queued the task may end elsewhere, and the group with it */
    fe_spinlock_acquire(&groups()->lock);
    bool first = group->ready.head == NULL;
    tcb->next = NULL;
    *group->ready.tail = tcb;
    group->ready.tail = &tcb->next;
    if (first) {
        append_ready_locked(group);
        note_wanted_locked();
    }
    fe_spinlock_release(&groups()->lock);
    bool here = cores >> self->core.index & 1;
    if (here)
        self->unusual.pinned = 1;
    hint(self, cores, !here);
}

/* Under the lock: takes the first group with this core out of the list of those with ready tasks. */
static struct fe_group *take_ready_group_locked(const struct fe_scheduler *self) {
    for (struct fe_group **link = &groups()->ready; *link; link = &(*link)->next_ready) {
        struct fe_group *group = *link;
        if (!(group->cores >> self->core.index & 1))
            continue;
        *link = group->next_ready;
        if (!group->next_ready)
            groups()->ready_tail = link;
        return group;
    }
    return NULL;
}

struct fe_tcb *fe_group_take(struct fe_scheduler *self) {
    if (FE_LIKELY(!fe_group_wants(self)))
        return NULL;
    fe_spinlock_acquire(&groups()->lock);
    struct fe_group *group = take_ready_group_locked(self);
    struct fe_tcb *tcb = NULL;
    uint64_t more = 0;
    if (group) {
        tcb = group->ready.head;
        group->ready.head = tcb->next;
        if (group->ready.head) {
            append_ready_locked(group);
            more = group->cores;
        } else {
            group->ready.tail = &group->ready.head;
            note_wanted_locked();
        }
    }
    fe_spinlock_release(&groups()->lock);
    if (more)
        hint(self, more, false);
    return tcb;
}

/* Spawning and ending --------------------------------------------------------------------------------------------- */

fe_status fe_group_place(const struct fe_task_options *options, int *home, struct fe_group **group) {
    fe_scheduler_id id = options->scheduler;
    *home = options->core;
    *group = NULL;
    if (id == 0 || (id == FIRST_ID && options->core == FE_ANY_CORE))
        return FE_OK;
    if (options->core != FE_ANY_CORE)
        return id == core_id((unsigned)options->core) ? FE_OK : FE_EINVAL; /* two places */
    if (id <= FIRST_ID + fe_sched.cores) {
        *home = (int)(id - FIRST_ID - 1);
        return FE_OK;
    }
    fe_spinlock_acquire(&groups()->lock);
    struct fe_group *found = find_locked(id);
    if (found)
        found->tasks++;
    fe_spinlock_release(&groups()->lock);
    *home = FE_IN_GROUP;
    *group = found;
    return found ? FE_OK : FE_ENOENT;
}

void fe_group_leave(struct fe_group *group) {
    fe_spinlock_acquire(&groups()->lock);
    struct fe_tcb *joiner = --group->tasks == 0 ? group->joiner : NULL;
    fe_spinlock_release(&groups()->lock);
    if (joiner)
        fe_unpark(joiner);
}

/* What is left for the task to do any core may. */
static void leave_group(struct fe_tcb *task) {
    struct fe_group *group = task->group;
    task->home = FE_ANY_CORE;
    fe_group_leave(group);
}

/* The registry ---------------------------------------------------------------------------------------------------- */

fe_scheduler_id fe_scheduler_default(void) {
    return FIRST_ID;
}

fe_scheduler_id fe_scheduler_of_core(unsigned core) {
    return core < fe_sched.cores ? core_id(core) : 0;
}

fe_scheduler_id fe_scheduler_platform(void) {
    return core_id(0);
}

fe_scheduler_id fe_scheduler_current(void) {
    struct fe_scheduler *self = fe_scheduler_self();
    if (!self->current || self->core.interrupt_depth)
        return core_id(self->core.index);
    if (self->current->home == FE_ANY_CORE)
        return FIRST_ID;
    return self->current->home == FE_IN_GROUP ? self->current->group->id : core_id((unsigned)self->current->home);
}

static uint64_t all_cores(void) {
    return ~UINT64_C(0) >> (64 - fe_sched.cores);
}

fe_status fe_scheduler_try_group_of(uint64_t cores, fe_scheduler_id *id) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    if (!cores || (cores & ~all_cores()))
        return FE_EINVAL;
    struct fe_group *group = fe_heap_try_alloc(sizeof *group);
    if (!group)
        return FE_ENOMEM;
    fe_ending_know(FE_ENDING_GROUP, leave_group);
    *group = (struct fe_group){.cores = cores};
    group->ready.tail = &group->ready.head;
    fe_spinlock_acquire(&groups()->lock);
    group->id = FIRST_ID + fe_sched.cores + ++groups()->made;
    group->next = *bucket(group->id);
    *bucket(group->id) = group;
    *id = group->id;
    fe_spinlock_release(&groups()->lock);
    return FE_OK;
}

fe_status fe_scheduler_try_group(unsigned cores, fe_scheduler_id *id) {
    if (cores == 0 || cores > fe_sched.cores)
        return FE_EINVAL;
    /* Relaxed: only spreads them. */
    unsigned first = fe_fetch_add_relaxed(&groups()->next_core, cores) % fe_sched.cores;
    uint64_t bits = 0;
    for (unsigned i = 0; i < cores; i++)
        bits |= UINT64_C(1) << (first + i) % fe_sched.cores;
    return fe_scheduler_try_group_of(bits, id);
}

fe_scheduler_id fe_scheduler_group(unsigned cores) {
    fe_scheduler_id id;
    fe_status status = fe_scheduler_try_group(cores, &id);
    if (status != FE_OK)
        fe_fail("cannot make a group of %u cores: %s", cores, fe_status_string(status));
    return id;
}

fe_status fe_scheduler_find(fe_scheduler_id id, uint64_t *cores) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK | FE_IN_SCHEDULER | FE_IN_GLOBAL);
    uint64_t bits = 0;
    if (id == FIRST_ID) {
        bits = all_cores();
    } else if (id > FIRST_ID && id <= FIRST_ID + fe_sched.cores) {
        bits = UINT64_C(1) << (id - FIRST_ID - 1);
    } else {
        fe_spinlock_acquire(&groups()->lock);
        struct fe_group *group = find_locked(id);
        bits = group ? group->cores : 0;
        fe_spinlock_release(&groups()->lock);
    }
    if (bits && cores)
        *cores = bits;
    return bits ? FE_OK : FE_ENOENT;
}

/* Under the lock: makes the caller the one who joins. */
static fe_status begin_join_locked(struct fe_group *group, struct fe_tcb *self) {
    if (!group)
        return FE_ENOENT;
    if (self->home == FE_IN_GROUP && self->group == group)
        return FE_EINVAL;
    if (group->joiner)
        return FE_EBUSY;
    group->joiner = self;
    return FE_OK;
}

/* Takes the group away if it is empty. If it is not and the caller was killed, gives up joining it. */
static bool try_remove(struct fe_group *group, bool give_up) {
    fe_spinlock_acquire(&groups()->lock);
    bool empty = group->tasks == 0;
    if (empty) {
        struct fe_group **link = bucket(group->id);
        while (*link != group)
            link = &(*link)->next;
        *link = group->next;
    } else if (give_up) {
        group->joiner = NULL;
    }
    fe_spinlock_release(&groups()->lock);
    if (empty)
        fe_heap_free(group);
    return empty;
}

fe_status fe_scheduler_join(fe_scheduler_id id) {
    FE_REQUIRE_CONTEXT(FE_IN_TASK);
    if (id >= FIRST_ID && id <= FIRST_ID + fe_sched.cores)
        return FE_EINVAL;
    fe_spinlock_acquire(&groups()->lock);
    struct fe_group *group = find_locked(id);
    fe_status status = begin_join_locked(group, fe_park_self());
    fe_spinlock_release(&groups()->lock);
    if (status != FE_OK)
        return status;
    for (;;) {
        bool killed = fe_kill_due(fe_park_self());
        if (try_remove(group, killed))
            return FE_OK;
        if (killed)
            fe_kill_act(fe_park_self());
        fe_park();
    }
}
