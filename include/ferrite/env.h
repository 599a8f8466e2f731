/*
 * Environment settings: `name=value` words of the kernel command line, read once at boot. Words after `--` are the
 * program's own and reach fe_main as argv.
 *
 * Known settings: cores (alias threads), min_stack, max_stack, seed, log, leaks, console, loop, app, test, ...
 * A word that nothing knows, or a value outside its range, is warned of by name and the default holds.
 */
#ifndef FERRITE_ENV_H
#define FERRITE_ENV_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value of `name` (the last one given), or NULL. Valid for ever. Any context after boot. */
const char *fe_env(const char *name);

/* The value of `name` as a number (decimal, 0x hex; suffixes K, M, G by 1024), or `otherwise` if it is not given. A value
 * that does not parse, or lies outside [least, most], is warned of once and `otherwise` is answered. */
uint64_t fe_env_number(const char *name, uint64_t otherwise, uint64_t least, uint64_t most);

/* The place of the value of `name` among `count` names in `choices`, or `otherwise` if it is not given. One that is not among them
 * is warned of once, with the choices there are, and `otherwise` is answered. Any context after boot. */
unsigned fe_env_choice(const char *name, const char *const *choices, unsigned count, unsigned otherwise);

/* The value of `name` as a truth value (1 0 yes no on off true false), or `otherwise`. */
bool fe_env_flag(const char *name, bool otherwise);

#ifdef __cplusplus
}
#endif
#endif
