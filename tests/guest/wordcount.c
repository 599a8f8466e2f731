/*
 * The pipeline of examples/wordcount: blocks of the exchange heap reach the mergers at the addresses at which the counters
 * let them go, as often as they were sent, and nothing is counted twice or lost on the way.
 */
#include "guest.h"

#include "examples/wordcount/pipeline.c"
#include "examples/wordcount/words.c"

enum { BLOCKS_MAX = 512 };

static struct seen {
    _Atomic unsigned sent, received;
    const struct word_block *out[BLOCKS_MAX], *in[BLOCKS_MAX];
} seen;

static void note_sent(void *context, const struct word_block *block) {
    struct seen *where = context;
    unsigned at = where->sent++;
    cr_assert_lt(at, BLOCKS_MAX);
    where->out[at] = block;
}

static void note_received(void *context, const struct word_block *block) {
    struct seen *where = context;
    unsigned at = where->received++;
    cr_assert_lt(at, BLOCKS_MAX);
    where->in[at] = block;
}

/* `words` words of five letters, of which `distinct` differ, a space behind each. */
static uint8_t *make_text(size_t words, size_t distinct) {
    uint8_t *text = fe_heap_alloc(words * 6);
    for (size_t i = 0; i < words; i++) {
        size_t number = i * 7919 % distinct;
        for (size_t letter = 0; letter < 5; letter++, number /= 26)
            text[i * 6 + letter] = (uint8_t)((letter & 1 ? 'a' : 'A') + number % 26);
        text[i * 6 + 5] = ' ';
    }
    return text;
}

static void count(size_t words, size_t distinct) {
    uint8_t *text = make_text(words, distinct);
    struct fe_file one = {"one", text, words / 3 * 6}, two = {"two", text + one.bytes, words * 6 - one.bytes};
    const struct fe_file *files[] = {&one, &two};
    struct wordcount_observer observer = {note_sent, note_received, &seen};
    struct wordcount_result result;
    seen.sent = seen.received = 0;
    cr_assert_eq(wordcount(files, 2, fe_core_count() + 1, &observer, &result), FE_OK);
    cr_assert_eq(result.words, words);
    cr_assert_eq(result.distinct, distinct);
    cr_assert_gt(seen.sent, 0u);
    cr_assert_eq(seen.received, seen.sent);
    for (unsigned i = 0; i < seen.sent; i++) {
        unsigned sent = 0, received = 0; /* more than once: the block was freed and given out again meanwhile */
        for (unsigned j = 0; j < seen.sent; j++) {
            sent += seen.out[j] == seen.out[i];
            received += seen.in[j] == seen.out[i];
        }
        cr_assert_eq(received, sent, "block %p was sent %u times and received %u times", (const void *)seen.out[i],
                     sent, received);
    }
    fe_heap_free(text);
}

Test(wordcount, blocks_move_and_are_not_copied) {
    count(300000, 20000);
}

Test(wordcount, few_words) {
    count(10, 10);
}

Test(wordcount, no_files) {
    struct wordcount_result result;
    cr_assert_eq(wordcount(NULL, 0, 2, NULL, &result), FE_OK);
    cr_assert_eq(result.words, 0u);
    cr_assert_eq(result.ranking.used, 0u);
}

Test(wordcount, workers_out_of_range) {
    struct wordcount_result result;
    cr_assert_eq(wordcount(NULL, 0, 0, NULL, &result), FE_EINVAL);
    cr_assert_eq(wordcount(NULL, 0, FE_CORES_MAX + 1, NULL, &result), FE_EINVAL);
}
