/*
 * The console's inside, shared by output, input, log and panic. Programs use ferrite/io.h.
 */
#ifndef FERRITE_KERNEL_CONSOLE_H
#define FERRITE_KERNEL_CONSOLE_H

#include <ferrite/io.h>

/* Prints waiting log lines if nobody else is at the console; whoever is does it before leaving. Any context: in
 * interrupt and fault handlers it does nothing. */
void fe_console_drain(void);

/* The same, but waits for the console. Task context. */
void fe_console_flush(void);

/* With the console's lock held, or alone: writes, keeping count of the column. */
void fe_console_put_locked(const char *text, size_t bytes);
/* Ends an unfinished line. */
void fe_console_fresh_line_locked(void);

/* Takes the console for good: nobody else prints any more. For the end of the machine. */
void fe_console_seize(void);

/* Starts input by interrupt; log lines say how. */
void fe_console_input_start(void);

#endif
