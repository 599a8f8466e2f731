/* Criterion's allocator for parameters: the exchange heap, which every task shares. */
#ifndef FE_HARNESS_CRITERION_ALLOC_H
#define FE_HARNESS_CRITERION_ALLOC_H

#include <ferrite/heap.h>

#define cr_malloc(Bytes_) fe_heap_try_alloc(Bytes_)
#define cr_calloc(Count_, Bytes_) fe_heap_try_alloc_zeroed((Count_), (Bytes_))
#define cr_realloc(Block_, Bytes_) fe_heap_try_realloc((Block_), (Bytes_))
#define cr_free(Block_) fe_heap_free(Block_)

#endif
