/* What the parts of libferrite-heap.so offer each other. */
#ifndef FERRITE_BENCH_HEAP_HOST_H
#define FERRITE_BENCH_HEAP_HOST_H

#include <heap/internal.h>

/* memory.c: reserves the range of addresses in which all blocks lie and gives it to the page allocator. False: Linux
 * refuses even a small one. */
bool fe_host_memory_init(struct fe_heap_core *first);

/* threads.c */
/* Gives the calling thread a heap of its own for as long as it lives; false if it is ending or there are too many. */
bool fe_host_attach(void);
/* Lends the calling thread the visitors' heap, which one thread uses at a time, until fe_host_leave; false: there is no
 * memory even for that. */
FE_MUST_CHECK bool fe_host_visit(void);
void fe_host_leave(void);

#endif
