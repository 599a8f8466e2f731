/* What the machine offers: contexts, foreign stacks, settings, the log, and how it ends. */
#define FE_LOG_MODULE "tour"
#include "tour.h"

/* Contexts -------------------------------------------------------------------------------------------------------- */

static unsigned services_at_boot;

static void look_around(void) {
    services_at_boot = fe_services();
}
FE_AT_BOOT(look_around);

void show_contexts(void) {
    fe_print("  at boot I could allocate: %s, and wait: %s\n", services_at_boot & FE_SERVICE_HEAP ? "yes" : "no",
             services_at_boot & FE_SERVICE_WAIT ? "yes" : "no");
    fe_print("  in %s context I can allocate: %s, and wait: %s\n", fe_context_name(fe_context()),
             fe_services() & FE_SERVICE_HEAP ? "yes" : "no", fe_services() & FE_SERVICE_WAIT ? "yes" : "no");
}

/* Foreign calls --------------------------------------------------------------------------------------------------- */

/* As a library that was written for large stacks: a megabyte of it, in pages. */
static uintptr_t dig(unsigned pages) {
    volatile uint8_t frame[4096];
    frame[0] = (uint8_t)pages;
    return pages == 0 ? 0 : dig(pages - 1) + (frame[0] == (uint8_t)pages);
}

static intptr_t dig_a_megabyte(void *argument) {
    fe_task_yield(); /* it may even call back, and wait */
    return (intptr_t)dig((unsigned)(uintptr_t)argument);
}

static intptr_t call_library(void *pages) {
    return fe_foreign(dig_a_megabyte, pages);
}

void show_foreign(void) {
    struct fe_task_result result;
    fe_assert(fe_task_join(fe_task_spawn(call_library, (void *)256, NULL), &result) == FE_OK);
    fe_print("  a foreign call used %ld pages of stack in a task of 56 KiB\n", (long)result.value);
}

/* Environment ----------------------------------------------------------------------------------------------------- */

void show_environment(void) {
    const char *greeting = fe_env("greeting");
    fe_print("  greeting=%s\n", greeting != NULL ? greeting : "(not given)");
    fe_print("  rounds=%llu\n", (unsigned long long)fe_env_number("rounds", 3, 1, 100));
}

/* Logging --------------------------------------------------------------------------------------------------------- */

void show_logging(void) {
    fe_warn("a warning of module " FE_LOG_MODULE);
    fe_info("not shown");
    fe_log_set("tour=info");
    fe_info("shown, now that log=tour=info holds");
    fe_log_set("warn");
    fe_print("  what was logged is on the lines that begin with #\n");
}

/* The end: weak tasks are told, and at_exit functions run ------------------------------------------------------------- */

static intptr_t serve(void *argument) {
    (void)argument;
    fe_shutdown_port shutdown = fe_shutdown_listen();
    uint64_t reason = fe_shutdown_receive(shutdown); /* waits for ever, and the machine ends all the same */
    fe_shutdown_close_port(shutdown);
    fe_print("  a weak task is told that %s\n", reason == FE_SHUTDOWN_ENDED ? "all others have ended" : "main has failed");
    return 0;
}

static char say_last[1]; /* any address but NULL */

static void say(void *which) {
    fe_print("  at_exit: the %s to register is the %s to run\n", which ? "last" : "first", which ? "first" : "last");
}

void show_shutdown(void) {
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = "server";
    options.weak = true;
    options.detached = true;
    fe_task_spawn(serve, NULL, &options);
    fe_at_exit(say, NULL);
    fe_at_exit(say, say_last);
    fe_print("  the rest comes when main has returned\n");
}
