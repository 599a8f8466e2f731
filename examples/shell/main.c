/*
 * The shell: commands from the serial console, one a line. A person gets a prompt, line editing and history; a script gets
 * the output of its commands and nothing else. `app=NAME` on the kernel command line runs that program first.
 * docs/tutorial.md has a tour.
 *
 * It waits for input as any task does: the serial interrupt posts to its core's event loop, which makes the reader ready.
 */
#include <ferrite/ferrite.h>

#include "commands.h"
#include "line.h"

static void write_console(void *context, const char *text, size_t bytes) {
    (void)context;
    fe_console_write(text, bytes);
}

/* What a finished line means. */
static void act(struct shell *shell, struct line_editor *editor, enum line_event event) {
    switch (event) {
    case LINE_DONE:
        shell_execute(shell, editor->text);
        break;
    case LINE_TOO_LONG:
        fe_print("shell: a line of more than %d bytes was left out\n", LINE_BYTES);
        shell->status = 2;
        break;
    case LINE_END:
        shell->leaving = true;
        break;
    default:
        break;
    }
    if (!shell->leaving)
        line_begin(editor);
}

static void run_first(struct shell *shell) {
    const char *app = fe_env("app");
    char line[LINE_BYTES];
    if (app != NULL && fe_format(line, sizeof line, "run %s", app) < (int)sizeof line)
        shell_execute(shell, line);
}

int fe_main(int argc, char **argv) {
    struct shell shell = {0};
    if (argc > 1)
        fe_print("shell: takes no words, and ignores '%.40s'; app=NAME runs a program first\n", argv[1]);
    struct line_editor *editor = fe_heap_alloc(sizeof *editor); /* too large for a stack */
    line_init(editor, fe_console_is_terminal(), "ferrite> ", write_console, NULL);
    if (fe_console_is_terminal())
        fe_print("Ferrite on %u cores. help lists the commands.\n", fe_core_count());
    run_first(&shell);
    line_begin(editor);
    while (!shell.leaving) {
        uint8_t byte; /* one at a time: what follows a command is left to the program that it runs */
        size_t got;
        fe_status status = fe_console_read(&byte, 1, &got);
        if (status == FE_OK) {
            enum line_event event = line_feed(editor, byte);
            if (event != LINE_MORE)
                act(&shell, editor, event);
        } else if (status == FE_ECLOSED) {
            enum line_event event;
            do {
                event = line_finish(editor);
                act(&shell, editor, event);
            } while (event != LINE_END && !shell.leaving);
        } else {
            fe_print("shell: cannot read the console: %s\n", fe_status_string(status));
            fe_heap_free(editor);
            return 1;
        }
    }
    fe_heap_free(editor);
    return shell.status;
}
