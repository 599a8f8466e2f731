/*
 * Supervisors (policy.h). A supervisor is a loop over one pipe, to which its children's ends come; each child's tag is its place
 * in the table. It owns its children: a cleanup ends them, in reverse order, if it fails or is killed.
 *
 *              start                  exit told
 *     STOPPED ------> RUNNING ------------------> STOPPED, or restarted
 *                        '--kill--> (exit told) --'
 *
 * Source: Erlang/OTP's supervisor behaviour.
 */
#include <ferrite/defer.h>
#include <ferrite/policy.h>
#include <ferrite/time.h>

struct supervisor {
    const struct fe_supervision *supervision;
    const struct fe_child *children;
    size_t count, running;
    fe_exits_sender out;
    fe_exits_port in;
    fe_nanoseconds *restarts; /* when the last `intensity` of them were, a ring */
    size_t restarted;
    fe_task tasks[]; /* {NULL, 0}: it does not run */
};

static void start(struct supervisor *self, size_t place) {
    const struct fe_child *child = &self->children[place];
    struct fe_task_options options = child->options ? *child->options : FE_TASK_OPTIONS_DEFAULT;
    options.name = child->name;
    options.detached = true;
    options.notify = &self->out.end;
    options.tag = place;
    self->tasks[place] = fe_task_spawn(child->function, child->argument, &options);
    self->running++;
}

/* Waits for the end of any child. */
static struct fe_task_exit next_exit(struct supervisor *self) {
    struct fe_task_exit exit = fe_exits_receive(self->in);
    self->tasks[exit.tag] = (fe_task){NULL, 0};
    self->running--;
    return exit;
}

/* Ends the children from `first` on, the last first, each before the next is killed. */
static void stop_from(struct supervisor *self, size_t first) {
    for (size_t place = self->count; place-- > first;) {
        if (!self->tasks[place].tcb)
            continue;
        fe_task_kill(self->tasks[place]);
        while (self->tasks[place].tcb)
            next_exit(self);
    }
}

static void clean_up(void *argument) {
    struct supervisor *self = argument;
    stop_from(self, 0);
    fe_exits_close_sender(self->out);
    fe_exits_close_port(self->in);
    fe_heap_free(self->restarts);
    fe_heap_free(self);
}

/* Notes a restart; false if there have been too many. */
static bool may_restart(struct supervisor *self) {
    unsigned intensity = self->supervision->intensity;
    if (intensity == 0)
        return false;
    fe_nanoseconds now = fe_time_now();
    fe_nanoseconds *oldest = &self->restarts[self->restarted % intensity];
    if (self->restarted >= intensity && now - *oldest <= self->supervision->period)
        return false;
    *oldest = now;
    self->restarted++;
    return true;
}

static void restart(struct supervisor *self, size_t place) {
    size_t first = place;
    if (self->supervision->strategy == FE_ONE_FOR_ALL)
        first = 0;
    if (self->supervision->strategy == FE_ONE_FOR_ONE) {
        start(self, place);
        return;
    }
    bool ran[FE_CHILDREN_MAX];
    for (size_t i = first; i < self->count; i++)
        ran[i] = i == place || self->tasks[i].tcb;
    stop_from(self, first);
    for (size_t i = first; i < self->count; i++)
        if (ran[i] && (i == place || self->children[i].restart != FE_TEMPORARY))
            start(self, i);
}

fe_status fe_supervise(const struct fe_supervision *supervision, const struct fe_child *children, size_t count) {
    if (count > FE_CHILDREN_MAX || supervision->intensity > FE_INTENSITY_MAX)
        return FE_EINVAL;
    struct supervisor *self = fe_heap_try_alloc_zeroed(1, sizeof *self + count * sizeof(fe_task));
    if (!self)
        return FE_ENOMEM;
    self->restarts = fe_heap_try_alloc_zeroed(supervision->intensity + 1u, sizeof *self->restarts);
    if (!self->restarts || fe_pipe_try_open(&self->out.end, &self->in.end, sizeof(struct fe_task_exit), FE_CHILDREN_MAX,
                                            FE_PIPE_SHARED) != FE_OK) {
        fe_heap_free(self->restarts);
        fe_heap_free(self);
        return FE_ENOMEM;
    }
    self->supervision = supervision;
    self->children = children;
    self->count = count;
    fe_defer(clean_up, self);
    for (size_t place = 0; place < count; place++)
        start(self, place);
    while (self->running) {
        struct fe_task_exit exit = next_exit(self);
        const struct fe_child *child = &children[exit.tag];
        if (child->restart == FE_TEMPORARY || (child->restart == FE_TRANSIENT && exit.result.outcome == FE_RETURNED))
            continue;
        if (!may_restart(self))
            fe_fail("supervisor: child '%s' ended more than %u times in %llu ms: %s", child->name ? child->name : "task",
                    supervision->intensity, (unsigned long long)(supervision->period / FE_MILLISECOND),
                    exit.result.outcome == FE_RETURNED ? "returned" : exit.result.message);
        restart(self, (size_t)exit.tag);
    }
    return FE_OK;
}
