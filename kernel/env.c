/*
 * The running machine's settings: which names there are, and typed access with ranges.
 *
 * The table is filled once at boot and never changes, so reading it needs no lock. Whoever reads a number states its
 * range; a bad value is warned of at its first reading.
 */
#include "env.h"

#include "log.h"
#include "state.h"

#include <stdatomic.h>

struct known {
    const char *name;
    const char *alias; /* an older name that means the same, or NULL */
    const char *help;
};

static const struct known known[] = {
    {"cores", "threads", "how many cores run schedulers"},
    {"min_stack", NULL, "bound of a task's stack unless its spawner gives one"},
    {"max_stack", NULL, "the largest bound that a spawner may give"},
    {"slice", NULL, "microseconds that a task runs while others wait; 0: as long as it likes"},
    {"seed", NULL, "of the schedulers' random choices"},
    {"log", NULL, "which modules log at which level"},
    {"poison", NULL, "off, first or all: how much of a freed block is filled and checked"},
    {"quarantine", NULL, "checked builds: bytes of freed blocks that each core holds back from reuse"},
    {"leaks", NULL, "off, report or fail: blocks still live at the end"},
    {"grace", NULL, "milliseconds that weak tasks have to end in shutdown"},
    {"console", NULL, "terminal or pipe"},
    {"loop", NULL, "which event loop the schedulers run"},
    {"debug_exit", NULL, "port through which the exit status reaches the host"},
    {"app", NULL, "the program that the shell runs first"},
    {"test", NULL, "which tests run"},
    {"long", NULL, "tests run at their full size"},
};

static _Atomic bool warned[FE_ENV_SETTINGS_MAX]; /* by setting: a bad value has been warned of */

static bool equal(const char *a, const char *b) {
    return __builtin_strcmp(a, b) == 0;
}

static const struct known *find_known(const char *name) {
    for (size_t i = 0; i < FE_ARRAY_LENGTH(known); i++)
        if (equal(known[i].name, name) || (known[i].alias != NULL && equal(known[i].alias, name)))
            return &known[i];
    return NULL;
}

static void complain_of_unknown(const char *name, const char *value) {
    char names[160];
    int at = 0;
    for (size_t i = 0; i < FE_ARRAY_LENGTH(known) && at < (int)sizeof(names); i++)
        at += fe_format(names + at, sizeof(names) - (size_t)at, "%s%s", i ? " " : "", known[i].name);
    fe_log_complain("command line: nothing knows '%s=%s'; settings are: %s", name, value, names);
}

void fe_env_init(const char *command_line) {
    struct fe_env_table *env = &fe_kernel_state.env;
    fe_env_parse(env, command_line, fe_log_complain);
    for (size_t i = 0; i < env->setting_count; i++) {
        const struct known *entry = find_known(env->settings[i].name);
        if (entry == NULL)
            complain_of_unknown(env->settings[i].name, env->settings[i].value);
        else
            env->settings[i].name = entry->name; /* aliases read as the name itself */
    }
}

/* The setting that counts, or NULL. */
static const struct fe_env_setting *find(const char *name) {
    const struct known *entry = find_known(name);
    if (entry != NULL)
        name = entry->name;
    const struct fe_env_table *env = &fe_kernel_state.env;
    for (size_t i = env->setting_count; i-- > 0;)
        if (equal(env->settings[i].name, name))
            return &env->settings[i];
    return NULL;
}

const char *fe_env(const char *name) {
    const struct fe_env_setting *setting = find(name);
    return setting != NULL ? setting->value : NULL;
}

static bool first_warning(const struct fe_env_setting *setting) {
    /* Relaxed: it only keeps a warning from being repeated. */
    return !atomic_exchange_explicit(&warned[setting - fe_kernel_state.env.settings], true, memory_order_relaxed);
}

uint64_t fe_env_number(const char *name, uint64_t otherwise, uint64_t least, uint64_t most) {
    const struct fe_env_setting *setting = find(name);
    if (setting == NULL)
        return otherwise;
    uint64_t value;
    bool parsed = fe_env_parse_number(setting->value, &value);
    if (parsed && value >= least && value <= most)
        return value;
    if (first_warning(setting))
        fe_log_complain("command line: %s=%s %s (%llu to %llu); %llu holds", setting->name, setting->value,
                        parsed ? "is out of its range" : "is not a number", (unsigned long long)least,
                        (unsigned long long)most, (unsigned long long)otherwise);
    return otherwise;
}

unsigned fe_env_choice(const char *name, const char *const *choices, unsigned count, unsigned otherwise) {
    const struct fe_env_setting *setting = find(name);
    if (setting == NULL)
        return otherwise;
    char names[96] = "";
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        if (equal(setting->value, choices[i]))
            return i;
        if (at < sizeof(names))
            at += (size_t)fe_format(names + at, sizeof(names) - at, "%s%s",
                                    i == 0          ? ""
                                    : i + 1 < count ? ", "
                                                    : " or ",
                                    choices[i]);
    }
    if (first_warning(setting))
        fe_log_complain("command line: %s=%s: choose %s; %s holds", setting->name, setting->value, names,
                        choices[otherwise]);
    return otherwise;
}

bool fe_env_flag(const char *name, bool otherwise) {
    const struct fe_env_setting *setting = find(name);
    bool value = otherwise;
    if (setting != NULL && !fe_env_parse_flag(setting->value, &value) && first_warning(setting))
        fe_log_complain("command line: %s=%s is not yes or no; %s holds", setting->name, setting->value,
                        otherwise ? "yes" : "no");
    return value;
}
