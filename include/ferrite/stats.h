/*
 * What the machine is doing: figures of each scheduler, each task, and memory. All are read without stopping anything, so
 * figures of other cores may be a moment old. Any context but interrupt handlers unless said otherwise.
 */
#ifndef FERRITE_STATS_H
#define FERRITE_STATS_H

#include <ferrite/base.h>
#include <ferrite/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fe_core_statistics {
    uint64_t switches;     /* context switches to a task */
    uint64_t spawned;      /* tasks made here */
    uint64_t ended;        /* tasks that ended here */
    uint64_t steals;       /* times that this core stole from another */
    uint64_t stolen;       /* tasks that those steals brought */
    uint64_t preemptions;  /* times that a task was stopped to let others run */
    uint64_t sleeps;       /* times that it waited for an interrupt */
    uint64_t interrupts;   /* device, timer and inter-processor interrupts taken */
    uint64_t ipis;         /* of these, sent by another core */
    uint64_t wakeups_sent; /* interrupts sent to other cores: wake-ups, and flushes of unmapped stacks */
    fe_nanoseconds idle;   /* time spent waiting */
    unsigned queued;       /* ready tasks now */
};

/* FE_OK, or FE_EINVAL for a core that is not there. */
fe_status fe_core_statistics(unsigned core, struct fe_core_statistics *statistics);

enum fe_task_kind {
    FE_TASK_STRONG,  /* keeps the machine running */
    FE_TASK_WEAK,    /* does not */
    FE_TASK_SERVICE, /* the kernel's own: ends with the machine */
};

enum fe_task_state { FE_TASK_READY, FE_TASK_RUNNING, FE_TASK_BLOCKED, FE_TASK_ENDED };

struct fe_task_information {
    fe_task task;
    char name[FE_TASK_NAME_MAX];
    enum fe_task_kind kind;
    enum fe_task_state state;
    unsigned core;          /* where it runs, or ran last */
    int pinned;             /* core, or FE_ANY_CORE */
    size_t stack_committed; /* bytes of its stack that have memory */
    size_t stack_bound;     /* bytes it may grow to */
};

/* Fills up to `capacity` entries with the tasks that exist; returns how many there are, which may be more. */
size_t fe_task_list(struct fe_task_information *list, size_t capacity);

struct fe_memory_statistics {
    uint64_t total_bytes;  /* physical memory that the machine gave us */
    uint64_t free_bytes;   /* of it, free */
    uint64_t kernel_bytes; /* image */
    uint64_t stack_bytes;  /* committed to task stacks, cached ones included */
    uint64_t table_bytes;  /* page tables */
    uint64_t heap_bytes;   /* held by the exchange heap */
};
void fe_memory_statistics(struct fe_memory_statistics *statistics);

#ifdef __cplusplus
}
#endif
#endif
