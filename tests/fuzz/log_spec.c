/*
 * The syntax of `log=`, and the level that each module then has.
 *
 * Links: kernel/log_spec.c
 */
#include "fuzz.h"

#include <kernel/log_spec.h>

static const char *given;
static size_t given_bytes, skipped;

static void complain(const char *part, size_t bytes, const char *why) {
    fuzz_check(part >= given && bytes <= given_bytes && (size_t)(part - given) <= given_bytes - bytes);
    fuzz_check(*why != 0);
    skipped++;
}

/* The level of `module` by looking at every entry. */
static uint32_t expected_level(const struct fe_log_spec *spec, const char *module) {
    uint32_t level = spec->otherwise;
    size_t longest = 0;
    for (size_t i = 0; i < spec->count; i++) {
        size_t length = strlen(spec->entries[i].module);
        if (strncmp(spec->entries[i].module, module, length) == 0 && length > longest &&
            (module[length] == 0 || strncmp(module + length, "::", 2) == 0)) {
            longest = length;
            level = spec->entries[i].level;
        }
    }
    return level;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char *text = fuzz_text(data, bytes);
    struct fe_log_spec spec;
    memset(&spec, 0xaa, sizeof spec);
    given = text;
    given_bytes = strlen(text);
    skipped = 0;
    fe_status status = fe_log_spec_parse(&spec, text, complain);
    fuzz_check(status == (skipped ? FE_EPARSE : FE_OK));
    fuzz_check(spec.count <= FE_LOG_SPEC_ENTRIES_MAX && spec.otherwise <= FE_LOG_TRACE);
    for (size_t i = 0; i < spec.count; i++) {
        const char *module = spec.entries[i].module;
        fuzz_check(memchr(module, 0, FE_LOG_MODULE_MAX) != NULL && *module != 0);
        fuzz_check(spec.entries[i].level <= FE_LOG_TRACE);
        fuzz_check(fe_log_level_name(spec.entries[i].level)[0] != '?');
        fuzz_check(fe_log_spec_level(&spec, module) == expected_level(&spec, module));
    }
    fuzz_check(fe_log_spec_level(&spec, text) == expected_level(&spec, text));
    struct fe_log_spec again;
    memset(&again, 0x55, sizeof again);
    fuzz_check(fe_log_spec_parse(&again, text, NULL) == status && again.count == spec.count);
    free(text);
    return 0;
}
