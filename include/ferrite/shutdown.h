/*
 * Shutdown: how the machine ends, and what can be done about it.
 *
 * It begins once, when the last task that is not weak has ended, or when fe_main fails; fe_main that has returned waits for the
 * tasks that it leaves behind. Then, in this order:
 *
 *   1  who listens is told, by a message on his port (fe_shutdown_listen)
 *   2  after fe_main's failure, all tasks that are not weak are killed
 *   3  weak tasks have `grace=` milliseconds (1,000) to end; then they are killed, and those that do not end even so in the same
 *      time are named and left behind: one that spins is stopped when it is preempted next, and never resumed
 *   4  at_exit functions run, each in a task of its own, the last registered first; what they leave running ends as in 3
 *   5  global data is destroyed, leaks are reported, the log is written out, and the machine stops with fe_main's result, or
 *      101 if it failed
 */
#ifndef FERRITE_SHUTDOWN_H
#define FERRITE_SHUTDOWN_H

#include <ferrite/base.h>
#include <ferrite/pipe.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why. The message of shutdown. */
enum fe_shutdown_reason {
    FE_SHUTDOWN_ENDED = 1, /* the last task that is not weak has ended */
    FE_SHUTDOWN_FAILED,    /* fe_main has failed */
};

/* A port that gets one message, of enum fe_shutdown_reason: fe_shutdown_receive, or a selector on port.end. */
FE_PIPE_TYPE(fe_shutdown, uint64_t);

/*
 * Opens a port on which the caller is told that shutdown has begun; at once if it has. To be closed by fe_shutdown_close_port,
 * before or after the message. Any task may listen, but one that is not weak holds up what it waits for. Task context; allocates
 * two blocks, of which one goes with the port, and the other some time after. Cost: about that of two allocations; now and then
 * it looks through the list of those who listen.
 *
 * The plain form fails the task when there is no memory; the try form answers FE_ENOMEM.
 */
fe_shutdown_port fe_shutdown_listen(void);
FE_MUST_CHECK fe_status fe_shutdown_try_listen(fe_shutdown_port *port);

/* Whether shutdown has begun. Any context. May be out of date when it is read, save inside of what shutdown runs. */
bool fe_shutdown_begun(void);

/*
 * Has function(argument) run in shutdown, in a task of its own, after all other tasks have ended: in the reverse of the order of
 * registration. It may use every service, block, spawn and fail; the next begins when it has ended. Once shutdown has begun it is
 * too late. Any context but interrupt handlers; allocates one block, which is freed when the function has run.
 *
 * The try form answers FE_EINVAL (no function), FE_ENOMEM or FE_ECLOSED (shutdown has begun); the plain form fails the task then,
 * with a message that says so.
 */
void fe_at_exit(void (*function)(void *argument), void *argument);
FE_MUST_CHECK fe_status fe_try_at_exit(void (*function)(void *argument), void *argument);

#ifdef __cplusplus
}
#endif
#endif
