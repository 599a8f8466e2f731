/* The other cores: starting them, and letting them run. */
#ifndef FERRITE_KERNEL_CORES_H
#define FERRITE_KERNEL_CORES_H

#include <ferrite/base.h>

/* Starts cores until `wanted` run, the boot core included; returns how many do. A core that does not come is named and
 * left out. The others wait, interrupts masked, for fe_cores_release. */
unsigned fe_cores_start(unsigned wanted);

/* Lets them run their schedulers. */
void fe_cores_release(void);

#endif
