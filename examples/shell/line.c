/*
 * The line editor (see line.h).
 *
 * Invariants: cursor <= length <= LINE_BYTES; offset <= cursor. After each byte the screen shows the prompt and as much
 * of the line as fits a row, and the terminal's cursor stands where `cursor` says.
 *
 * Rejected: lines that wrap (their redrawing needs the terminal's width, and terminals differ at the last column).
 */
#include "line.h"

#define CONTROL(letter) ((letter) - '@')
#define KEY_RETURN '\r'
#define KEY_FEED '\n'
#define KEY_ESCAPE 0x1b
#define KEY_DELETE 0x7f
#define BELL "\a"
#define CLEAR_SCREEN "\x1b[H\x1b[2J"
#define CLEAR_TO_END "\x1b[K"

#define PARAMETER_MAX 1000

static size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

static void text_copy(char *to, const char *from, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        to[i] = from[i];
    to[bytes] = '\0';
}

static void say(struct line_editor *editor, const char *text) {
    if (editor->terminal)
        editor->write(editor->context, text, text_length(text));
}

/* What fits a row beside the prompt; the last column stays free, so that the terminal does not wrap. */
static size_t row_bytes(const struct line_editor *editor) {
    size_t prompt = text_length(editor->prompt);
    return prompt + 16 < LINE_COLUMNS ? LINE_COLUMNS - 1 - prompt : 16;
}

static void redraw(struct line_editor *editor) {
    if (!editor->terminal)
        return;
    size_t row = row_bytes(editor);
    if (editor->offset > editor->cursor)
        editor->offset = editor->cursor;
    if (editor->cursor - editor->offset > row)
        editor->offset = editor->cursor - row;
    size_t shown = editor->length - editor->offset;
    if (shown > row)
        shown = row;
    say(editor, "\r");
    say(editor, editor->prompt);
    editor->write(editor->context, editor->text + editor->offset, shown);
    say(editor, CLEAR_TO_END);
    size_t back = shown - (editor->cursor - editor->offset);
    char backspaces[LINE_COLUMNS];
    for (size_t i = 0; i < back; i++)
        backspaces[i] = '\b';
    editor->write(editor->context, backspaces, back);
}

static void insert(struct line_editor *editor, char byte) {
    if (editor->length == LINE_BYTES) {
        if (!editor->overflowed && editor->terminal) {
            say(editor, "\nThis line is full: a command has at most 1024 bytes.\n");
            redraw(editor);
        }
        editor->overflowed = true;
        say(editor, BELL);
        return;
    }
    for (size_t i = editor->length; i > editor->cursor; i--)
        editor->text[i] = editor->text[i - 1];
    editor->text[editor->cursor++] = byte;
    editor->length++;
    if (editor->cursor == editor->length && editor->length - editor->offset <= row_bytes(editor)) {
        if (editor->terminal)
            editor->write(editor->context, &byte, 1);
    } else {
        redraw(editor);
    }
}

/* Takes text[from .. to) out; the cursor goes there. */
static void cut(struct line_editor *editor, size_t from, size_t to) {
    if (from == to) {
        say(editor, BELL);
        return;
    }
    for (size_t i = to; i < editor->length; i++)
        editor->text[from + i - to] = editor->text[i];
    editor->length -= to - from;
    editor->cursor = from;
    redraw(editor);
}

static void move(struct line_editor *editor, size_t cursor) {
    if (cursor == editor->cursor || cursor > editor->length) {
        say(editor, BELL);
        return;
    }
    editor->cursor = cursor;
    redraw(editor);
}

static size_t word_before(const struct line_editor *editor) {
    size_t at = editor->cursor;
    while (at > 0 && editor->text[at - 1] == ' ')
        at--;
    while (at > 0 && editor->text[at - 1] != ' ')
        at--;
    return at;
}

/* Shows the line `recalled` steps back in the history. */
static void recall(struct line_editor *editor, size_t recalled) {
    size_t kept = editor->history_used < LINE_HISTORY ? editor->history_used : LINE_HISTORY;
    if (recalled > kept) {
        say(editor, BELL);
        return;
    }
    if (editor->recalled == 0)
        text_copy(editor->draft, editor->text, editor->length);
    const char *line = recalled == 0 ? editor->draft : editor->history[(editor->history_used - recalled) % LINE_HISTORY];
    editor->recalled = recalled;
    editor->length = text_length(line);
    text_copy(editor->text, line, editor->length);
    editor->cursor = editor->length;
    redraw(editor);
}

/* Keeps the line for later, unless it is blank or the same as the one before. */
static void remember(struct line_editor *editor) {
    bool blank = true, same = editor->history_used > 0;
    const char *last = editor->history[(editor->history_used + LINE_HISTORY - 1) % LINE_HISTORY];
    for (size_t i = 0; i <= editor->length; i++) {
        blank = blank && (editor->text[i] == ' ' || editor->text[i] == '\0');
        same = same && last[i] == editor->text[i];
        if (!blank && !same)
            break;
    }
    if (!blank && !same)
        text_copy(editor->history[editor->history_used++ % LINE_HISTORY], editor->text, editor->length);
}

static enum line_event finish_line(struct line_editor *editor) {
    editor->text[editor->length] = '\0';
    if (editor->terminal)
        remember(editor);
    else if (editor->overflowed)
        return LINE_TOO_LONG;
    say(editor, "\n");
    return LINE_DONE;
}

static enum line_event control(struct line_editor *editor, uint8_t byte) {
    switch (byte) {
    case CONTROL('A'):
        move(editor, 0);
        break;
    case CONTROL('B'):
        move(editor, editor->cursor - 1); /* before the start it wraps round, and is refused */
        break;
    case CONTROL('C'):
        say(editor, "^C\n");
        return LINE_ABANDONED;
    case CONTROL('D'):
        if (editor->length == 0) {
            say(editor, "\n");
            return LINE_END;
        }
        cut(editor, editor->cursor, editor->cursor + (editor->cursor < editor->length));
        break;
    case CONTROL('E'):
        move(editor, editor->length);
        break;
    case CONTROL('F'):
        move(editor, editor->cursor + 1);
        break;
    case CONTROL('H'):
    case KEY_DELETE:
        cut(editor, editor->cursor - (editor->cursor > 0), editor->cursor);
        break;
    case CONTROL('K'):
        cut(editor, editor->cursor, editor->length);
        break;
    case CONTROL('L'):
        say(editor, CLEAR_SCREEN);
        redraw(editor);
        break;
    case CONTROL('N'):
        recall(editor, editor->recalled - 1); /* past the newest it wraps round, and is refused */
        break;
    case CONTROL('P'):
        recall(editor, editor->recalled + 1);
        break;
    case CONTROL('U'):
        cut(editor, 0, editor->cursor);
        break;
    case CONTROL('W'):
        cut(editor, word_before(editor), editor->cursor);
        break;
    default:
        say(editor, BELL);
        break;
    }
    return LINE_MORE;
}

/* The letter that ends a sequence, or stands after ESC O. */
static enum line_event key_letter(struct line_editor *editor, uint8_t letter) {
    switch (letter) {
    case 'A':
        return control(editor, CONTROL('P'));
    case 'B':
        return control(editor, CONTROL('N'));
    case 'C':
        return control(editor, CONTROL('F'));
    case 'D':
        return control(editor, CONTROL('B'));
    case 'H':
        return control(editor, CONTROL('A'));
    case 'F':
        return control(editor, CONTROL('E'));
    default:
        return LINE_MORE; /* a key that means nothing here */
    }
}

static enum line_event key_number(struct line_editor *editor, unsigned number) {
    switch (number) {
    case 1:
    case 7:
        return control(editor, CONTROL('A'));
    case 3:
        if (editor->cursor < editor->length)
            cut(editor, editor->cursor, editor->cursor + 1);
        return LINE_MORE;
    case 4:
    case 8:
        return control(editor, CONTROL('E'));
    default:
        return LINE_MORE;
    }
}

static enum line_event ground(struct line_editor *editor, uint8_t byte) {
    if (byte == KEY_ESCAPE) {
        editor->state = LINE_ESCAPE;
        return LINE_MORE;
    }
    if (byte >= ' ' && byte < KEY_DELETE)
        insert(editor, (char)byte);
    else if (byte < ' ' || byte == KEY_DELETE)
        return control(editor, byte);
    else
        say(editor, BELL);
    return LINE_MORE;
}

/* Parameters and the bytes between them and the final one are skipped, but for the first number. */
static enum line_event sequence(struct line_editor *editor, uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        if (!editor->parameter_over && editor->parameter < PARAMETER_MAX)
            editor->parameter = editor->parameter * 10 + (unsigned)(byte - '0');
        return LINE_MORE;
    }
    if (byte >= ' ' && byte < '@') {
        editor->parameter_over = true;
        return LINE_MORE;
    }
    editor->state = LINE_GROUND;
    if (byte < ' ' || byte >= KEY_DELETE)
        return ground(editor, byte);
    return byte == '~' ? key_number(editor, editor->parameter) : key_letter(editor, byte);
}

static enum line_event terminal_byte(struct line_editor *editor, uint8_t byte) {
    switch (editor->state) {
    case LINE_ESCAPE:
        editor->state = LINE_GROUND;
        editor->parameter = 0;
        editor->parameter_over = false;
        if (byte == '[')
            editor->state = LINE_SEQUENCE;
        else if (byte == 'O')
            editor->state = LINE_LETTER;
        else if (byte < ' ' || byte == KEY_DELETE)
            return ground(editor, byte);
        return LINE_MORE; /* ESC and a letter: a key that means nothing here */
    case LINE_SEQUENCE:
        return sequence(editor, byte);
    case LINE_LETTER:
        editor->state = LINE_GROUND;
        return byte < ' ' || byte == KEY_DELETE ? ground(editor, byte) : key_letter(editor, byte);
    default:
        return ground(editor, byte);
    }
}

void line_init(struct line_editor *editor, bool terminal, const char *prompt, line_write write, void *context) {
    editor->terminal = terminal;
    editor->prompt = prompt;
    editor->write = write;
    editor->context = context;
    editor->after_return = false;
    editor->history_used = 0;
    editor->history[LINE_HISTORY - 1][0] = '\0';
    editor->length = editor->cursor = editor->offset = 0;
    editor->state = LINE_GROUND;
    editor->overflowed = false;
    editor->recalled = 0;
}

void line_begin(struct line_editor *editor) {
    editor->length = editor->cursor = editor->offset = 0;
    editor->text[0] = '\0';
    editor->state = LINE_GROUND;
    editor->overflowed = false;
    editor->recalled = 0;
    say(editor, editor->prompt);
}

enum line_event line_feed(struct line_editor *editor, uint8_t byte) {
    bool after_return = editor->after_return;
    editor->after_return = byte == KEY_RETURN;
    if (byte == KEY_FEED && after_return)
        return LINE_MORE;
    if (byte == KEY_RETURN || byte == KEY_FEED)
        return finish_line(editor);
    if (editor->terminal)
        return terminal_byte(editor, byte);
    if (byte != '\0') /* it would end the text early */
        insert(editor, (char)byte);
    return LINE_MORE;
}

enum line_event line_finish(struct line_editor *editor) {
    if (editor->length == 0 && !editor->overflowed)
        return LINE_END;
    return finish_line(editor);
}
