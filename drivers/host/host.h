/* What the files of this folder share. */
#ifndef FERRITE_DRIVERS_HOST_H
#define FERRITE_DRIVERS_HOST_H

#include <arch/host/host.h>
#include <arch/machine.h>
#include <sched/core.h>
#include <uv.h>

/* Vectors, as fe_arch_hooks.interrupt gets them. */
enum { FE_HOST_VECTOR_WAKE, FE_HOST_VECTOR_TIMER, FE_HOST_VECTOR_CONSOLE };

/* loop.c */
extern const struct fe_loop_ops fe_loop_libuv;
/* Makes the calling core's loop. */
void fe_host_loop_init_core(void);
/* Runs what the calling core's loop has ready, if it has not been looked at for a while. */
void fe_host_loop_poll(void);
/* The loop of core 0, which has the devices. Its own thread only. */
uv_loop_t *fe_host_loop_devices(void);

/* console.c */
void fe_host_console_put(const char *text, size_t bytes);
fe_status fe_host_console_start(void);
void fe_host_console_hold(bool hold);
void fe_host_console_interrupt(void);

/* clock.c */
void fe_host_clock_init(struct fe_machine *machine);

#endif
