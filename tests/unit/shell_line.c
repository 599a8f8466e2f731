/*
 * The shell's line editor: keys, history, long lines, and bytes that no keyboard sends.
 *
 * A small terminal stands behind the editor, so that what is asserted is what a person would see: a row of 80 columns, on
 * which nothing may wrap.
 *
 * Links: examples/shell/line.c
 */
#include "examples/shell/line.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#define PROMPT "$ "
#define ROW 80

static struct line_editor editor;

/* The terminal: its cursor's row, the lines that left it, and the bells that rang. */
static char row[ROW + 1];
static unsigned column, bells, rows;

static void show(void *context, const char *text, size_t bytes) {
    cr_assert_eq(context, (void *)row);
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\a') {
            bells++;
        } else if (text[i] == '\b') {
            cr_assert_gt(column, 0u);
            column--;
        } else if (text[i] == '\r') {
            column = 0;
        } else if (text[i] == '\n') {
            rows++;
            column = 0;
            memset(row, 0, sizeof row);
        } else if (text[i] == '\x1b') {
            if (strncmp(text + i, "\x1b[K", 3) == 0)
                memset(row + column, 0, sizeof row - column), i += 2;
            else if (strncmp(text + i, "\x1b[H\x1b[2J", 7) == 0)
                memset(row, 0, sizeof row), column = 0, i += 6;
            else
                cr_assert_fail("the editor wrote an escape sequence of its own: %s", text + i + 1);
        } else {
            cr_assert(text[i] >= ' ' && text[i] <= '~', "byte %#x reached the terminal", (unsigned char)text[i]);
            if (column == ROW)
                column = rows = 0; /* would wrap: the notes may, the line may not (see shows) */
            row[column++] = text[i];
        }
    }
}

static void begin(bool terminal) {
    memset(&editor, 0xaa, sizeof editor);
    memset(row, 0, sizeof row);
    column = bells = rows = 0;
    line_init(&editor, terminal, PROMPT, show, row);
    line_begin(&editor);
}

/* Feeds bytes that do not end the line. */
static void type(const char *keys) {
    for (; *keys; keys++)
        cr_assert_eq(line_feed(&editor, (uint8_t)*keys), LINE_MORE, "byte %#x ends the line", (uint8_t)*keys);
}

/* Ends the line, which must be `text`, and begins the next. */
static void enter(const char *text) {
    cr_assert_eq(line_feed(&editor, '\r'), LINE_DONE);
    cr_assert_str_eq(editor.text, text);
    line_begin(&editor);
}

/* What stands on the row, and where the cursor is in it. */
static void shows(const char *text, unsigned at) {
    cr_assert_lt(strlen(row), (size_t)ROW, "the line reaches the last column");
    cr_assert_str_eq(row, text);
    cr_assert_eq(column, at, "the cursor is at %u, not %u, of \"%s\"", column, at, row);
}

Test(shell_line, typing_is_echoed_and_entered) {
    begin(true);
    shows(PROMPT, 2);
    type("help");
    shows(PROMPT "help", 6);
    enter("help");
    shows(PROMPT, 2);
}

Test(shell_line, a_return_a_feed_and_both_end_one_line) {
    begin(true);
    type("a");
    cr_assert_eq(line_feed(&editor, '\r'), LINE_DONE);
    line_begin(&editor);
    cr_assert_eq(line_feed(&editor, '\n'), LINE_MORE);
    cr_assert_eq(line_feed(&editor, '\n'), LINE_DONE);
    cr_assert_str_eq(editor.text, "");
    line_begin(&editor);
    type("b");
    enter("b");
}

/* Keys, and the line that they make. */
static const struct keys {
    const char *keys, *line;
    unsigned cursor;
} keys[] = {
    {"abc\b", "ab", 2},      /* backspace as 0x08 */
    {"abc\x7f\x7f", "a", 1}, /* and as 0x7f */
    {"ac\x02"
     "b",
     "abc", 2}, /* Ctrl-B, insert */
    {"bc\x01"
     "a",
     "abc", 1}, /* Ctrl-A */
    {"ab\x01\x05"
     "c",
     "abc", 3}, /* Ctrl-E */
    {"ab\x01\x06\x06"
     "c",
     "abc", 3},                                   /* Ctrl-F */
    {"abc\x02\x02\x04", "ac", 1},                 /* Ctrl-D deletes under the cursor */
    {"abc\x02\x02\x0b", "a", 1},                  /* Ctrl-K */
    {"abc\x02\x15", "c", 0},                      /* Ctrl-U */
    {"run wordcount\x17hello", "run hello", 9},   /* Ctrl-W */
    {"run  x  \x17", "run  ", 5},                 /* with the blanks behind the word */
    {"ac\x1b[Db", "abc", 2},                      /* left */
    {"ac\x1bODb", "abc", 2},                      /* left, of an application keypad */
    {"ab\x1b[H\x1b[C!", "a!b", 2},                /* home, right */
    {"ab\x1b[1~\x1b[4~!", "ab!", 3},              /* home and end of a VT220 */
    {"ab\x1b[7~\x1b[8~!", "ab!", 3},              /* and of rxvt */
    {"abc\x1b[D\x1b[D\x1b[3~", "ac", 1},          /* delete */
    {"abc\x1b[3~", "abc", 3},                     /* at the end: nothing */
    {"ab\x1b[1;5D!", "a!b", 2},                   /* Ctrl-left: as left */
    {"ab\x1b[15~c", "abc", 3},                    /* F5: nothing */
    {"ab\x1b[99999999999999999999~c", "abc", 3},  /* absurd numbers */
    {"ab\x1b[?;;:<=>!#$%&'()*+,-./~c", "abc", 3}, /* and parameters */
    {"ab\x1bxc", "abc", 3},                       /* Alt-x: nothing */
    {"ab\x1b\x1b[Dc", "acb", 2},                  /* Alt-left: as left */
    {"ab\x1b[\x08", "a", 1},                      /* a control byte ends a sequence and means what it means */
    {"ab\x1bO\x08", "a", 1},
    {"ab\x1b\x08", "a", 1},
    {"ab\x1b[\xff"
     "c",
     "abc", 3}, /* so does one that no sequence holds */
    {"a\x80\xfe\xff"
     "b",
     "ab", 2}, /* not ASCII: refused */
    {"a\x1c\x1d\x1e\x1f\x07\x09\x0e\x0f\x12\x14\x16\x18\x19\x1a"
     "b",
     "ab", 2}, /* control bytes without a meaning */
};

Test(shell_line, every_key_does_what_readline_does) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        begin(true);
        type(keys[i].keys);
        char expected[64];
        snprintf(expected, sizeof expected, PROMPT "%s", keys[i].line);
        cr_assert_str_eq(row, expected, "case %zu: \"%s\", not \"%s\"", i, row, expected);
        shows(expected, 2 + keys[i].cursor);
        enter(keys[i].line);
    }
}

Test(shell_line, control_c_abandons_and_control_d_ends) {
    begin(true);
    type("abc");
    cr_assert_eq(line_feed(&editor, 0x03), LINE_ABANDONED);
    line_begin(&editor);
    shows(PROMPT, 2);
    cr_assert_eq(line_feed(&editor, 0x04), LINE_END);
}

Test(shell_line, control_l_clears_and_shows_the_line_again) {
    begin(true);
    type("abc\x02\x0c");
    shows(PROMPT "abc", 4);
}

Test(shell_line, nothing_to_do_rings) {
    begin(true);
    type("\x02\x06\b\x0b\x15\x17\x10\x0e");
    cr_assert_eq(bells, 8);
    shows(PROMPT, 2);
}

Test(shell_line, history_recalls_and_keeps_the_draft) {
    begin(true);
    type("one"), enter("one");
    type("two"), enter("two");
    type("two"), enter("two"); /* kept once */
    type("  "), enter("  ");   /* not kept */
    type("dra\x1b[A");
    shows(PROMPT "two", 5);
    type("\x10");
    shows(PROMPT "one", 5);
    type("\x10");
    cr_assert_eq(bells, 1);
    type("\x1b[B\x0e");
    shows(PROMPT "dra", 5);
    type("\x0e");
    cr_assert_eq(bells, 2);
    enter("dra");
    type("\x10\x10!"); /* an edited line is a new one */
    shows(PROMPT "two!", 6);
    enter("two!");
    type("\x10\x10\x10");
    enter("two");
}

Test(shell_line, history_holds_the_latest) {
    begin(true);
    char line[16];
    for (int i = 0; i < LINE_HISTORY + 5; i++) {
        snprintf(line, sizeof line, "%d", i);
        type(line), enter(line);
    }
    for (int i = 0; i < LINE_HISTORY; i++)
        type("\x10");
    cr_assert_eq(bells, 0);
    shows(PROMPT "5", 3);
    type("\x10");
    cr_assert_eq(bells, 1);
}

static char *letters(size_t length) {
    static char text[LINE_BYTES + 2];
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + i % 26);
    text[length] = 0;
    return text;
}

Test(shell_line, a_long_line_scrolls_sideways) {
    begin(true);
    char *text = letters(LINE_BYTES);
    for (size_t i = 0; i < LINE_BYTES; i++) {
        type((char[]){text[i], 0});
        cr_assert_lt(strlen(row), (size_t)ROW);
        cr_assert_eq(column, strlen(row));
    }
    cr_assert_eq(rows, 0);
    type("\x01");
    cr_assert_eq(column, 2);
    cr_assert_eq(strncmp(row + 2, text, strlen(row) - 2), 0);
    for (size_t i = 0; i < LINE_BYTES; i++) {
        type("\x06");
        cr_assert_lt(column, (unsigned)ROW);
    }
    enter(text);
}

Test(shell_line, what_is_too_much_is_refused_on_a_terminal) {
    begin(true);
    char *text = letters(LINE_BYTES);
    type(text);
    type("more");
    cr_assert_geq(bells, 1);
    enter(text);
    type("next");
    enter("next");
}

Test(shell_line, a_script_gets_neither_echo_nor_editing) {
    begin(false);
    type("caf\xc3\xa9\x01\x1b[A");
    cr_assert_eq(line_feed(&editor, '\n'), LINE_DONE);
    cr_assert_str_eq(editor.text, "caf\xc3\xa9\x01\x1b[A");
    cr_assert_eq(column + rows + bells, 0);
    cr_assert_str_eq(row, "");
}

Test(shell_line, zeros_in_a_script_are_left_out) {
    begin(false);
    cr_assert_eq(line_feed(&editor, 'a'), LINE_MORE);
    cr_assert_eq(line_feed(&editor, 0), LINE_MORE);
    cr_assert_eq(line_feed(&editor, 'b'), LINE_MORE);
    cr_assert_eq(line_feed(&editor, '\n'), LINE_DONE);
    cr_assert_str_eq(editor.text, "ab");
}

Test(shell_line, a_script_s_line_that_is_too_long_is_dropped_whole) {
    begin(false);
    char *text = letters(LINE_BYTES);
    type(text);
    cr_assert_eq(line_feed(&editor, '\n'), LINE_DONE);
    cr_assert_str_eq(editor.text, text);
    line_begin(&editor);
    type(text), type("!");
    cr_assert_eq(line_feed(&editor, '\n'), LINE_TOO_LONG);
    line_begin(&editor);
    type("next");
    cr_assert_eq(line_feed(&editor, '\n'), LINE_DONE);
    cr_assert_str_eq(editor.text, "next");
}

Test(shell_line, the_end_of_input_gives_the_unfinished_line) {
    begin(false);
    type("exit 3");
    cr_assert_eq(line_finish(&editor), LINE_DONE);
    cr_assert_str_eq(editor.text, "exit 3");
    line_begin(&editor);
    cr_assert_eq(line_finish(&editor), LINE_END);

    char *text = letters(LINE_BYTES + 1);
    line_begin(&editor);
    type(text);
    cr_assert_eq(line_finish(&editor), LINE_TOO_LONG);
    line_begin(&editor);
    cr_assert_eq(line_finish(&editor), LINE_END);
}

/* Whatever comes, the line stays within bounds, the text printable, and the row whole. */
static void garbage(bool terminal) {
    uint64_t state = 88172645463325252u;
    begin(terminal);
    for (int i = 0; i < 300000; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        /* Bytes of sequences and control bytes more often than by chance, and few ends of lines. */
        static const char likely[] = "\x1b[O~;0123456789ABCDHF\x01\x02\x04\x05\x06\b\x0b\x0e\x10\x15\x17";
        uint8_t byte = state >> 60 < 8 ? (uint8_t)(state >> 8) : (uint8_t)likely[(state >> 8) % (sizeof likely - 1)];
        if ((byte == '\r' || byte == '\n') && (state >> 20) % 64)
            byte = 'x';
        enum line_event event = line_feed(&editor, byte);
        cr_assert_leq(editor.length, (size_t)LINE_BYTES);
        cr_assert_leq(editor.cursor, editor.length);
        cr_assert_leq(editor.offset, editor.cursor);
        if (event == LINE_DONE)
            cr_assert_eq(strlen(editor.text), editor.length);
        if (event != LINE_MORE)
            line_begin(&editor);
        else if (terminal)
            cr_assert_lt(strlen(row), (size_t)ROW);
    }
}

Test(shell_line, garbage_on_a_terminal) {
    garbage(true);
}

Test(shell_line, garbage_in_a_script) {
    garbage(false);
}
