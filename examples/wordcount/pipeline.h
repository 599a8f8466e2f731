/*
 * Counting words on all cores: the tasks and pipes of wordcount. See pipeline.c for the picture.
 */
#ifndef WORDCOUNT_PIPELINE_H
#define WORDCOUNT_PIPELINE_H

#include "words.h"

#include <ferrite/io.h>

struct wordcount_result {
    struct word_ranking ranking;
    uint64_t words;    /* in all files */
    uint64_t distinct; /* of these, different */
};

/* Told of each block of words that leaves a counter and that reaches a merger; called in those tasks, on their cores.
 * Tests compare the addresses. */
struct wordcount_observer {
    void (*sent)(void *context, const struct word_block *block);
    void (*received)(void *context, const struct word_block *block);
    void *context;
};

/*
 * Counts the words of files[0 .. count) with `workers` (1 to FE_CORES_MAX) counting tasks; each file's end ends a word.
 * `observer` may be NULL. FE_OK; FE_ENOMEM: memory is out, *result is undefined and everything is freed again; FE_EINVAL.
 * Task context; blocks.
 */
FE_MUST_CHECK fe_status wordcount(const struct fe_file *const *files, size_t count, unsigned workers,
                                  const struct wordcount_observer *observer, struct wordcount_result *result);

#endif
