/*
 * Links (policy.h). Each has a manager, a weak task to which everything is a message: requests come by one pipe, the ends of
 * members by another. So what a group knows is one task's own, and "spawn into a failing group" and "fail while spawning" are two
 * messages in some order: a member is spawned and then killed, or its function never runs; either way one exit is told.
 *
 *                                  2 a linked member fails; the owner fails
 *     OPEN --1 the owner leaves--> OPEN (no owner)      all ----------------> FAILED
 *     no handle left, no member running --> the manager ends
 */
#include <ferrite/defer.h>
#include <ferrite/policy.h>
#include <ferrite/time.h>

enum kind { SPAWN, LEAVE, FAIL };

struct request {
    enum kind kind;
    enum fe_link link;
    fe_task_function function;
    void *argument;
    struct fe_task_options options;
    fe_exits_sender exits;
    uintptr_t tag;
    fe_sender reply; /* a oneshot of fe_task */
};

struct member {
    struct member *next;
    fe_task task; /* {NULL, 0}: the place is free */
    enum fe_link link;
    fe_exits_sender exits;
    uintptr_t tag;
};

struct manager {
    fe_port requests;
    fe_exits_sender out;
    fe_exits_port in;
    fe_selector selector;
    fe_task owner; /* {NULL, 0}: it has left */
    bool linked, failed, closed;
    size_t running;
    struct member *members;
};

enum { REQUESTS = 1, EXITS = 2 };

static void fail_group(struct manager *self) {
    if (self->failed)
        return;
    self->failed = true;
    for (struct member *member = self->members; member; member = member->next)
        if (member->task.tcb && member->link != FE_UNLINKED)
            fe_task_kill(member->task);
}

static void tell(fe_exits_sender exits, const struct fe_task_exit *exit) {
    if (!exits.end.pipe)
        return;
    while (fe_exits_send_until(exits, *exit, FE_FOREVER) == FE_ENOMEM)
        fe_task_yield();
    fe_exits_close_sender(exits);
}

static struct member *free_member(struct manager *self) {
    struct member *member = self->members;
    while (member && member->task.tcb)
        member = member->next;
    if (member)
        return member;
    member = fe_heap_try_alloc_zeroed(1, sizeof *member);
    if (!member)
        return NULL;
    member->next = self->members;
    return self->members = member;
}

static void spawn(struct manager *self, struct request *request) {
    struct fe_task_exit exit = {.tag = request->tag,
                                .result = {.outcome = FE_KILLED, .message = "killed: its group had failed"}};
    fe_task task = {NULL, 0};
    struct member *member = NULL;
    if (!self->failed || request->link == FE_UNLINKED) {
        exit.result = (struct fe_task_result){.outcome = FE_FAILED, .message = "no memory for the task"};
        member = free_member(self);
        request->options.detached = true;
        request->options.notify = &self->out.end;
        request->options.tag = (uintptr_t)member;
        if (!member || fe_task_try_spawn(request->function, request->argument, &request->options, &task) != FE_OK)
            member = NULL;
    }
    if (member) {
        member->task = task;
        member->link = request->link;
        member->exits = request->exits;
        member->tag = request->tag;
        self->running++;
    } else {
        tell(request->exits, &exit);
    }
    (void)!fe_pipe_try_send(request->reply, &task);
    fe_sender_close(request->reply);
}

static void take_request(struct manager *self) {
    struct request *request;
    fe_status status = fe_pipe_try_receive(self->requests, &request);
    if (status == FE_ECLOSED && !self->closed) {
        self->closed = true;
        fe_selector_remove(self->selector, self->requests);
    }
    if (status != FE_OK)
        return;
    switch (request->kind) {
    case SPAWN:
        spawn(self, request);
        break;
    case FAIL:
        self->owner = (fe_task){NULL, 0};
        fail_group(self);
        break;
    case LEAVE:
        self->owner = (fe_task){NULL, 0};
        break;
    }
    fe_heap_free(request);
}

static void take_exit(struct manager *self) {
    struct fe_task_exit exit;
    if (fe_exits_try_receive(self->in, &exit) != FE_OK)
        return;
    struct member *member = (struct member *)exit.tag;
    bool spreads = member->link == FE_LINKED && exit.result.outcome != FE_RETURNED && !self->failed;
    fe_exits_sender exits = member->exits;
    exit.tag = member->tag;
    member->task = (fe_task){NULL, 0};
    self->running--;
    if (spreads) {
        fail_group(self);
        if (self->linked && self->owner.tcb)
            fe_task_kill(self->owner);
    }
    tell(exits, &exit);
}

static intptr_t manage(void *argument) {
    struct manager *self = argument;
    fe_exits_open(&self->out, &self->in, FE_UNBOUNDED, FE_PIPE_SHARED);
    fe_selector_open(&self->selector);
    fe_selector_add(self->selector, self->requests, REQUESTS);
    fe_selector_add(self->selector, self->in.end, EXITS);
    while (!self->closed || self->running) {
        uintptr_t tag;
        if (fe_select(self->selector, FE_FOREVER, &tag) != FE_OK)
            break;
        if (tag == REQUESTS)
            take_request(self);
        else
            take_exit(self);
    }
    fe_exits_close_sender(self->out);
    fe_exits_close_port(self->in);
    fe_port_close(self->requests);
    fe_selector_close(self->selector);
    while (self->members) {
        struct member *member = self->members;
        self->members = member->next;
        fe_heap_free(member);
    }
    fe_heap_free(self);
    return 0;
}

void fe_links_open(fe_links *group, bool linked) {
    struct manager *self = fe_heap_alloc_zeroed(1, sizeof *self);
    fe_pipe_open(&group->requests, &self->requests, sizeof(struct request *), 16, FE_PIPE_SHARED | FE_PIPE_BLOCKS);
    self->owner = fe_task_self();
    self->linked = linked;
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = "links";
    options.weak = options.detached = true;
    fe_task_spawn(manage, self, &options);
}

static void ask(fe_links group, const struct request *what) {
    struct request *request = fe_heap_alloc(sizeof *request);
    *request = *what;
    fe_unkillable_begin(); /* between the giving of the block and the telling of it */
    fe_pipe_send(group.requests, &request);
    fe_unkillable_end();
}

void fe_links_close(fe_links group) {
    ask(group, &(struct request){.kind = fe_task_failing() ? FAIL : LEAVE});
    fe_sender_close(group.requests);
}

void fe_links_close_owned(fe_links *group) {
    if (group->requests.pipe)
        fe_links_close(*group);
}

fe_links fe_links_copy(fe_links group) {
    return (fe_links){fe_sender_copy(group.requests)};
}

void fe_links_drop(fe_links group) {
    fe_sender_close(group.requests);
}

fe_task fe_links_spawn(fe_links group, enum fe_link link, fe_task_function function, void *argument,
                       const struct fe_task_options *options, fe_exits_sender exits, uintptr_t tag) {
    fe_owned_port answer = {NULL};
    struct request request = {
        .kind = SPAWN,
        .link = link,
        .function = function,
        .argument = argument,
        .options = options ? *options : FE_TASK_OPTIONS_DEFAULT,
        .exits = exits,
        .tag = tag,
    };
    fe_pipe_open(&request.reply, &answer, sizeof(fe_task), 1, FE_PIPE_ONESHOT);
    if (exits.end.pipe)
        request.exits = fe_exits_copy(exits);
    ask(group, &request);
    fe_task task;
    fe_pipe_receive(answer, &task);
    return task;
}
