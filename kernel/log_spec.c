/*
 * Parses log specifications: module=level pairs and a bare default level, separated by commas.
 *
 * Pure: no allocation (a specification has a fixed number of entries), no per-core state, so a specification can be
 * parsed on a stack and put in place whole. Where a module or the default is given twice, the last one holds.
 */
#include "log_spec.h"

static const char *const level_names[] = {"off", "error", "warn", "info", "debug", "trace"};

const char *fe_log_level_name(uint32_t level) {
    return level < FE_ARRAY_LENGTH(level_names) ? level_names[level] : "?";
}

static bool same(const char *text, size_t bytes, const char *name) {
    size_t i = 0;
    while (i < bytes && name[i] != '\0' && text[i] == name[i])
        i++;
    return i == bytes && name[i] == '\0';
}

static bool parse_level(const char *text, size_t bytes, uint32_t *level) {
    for (uint32_t i = 0; i < FE_ARRAY_LENGTH(level_names); i++) {
        if (same(text, bytes, level_names[i])) {
            *level = i;
            return true;
        }
    }
    return false;
}

/* Letters, digits, _ and -, in parts joined by `::`. */
static bool is_module(const char *text, size_t bytes) {
    bool part_begun = false;
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-') {
            part_begun = true;
        } else if (c == ':' && part_begun && i + 1 < bytes && text[i + 1] == ':') {
            part_begun = false;
            i++;
        } else {
            return false;
        }
    }
    return part_begun;
}

static struct fe_log_spec_entry *entry_for(struct fe_log_spec *spec, const char *module, size_t bytes) {
    for (size_t i = 0; i < spec->count; i++)
        if (same(module, bytes, spec->entries[i].module))
            return &spec->entries[i];
    if (spec->count == FE_LOG_SPEC_ENTRIES_MAX)
        return NULL;
    struct fe_log_spec_entry *entry = &spec->entries[spec->count++];
    for (size_t i = 0; i < bytes; i++)
        entry->module[i] = module[i];
    entry->module[bytes] = '\0';
    return entry;
}

/* Why the part is malformed, or NULL when it has been taken. */
static const char *take_part(struct fe_log_spec *spec, const char *part, size_t bytes) {
    size_t equals = 0;
    while (equals < bytes && part[equals] != '=')
        equals++;
    uint32_t level;
    if (equals == bytes) {
        if (!parse_level(part, bytes, &level))
            return "not a level (off, error, warn, info, debug, trace) nor module=level";
        spec->otherwise = level;
        return NULL;
    }
    if (!parse_level(part + equals + 1, bytes - equals - 1, &level))
        return "no such level (off, error, warn, info, debug, trace)";
    if (!is_module(part, equals))
        return "not a module's name (such as heap::page)";
    if (equals >= FE_LOG_MODULE_MAX)
        return "the module's name is too long";
    struct fe_log_spec_entry *entry = entry_for(spec, part, equals);
    if (entry == NULL)
        return "too many modules";
    entry->level = level;
    return NULL;
}

fe_status fe_log_spec_parse(struct fe_log_spec *spec, const char *text, fe_log_spec_complain complain) {
    *spec = FE_LOG_SPEC_DEFAULT;
    fe_status status = FE_OK;
    for (const char *part = text;;) {
        size_t bytes = 0;
        while (part[bytes] != '\0' && part[bytes] != ',')
            bytes++;
        const char *why = bytes == 0 ? "an empty part" : take_part(spec, part, bytes);
        if (why != NULL) {
            status = FE_EPARSE;
            if (complain != NULL)
                complain(part, bytes, why);
        }
        if (part[bytes] == '\0')
            return status;
        part += bytes + 1;
    }
}

uint32_t fe_log_spec_level(const struct fe_log_spec *spec, const char *module) {
    uint32_t level = spec->otherwise;
    size_t longest = 0;
    for (size_t i = 0; i < spec->count; i++) {
        const char *prefix = spec->entries[i].module;
        size_t bytes = 0;
        while (prefix[bytes] != '\0' && prefix[bytes] == module[bytes])
            bytes++;
        bool whole =
            prefix[bytes] == '\0' && (module[bytes] == '\0' || (module[bytes] == ':' && module[bytes + 1] == ':'));
        if (whole && bytes > longest) {
            longest = bytes;
            level = spec->entries[i].level;
        }
    }
    return level;
}
