/*
 * What the cores share, all of it: every field of the kernel that more than one core may touch, with who writes it and
 * when. What a scheduler owns is not here, and what one core keeps for itself hangs off its struct fe_core.
 */
#ifndef FERRITE_KERNEL_STATE_H
#define FERRITE_KERNEL_STATE_H

#include "env_parse.h"
#include "lock.h"
#include "log_spec.h"

#include <arch/machine.h>
#include <ferrite/io.h>
#include <ferrite/task.h>

struct fe_log_ring;
struct fe_global;
struct fe_global_waiter;

struct fe_kernel_state {
    /* Written by the boot core before any other core runs; read-only afterwards. */
    struct fe_boot_entry entry;
    struct fe_memory_range initrd; /* bytes 0: none */
    struct fe_env_table env;
    const struct fe_file *files;
    size_t file_count;
    bool is_terminal;   /* console=terminal */
    bool console_input; /* the console's input has been started */

    /* Written by the boot core, each before core i runs, and read by whoever drains the logs (acquire). */
    struct fe_log_ring *_Atomic log_rings[FE_CORES_MAX];

    /* Written by the boot core when the last secondary core is up (release), before the main task is made. */
    _Atomic unsigned cores;

    /* The log specification: written by fe_log_set, read by whoever finds its site's generation old. Interrupts are
     * masked while the lock is held, since handlers log too. fe_log_generation changes under it. */
    struct fe_lock log_spec_lock;
    struct fe_log_spec log_spec;

    /* Whether there is a log task to send to: written by the boot core before the program runs, and by init at the end. */
    _Atomic bool log_task;
    _Atomic uint32_t log_dropped; /* lines that it had no room for; any core */

    /* The console's output and the draining ends of all log rings. Handlers never take it. */
    struct fe_lock console_lock;
    unsigned console_column; /* under it: bytes since the last line end, 0 at a line's start */
    /* Set by whoever logs an error; cleared under console_lock when an error is printed. Relaxed: a hint that lets the
     * line break into a program's unfinished one. */
    _Atomic bool log_urgent;

    /* The console's reader. */
    struct fe_lock reader_lock;
    struct fe_tcb *reader; /* under it */

    /* Written once, by the first core to panic (compare-and-swap): its index plus one. */
    _Atomic unsigned panicking;

    /* Global data (global.c). */
    struct fe_lock globals_lock;
    struct fe_global *globals;               /* under it: constructed, the youngest first */
    struct fe_global_waiter *global_waiters; /* under it: on their own stacks */

    /* What is to be told of shutdown and run in it (shutdown.c): any core, under the lock. Never held while allocating. */
    struct fe_lock shutdown_lock;
    struct fe_listener *listeners;
    struct fe_at_exit *at_exit;
    size_t listeners_added; /* since the list was last looked through for those that are gone */
    size_t listeners_left;  /* then */
    /* Set under the lock, once; read without it, relaxed, as an answer that may be old. enum fe_shutdown_reason; 0: not begun. */
    _Atomic unsigned shutdown;
};

extern struct fe_kernel_state fe_kernel_state;

#endif
