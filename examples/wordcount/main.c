/*
 * wordcount [FILE...]: the ten commonest words of the machine's files (INITRD=), each with its count. Without a name it
 * takes all of them.
 *
 * Status: 0; 1 when it cannot do its work (no such file, out of memory).
 */
#define FE_LOG_MODULE "wordcount"
#include <ferrite/ferrite.h>

#include "pipeline.h"

/* A line of the answer. Words may be longer than any buffer, so they go out in pieces. */
static void print_word(const struct word *word) {
    char buffer[512];
    size_t from = (size_t)fe_format(buffer, sizeof buffer, "%llu ", (unsigned long long)word->count);
    for (size_t at = 0; at < word->length; from = 0) {
        size_t bytes = word_lower(word, at, buffer + from, sizeof buffer - from - 1);
        at += bytes;
        if (at == word->length)
            buffer[from + bytes++] = '\n';
        fe_console_write(buffer, from + bytes);
    }
}

/* The files that the arguments name, or all; NULL after a message. */
static const struct fe_file **choose_files(int argc, char **argv, size_t *count) {
    *count = argc > 1 ? (size_t)argc - 1 : fe_file_count();
    const struct fe_file **files = fe_heap_try_alloc_zeroed(*count + 1, sizeof(*files));
    if (files == NULL) {
        fe_print("wordcount: no memory for a list of %zu files\n", *count);
        return NULL;
    }
    for (size_t i = 0; i < *count; i++) {
        files[i] = argc > 1 ? fe_file_find(argv[i + 1]) : fe_file_at(i);
        if (files[i] == NULL) {
            fe_print("wordcount: no file called %s; the machine's files are given by INITRD=\n", argv[i + 1]);
            fe_heap_free(files);
            return NULL;
        }
    }
    return files;
}

int fe_main(int argc, char **argv) {
    size_t count;
    if (argc < 2 && fe_file_count() == 0) {
        fe_print("wordcount: there are no files; start the machine with some: make run INITRD=\"file ...\"\n");
        return 1;
    }
    const struct fe_file **files = choose_files(argc, argv, &count);
    if (files == NULL)
        return 1;
    struct wordcount_result result;
    fe_nanoseconds began = fe_time_now();
    fe_status status = wordcount(files, count, fe_core_count(), NULL, &result);
    fe_heap_free(files);
    if (status == FE_ENOMEM) {
        fe_print("wordcount: out of memory: these files have more distinct words than fit; give the machine more (MEM=)\n");
        return 1;
    }
    if (status != FE_OK) {
        fe_print("wordcount: %s\n", fe_status_string(status));
        return 1;
    }
    fe_info("%llu words, %llu of them distinct, on %u cores in %llu ms", (unsigned long long)result.words,
            (unsigned long long)result.distinct, fe_core_count(),
            (unsigned long long)((fe_time_now() - began) / FE_MILLISECOND));
    for (size_t i = 0; i < result.ranking.used; i++)
        print_word(&result.ranking.words[i]);
    return 0;
}

FE_PROGRAM(wordcount, "the ten commonest words of the machine's files, or of those named", fe_main);
