/*
 * The end of a task, told to a pipe: what links and supervisors are made of (sched/policy). The task holds a copy of the sending
 * end from its spawn on, so the pipe does not close before it has told; it tells once, whatever it ended by, since this is a
 * step of its end (ending.c). If the pipe is full it waits; if the port is closed, nobody wants to know.
 */
#include "result.h"
#include "ending.h"
#include "pipe.h"

bool fe_result_may_ask(const fe_sender *sender) {
    return sender->pipe && sender->pipe->shared && sender->pipe->value_bytes == sizeof(struct fe_task_exit);
}

void fe_result_ask(struct fe_tcb *tcb, const fe_sender *sender, uintptr_t tag) {
    tcb->notify = fe_sender_copy(*sender).pipe;
    tcb->tag = tag;
    fe_ending_add(tcb, FE_ENDING_RESULT);
}

void fe_result_tell(struct fe_tcb *task) {
    struct fe_task_exit exit = {.task = {task, fe_load_relaxed(&task->id)}, .tag = task->tag}; /* the caller's own id */
    fe_sender sender = {task->notify};
    fe_task_result_of(task, &exit.result);
    while (fe_pipe_send_until(sender, &exit, FE_FOREVER) == FE_ENOMEM)
        fe_task_yield(); /* an unbounded pipe: till somebody frees something */
    fe_sender_close(sender);
}
