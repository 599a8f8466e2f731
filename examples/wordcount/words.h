/*
 * Counting words: the part of wordcount that knows nothing of tasks and pipes, so that it also runs in host unit tests.
 *
 * A word is a maximal run of ASCII letters; case does not count. A table finds a word's entry through an index of
 * pointers; the entries themselves lie in blocks of the exchange heap, sorted into shards by the word's hash. A shard's
 * blocks can be taken from one table and adopted by another: entries never move in memory, only their owner changes.
 *
 *     index (open addressing)      blocks of shard 0        blocks of shard 1
 *     [ . | o | . | o | . | o ]    [ the 3 | and 2 | .. ]   [ of 2 | .. ]
 *           |       |       +--------^                        ^
 *           |       +---------------------------------------- +
 *
 * An entry points at the word's first occurrence in the text, which must outlive the table. So there is no copy of any
 * word, and its length has no bound but 4 GiB.
 *
 * Rejected: entries within the index (growing would move them, and each doubling would double 24 bytes a word instead of
 * 8); an arena for the words (the files stay in memory anyway); a keyed hash (it costs a third of the loop; a file made
 * to collide slows down only its own count).
 */
#ifndef WORDCOUNT_WORDS_H
#define WORDCOUNT_WORDS_H

#include <ferrite/base.h>

#define WORD_SHARDS_MAX 16
#define WORD_RANKS 10

/* One distinct word and how often it came. A count of 0 marks an entry that another one has taken over. */
struct word {
    const uint8_t *text; /* its first occurrence, in any case */
    uint64_t count;
    uint32_t length;
    uint32_t hash;
};

/* A block of entries, WORD_BLOCK_BYTES long, owned by one table or under way in a pipe. */
#define WORD_BLOCK_BYTES ((size_t)16384)
struct word_block {
    struct word_block *next; /* in its owner's list; NULL while under way */
    size_t used;
    struct word words[];
};
#define WORD_BLOCK_WORDS ((WORD_BLOCK_BYTES - sizeof(struct word_block)) / sizeof(struct word))

struct word_table {
    struct word **slots; /* NULL: free; the length is a power of two */
    size_t mask;         /* length - 1 */
    size_t distinct;     /* slots in use */
    size_t limit;        /* of `distinct` before the index grows: three quarters of its length */
    unsigned shards;
    struct word_block *blocks[WORD_SHARDS_MAX]; /* the newest, which is the one with room, first */
};

/* An empty table with `shards` (1 to WORD_SHARDS_MAX) shards. FE_ENOMEM, FE_EINVAL. */
FE_MUST_CHECK fe_status word_table_init(struct word_table *table, unsigned shards);

/* Counts the words of text[0 .. bytes), which must end where no word goes on. FE_ENOMEM: the counts are incomplete and
 * the table is good only for word_table_free. FE_EINVAL: longer than 4 GiB. */
FE_MUST_CHECK fe_status word_table_count(struct word_table *table, const uint8_t *text, size_t bytes);

/* Frees the index: nothing can be counted from here on, only blocks taken. */
void word_table_close(struct word_table *table);

/* Takes a block of `shard` out of a closed table; NULL when none is left. The caller owns it. */
struct word_block *word_table_take(struct word_table *table, unsigned shard);

/* Adds the counts in `block`, which the table then owns, even when FE_ENOMEM is returned. */
FE_MUST_CHECK fe_status word_table_adopt(struct word_table *table, struct word_block *block);

/* How many words were counted into it. */
uint64_t word_table_total(const struct word_table *table);

/* Frees everything. A table of zeros is allowed, and so is a closed one. */
void word_table_free(struct word_table *table);

/* Where a chunk that begins at `start` ends: the first place at or after start + wanted that is inside no word. */
size_t word_chunk_end(const uint8_t *text, size_t bytes, size_t start, size_t wanted);

/* The commonest words seen: by count, the highest first, then by word. */
struct word_ranking {
    size_t used;
    struct word words[WORD_RANKS];
};

/* Keeps *word if it is among the commonest. Cost: one comparison for nearly all words. */
void word_ranking_offer(struct word_ranking *ranking, const struct word *word);
/* Offers every word of `table`. */
void word_ranking_offer_table(struct word_ranking *ranking, const struct word_table *table);

/* Writes the word in lower case from its byte `from` on, at most `size` bytes, unterminated; returns how many. */
size_t word_lower(const struct word *word, size_t from, char *buffer, size_t size);

#endif
