/*
 * The command line taken apart: `name=value` settings, and after `--` the program's own words. Pure; see env.c for the
 * settings that the running machine has.
 */
#ifndef FERRITE_KERNEL_ENV_PARSE_H
#define FERRITE_KERNEL_ENV_PARSE_H

#include <ferrite/base.h>

#define FE_ENV_TEXT_MAX 2048
#define FE_ENV_SETTINGS_MAX 32
#define FE_ENV_ARGUMENTS_MAX 64

struct fe_env_setting {
    const char *name;
    const char *value;
};

struct fe_env_table {
    struct fe_env_setting settings[FE_ENV_SETTINGS_MAX]; /* in the order given */
    size_t setting_count;
    char *arguments[FE_ENV_ARGUMENTS_MAX + 1]; /* [0] is left for the program's name; NULL ends them */
    size_t argument_count;                     /* [0] included */
    char text[FE_ENV_TEXT_MAX];                /* what all of the above points into */
};

/* One line, no newline. */
typedef void (*fe_env_complain)(const char *format, ...) FE_PRINTF(1, 2);

/*
 * Parses `line`. Words are separated by blanks; double quotes, anywhere in a word, hold blanks together, and within
 * them
 * \" and \\ stand for themselves. What is malformed (a word without `=`, an empty name, an unclosed quote, too many
 * words, too long a line) is complained of by its text; the rest holds.
 */
void fe_env_parse(struct fe_env_table *table, const char *line, fe_env_complain complain);

/* The last value given for `name`, or NULL. */
const char *fe_env_find(const struct fe_env_table *table, const char *name);

/* A number: decimal, or hexadecimal after 0x; then at most one of K M G (either case), by 1,024. False if `text` is not
 * wholly one, or does not fit. */
bool fe_env_parse_number(const char *text, uint64_t *value);
/* 1 yes on true, 0 no off false. False if it is none of these. */
bool fe_env_parse_flag(const char *text, bool *value);

#endif
