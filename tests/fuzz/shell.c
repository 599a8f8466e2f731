/*
 * The shell: bytes through the line editor, as a terminal or a script would send them, and each line to the commands. What
 * the commands ask of the kernel is answered here.
 *
 * The first byte chooses: bit 0, a terminal.
 *
 * Links: examples/shell/line.c examples/shell/commands.c examples/shell/tables.c kernel/format.c kernel/status.c
 */
#include "fuzz.h"

#include <examples/shell/commands.h>
#include <examples/shell/line.h>
#include <ferrite/ferrite.h>

/* What the shell writes ------------------------------------------------------------------------------------------- */

static unsigned column;
static bool in_sequence; /* after an escape, until a letter */

static void show(void *context, const char *text, size_t bytes) {
    (void)context;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        fuzz_check(c < 0x80);
        if (in_sequence) {
            in_sequence = !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
        } else if (c == '\x1b') {
            in_sequence = true;
        } else if (c == '\b') {
            fuzz_check(column > 0);
            column--;
        } else if (c == '\r' || c == '\n') {
            column = 0;
        } else if (c >= ' ') {
            column++;
        }
    }
}

int fe_print(const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = fe_format_v(text, sizeof text, format, arguments);
    va_end(arguments);
    fuzz_check(length >= 0);
    column = 0;
    return length;
}

/* What the commands ask of the kernel ----------------------------------------------------------------------------- */

static int program(int argc, char **argv) {
    size_t length = 0;
    for (int i = 0; i < argc; i++)
        length += strlen(argv[i]);
    fuzz_check(argv[argc] == NULL && length <= LINE_BYTES);
    return argc > 1 ? (signed char)argv[1][0] : 0;
}

static const struct fe_program programs[] = {{"one", "a program", program}, {"two", "another", program}};

size_t fe_program_count(void) {
    return FE_ARRAY_LENGTH(programs);
}

const struct fe_program *fe_program_at(size_t index) {
    return index < FE_ARRAY_LENGTH(programs) ? &programs[index] : NULL;
}

static struct fe_task_result ended;

fe_status fe_task_try_spawn(fe_task_function function, void *argument, const struct fe_task_options *options,
                            fe_task *task) {
    fuzz_check(strlen(options->name) < FE_TASK_NAME_MAX);
    *task = (fe_task){NULL, 1};
    ended = (struct fe_task_result){.outcome = FE_RETURNED, .value = function(argument)};
    return FE_OK;
}

fe_status fe_task_join(fe_task task, struct fe_task_result *result) {
    fuzz_check(task.id == 1);
    *result = ended;
    return FE_OK;
}

fe_status fe_log_set(const char *specification) {
    return strlen(specification) & 1 ? FE_OK : FE_EPARSE;
}

unsigned fe_core_count(void) {
    return 2;
}

fe_status fe_core_statistics(unsigned core, struct fe_core_statistics *statistics) {
    memset(statistics, 0xff, sizeof *statistics);
    return core < 2 ? FE_OK : FE_EINVAL;
}

size_t fe_task_list(struct fe_task_information *list, size_t capacity) {
    for (size_t i = 0; i < capacity; i++)
        list[i] = (struct fe_task_information){.name = "task", .state = FE_TASK_READY, .pinned = FE_ANY_CORE};
    return capacity + 1;
}

void fe_memory_statistics(struct fe_memory_statistics *statistics) {
    memset(statistics, 0xff, sizeof *statistics);
}

void fe_heap_statistics(int core, struct fe_heap_statistics *statistics) {
    fuzz_check(core >= FE_ANY_CORE && core < 2);
    memset(statistics, 0xff, sizeof *statistics);
}

void *fe_heap_try_alloc_zeroed(size_t count, size_t bytes) {
    return calloc(count, bytes);
}

void fe_heap_free(void *block) {
    free(block);
}

size_t fe_file_count(void) {
    return 1;
}

const struct fe_file *fe_file_at(size_t index) {
    static const struct fe_file file = {"file", (const uint8_t *)"text", 4};
    return index == 0 ? &file : NULL;
}

fe_nanoseconds fe_time_now(void) {
    return UINT64_MAX - 1;
}

/* Lines ----------------------------------------------------------------------------------------------------------- */

static struct shell shell;

/* Returns false if the shell is done. */
static bool act(struct line_editor *editor, enum line_event event) {
    if (event == LINE_MORE)
        return true;
    if (event == LINE_END)
        return false;
    if (event == LINE_DONE) {
        fuzz_check(strlen(editor->text) <= LINE_BYTES);
        shell_execute(&shell, editor->text);
        fuzz_check(shell.status >= 0 && shell.status <= 100);
    }
    if (shell.leaving)
        return false;
    line_begin(editor);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    if (bytes == 0)
        return 0;
    /* On the heap, so that the sanitizers see what runs over its end. */
    struct line_editor *editor = malloc(sizeof *editor);
    memset(editor, 0xaa, sizeof *editor);
    shell = (struct shell){0};
    column = 0;
    in_sequence = false;
    line_init(editor, data[0] & 1, "> ", show, NULL);
    line_begin(editor);
    bool going = true;
    for (size_t i = 1; i < bytes && going; i++) {
        going = act(editor, line_feed(editor, data[i]));
        fuzz_check(editor->cursor <= editor->length && editor->length <= LINE_BYTES);
    }
    for (int i = 0; going; i++) {
        fuzz_check(i < 3);
        going = act(editor, line_finish(editor));
    }
    free(editor);
    return 0;
}
