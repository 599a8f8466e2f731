/*
 * The syntax of `log=`: which module logs at which level. Pure.
 */
#ifndef FERRITE_KERNEL_LOG_SPEC_H
#define FERRITE_KERNEL_LOG_SPEC_H

#include <ferrite/log.h>

#define FE_LOG_OFF 0
#define FE_LOG_SPEC_ENTRIES_MAX 8
#define FE_LOG_MODULE_MAX 32

struct fe_log_spec {
    struct fe_log_spec_entry {
        char module[FE_LOG_MODULE_MAX];
        uint32_t level;
    } entries[FE_LOG_SPEC_ENTRIES_MAX];
    size_t count;
    uint32_t otherwise; /* the level of modules that no entry names */
};

#define FE_LOG_SPEC_DEFAULT ((struct fe_log_spec){.otherwise = FE_LOG_WARN})

/* Is told of a malformed part, `part` of `bytes` bytes, and why it is skipped. */
typedef void (*fe_log_spec_complain)(const char *part, size_t bytes, const char *why);

/* Parses `text` into *spec; malformed parts are told to `complain` (may be NULL) and skipped. FE_OK, or FE_EPARSE if
 * there were any. */
fe_status fe_log_spec_parse(struct fe_log_spec *spec, const char *text, fe_log_spec_complain complain);

/* The level of `module`: that of the longest entry that is `module` or a prefix of it that ends before a `::`. */
uint32_t fe_log_spec_level(const struct fe_log_spec *spec, const char *module);

/* "error" and so on; "off" for 0, "?" beyond the last. */
const char *fe_log_level_name(uint32_t level);

#endif
