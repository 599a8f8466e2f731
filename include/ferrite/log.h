/*
 * Logging. Levels error, warn, info, debug, trace; which modules log at which level comes from the command line:
 *
 *     log=info                     everything at info and above (the default is warn; boot lines are always shown)
 *     log=sched=debug,heap::page=trace,warn
 *
 * module=level pairs and a bare default level, separated by commas; the longest module prefix (by ::) wins; malformed
 * parts are skipped with a warning. A source file names its module by defining FE_LOG_MODULE before including this.
 *
 * Each core has a ring of lines from the first instruction; lines reach the console whole, in order, begun with "# ".
 */
#ifndef FERRITE_LOG_H
#define FERRITE_LOG_H

#include <ferrite/base.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

enum fe_log_level {
    FE_LOG_ERROR = 1,
    FE_LOG_WARN,
    FE_LOG_INFO,
    FE_LOG_DEBUG,
    FE_LOG_TRACE,
};

#ifndef FE_LOG_MODULE
#define FE_LOG_MODULE "program"
#endif

/* One per use of the macros: the level that its module had under specification `generation`. Any core reads and refreshes it. */
struct fe_log_site {
    const char *module;
    uint32_t generation;
    uint32_t level;
};

/* The generation of the current specification: changes whenever the specification does. Starts at 1. */
extern volatile uint32_t fe_log_generation;

/* Logs a line if `level` is enabled for the site's module. Any context, interrupt handlers included. Never blocks, never
 * allocates; a line that finds its core's ring full is dropped and counted. */
void fe_log_write(struct fe_log_site *site, enum fe_log_level level, const char *format, ...) FE_PRINTF(3, 4);
void fe_log_write_v(struct fe_log_site *site, enum fe_log_level level, const char *format, va_list arguments);

#define fe_log(level_, ...)                                                                                            \
    do {                                                                                                               \
        static struct fe_log_site fe_log_site_ = {.module = FE_LOG_MODULE, .generation = 0, .level = 0};               \
        if (__atomic_load_n(&fe_log_site_.generation, __ATOMIC_RELAXED) != fe_log_generation ||                        \
            (uint32_t)(level_) <= __atomic_load_n(&fe_log_site_.level, __ATOMIC_RELAXED))                              \
            fe_log_write(&fe_log_site_, (level_), __VA_ARGS__);                                                        \
    } while (0)

#define fe_error(...) fe_log(FE_LOG_ERROR, __VA_ARGS__)
#define fe_warn(...) fe_log(FE_LOG_WARN, __VA_ARGS__)
#define fe_info(...) fe_log(FE_LOG_INFO, __VA_ARGS__)
#define fe_debug(...) fe_log(FE_LOG_DEBUG, __VA_ARGS__)
#define fe_trace(...) fe_log(FE_LOG_TRACE, __VA_ARGS__)

/*
 * Replaces the specification, in the syntax of `log=`. Malformed parts are skipped and each is reported by a warning.
 * FE_OK, or FE_EPARSE if any part was malformed (the others still hold). Task or scheduler context, and boot.
 */
fe_status fe_log_set(const char *specification);

#ifdef __cplusplus
}
#endif
#endif
