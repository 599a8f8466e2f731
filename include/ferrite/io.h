/*
 * The console and the files that came with the image. Reading blocks only the calling task: the serial interrupt posts to
 * its core's event loop, which makes the reader ready.
 */
#ifndef FERRITE_IO_H
#define FERRITE_IO_H

#include <ferrite/base.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Prints to the console, printf-style (%d %i %u %x %X %o %c %s %p %% with flags - 0 + space #, width, precision, and the
 * lengths hh h l ll z t j; no floating point). Any context but interrupt handlers; each call comes out whole. Returns
 * bytes written. */
int fe_print(const char *format, ...) FE_PRINTF(1, 2);
int fe_print_v(const char *format, va_list arguments);

/* Writes `bytes` bytes to the console as they are ("\n" is followed by a return only on a terminal). */
void fe_console_write(const void *data, size_t bytes);

/*
 * Reads at least one byte, at most `bytes`, from the console into `data`; blocks until there is one. *got is how many.
 * FE_OK; FE_ECLOSED at end of input (which is sticky). One task reads at a time: FE_EBUSY otherwise. Task context.
 */
FE_MUST_CHECK fe_status fe_console_read(void *data, size_t bytes, size_t *got);

/* As fe_console_read, giving up at `deadline` with FE_ETIMEDOUT. */
FE_MUST_CHECK fe_status fe_console_read_until(void *data, size_t bytes, size_t *got, fe_nanoseconds deadline);

/* True if a person is at the console (`console=terminal`), so prompts and echo make sense. Any context. */
bool fe_console_is_terminal(void);

/* Formats into `buffer` of `size` bytes as snprintf does: always terminated if size > 0; returns the untruncated length. */
int fe_format(char *buffer, size_t size, const char *format, ...) FE_PRINTF(3, 4);
int fe_format_v(char *buffer, size_t size, const char *format, va_list arguments);

/* A file that the machine was started with (INITRD=). */
struct fe_file {
    const char *name;
    const uint8_t *data; /* read-only memory; lives as long as the machine */
    size_t bytes;
};

/* How many there are, and the one at `index` (NULL if out of range). Any context after boot. */
size_t fe_file_count(void);
const struct fe_file *fe_file_at(size_t index);
/* The one called `name`, or NULL. */
const struct fe_file *fe_file_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
