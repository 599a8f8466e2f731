/*
 * The line editor: bytes in, lines and echo out. A pure state machine, which knows neither the console nor tasks.
 *
 *                     ESC                  [                    final byte: a key
 *     GROUND ----------------> ESCAPE ------------> SEQUENCE ------------------------> GROUND
 *        ^                       |  O                  |
 *        |                       +-------> LETTER      | a control byte, or one that no sequence holds: the sequence
 *        +------ any other ------+----------+----------+ is dropped, and the control byte means what it always means
 *
 * On a terminal it echoes, edits and recalls earlier lines; keys are those of readline. Only printable ASCII is taken
 * there; anything else rings the bell. Otherwise (a script on the serial line) it only collects lines, bytes above
 * ASCII included, and echoes nothing.
 *
 * Lines have at most LINE_BYTES bytes. What is too much is refused: on a terminal with a note, and the line stays as it
 * is; in a script the whole line is dropped and reported as LINE_TOO_LONG, since half a command is worse than none.
 */
#ifndef SHELL_LINE_H
#define SHELL_LINE_H

#include <ferrite/base.h>

#define LINE_BYTES 1024
#define LINE_HISTORY 32
#define LINE_COLUMNS 80

enum line_event {
    LINE_MORE,      /* the line goes on */
    LINE_DONE,      /* `text` is a line, without its newline */
    LINE_ABANDONED, /* Ctrl-C */
    LINE_TOO_LONG,  /* a line of a script was dropped */
    LINE_END,       /* end of input: Ctrl-D on an empty line */
};

typedef void (*line_write)(void *context, const char *text, size_t bytes);

struct line_editor {
    char text[LINE_BYTES + 1]; /* terminated when LINE_DONE is answered */
    size_t length, cursor;
    size_t offset; /* of the first byte on the screen: long lines scroll sideways */
    bool terminal;
    const char *prompt;
    line_write write;
    void *context;

    enum { LINE_GROUND, LINE_ESCAPE, LINE_SEQUENCE, LINE_LETTER } state;
    unsigned parameter;  /* the first number of the sequence, at most 1000 */
    bool parameter_over; /* a later parameter has begun */
    bool after_return;   /* a line feed would belong to the return before it */
    bool overflowed;     /* this line was too long, and that was said */

    char history[LINE_HISTORY][LINE_BYTES + 1]; /* a ring, newest at history_used - 1 */
    size_t history_used;                        /* lines ever kept */
    size_t recalled;                            /* steps back from the newest; 0: the line being written */
    char draft[LINE_BYTES + 1];                 /* the line being written, while an earlier one is shown */
};

/* Prepares an editor. `prompt` and `write` with its `context` are used on a terminal only, and must outlive it. */
void line_init(struct line_editor *editor, bool terminal, const char *prompt, line_write write, void *context);

/* Begins the next line: empties the text and shows the prompt. */
void line_begin(struct line_editor *editor);

/* Takes one byte of input. After anything but LINE_MORE, call line_begin before the next byte. */
enum line_event line_feed(struct line_editor *editor, uint8_t byte);

/* The input has ended: LINE_DONE if a line without a newline is left (a further call then ends), otherwise LINE_END;
 * LINE_TOO_LONG as in line_feed. */
enum line_event line_finish(struct line_editor *editor);

#endif
