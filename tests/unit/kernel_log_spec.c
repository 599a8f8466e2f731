/*
 * The syntax of log=, and which level a module has.
 *
 * Links: kernel/log_spec.c
 */
#include "kernel/log_spec.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char skipped[1024];

static void complain(const char *part, size_t bytes, const char *why) {
    cr_assert_gt(strlen(why), 0);
    size_t at = strlen(skipped);
    snprintf(skipped + at, sizeof(skipped) - at, "<%.*s>", (int)bytes, part);
}

static struct fe_log_spec spec;

static void parse(const char *text, const char *expected_skipped) {
    skipped[0] = '\0';
    memset(&spec, 0xaa, sizeof(spec));
    char *copy = strdup(text);
    fe_status status = fe_log_spec_parse(&spec, copy, complain);
    cr_assert_str_eq(skipped, expected_skipped);
    cr_assert_eq(status, *expected_skipped ? FE_EPARSE : FE_OK);
    cr_assert_eq(fe_log_spec_parse(&spec, copy, NULL), status);
    free(copy);
}

static void level(const char *module, uint32_t expected) {
    cr_assert_eq(fe_log_spec_level(&spec, module), expected, "%s: %s", module,
                 fe_log_level_name(fe_log_spec_level(&spec, module)));
}

Test(kernel_log_spec, the_default_is_warn) {
    spec = FE_LOG_SPEC_DEFAULT;
    level("sched", FE_LOG_WARN);
    level("", FE_LOG_WARN);
}

Test(kernel_log_spec, a_bare_level_is_everyones) {
    parse("info", "");
    level("sched", FE_LOG_INFO);
    parse("off", "");
    level("sched", FE_LOG_OFF);
    parse("error,trace", "");
    level("sched", FE_LOG_TRACE);
}

Test(kernel_log_spec, the_longest_prefix_by_parts_wins) {
    parse("heap=info,heap::page=trace,sched=debug,warn,a::b::c=error", "");
    level("heap", FE_LOG_INFO);
    level("heap::page", FE_LOG_TRACE);
    level("heap::page::cache", FE_LOG_TRACE);
    level("heap::pages", FE_LOG_INFO);
    level("heap::pag", FE_LOG_INFO);
    level("heaps", FE_LOG_WARN);
    level("hea", FE_LOG_WARN);
    level("heap:page", FE_LOG_WARN);
    level("sched", FE_LOG_DEBUG);
    level("a::b", FE_LOG_WARN);
    level("a::b::c", FE_LOG_ERROR);
    level("program", FE_LOG_WARN);
}

Test(kernel_log_spec, order_does_not_matter_and_the_last_of_a_module_holds) {
    parse("heap::page=trace,heap=info", "");
    level("heap::page", FE_LOG_TRACE);
    parse("heap=info,heap=error", "");
    level("heap", FE_LOG_ERROR);
    cr_assert_eq(spec.count, 1);
}

Test(kernel_log_spec, malformed_parts_are_skipped_and_the_rest_holds) {
    parse("", "<>");
    level("x", FE_LOG_WARN);
    parse(",", "<><>");
    parse("loud", "<loud>");
    parse("info,", "<>");
    level("x", FE_LOG_INFO);
    parse("sched=,heap=loud,=info,a b=info,x=info=info,ok=debug", "<sched=><heap=loud><=info><a b=info><x=info=info>");
    level("ok", FE_LOG_DEBUG);
    level("sched", FE_LOG_WARN);
    parse("a:b=info,a:::b=info,::a=info,a::=info,:=info", "<a:b=info><a:::b=info><::a=info><a::=info><:=info>");
    parse("INFO,Info", "<INFO><Info>");
    parse("information", "<information>");
    parse("inf", "<inf>");
}

Test(kernel_log_spec, limits) {
    parse("abcdefghijklmnopqrstuvwxyz01234=info", "");
    level("abcdefghijklmnopqrstuvwxyz01234", FE_LOG_INFO);
    parse("abcdefghijklmnopqrstuvwxyz012345=info", "<abcdefghijklmnopqrstuvwxyz012345=info>");
    char text[512] = "";
    for (int i = 0; i <= FE_LOG_SPEC_ENTRIES_MAX; i++)
        sprintf(text + strlen(text), "%sm%d=info", i ? "," : "", i);
    parse(text, "<m8=info>");
    level("m7", FE_LOG_INFO);
    level("m8", FE_LOG_WARN);
}

Test(kernel_log_spec, any_bytes_at_all) {
    unsigned seed = 1;
    for (int round = 0; round < 50000; round++) {
        static const char *const pieces[] = {"info", "a", "::", ":", "=", ",", "trace", "heap", " ", "\xff", "off"};
        char text[128] = "";
        for (int i = rand_r(&seed) % 12; i > 0; i--)
            strcat(text, pieces[(size_t)rand_r(&seed) % FE_ARRAY_LENGTH(pieces)]);
        char *copy = strdup(text);
        fe_log_spec_parse(&spec, copy, NULL);
        free(copy);
        cr_assert_leq(fe_log_spec_level(&spec, "heap::page"), (uint32_t)FE_LOG_TRACE);
    }
}

Test(kernel_log_spec, names_of_levels) {
    cr_assert_str_eq(fe_log_level_name(FE_LOG_ERROR), "error");
    cr_assert_str_eq(fe_log_level_name(FE_LOG_TRACE), "trace");
    cr_assert_str_eq(fe_log_level_name(FE_LOG_OFF), "off");
    cr_assert_str_eq(fe_log_level_name(6), "?");
}
