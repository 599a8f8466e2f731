/*
 * services [NAME ...]: a tour of what the runtime offers, each service in a few lines. docs/services.md explains the output.
 */
#include "tour.h"

static const struct stop {
    const char *name;
    void (*show)(void);
} stops[] = {
    {"tasks", show_tasks},
    {"results", show_results},
    {"kill", show_kill},
    {"pipes", show_pipes},
    {"select", show_select},
    {"timers", show_timers},
    {"exchange-heap", show_exchange_heap},
    {"local-heap", show_local_heap},
    {"task-data", show_task_data},
    {"global-data", show_global_data},
    {"contexts", show_contexts},
    {"foreign", show_foreign},
    {"environment", show_environment},
    {"logging", show_logging},
    {"shutdown", show_shutdown},
};

static bool same(const char *a, const char *b) {
    for (; *a != '\0' && *a == *b; a++)
        b++;
    return *a == *b;
}

static bool is_wanted(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (same(argv[i], name))
            return true;
    }
    return argc < 2;
}

int fe_main(int argc, char **argv) {
    unsigned shown = 0;
    for (size_t i = 0; i < FE_ARRAY_LENGTH(stops); i++) {
        if (!is_wanted(stops[i].name, argc, argv))
            continue;
        fe_print("%s\n", stops[i].name);
        stops[i].show();
        shown++;
    }
    if (shown == 0) {
        fe_print("services: no such stop; there are");
        for (size_t i = 0; i < FE_ARRAY_LENGTH(stops); i++)
            fe_print(" %s", stops[i].name);
        fe_print("\n");
    }
    return shown == 0;
}

FE_PROGRAM(services, "a tour of what the runtime offers", fe_main);
