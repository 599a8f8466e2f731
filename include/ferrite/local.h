/*
 * The local heap: boxes that belong to one task and are collected by it, cycles included.
 *
 * A box is memory of a known type. It lives as long as the task can reach it from its stack, its registers, its
 * task-local data, or another box that it can reach; then the collector finds it, runs its type's finalizer, and frees
 * it. At the task's end, whatever way it ends, every box still there is finalized and freed: all finalizers first, then
 * all memory. Nothing is shared with other tasks, so nothing here is atomic.
 *
 *     struct node { struct node *next; int value; };
 *     static void trace_node(const void *box, struct fe_local *heap) {
 *         fe_local_visit(heap, ((const struct node *)box)->next);
 *     }
 *     static const struct fe_local_type node_type = FE_LOCAL_TYPE(struct node, trace_node);
 *
 *     struct node *node = fe_local_alloc(&node_type);
 *     node->value = 7;
 *     fe_local_set(node->next, other);
 *
 * Three rules. A pointer to a box that lies in a box is written by fe_local_set. A trace function visits all of them.
 * And a pointer to a box is kept nowhere else but in boxes, on the task's own stack and in its task-local data: not in
 * static variables, not in blocks of the exchange heap, not in pipes. Pointers on the stack may point anywhere into a
 * box, or just behind it; those in boxes and in task-local data, to its start. A checked build tells of a rule that was
 * broken, with the type's name.
 *
 * Collection is incremental. It begins when as much has been allocated as was found alive the last time (64 KiB at
 * least), and goes on in steps, at an allocation now and then, of which each is bounded: a step takes at most
 * FE_LOCAL_PAUSE instructions, plus 10 for each word of stack in use (in the one step that looks at the stack; 60 for a
 * word that points to a box), plus what the program's own trace functions and finalizers take beyond a few instructions.
 * Only when memory has run out, and in fe_local_collect, does it all happen at once.
 *
 * Algorithm: mark and sweep, tricolour, with a snapshot at the beginning (Yuasa, "Real-time garbage collection on
 * general-purpose machines", 1990); precise in boxes, conservative on the stack (Boehm and Weiser, 1988).
 */
#ifndef FERRITE_LOCAL_H
#define FERRITE_LOCAL_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A task's local heap, as trace functions see it. */
struct fe_local;

/* What a step of the collector takes at most, in instructions; see above. */
#define FE_LOCAL_PAUSE 12000
/* Bytes of the largest box. For larger things let a box own a block of the exchange heap, and its finalizer free it. */
#define FE_LOCAL_BOX_MAX ((size_t)32688)

/*
 * The type of a box: made by one of the macros below, static, const.
 *
 * trace     calls fe_local_visit for each pointer to a box that `box` holds (NULL: it never holds any). It changes
 *           nothing, and neither allocates nor blocks.
 * finalize  is called once, before the box's memory goes: by an allocation that finds it dead, or at the task's end. It
 *           may read the box and all that it points to; neither allocates boxes nor keeps a pointer to one. Where several
 *           die together, in any order.
 */
struct fe_local_type {
    const char *name;
    size_t size; /* bytes, 1 to FE_LOCAL_BOX_MAX */
    void (*trace)(const void *box, struct fe_local *heap);
    void (*finalize)(void *box);
    size_t pool; /* see FE_LOCAL_POOL */
};

/* Which of a heap's pools serves the type, as its offset: by size in steps of 16 bytes up to FE_LOCAL_SMALL, those that
 * have a finalizer apart. Pool 0 of either kind serves all that is larger. */
#define FE_LOCAL_SMALL 512
#define FE_LOCAL_POOLS (FE_LOCAL_SMALL / 16 + 1)
#define FE_LOCAL_POOL(bytes, finalized)                                                                                \
    (16 * (((bytes) <= FE_LOCAL_SMALL ? ((bytes) + 15) / 16 : 0) + ((finalized) ? FE_LOCAL_POOLS : 0)))

/* For boxes of C type `type_`. The second form has a finalizer. */
#define FE_LOCAL_TYPE(type_, trace_)                                                                                   \
    { .name = #type_, .size = sizeof(type_), .trace = (trace_), .pool = FE_LOCAL_POOL(sizeof(type_), 0) }
#define FE_LOCAL_TYPE_FINALIZED(type_, trace_, finalize_)                                                              \
    {                                                                                                                  \
        .name = #type_, .size = sizeof(type_), .trace = (trace_), .finalize = (finalize_),                             \
        .pool = FE_LOCAL_POOL(sizeof(type_), 1)                                                                        \
    }

/*
 * A new box of the calling task's, zeroed, aligned to 16 bytes. Task context; does not block. May collect, and so run
 * finalizers. About 40 instructions for 32 bytes, the collector's steps apart.
 * Plain form: fails the task when memory is out or the size out of range. try form: NULL.
 */
void *fe_local_alloc(const struct fe_local_type *type) __attribute__((malloc, returns_nonnull));
void *fe_local_try_alloc(const struct fe_local_type *type) __attribute__((malloc));

/* The same with `bytes` bytes in place of the type's size, 1 to FE_LOCAL_BOX_MAX: for boxes that end in an array. What its
 * length is, the box must say itself, if its trace function needs to know. About 90 instructions. */
void *fe_local_alloc_bytes(const struct fe_local_type *type, size_t bytes) __attribute__((malloc, returns_nonnull));
void *fe_local_try_alloc_bytes(const struct fe_local_type *type, size_t bytes) __attribute__((malloc));

/* Writes a pointer to a box of the same task (or NULL) into a field of a box. About 12 instructions more than the write. A
 * box's first contents may be written without, before anything else is allocated; so may fields that hold NULL still. */
#define fe_local_set(field_, value_)                                                                                   \
    do {                                                                                                               \
        __typeof__(field_) fe_local_value_ = (value_);                                                                 \
        fe_local_overwrite(field_);                                                                                    \
        (field_) = fe_local_value_;                                                                                    \
    } while (0)

/* What fe_local_set does first: `box` (NULL is allowed) will no longer be where the collector may not have looked yet. For
 * pointers that are moved by other means, such as memmove: call it for each one that is about to be overwritten. */
void fe_local_overwrite(const void *box);

/* To be called by a trace function, for each pointer to a box; NULL is allowed. */
void fe_local_visit(struct fe_local *heap, const void *box);

/* Collects all that is dead now, in one go; returns how many boxes were freed. Task context. What looks like a pointer on
 * the stack keeps its box, so a few dead ones may stay. About 16 instructions for a dead box. */
size_t fe_local_collect(void);

struct fe_local_statistics {
    uint64_t allocations; /* boxes ever allocated by the task */
    uint64_t frees;       /* boxes ever freed */
    uint64_t finalized;   /* finalizers ever run */
    uint64_t live_boxes;  /* allocations less frees: those that are dead but not found yet included */
    uint64_t collections; /* cycles of the collector, finished */
    uint64_t held_bytes;  /* of the exchange heap */
};
/* Of the calling task's heap; exact. Task context. A few instructions for each free box at hand. */
void fe_local_statistics(struct fe_local_statistics *statistics);

/* Whether `pointer` is the start of a live box of any task; its type's name then in *name (may be NULL). For debugging:
 * the answer is certain for the calling task's own boxes only. Any context but interrupt handlers. */
bool fe_local_is_box(const void *pointer, const char **name);

#ifdef __cplusplus
}
#endif
#endif
