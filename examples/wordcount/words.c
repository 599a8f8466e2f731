/*
 * The word table (see words.h): one pass over the text, about ten instructions a byte.
 *
 * Invariants: distinct <= limit < length of the index, so a probe always meets a free slot; an index slot points into a
 * block that this table owns; within a shard's list only the first block has room.
 */
#include "words.h"

#include <ferrite/heap.h>

#define INITIAL_SLOTS ((size_t)1024)

/* What the hot loop asks of a byte: a letter's place in the alphabet, from 1, or 0 for anything else. */
#define ROW(letter) [letter] = (letter) - 'a' + 1, [(letter) - 'a' + 'A'] = (letter) - 'a' + 1
static const uint8_t letters[256] = {
    ROW('a'), ROW('b'), ROW('c'), ROW('d'), ROW('e'), ROW('f'), ROW('g'), ROW('h'), ROW('i'),
    ROW('j'), ROW('k'), ROW('l'), ROW('m'), ROW('n'), ROW('o'), ROW('p'), ROW('q'), ROW('r'),
    ROW('s'), ROW('t'), ROW('u'), ROW('v'), ROW('w'), ROW('x'), ROW('y'), ROW('z'),
};
#undef ROW

/* Odd, with bits well spread (the golden ratio): each letter reaches the upper half, which the end folds down. */
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline uint32_t load32(const uint8_t *at) {
    uint32_t value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t load64(const uint8_t *at) {
    uint64_t value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

/* Letters alone are compared here, and those of different case differ in the bit 0x20 only; so that bit is set on both
 * sides. What is left of a multiple of the step is covered by a last step that overlaps the one before. */
static inline bool same_letters(const uint8_t *a, const uint8_t *b, size_t length) {
    const uint64_t fold = UINT64_C(0x2020202020202020);
    if (length >= 8) {
        for (size_t i = 0; i + 8 < length; i += 8)
            if ((load64(a + i) | fold) != (load64(b + i) | fold))
                return false;
        return (load64(a + length - 8) | fold) == (load64(b + length - 8) | fold);
    }
    if (length >= 4)
        return (load32(a) | (uint32_t)fold) == (load32(b) | (uint32_t)fold) &&
               (load32(a + length - 4) | (uint32_t)fold) == (load32(b + length - 4) | (uint32_t)fold);
    for (size_t i = 0; i < length; i++)
        if ((a[i] | 0x20) != (b[i] | 0x20))
            return false;
    return true;
}

/* The slot where the word is, or the free one where it belongs. */
static inline struct word **find_slot(struct word **slots, size_t mask, const uint8_t *text, uint32_t length,
                                      uint32_t hash) {
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct word *word = slots[i];
        if (word == NULL || (word->hash == hash && word->length == length && same_letters(word->text, text, length)))
            return &slots[i];
    }
}

static inline unsigned shard_of(uint32_t hash, unsigned shards) {
    return (unsigned)((uint64_t)hash * shards >> 32); /* from the upper bits; the index uses the lower ones */
}

fe_status word_table_init(struct word_table *table, unsigned shards) {
    if (shards == 0 || shards > WORD_SHARDS_MAX)
        return FE_EINVAL;
    *table = (struct word_table){.shards = shards, .mask = INITIAL_SLOTS - 1, .limit = INITIAL_SLOTS / 4 * 3};
    table->slots = fe_heap_try_alloc_zeroed(INITIAL_SLOTS, sizeof *table->slots);
    return table->slots == NULL ? FE_ENOMEM : FE_OK;
}

static fe_status grow_index(struct word_table *table) {
    size_t length = (table->mask + 1) * 2;
    struct word **slots = fe_heap_try_alloc_zeroed(length, sizeof *slots);
    if (slots == NULL)
        return FE_ENOMEM;
    for (size_t i = 0; i <= table->mask; i++) {
        struct word *word = table->slots[i];
        if (word == NULL)
            continue;
        size_t at = word->hash & (length - 1); /* all words differ: the first free slot is its own */
        while (slots[at] != NULL)
            at = (at + 1) & (length - 1);
        slots[at] = word;
    }
    fe_heap_free(table->slots);
    table->slots = slots;
    table->mask = length - 1;
    table->limit = length / 4 * 3;
    return FE_OK;
}

/* An entry for a new word, not yet in the index; NULL when out of memory. */
static struct word *new_word(struct word_table *table, uint32_t hash) {
    struct word_block **list = &table->blocks[shard_of(hash, table->shards)];
    struct word_block *block = *list;
    if (block == NULL || block->used == WORD_BLOCK_WORDS) {
        block = fe_heap_try_alloc(WORD_BLOCK_BYTES);
        if (block == NULL)
            return NULL;
        block->next = *list;
        block->used = 0;
        *list = block;
    }
    return &block->words[block->used++];
}

/* Kept out of the hot loop, which it would rob of registers. */
static __attribute__((noinline)) fe_status insert_word(struct word_table *table, struct word **slot,
                                                       const uint8_t *text, uint32_t length, uint32_t hash) {
    if (table->distinct == table->limit) {
        if (grow_index(table) != FE_OK)
            return FE_ENOMEM;
        slot = find_slot(table->slots, table->mask, text, length, hash);
    }
    struct word *word = new_word(table, hash);
    if (word == NULL)
        return FE_ENOMEM;
    *word = (struct word){.text = text, .count = 1, .length = length, .hash = hash};
    *slot = word;
    table->distinct++;
    return FE_OK;
}

fe_status word_table_count(struct word_table *table, const uint8_t *text, size_t bytes) {
    if (bytes > UINT32_MAX)
        return FE_EINVAL;
    const uint8_t *at = text, *end = text + bytes;
    for (;;) {
        uint64_t letter = 0;
        while (at < end && (letter = letters[*at]) == 0)
            at++;
        if (at == end)
            return FE_OK;
        const uint8_t *start = at;
        uint64_t mixed = 0;
        do
            mixed = (mixed + letter) * HASH_FACTOR;
        while (++at < end && (letter = letters[*at]) != 0);
        uint32_t hash = (uint32_t)(mixed ^ mixed >> 32), length = (uint32_t)(at - start);
        struct word **slot = find_slot(table->slots, table->mask, start, length, hash);
        if (FE_LIKELY(*slot != NULL))
            (*slot)->count++;
        else if (insert_word(table, slot, start, length, hash) != FE_OK)
            return FE_ENOMEM;
    }
}

void word_table_close(struct word_table *table) {
    fe_heap_free(table->slots);
    table->slots = NULL;
}

struct word_block *word_table_take(struct word_table *table, unsigned shard) {
    struct word_block *block = table->blocks[shard];
    if (block != NULL) {
        table->blocks[shard] = block->next;
        block->next = NULL;
    }
    return block;
}

fe_status word_table_adopt(struct word_table *table, struct word_block *block) {
    size_t kept = 0;
    fe_status status = FE_OK;
    for (size_t i = 0; i < block->used && status == FE_OK; i++) {
        struct word *word = &block->words[i];
        if (table->distinct == table->limit && (status = grow_index(table)) != FE_OK) {
            kept++;
            break;
        }
        struct word **slot = find_slot(table->slots, table->mask, word->text, word->length, word->hash);
        if (*slot != NULL) {
            (*slot)->count += word->count;
            word->count = 0;
        } else {
            *slot = word;
            table->distinct++;
            kept++;
        }
    }
    if (kept == 0) { /* the table knew all of them */
        fe_heap_free(block);
        return status;
    }
    block->next = table->blocks[0]; /* a table that adopts is not taken from again: one list will do */
    table->blocks[0] = block;
    return status;
}

uint64_t word_table_total(const struct word_table *table) {
    uint64_t total = 0;
    for (unsigned shard = 0; shard < table->shards; shard++)
        for (const struct word_block *block = table->blocks[shard]; block != NULL; block = block->next)
            for (size_t i = 0; i < block->used; i++)
                total += block->words[i].count;
    return total;
}

void word_table_free(struct word_table *table) {
    for (unsigned shard = 0; shard < table->shards; shard++)
        for (struct word_block *block; (block = word_table_take(table, shard)) != NULL;)
            fe_heap_free(block);
    word_table_close(table);
    table->distinct = 0;
}

size_t word_chunk_end(const uint8_t *text, size_t bytes, size_t start, size_t wanted) {
    if (wanted >= bytes - start)
        return bytes;
    size_t end = start + wanted;
    while (end < bytes && end > 0 && letters[text[end - 1]] != 0 && letters[text[end]] != 0)
        end++;
    return end;
}

/* Whether `a` comes before `b` in the answer. */
static bool ranks_before(const struct word *a, const struct word *b) {
    if (a->count != b->count)
        return a->count > b->count;
    size_t shorter = a->length < b->length ? a->length : b->length;
    for (size_t i = 0; i < shorter; i++) {
        int difference = (a->text[i] | 0x20) - (b->text[i] | 0x20);
        if (difference != 0)
            return difference < 0;
    }
    return a->length < b->length;
}

void word_ranking_offer(struct word_ranking *ranking, const struct word *word) {
    if (word->count == 0 || (ranking->used == WORD_RANKS && !ranks_before(word, &ranking->words[WORD_RANKS - 1])))
        return;
    size_t at = ranking->used < WORD_RANKS ? ranking->used++ : WORD_RANKS - 1;
    for (; at > 0 && ranks_before(word, &ranking->words[at - 1]); at--)
        ranking->words[at] = ranking->words[at - 1];
    ranking->words[at] = *word;
}

void word_ranking_offer_table(struct word_ranking *ranking, const struct word_table *table) {
    for (unsigned shard = 0; shard < table->shards; shard++)
        for (const struct word_block *block = table->blocks[shard]; block != NULL; block = block->next)
            for (size_t i = 0; i < block->used; i++)
                word_ranking_offer(ranking, &block->words[i]);
}

size_t word_lower(const struct word *word, size_t from, char *buffer, size_t size) {
    size_t written = 0;
    for (size_t i = from; i < word->length && written < size; i++)
        buffer[written++] = (char)(word->text[i] | 0x20);
    return written;
}
