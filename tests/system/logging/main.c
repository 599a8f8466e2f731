/* The program of tests/system/log: its first word says how it logs. */
#define FE_LOG_MODULE "test::logging"
#include <ferrite/ferrite.h>
#include <ferrite/panic.h>

static intptr_t count(void *argument) {
    uintptr_t task = (uintptr_t)argument;
    for (int i = 0; i < 20; i++) {
        fe_info("task %lu line %d", (unsigned long)task, i);
        if (i % 5 == 4)
            fe_task_sleep(FE_MILLISECOND);
    }
    return 0;
}

static bool same(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

int fe_main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    if (same(way, "order")) {
        for (uintptr_t i = 0; i < 6; i++)
            fe_task_detach(fe_task_spawn(count, (void *)i, NULL));
    } else if (same(way, "flood")) {
        for (int i = 0; i < 20000; i++)
            fe_info("flood %d", i);
    } else if (same(way, "panic")) {
        for (int i = 0; i < 30; i++)
            fe_info("last words %d", i);
        fe_panic("on purpose");
    } else if (same(way, "levels")) {
        fe_error("an error");
        fe_warn("a warning");
        fe_info("an info");
        fe_debug("a debug");
        fe_trace("a trace");
    } else if (same(way, "set")) {
        fe_status status = fe_log_set("test=trace,bogus=nothing,error");
        fe_print("status %d\n", status);
        fe_trace("a trace");
    } else if (same(way, "whole")) {
        for (int i = 0; i < 50; i++) {
            fe_print("begin ");
            fe_info("between");
            fe_task_yield();
            fe_print("end\n");
        }
    }
    return 0;
}
