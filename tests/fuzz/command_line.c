/*
 * The kernel command line: words, quotes, settings, numbers and truth values.
 *
 * Links: kernel/env_parse.c
 */
#include "fuzz.h"

#include <kernel/env_parse.h>

static struct fe_env_table table;

/* A terminated text within the table's own. */
static void check_text(const char *text) {
    fuzz_check(text >= table.text && text < table.text + sizeof table.text);
    fuzz_check(memchr(text, 0, (size_t)(table.text + sizeof table.text - text)) != NULL);
}

/* What a number must be, by the C library where that can say it. */
static void check_number(const char *text) {
    uint64_t value;
    if (!fe_env_parse_number(text, &value))
        return;
    char *end;
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned long long digits = strtoull(text, &end, hexadecimal ? 16 : 10);
    unsigned shift = 0;
    switch (*end) {
    case 'k':
    case 'K':
        shift = 10;
        break;
    case 'm':
    case 'M':
        shift = 20;
        break;
    case 'g':
    case 'G':
        shift = 30;
        break;
    default:
        fuzz_check(*end == 0);
    }
    fuzz_check(end != text && (*end == 0 || end[1] == 0));
    fuzz_check(value == digits << shift && value >> shift == digits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char *line = fuzz_text(data, bytes);
    memset(&table, 0xaa, sizeof table);
    fe_env_parse(&table, line, fuzz_complain);
    free(line);
    fuzz_check(table.setting_count <= FE_ENV_SETTINGS_MAX);
    fuzz_check(table.argument_count >= 1 && table.argument_count <= FE_ENV_ARGUMENTS_MAX);
    fuzz_check(table.arguments[table.argument_count] == NULL);
    for (size_t i = 0; i < table.setting_count; i++) {
        const struct fe_env_setting *setting = &table.settings[i];
        check_text(setting->name);
        check_text(setting->value);
        fuzz_check(*setting->name != 0 && strchr(setting->name, '=') == NULL);
        const char *found = fe_env_find(&table, setting->name);
        size_t last = i;
        for (size_t j = i; j < table.setting_count; j++)
            if (strcmp(table.settings[j].name, setting->name) == 0)
                last = j;
        fuzz_check(found == table.settings[last].value);
        check_number(setting->value);
        bool flag;
        (void)fe_env_parse_flag(setting->value, &flag);
    }
    for (size_t i = 1; i < table.argument_count; i++)
        check_text(table.arguments[i]);
    return 0;
}
