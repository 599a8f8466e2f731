/*
 * The tasks and pipes of wordcount.
 *
 *                    chunks             blocks               parts
 *     +------------ counter 0 --+--> merger of shard 0 --+
 *     dispatcher -- counter 1 --+--> merger of shard 1 --+--> dispatcher: the ten best
 *     ^  +--------- counter 2 --+--> ...               --+
 *     |                |
 *     +----------------+ requests: "counter i has nothing to do"
 *
 * The dispatcher (the caller) cuts the files into chunks and gives one to each counter that asks, so a slow core gets
 * fewer. A counter keeps one table for all its chunks, and so memory grows with the number of distinct words, not with
 * that of bytes. At the end each counter sends its blocks of entries to the mergers, block by block: every word belongs
 * to one shard, so the mergers work side by side and share nothing. The blocks move; neither an entry nor a word is
 * copied on the way.
 *
 * The end of each stage is the closing of its pipes: no chunks left, all counters done, all mergers done. That is also
 * how errors travel: a task that runs out of memory closes its ends and returns the status; its peers see closed pipes
 * and stop early.
 *
 * Rejected: one task a chunk (a table for each chunk costs more than counting it); a shared table (locks); one merger
 * (it would do alone what takes as long as counting when most words are distinct).
 */
#include "pipeline.h"

#include <ferrite/heap.h>
#include <ferrite/pipe.h>
#include <ferrite/task.h>

/* Small enough that counters end within milliseconds of each other, large enough that asking for one costs nothing. */
#define CHUNK_BYTES ((size_t)256 << 10)
#define BLOCKS_PENDING ((size_t)16)

struct chunk {
    const uint8_t *text;
    size_t bytes;
};

/* What a merger found: a block of its own. */
struct part {
    struct word_ranking ranking;
    uint64_t words, distinct;
};

FE_PIPE_TYPE(requests, unsigned);
FE_PIPE_TYPE(chunks, struct chunk);
FE_PIPE_TYPE(blocks, struct word_block *);
FE_PIPE_TYPE(parts, struct part *);

/* What a task is given: a block that it frees. */
struct counter {
    unsigned index, shards;
    requests_sender requests;
    chunks_port chunks;
    blocks_sender blocks[WORD_SHARDS_MAX];
    const struct wordcount_observer *observer;
};
struct merger {
    blocks_port blocks;
    parts_sender parts;
    const struct wordcount_observer *observer;
};

static fe_status count_chunks(struct counter *counter, struct word_table *table) {
    for (;;) {
        struct chunk chunk;
        fe_status status = requests_send_until(counter->requests, counter->index, FE_FOREVER);
        if (status == FE_OK)
            status = chunks_receive_until(counter->chunks, &chunk, FE_FOREVER);
        if (status != FE_OK)
            return status == FE_ECLOSED ? FE_OK : status;
        status = word_table_count(table, chunk.text, chunk.bytes);
        if (status != FE_OK)
            return status;
    }
}

static fe_status send_blocks(struct counter *counter, struct word_table *table) {
    word_table_close(table);
    for (unsigned shard = 0; shard < counter->shards; shard++) {
        struct word_block *block;
        while ((block = word_table_take(table, shard)) != NULL) {
            if (counter->observer != NULL)
                counter->observer->sent(counter->observer->context, block);
            fe_status status = blocks_send_until(counter->blocks[shard], block, FE_FOREVER);
            if (status != FE_OK) {
                fe_heap_free(block);
                return status;
            }
        }
        blocks_close_sender(counter->blocks[shard]);
        counter->blocks[shard].end.pipe = NULL;
    }
    return FE_OK;
}

static void free_counter(struct counter *counter) {
    requests_close_sender(counter->requests);
    chunks_close_port(counter->chunks);
    for (unsigned shard = 0; shard < counter->shards; shard++)
        if (counter->blocks[shard].end.pipe != NULL)
            blocks_close_sender(counter->blocks[shard]);
    fe_heap_free(counter);
}

static intptr_t run_counter(void *argument) {
    struct counter *counter = argument;
    struct word_table table;
    fe_status status = word_table_init(&table, counter->shards);
    if (status == FE_OK) {
        status = count_chunks(counter, &table);
        if (status == FE_OK)
            status = send_blocks(counter, &table);
        word_table_free(&table);
    }
    free_counter(counter);
    return status;
}

static fe_status merge_blocks(struct merger *merger, struct word_table *table) {
    for (;;) {
        struct word_block *block;
        fe_status status = blocks_receive_until(merger->blocks, &block, FE_FOREVER);
        if (status != FE_OK)
            return status == FE_ECLOSED ? FE_OK : status;
        if (merger->observer != NULL)
            merger->observer->received(merger->observer->context, block);
        status = word_table_adopt(table, block);
        if (status != FE_OK)
            return status;
    }
}

static fe_status send_part(struct merger *merger, const struct word_table *table) {
    struct part *part = fe_heap_try_alloc_zeroed(1, sizeof *part);
    if (part == NULL)
        return FE_ENOMEM;
    word_ranking_offer_table(&part->ranking, table);
    part->words = word_table_total(table);
    part->distinct = table->distinct;
    fe_status status = parts_send_until(merger->parts, part, FE_FOREVER);
    if (status != FE_OK)
        fe_heap_free(part);
    return status;
}

static void free_merger(struct merger *merger) {
    blocks_close_port(merger->blocks);
    parts_close_sender(merger->parts);
    fe_heap_free(merger);
}

static intptr_t run_merger(void *argument) {
    struct merger *merger = argument;
    struct word_table table;
    fe_status status = word_table_init(&table, 1);
    if (status == FE_OK) {
        status = merge_blocks(merger, &table);
        if (status == FE_OK)
            status = send_part(merger, &table);
        word_table_free(&table);
    }
    free_merger(merger);
    return status;
}

/* The dispatcher's side. */
struct job {
    unsigned workers, shards;
    requests_sender requests_in; /* copied for each counter, then closed */
    requests_port requests;
    chunks_sender chunks[FE_CORES_MAX];
    blocks_sender blocks[WORD_SHARDS_MAX]; /* copied for each counter, then closed */
    parts_sender parts_in;                 /* copied for each merger, then closed */
    parts_port parts;
    fe_task tasks[FE_CORES_MAX + WORD_SHARDS_MAX];
    size_t task_count;
    const struct wordcount_observer *observer;
};

static fe_status spawn(struct job *job, fe_task_function function, void *argument, const char *kind, unsigned index) {
    char name[FE_TASK_NAME_MAX];
    fe_format(name, sizeof name, "%s-%u", kind, index);
    struct fe_task_options options = FE_TASK_OPTIONS_DEFAULT;
    options.name = name;
    fe_status status = fe_task_try_spawn(function, argument, &options, &job->tasks[job->task_count]);
    if (status == FE_OK)
        job->task_count++;
    return status;
}

static fe_status start_merger(struct job *job, unsigned shard) {
    struct merger *merger = fe_heap_try_alloc(sizeof *merger);
    if (merger == NULL)
        return FE_ENOMEM;
    merger->parts = parts_copy(job->parts_in);
    merger->observer = job->observer;
    blocks_open(&job->blocks[shard], &merger->blocks, BLOCKS_PENDING, FE_PIPE_SHARED | FE_PIPE_BLOCKS);
    fe_status status = spawn(job, run_merger, merger, "merger", shard);
    if (status != FE_OK)
        free_merger(merger);
    return status;
}

static fe_status start_counter(struct job *job, unsigned index) {
    struct counter *counter = fe_heap_try_alloc(sizeof *counter);
    if (counter == NULL)
        return FE_ENOMEM;
    counter->index = index;
    counter->shards = job->shards;
    counter->observer = job->observer;
    counter->requests = requests_copy(job->requests_in);
    chunks_open(&job->chunks[index], &counter->chunks, 1, FE_PIPE_STREAM);
    for (unsigned shard = 0; shard < job->shards; shard++)
        counter->blocks[shard] = blocks_copy(job->blocks[shard]);
    fe_status status = spawn(job, run_counter, counter, "counter", index);
    if (status != FE_OK)
        free_counter(counter);
    return status;
}

/* Starts everything; what was started runs to its end even when the rest could not be. */
static fe_status start(struct job *job) {
    fe_status status = FE_OK;
    requests_open(&job->requests_in, &job->requests, job->workers, FE_PIPE_SHARED);
    parts_open(&job->parts_in, &job->parts, job->shards, FE_PIPE_SHARED | FE_PIPE_BLOCKS);
    for (unsigned shard = 0; shard < job->shards && status == FE_OK; shard++)
        status = start_merger(job, shard);
    for (unsigned index = 0; index < job->workers && status == FE_OK; index++)
        status = start_counter(job, index);
    requests_close_sender(job->requests_in);
    parts_close_sender(job->parts_in);
    for (unsigned shard = 0; shard < job->shards; shard++)
        if (job->blocks[shard].end.pipe != NULL)
            blocks_close_sender(job->blocks[shard]);
    return status;
}

static void dispatch(struct job *job, const struct fe_file *const *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < files[i]->bytes;) {
            size_t end = word_chunk_end(files[i]->data, files[i]->bytes, at, CHUNK_BYTES);
            unsigned counter;
            do
                if (requests_receive_until(job->requests, &counter, FE_FOREVER) != FE_OK)
                    return; /* every counter has given up */
            while (chunks_send_until(job->chunks[counter], (struct chunk){files[i]->data + at, end - at}, FE_FOREVER) !=
                   FE_OK);
            at = end;
        }
    }
}

static void collect(struct job *job, struct wordcount_result *result) {
    struct part *part;
    while (parts_receive_until(job->parts, &part, FE_FOREVER) == FE_OK) {
        for (size_t i = 0; i < part->ranking.used; i++)
            word_ranking_offer(&result->ranking, &part->ranking.words[i]);
        result->words += part->words;
        result->distinct += part->distinct;
        fe_heap_free(part);
    }
}

fe_status wordcount(const struct fe_file *const *files, size_t count, unsigned workers,
                    const struct wordcount_observer *observer, struct wordcount_result *result) {
    if (workers == 0 || workers > FE_CORES_MAX)
        return FE_EINVAL;
    struct job *job = fe_heap_try_alloc_zeroed(1, sizeof *job);
    if (job == NULL)
        return FE_ENOMEM;
    job->workers = workers;
    job->shards = workers < WORD_SHARDS_MAX ? workers : WORD_SHARDS_MAX;
    job->observer = observer;
    *result = (struct wordcount_result){.words = 0};

    fe_status status = start(job);
    if (status == FE_OK)
        dispatch(job, files, count);
    for (unsigned index = 0; index < workers; index++)
        if (job->chunks[index].end.pipe != NULL)
            chunks_close_sender(job->chunks[index]);
    collect(job, result);
    for (size_t i = 0; i < job->task_count; i++) {
        struct fe_task_result ended;
        fe_status joined = fe_task_join(job->tasks[i], &ended);
        if (joined == FE_OK)
            joined = ended.outcome == FE_RETURNED ? (fe_status)ended.value : FE_EKILLED;
        /* A peer's early end shows as a closed pipe; what counts is why that one ended. */
        if (status == FE_OK || status == FE_ECLOSED)
            status = joined == FE_OK ? status : joined;
    }
    requests_close_port(job->requests);
    parts_close_port(job->parts);
    fe_heap_free(job);
    return status;
}
