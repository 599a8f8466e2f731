/* The other cores: starting them, and letting them run. */
#ifndef FERRITE_KERNEL_CORES_H
#define FERRITE_KERNEL_CORES_H

#include <ferrite/base.h>

/* Starts cores until `wanted` run, the boot core included; returns how many do. A core that does not come is named and
 * left out. The others wait, interrupts masked, for fe_cores_release. */
unsigned fe_cores_start(unsigned wanted);

/* Lets them run their schedulers. */
void fe_cores_release(void);

/* Whether a core was started and has not come in time: it may still come, and then halts. */
bool fe_cores_some_missing(void);

/* Maps the stack that core `index` runs its scheduler on. FE_ENOMEM. */
FE_MUST_CHECK fe_status fe_cores_make_stack(unsigned index, void **top);

#endif
