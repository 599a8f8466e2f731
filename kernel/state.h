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

struct fe_kernel_state {
    /* Written by the boot core before any other core runs; read-only afterwards. */
    struct fe_boot_entry entry;
    struct fe_memory_range initrd; /* bytes 0: none */
    struct fe_env_table env;
    const struct fe_file *files;
    size_t file_count;
    bool is_terminal;   /* console=terminal */
    bool console_input; /* the console's input has been started */
    int leaks;          /* leaks=, see main.c */

    /* Written by the boot core, each before core i runs, and read by whoever drains the logs (acquire). */
    struct fe_log_ring *_Atomic log_rings[FE_CORES_MAX];

    /* Written by the boot core when the last secondary core is up (release), before the main task is made. */
    _Atomic unsigned cores;

    /* The log specification: written by fe_log_set, read by whoever finds its site's generation old. Interrupts are
     * masked while the lock is held, since handlers log too. fe_log_generation changes under it. */
    struct fe_lock log_spec_lock;
    struct fe_log_spec log_spec;

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

    /* The main task's outcome: written by the main task (or its failure's report), read when the machine shuts down;
     * the scheduler's termination count orders the two. */
    _Atomic uint64_t main_task; /* its id */
    _Atomic int exit_status;
    /* Whoever sets it shuts the machine down (exchange); the others go on until they are stopped. */
    _Atomic bool finishing;
};

extern struct fe_kernel_state fe_kernel_state;

#endif
