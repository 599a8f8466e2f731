/*
 * The log's inside: rings, draining, boot lines. Programs use ferrite/log.h.
 */
#ifndef FERRITE_KERNEL_LOG_H
#define FERRITE_KERNEL_LOG_H

#include <arch/arch.h>
#include <ferrite/log.h>

#define FE_LOG_RING_PAGES_ORDER 0 /* 4 KiB: some 50 lines */
#define FE_LOG_BOOT 0             /* the level of lines that are always shown, and without level and module */
#define FE_LOG_LINE_MAX 224       /* bytes of a line's text; what is longer is cut and marked */

struct fe_log_ring;

/* What is known of a line besides its text. */
struct fe_log_record {
    uint64_t counter; /* when */
    const char *module;
    uint16_t bytes; /* of text that follow */
    uint8_t level;
    uint8_t core;
    uint8_t unused[4];
};

/* A line on its way to the log task. */
struct fe_log_message {
    struct fe_log_record record;
    char text[FE_LOG_LINE_MAX + 8]; /* terminated */
};

/* Gives the boot core its ring. From here on logging works; lines wait for a console. */
void fe_log_init_boot_core(struct fe_core *core);
/* Makes a ring for `core` in `memory` (FE_PAGE_SIZE << FE_LOG_RING_PAGES_ORDER bytes) before it runs. */
void fe_log_init_core(struct fe_core *core, void *memory);
/* The schedulers work: lines that interrupt handlers log are drained by events from here on. */
void fe_log_start_events(struct fe_core *core);

/* A line that is always shown, without level and module: "# text". Any context. */
void fe_log_boot(const char *format, ...) FE_PRINTF(1, 2);
/* A warning of module "boot"; what drivers and parsers complain through. */
void fe_log_complain(const char *format, ...) FE_PRINTF(1, 2);
/* Logs a line of `module`, whether or not the specification enables it. `module` is constant. Any context. */
void fe_log_put_v(enum fe_log_level level, const char *module, const char *format, va_list arguments);
/* Puts a line into the calling core's ring, and drains it if that may be done here. Any context. */
void fe_log_put(const struct fe_log_record *record, const char *text);

/* Starts the log task. Boot core, before the program. */
FE_MUST_CHECK fe_status fe_log_task_start(void);
/* Sends a line to the log task, or drops and counts it if that is far behind; false: there is no log task, or the caller is not in
 * a task. Never blocks. */
bool fe_log_send(const struct fe_log_message *message);
/* Ends the log task once it has written what was sent. For the end of the machine, in a task. */
void fe_log_task_finish(void);
/* Prints what was sent to the log task and not written yet. For panics, with the other cores stopped. */
void fe_log_rescue_locked(void);

/* True if the specification enables `level` for `module`. */
bool fe_log_enabled(const char *module, enum fe_log_level level);

/*
 * For kernel/console.c, which holds the console's lock: prints what the rings hold, oldest first over all cores. With
 * `only_at_line_start`, stops (and leaves the rest) unless the console is at a line's start.
 */
void fe_log_drain_locked(bool only_at_line_start);
/* Prints one line. Changes `text` where it has control characters. */
void fe_log_print_locked(const struct fe_log_record *record, char *text);
/* Bytes ever logged by all cores: whether it has changed tells whether there is something new to drain. */
uint64_t fe_log_position(void);

#endif
