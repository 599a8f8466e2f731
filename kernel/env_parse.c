/*
 * Takes the command line apart. Pure: no allocation, no per-core state; runs before everything else at boot, and on the
 * host under tests/unit. Its input comes from outside the machine, so every limit is checked and named.
 *
 * Words are unquoted in place in the table's own copy: unquoting only ever shortens.
 */
#include "env_parse.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool equal(const char *a, const char *b) {
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Unquotes the word at *at, ends it with '\0', and moves *at behind it. NULL: there is none. *quoted says whether it
 * began with a quote, so that a quoted -- is an ordinary word. */
static char *next_word(char **at, bool *quoted, fe_env_complain complain) {
    char *in = *at;
    while (is_blank(*in))
        in++;
    if (*in == '\0') {
        *at = in;
        return NULL;
    }
    char *word = in, *out = in;
    bool inside = false;
    *quoted = *in == '"';
    while (*in != '\0' && (inside || !is_blank(*in))) {
        if (*in == '"') {
            inside = !inside;
            in++;
        } else if (inside && *in == '\\' && (in[1] == '"' || in[1] == '\\')) {
            *out++ = in[1];
            in += 2;
        } else {
            *out++ = *in++;
        }
    }
    char *next = *in == '\0' ? in : in + 1;
    *out = '\0';
    *at = next;
    if (inside)
        complain("command line: a quote is not closed; taken to its end: %s", word);
    return word;
}

static void add_setting(struct fe_env_table *table, char *word, fe_env_complain complain) {
    char *equals = word;
    while (*equals != '\0' && *equals != '=')
        equals++;
    if (*equals == '\0') {
        complain("command line: '%s' is not name=value; ignored (the program's own words go after --)", word);
        return;
    }
    if (equals == word) {
        complain("command line: '%s' has no name before the =; ignored", word);
        return;
    }
    if (table->setting_count == FE_ENV_SETTINGS_MAX) {
        complain("command line: more than %d settings; ignored: %s", FE_ENV_SETTINGS_MAX, word);
        return;
    }
    *equals = '\0';
    table->settings[table->setting_count++] = (struct fe_env_setting){.name = word, .value = equals + 1};
}

void fe_env_parse(struct fe_env_table *table, const char *line, fe_env_complain complain) {
    size_t bytes = 0;
    while (bytes < FE_ENV_TEXT_MAX - 1 && line[bytes] != '\0') {
        table->text[bytes] = line[bytes];
        bytes++;
    }
    if (line[bytes] != '\0') {
        /* A word cut in two would mean something else: drop it whole. */
        while (bytes > 0 && !is_blank(table->text[bytes - 1]))
            bytes--;
        complain("command line: longer than %d bytes; the rest is ignored", FE_ENV_TEXT_MAX - 1);
    }
    table->text[bytes] = '\0';
    table->setting_count = 0;
    table->argument_count = 1;
    table->arguments[0] = NULL;

    bool quoted = false, for_program = false;
    char *at = table->text;
    for (char *word; (word = next_word(&at, &quoted, complain)) != NULL;) {
        if (for_program) {
            if (table->argument_count == FE_ENV_ARGUMENTS_MAX) {
                complain("command line: more than %d words for the program; ignored from '%s' on",
                         FE_ENV_ARGUMENTS_MAX - 1, word);
                break;
            }
            table->arguments[table->argument_count++] = word;
        } else if (!quoted && equal(word, "--")) {
            for_program = true;
        } else {
            add_setting(table, word, complain);
        }
    }
    table->arguments[table->argument_count] = NULL;
}

const char *fe_env_find(const struct fe_env_table *table, const char *name) {
    for (size_t i = table->setting_count; i-- > 0;)
        if (equal(table->settings[i].name, name))
            return table->settings[i].value;
    return NULL;
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

bool fe_env_parse_number(const char *text, uint64_t *value) {
    unsigned base = 10;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    uint64_t number = 0;
    const char *start = text;
    for (; digit_value(*text) < (int)base; text++)
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, (uint64_t)digit_value(*text), &number))
            return false;
    if (text == start)
        return false;
    unsigned shift = 0;
    switch (*text) {
    case 'K':
    case 'k':
        shift = 10;
        break;
    case 'M':
    case 'm':
        shift = 20;
        break;
    case 'G':
    case 'g':
        shift = 30;
        break;
    default:
        break;
    }
    if (shift != 0)
        text++;
    if (*text != '\0' || (number << shift) >> shift != number)
        return false;
    *value = number << shift;
    return true;
}

bool fe_env_parse_flag(const char *text, bool *value) {
    static const char *const yes[] = {"1", "yes", "on", "true"};
    static const char *const no[] = {"0", "no", "off", "false"};
    for (size_t i = 0; i < FE_ARRAY_LENGTH(yes); i++) {
        if (equal(text, yes[i]) || equal(text, no[i])) {
            *value = equal(text, yes[i]);
            return true;
        }
    }
    return false;
}
