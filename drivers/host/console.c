/*
 * The console: standard input and output.
 *
 * Output is a plain write, which waits if nobody reads: as a serial line does. Input is read when libuv says that there is
 * some, on core 0, as much at once as the hook takes. The end of input is told as a serial line tells it, by the
 * end-of-transmission character. What libuv can't wait for (an ordinary file, /dev/null) is always ready.
 */
#define _GNU_SOURCE
#include "host.h"

#include <errno.h>
#include <ferrite/panic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK 64 /* what the hook takes at once */
#define END_OF_TRANSMISSION 0x04

static struct {
    bool is_file;
    uv_poll_t readable;
    uv_idle_t always; /* in its place for a file */
    uv_async_t resume;
    bool ended;
    size_t got; /* from the last read, for the hook */
    uint8_t data[CHUNK];
} input;

void fe_host_console_put(const char *text, size_t bytes) {
    while (bytes > 0) {
        ssize_t written = write(STDOUT_FILENO, text, bytes);
        if (written < 0 && errno == EAGAIN)
            usleep(1000); /* somebody has made it non-blocking, and it is full */
        else if (written < 0 && errno != EINTR)
            return; /* nobody will ever read it */
        if (written > 0) {
            text += written;
            bytes -= (size_t)written;
        }
    }
}

static void pause_input(void) {
    if (input.is_file)
        uv_idle_stop(&input.always);
    else
        uv_poll_stop(&input.readable);
}

static void read_some(void) {
    ssize_t got = read(STDIN_FILENO, input.data, sizeof input.data);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        input.ended = true;
        pause_input();
        input.data[0] = END_OF_TRANSMISSION;
        got = 1;
    }
    input.got = (size_t)got;
    fe_arch_hooks.interrupt(FE_HOST_VECTOR_CONSOLE, NULL);
}

void fe_host_console_interrupt(void) {
    fe_machine_hooks.console_received(input.data, input.got); /* false: it has held us back already */
}

static void on_readable(uv_poll_t *handle, int status, int events) {
    (void)handle;
    (void)status;
    (void)events;
    read_some();
}

static void on_idle(uv_idle_t *handle) {
    (void)handle;
    read_some();
}

static void resume_input(void) {
    if (input.ended)
        return;
    int status = input.is_file ? uv_idle_start(&input.always, on_idle)
                               : uv_poll_start(&input.readable, UV_READABLE | UV_DISCONNECT, on_readable);
    fe_check(status == 0);
}

static void on_resume(uv_async_t *handle) {
    (void)handle;
    resume_input();
}

fe_status fe_host_console_start(void) {
    uv_loop_t *loop = fe_host_loop_devices();
    if (uv_async_init(loop, &input.resume, on_resume) != 0 || uv_idle_init(loop, &input.always) != 0)
        return FE_EIO;
    input.is_file = uv_poll_init(loop, &input.readable, STDIN_FILENO) != 0;
    resume_input();
    return FE_OK;
}

/* Held back on core 0, from the hook; let go anywhere. */
void fe_host_console_hold(bool hold) {
    if (hold)
        pause_input();
    else
        uv_async_send(&input.resume);
}
