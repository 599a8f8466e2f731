/*
 * The word table of examples/wordcount: words, chunks, shards, the ranking, and texts that are no texts.
 *
 * Links: examples/wordcount/words.c heap kernel/format.c kernel/status.c
 */
#include "support.h"

#include "examples/wordcount/words.h"

#include <ferrite/heap.h>

#include <stdio.h>
#include <stdlib.h>

static struct word_table table;

static void count(const char *text) {
    cr_assert_eq(word_table_init(&table, 3), FE_OK);
    cr_assert_eq(word_table_count(&table, (const uint8_t *)text, strlen(text)), FE_OK);
}

/* The ten commonest, as "3 the,1 dog,". */
static void ranks(const char *expected) {
    static char answer[4096];
    size_t at = 0;
    struct word_ranking ranking = {0};
    word_ranking_offer_table(&ranking, &table);
    for (size_t i = 0; i < ranking.used; i++) {
        at += (size_t)snprintf(answer + at, sizeof answer - at, "%llu ", (unsigned long long)ranking.words[i].count);
        at += word_lower(&ranking.words[i], 0, answer + at, sizeof answer - at);
        answer[at++] = ',';
    }
    answer[at] = '\0';
    cr_assert_str_eq(answer, expected);
    word_table_free(&table);
}

#define WORDS(name, text, expected)                                                                                    \
    Test(wordcount_words, name) {                                                                                      \
        unit_machine(64 * MIB);                                                                                        \
        count(text);                                                                                                   \
        ranks(expected);                                                                                               \
    }

WORDS(nothing, "", "")
WORDS(no_word, "123 .,\t\n\xff\x80[]{}@`", "")
WORDS(one_letter, "a", "1 a,")
WORDS(case_does_not_count, "The the THE tHe", "4 the,")
WORDS(anything_else_separates, "don't e-mail a1b", "1 a,1 b,1 don,1 e,1 mail,1 t,")
WORDS(by_count_then_by_word, "b a c b a d dd ddd", "2 a,2 b,1 c,1 d,1 dd,1 ddd,")
WORDS(ten_at_most, "l k j i h g f e d c b a", "1 a,1 b,1 c,1 d,1 e,1 f,1 g,1 h,1 i,1 j,")
WORDS(lengths_around_the_steps, "abcd abce abcdefg abcdefh abcdefgh abcdefgi abcdefghi abcdefghj",
      "1 abcd,1 abcdefg,1 abcdefgh,1 abcdefghi,1 abcdefghj,1 abcdefgi,1 abcdefh,1 abce,")

Test(wordcount_words, a_million_letters_are_one_word) {
    unit_machine(64 * MIB);
    size_t bytes = 1000000;
    char *text = malloc(bytes + 1);
    memset(text, 'x', bytes);
    text[bytes] = '\0';
    count(text);
    cr_assert_eq(table.distinct, 1u);
    cr_assert_eq(word_table_total(&table), 1u);
    word_table_free(&table);
    free(text);
}

Test(wordcount_words, a_chunk_ends_in_no_word) {
    unit_machine(64 * MIB);
    const char *text = "one two  three";
    size_t bytes = strlen(text);
    for (size_t wanted = 1; wanted <= bytes + 1; wanted++) {
        size_t words = 0;
        for (size_t at = 0; at < bytes;) {
            size_t end = word_chunk_end((const uint8_t *)text, bytes, at, wanted);
            cr_assert_gt(end, at);
            cr_assert_leq(end, bytes);
            cr_assert_eq(word_table_init(&table, 1), FE_OK);
            cr_assert_eq(word_table_count(&table, (const uint8_t *)text + at, end - at), FE_OK);
            words += word_table_total(&table);
            word_table_free(&table);
            at = end;
        }
        cr_assert_eq(words, 3u, "in chunks of %zu there are %zu words", wanted, words);
    }
}

/* Blocks go from one table to another, entries and all; what the other knows is added up. */
Test(wordcount_words, shards_are_taken_and_adopted) {
    unit_machine(256 * MIB);
    size_t words = 30000, bytes = words * 6;
    char *text = malloc(bytes + 1);
    for (size_t i = 0; i < words; i++) {
        size_t number = i % 10000;
        for (size_t letter = 0; letter < 5; letter++, number /= 26)
            text[i * 6 + letter] = (char)('a' + number % 26);
        text[i * 6 + 5] = ' ';
    }
    text[bytes] = '\0';
    struct word_table merged;
    cr_assert_eq(word_table_init(&merged, 1), FE_OK);
    for (int again = 0; again < 2; again++) {
        count(text);
        cr_assert_eq(table.distinct, 10000u);
        word_table_close(&table);
        for (unsigned shard = 0; shard < 3; shard++) {
            size_t blocks = 0;
            struct word_block *block;
            for (; (block = word_table_take(&table, shard)) != NULL; blocks++)
                cr_assert_eq(word_table_adopt(&merged, block), FE_OK);
            cr_assert_gt(blocks, 0u, "shard %u is empty", shard);
        }
        word_table_free(&table);
    }
    cr_assert_eq(merged.distinct, 10000u);
    cr_assert_eq(word_table_total(&merged), 2 * words);
    word_table_free(&merged);
    free(text);
}

Test(wordcount_words, running_out_of_memory_is_told_and_loses_nothing) {
    unit_machine(64 * MIB);
    size_t words = 3000000, bytes = words * 6;
    char *text = malloc(bytes);
    for (size_t i = 0; i < words; i++) {
        size_t number = i;
        for (size_t letter = 0; letter < 5; letter++, number /= 26)
            text[i * 6 + letter] = (char)('a' + number % 26);
        text[i * 6 + 5] = ' ';
    }
    cr_assert_eq(word_table_init(&table, 4), FE_OK);
    cr_assert_eq(word_table_count(&table, (const uint8_t *)text, bytes), FE_ENOMEM);
    word_table_free(&table);
    struct fe_heap_statistics statistics;
    fe_heap_statistics(FE_ANY_CORE, &statistics);
    cr_assert_eq(statistics.live_blocks, 0u);
    free(text);
}

Test(wordcount_words, shards_out_of_range) {
    unit_machine(64 * MIB);
    cr_assert_eq(word_table_init(&table, 0), FE_EINVAL);
    cr_assert_eq(word_table_init(&table, WORD_SHARDS_MAX + 1), FE_EINVAL);
}
