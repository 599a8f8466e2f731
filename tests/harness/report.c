/*
 * What assertions do when they fail: print where, what and which values, and end the task.
 *
 * Invariant: a failure is one call of fe_print, so that lines of tasks on other cores don't get between its lines.
 * Rejected: keeping the text until the test ends (a machine that hangs or panics would lose it).
 */
#include "run.h"

#include <ferrite/panic.h>
#include <stdarg.h>

struct fe_test_run fe_test_run;
char fe_test_may_leak[1], fe_test_alone[1];

#define TEXT_MAX 1024
#define LINE_MAX 256

/* Text that grows to a bound and is cut there. */
struct text {
    size_t length;
    char bytes[TEXT_MAX];
};

static void add_character(struct text *text, char character) {
    if (text->length + 2 < TEXT_MAX)
        text->bytes[text->length++] = character;
}

/* Adds `line`, beginning a new "# " line after each newline within it. */
static void add(struct text *text, const char *line) {
    for (; *line != '\0'; line++) {
        if (text->length == 0 || text->bytes[text->length - 1] == '\n') {
            add_character(text, '#');
            add_character(text, ' ');
        }
        add_character(text, *line);
    }
}

FE_PRINTF(2, 3) static void add_formatted(struct text *text, const char *format, ...) {
    char line[LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    fe_format_v(line, sizeof(line), format, arguments);
    va_end(arguments);
    add(text, line);
}

static void print(struct text *text) {
    if (text->length == 0 || text->bytes[text->length - 1] != '\n')
        text->bytes[text->length++] = '\n'; /* add_character leaves room for it */
    fe_console_write(text->bytes, text->length);
}

void fe_test_diagnose(const char *format, ...) {
    struct text text = {.length = 0};
    char line[LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    fe_format_v(line, sizeof(line), format, arguments);
    va_end(arguments);
    add(&text, line);
    print(&text);
}

/* Values ------------------------------------------------------------------------------------------------------------ */

struct fe_test_value fe_test_signed(long long value) {
    return (struct fe_test_value){.kind = FE_TEST_SIGNED, .bits = (uint64_t)value};
}

struct fe_test_value fe_test_unsigned(unsigned long long value) {
    return (struct fe_test_value){.kind = FE_TEST_UNSIGNED, .bits = value};
}

struct fe_test_value fe_test_pointer(const volatile void *value) {
    return (struct fe_test_value){.kind = FE_TEST_POINTER, .bits = (uintptr_t)value};
}

struct fe_test_value fe_test_string(const char *value) {
    return (struct fe_test_value){.kind = FE_TEST_STRING, .string = value};
}

struct fe_test_value fe_test_real(double value) {
    return (struct fe_test_value){.kind = FE_TEST_REAL, .real = value};
}

/* Six decimals, by integer arithmetic: the console's formatting has no floating point. */
static void add_real(struct text *text, double value) {
    if (value != value) {
        add(text, "nan");
        return;
    }
    double size = value < 0 ? -value : value;
    if (size >= 1e18) {
        add(text, value < 0 ? "less than -1e18" : "more than 1e18");
        return;
    }
    uint64_t whole = (uint64_t)size;
    uint64_t millionths = (uint64_t)((size - (double)whole) * 1e6 + 0.5);
    if (millionths >= 1000000) {
        whole++;
        millionths -= 1000000;
    }
    add_formatted(text, "%s%llu.%06llu", value < 0 ? "-" : "", (unsigned long long)whole, (unsigned long long)millionths);
}

static void add_value(struct text *text, struct fe_test_value value) {
    switch (value.kind) {
    case FE_TEST_SIGNED:
        add_formatted(text, "%lld", (long long)value.bits);
        break;
    case FE_TEST_UNSIGNED:
        add_formatted(text, "%llu", (unsigned long long)value.bits);
        break;
    case FE_TEST_POINTER:
        add_formatted(text, "0x%llx", (unsigned long long)value.bits);
        break;
    case FE_TEST_STRING:
        if (value.string == NULL)
            add(text, "NULL");
        else
            add_formatted(text, "\"%s\"", value.string);
        break;
    case FE_TEST_REAL:
        add_real(text, value.real);
        break;
    }
}

/* Failures ---------------------------------------------------------------------------------------------------------- */

static void begin(struct text *text, const char *file, int line, const char *assertion) {
    text->length = 0;
    add_formatted(text, "%s:%d: ", file, line);
    add(text, "assertion failed: ");
    add(text, assertion);
    add(text, "\n");
}

/* The test's own words, which the macros begin with a space; none are just that. */
static void end(struct text *text, const char *message, va_list arguments) {
    if (message[0] == ' ' && message[1] != '\0') {
        char line[LINE_MAX];
        fe_format_v(line, sizeof(line), message + 1, arguments);
        add(text, "  ");
        add(text, line);
    }
    print(text);
    atomic_fetch_add_explicit(&fe_test_run.failures, 1, memory_order_relaxed); /* a count; the join orders it */
}

void fe_test_failed(const char *file, int line, const char *assertion, const char *message, ...) {
    struct text text;
    begin(&text, file, line, assertion);
    va_list arguments;
    va_start(arguments, message);
    end(&text, message, arguments);
    va_end(arguments);
}

void fe_test_compared(const char *file, int line, const char *assertion, struct fe_test_value actual,
                      struct fe_test_value expected, const char *message, ...) {
    struct text text;
    begin(&text, file, line, assertion);
    add(&text, "  actual:    ");
    add_value(&text, actual);
    add(&text, "\n  reference: ");
    add_value(&text, expected);
    add(&text, "\n");
    va_list arguments;
    va_start(arguments, message);
    end(&text, message, arguments);
    va_end(arguments);
}

bool fe_test_note(struct fe_test_notes *notes, bool held, const char *text, struct fe_test_value actual,
                  struct fe_test_value expected) {
    if (notes->count < FE_TEST_NOTES_MAX)
        notes->note[notes->count++] = (struct fe_test_note){held, text, actual, expected};
    return held;
}

void fe_test_failed_notes(const char *file, int line, const char *assertion, const struct fe_test_notes *notes,
                          const char *message, ...) {
    struct text text;
    begin(&text, file, line, assertion);
    for (unsigned i = 0; i < notes->count; i++) {
        const struct fe_test_note *note = &notes->note[i];
        add_formatted(&text, "  %s (%s): ", note->text, note->held ? "holds" : "does not hold");
        add_value(&text, note->actual);
        add(&text, ", ");
        add_value(&text, note->expected);
        add(&text, "\n");
    }
    va_list arguments;
    va_start(arguments, message);
    end(&text, message, arguments);
    va_end(arguments);
}

/* Ends the calling task, and the test's own with it, which may wait for what this one will not do any more. */
FE_NORETURN void fe_test_abort(void) {
    fe_task self = fe_task_self();
    if (self.id == 0)
        fe_panic("an assertion failed outside a task: in %s context", fe_context_name(fe_context()));
    /* Relaxed, all of it: the test's task wrote them before it spawned this one; read again after the join. */
    fe_task test = {atomic_load_explicit(&fe_test_run.tcb, memory_order_relaxed),
                    atomic_load_explicit(&fe_test_run.task, memory_order_relaxed)};
    atomic_store_explicit(&fe_test_run.aborted, true, memory_order_relaxed);
    if (self.id != test.id)
        (void)fe_task_kill(test); /* it may have ended */
    fe_task_exit(0);
}

void fe_test_skip(const char *message, ...) {
    if (!atomic_exchange_explicit(&fe_test_run.skipped, true, memory_order_relaxed)) { /* read after the join */
        va_list arguments;
        va_start(arguments, message);
        fe_format_v(fe_test_run.skip_reason, sizeof(fe_test_run.skip_reason), message[0] == ' ' ? message + 1 : message,
                    arguments);
        va_end(arguments);
    }
    fe_test_abort();
}

void fe_test_log(enum criterion_severity severity, const char *message, ...) {
    static const char *const names[] = {"info", "warning", "error"};
    struct text text = {.length = 0};
    char line[LINE_MAX];
    va_list arguments;
    va_start(arguments, message);
    fe_format_v(line, sizeof(line), message, arguments);
    va_end(arguments);
    add(&text, (unsigned)severity < FE_ARRAY_LENGTH(names) ? names[severity] : "?");
    add(&text, ": ");
    add(&text, line);
    print(&text);
}

/* Comparisons ------------------------------------------------------------------------------------------------------- */

bool fe_test_strings(const char *actual, const char *expected, int *order) {
    *order = 0;
    if (actual == NULL || expected == NULL)
        return false;
    while (*actual != '\0' && *actual == *expected) {
        actual++;
        expected++;
    }
    *order = (unsigned char)*actual - (unsigned char)*expected;
    return true;
}

int fe_test_memory(const void *actual, const void *expected, size_t bytes, size_t *at) {
    const unsigned char *left = actual, *right = expected;
    for (*at = 0; *at < bytes; ++*at)
        if (left[*at] != right[*at])
            return left[*at] - right[*at];
    return 0;
}
