/* fe_try: a task whose end its caller waits for and survives, and which does not survive its caller. */
#include <ferrite/defer.h>
#include <ferrite/policy.h>

static void end_child(void *argument) {
    fe_task *child = argument;
    if (child->tcb) {
        fe_task_kill(*child);
        fe_task_join(*child, NULL);
    }
}

enum fe_outcome fe_try(fe_task_function function, void *argument, const struct fe_task_options *options,
                       struct fe_task_result *result) {
    struct fe_task_options joined = options ? *options : FE_TASK_OPTIONS_DEFAULT;
    struct fe_task_result own;
    joined.detached = false;
    fe_task child = fe_task_spawn(function, argument, &joined);
    fe_defer(end_child, &child);
    if (!result)
        result = &own;
    fe_task_join(child, result);
    child.tcb = NULL;
    return result->outcome;
}
