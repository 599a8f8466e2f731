/*
 * Tasks: lightweight threads of control, scheduled cooperatively on one scheduler per core.
 *
 * A task has a stack of its own: a reserved range of addresses of which only the touched pages take memory, with a guard
 * page below. A fault (wild pointer, stack overflow, failed assertion) ends the task that did it, after the cleanups of its
 * frames (defer.h), and is told to whoever joins it; the machine goes on.
 *
 * A fe_task is a small value that names a task. It stays safe to use after the task has ended: operations on it then
 * answer FE_ENOENT.
 */
#ifndef FERRITE_TASK_H
#define FERRITE_TASK_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fe_tcb;
struct fe_sender;

/* Names a task. Copy freely; compare the ids. */
typedef struct fe_task {
    struct fe_tcb *tcb;
    uint64_t id; /* unique for the machine's life, never 0 for a task */
} fe_task;

typedef intptr_t (*fe_task_function)(void *argument);

/* Runs on whichever core has time for it. */
#define FE_ANY_CORE (-1)

struct fe_task_options {
    const char *name;   /* copied, at most FE_TASK_NAME_MAX - 1 bytes; NULL: "task" */
    size_t stack_bytes; /* bound of the stack; rounded up to pages; 0: the default (48 KiB, or `min_stack=`) */
    int core;           /* FE_ANY_CORE, or the index of the only core that may run it (never stolen) */
    uint64_t scheduler; /* 0: the default; or the id of another (scheduler.h), with `core` FE_ANY_CORE */
    bool weak;          /* does not keep the machine running */
    bool detached;      /* nobody will join it: its result is dropped, its memory goes when it ends */
    bool quiet;         /* the console is not told if it fails: somebody else is */
    /* Where its end is to be told, joined or not: a sending end of a shared pipe of struct fe_task_exit (fe_exits,
     * ferrite/policy.h). The task has a copy of it, by which it sends once, as the last thing it does. NULL: nowhere. */
    const struct fe_sender *notify;
    uintptr_t tag; /* goes into that message */
};

#define FE_TASK_NAME_MAX 24
#define FE_TASK_MESSAGE_MAX 128
#define FE_TASK_OPTIONS_DEFAULT ((struct fe_task_options){.core = FE_ANY_CORE})

enum fe_outcome {
    FE_RETURNED, /* the function returned, or called fe_task_exit */
    FE_FAILED,   /* fe_fail, a failed assertion, or a plain form whose operation failed */
    FE_FAULTED,  /* the machine refused an instruction: see `fault` */
    FE_KILLED,   /* somebody asked it to fail */
};

enum fe_fault_kind {
    FE_FAULT_NONE,
    FE_FAULT_MEMORY,         /* an address that is not mapped, or not so */
    FE_FAULT_STACK_OVERFLOW, /* the guard page below the task's stack */
    FE_FAULT_NO_MEMORY,      /* the stack had to grow and no page was left */
    FE_FAULT_ILLEGAL,        /* undefined or privileged instruction */
    FE_FAULT_ARITHMETIC,     /* division by zero or overflow, where the machine traps it */
    FE_FAULT_ALIGNMENT,
    FE_FAULT_BREAKPOINT,
    FE_FAULT_OTHER,
};

struct fe_task_result {
    enum fe_outcome outcome;
    intptr_t value;                    /* FE_RETURNED: what the function returned */
    enum fe_fault_kind fault;          /* FE_FAULTED */
    uintptr_t fault_address;           /* FE_FAULTED: the address that was refused */
    uintptr_t fault_pc;                /* FE_FAULTED: the instruction */
    char message[FE_TASK_MESSAGE_MAX]; /* other than FE_RETURNED: why, one line */
};

/* How a task ended; see fe_task_options.notify. */
struct fe_task_exit {
    fe_task task;
    uintptr_t tag;
    struct fe_task_result result;
};

/*
 * Makes a task that runs function(argument) and puts it at the front of this core's queue (or on its pinned core).
 * `options` may be NULL for the defaults. Task or scheduler context, and global context on the boot path; never in an
 * interrupt handler. Does not block. May allocate pages for a stack; mostly takes a recycled one (about 80 instructions).
 *
 * The plain form fails the calling task (outside a task: panics) when there is no memory or an option is out of range.
 * The try form returns FE_ENOMEM, FE_EINVAL or FE_ENOENT (no such scheduler) and leaves *task alone.
 */
fe_task fe_task_spawn(fe_task_function function, void *argument, const struct fe_task_options *options);
FE_MUST_CHECK fe_status fe_task_try_spawn(fe_task_function function, void *argument,
                                          const struct fe_task_options *options, fe_task *task);

/*
 * Waits until `task` has ended, stores how in *result (may be NULL) and releases what it held. Each task can be joined
 * once. Task context; blocks. FE_OK; FE_ENOENT: already joined, or never was; FE_EBUSY: somebody else is joining it;
 * FE_EINVAL: detached, or the caller itself. A detached task that has ended is FE_ENOENT.
 */
fe_status fe_task_join(fe_task task, struct fe_task_result *result);

/* As fe_task_join, giving up at `deadline` (an instant of fe_time_now) with FE_ETIMEDOUT; the task can still be joined. */
fe_status fe_task_join_until(fe_task task, struct fe_task_result *result, fe_nanoseconds deadline);

/* Gives up the right to join: the task's memory goes when it ends. Any context but interrupt handlers. FE_OK; FE_ENOENT:
 * joined or detached already; FE_EBUSY: somebody is joining it. */
fe_status fe_task_detach(fe_task task);

/* Lets every other ready task of this core run first. Task context. About 60 instructions with one other ready task. */
void fe_task_yield(void);

/* Ends the calling task with `value`, as returning from its function does; cleanups run (defer.h). Task context. */
FE_NORETURN void fe_task_exit(intptr_t value);

/*
 * Asks `task` to fail. It does so, with the outcome FE_KILLED, at its next wait, yield or preemption: at once if it waits now;
 * what it waits for is then withdrawn. Killing a task twice is killing it once, and a task that ends by itself before it
 * looks ends as it does. A task that has failed already, and unwinds, takes no notice.
 *
 * Task, scheduler and global context; never blocks. FE_OK: asked. FE_ENOENT: it has ended, or never was. FE_EINVAL: the
 * caller itself, who may fe_fail. About 150 instructions for a task that waits.
 */
fe_status fe_task_kill(fe_task task);

/*
 * Sections. The calling task is not killed between fe_unkillable_begin and fe_unkillable_end: a kill that comes is acted on
 * when the outermost section ends. Inside one, fe_rekillable_begin to fe_rekillable_end takes one level of it back.
 *
 * Between fe_atomically_begin and fe_atomically_end the task keeps its core: it is neither killed nor preempted, and it may not
 * wait or yield: it fails if it would have to. (Operations that need not wait may be done: a send to a pipe with room.)
 *
 * Sections nest. An end without a beginning fails the task, as does returning from its function inside a section. Failing and
 * fe_task_exit leave all of them, those of fe_preempt_disable too; a cleanup that ends one of them then does nothing.
 * Task context. About 10 instructions.
 */
void fe_unkillable_begin(void);
void fe_unkillable_end(void);
void fe_rekillable_begin(void);
void fe_rekillable_end(void);
void fe_atomically_begin(void);
void fe_atomically_end(void);

/* Fails the calling task with a message (printf-style, cut at FE_TASK_MESSAGE_MAX - 1). Outside a task: panics. */
FE_NORETURN void fe_fail_at(const char *file, int line, const char *format, ...) FE_PRINTF(3, 4);
#define fe_fail(...) fe_fail_at(__FILE__, __LINE__, __VA_ARGS__)

/* Fails the calling task unless `condition` holds. */
#define fe_assert(condition) (FE_LIKELY(condition) ? (void)0 : fe_fail("assertion failed: %s", #condition))

/* The calling task; {NULL, 0} outside a task. Any context. */
fe_task fe_task_self(void);

/* Whether the calling task has failed, been killed or faulted, and runs cleanups (defer.h). Any context. */
bool fe_task_failing(void);

/* The calling task's name; the context's name outside a task. Valid while the task lives. Any context. */
const char *fe_task_name(void);

#ifdef __cplusplus
}
#endif
#endif
