/*
 * Preemption: the machine takes the core from a task that runs on while others wait for it, at any instruction of the
 * program's own code, and gives it another turn later, maybe on another core. A program needs to do nothing for this, nor
 * anything against it, save where tasks that it keeps on one core share memory and rely on having it to themselves between
 * two calls of the runtime: that is what sections are for.
 *
 * A task that others wait for runs for one slice at least and two at most: 10 ms, or what `slice=` says, in microseconds
 * (10 to 10,000,000; 0: no task is preempted).
 */
#ifndef FERRITE_PREEMPT_H
#define FERRITE_PREEMPT_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Begins a section in which the calling task is not preempted, and so stays on its core and has it for itself as long as it
 * calls nothing that waits or yields (which it may: others run meanwhile, and the section goes on after). Sections nest; each
 * is ended by fe_preempt_enable. It should be short: what others wait for waits too, and one of a fifth of a second and more may be
 * told on the log. Any context but interrupt handlers; nothing happens outside a task. Does not block or allocate. About six instructions.
 */
void fe_preempt_disable(void);

/*
 * Ends the section begun last. If it was the outermost, and the core was to be taken meanwhile, the task yields now. Without a
 * section, or if the task's function returns with one open, the task fails; failing leaves them all (task.h). Contexts as above.
 * About six instructions; may yield.
 */
void fe_preempt_enable(void);

/* Whether the calling task can be preempted here: false in a section, outside a task, and with `slice=0`. Any context. */
bool fe_preempt_enabled(void);

#ifdef __cplusplus
}
#endif
#endif
