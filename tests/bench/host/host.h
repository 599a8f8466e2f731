/* What the files of this folder share. */
#ifndef FERRITE_BENCH_HOST_H
#define FERRITE_BENCH_HOST_H

#include "../bench.h"

/* cross.c: between cores 0 and 1 */
void bench_roundtrip_cross(void);
void bench_stream_cross(void);
void bench_handoff_cross(void);

/* process.c: what Linux says of the process */
void bench_timers_host(void);
void bench_idle_bytes(void);
void bench_idle_million_bytes(void);

#endif
