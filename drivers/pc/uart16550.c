/*
 * The serial line: a 16550 UART at one of the four COM ports.
 *
 * Output is polled, so that it works in any context; it fills the 16-byte FIFO each time that it has run empty. Input is by
 * interrupt, at each byte (trigger level 1): a terminal's bytes come one at a time, and a fast sender's fill the FIFO while
 * the handler runs. The handler reads until the FIFO is empty, so nothing that the UART delivered stays behind; what it lost
 * by itself (overrun) is counted and told.
 *
 * Turning the FIFO on empties it, and a byte may be waiting already (a host that pipes input in); so that is read
 * out first and kept until input starts.
 *
 * A UART that never gets ready (none there after all, or flow control off) must not hang a panic: the wait is bounded, and
 * afterwards each byte gets a short one only.
 */
#include "pc.h"

#include <ferrite/log.h>

#undef FE_LOG_MODULE
#define FE_LOG_MODULE "uart"

#define DATA 0
#define INTERRUPT_ENABLE 1
#define INTERRUPT_IDENTIFY 2 /* reading */
#define FIFO_CONTROL 2       /* writing */
#define LINE_CONTROL 3
#define MODEM_CONTROL 4
#define LINE_STATUS 5
#define SCRATCH 7

#define ENABLE_RECEIVED 1
#define NOTHING_PENDING 1
#define FIFO_ENABLE 1
#define LATCH_ACCESS 0x80
#define EIGHT_BITS 3
#define TERMINAL_READY 1
#define REQUEST_TO_SEND 2
#define OUT2 8 /* on PCs the gate of the interrupt line */
#define STATUS_DATA 0x01
#define STATUS_OVERRUN 0x02
#define STATUS_EMPTY 0x20 /* the transmit FIFO */

#define FIFO_BYTES 16
#define PATIENCE 1000000u /* status reads: above a second on a PC, where a byte takes 90 us */

static const struct {
    uint16_t port;
    uint8_t line;
} candidates[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

static uint16_t port; /* 0: no UART */
static uint8_t isa_line;
static uint8_t early[FIFO_BYTES]; /* received before input started */
static unsigned early_count;
static bool stuck;

static uint8_t read_register(unsigned offset) {
    return fe_x86_in8((uint16_t)(port + offset));
}

static void write_register(unsigned offset, uint8_t value) {
    fe_x86_out8((uint16_t)(port + offset), value);
}

static bool present(uint16_t at) {
    static const uint8_t patterns[] = {0x5a, 0xa5};
    for (size_t i = 0; i < sizeof(patterns); i++) {
        fe_x86_out8((uint16_t)(at + SCRATCH), patterns[i]);
        if (fe_x86_in8((uint16_t)(at + SCRATCH)) != patterns[i])
            return false;
    }
    return true;
}

static void keep_early(void) {
    while ((read_register(LINE_STATUS) & STATUS_DATA) && early_count < sizeof(early))
        early[early_count++] = read_register(DATA);
}

bool fe_uart_init(void) {
    for (size_t i = 0; i < FE_ARRAY_LENGTH(candidates) && port == 0; i++) {
        if (present(candidates[i].port)) {
            port = candidates[i].port;
            isa_line = candidates[i].line;
        }
    }
    if (port == 0)
        return false;
    write_register(INTERRUPT_ENABLE, 0);
    write_register(LINE_CONTROL, LATCH_ACCESS | EIGHT_BITS); /* 115200 baud, eight bits, no parity */
    write_register(DATA, 1);
    write_register(INTERRUPT_ENABLE, 0);
    write_register(LINE_CONTROL, EIGHT_BITS);
    write_register(MODEM_CONTROL, TERMINAL_READY | REQUEST_TO_SEND);
    if ((read_register(INTERRUPT_IDENTIFY) & 0xc0) != 0xc0) { /* the FIFO is not on yet */
        keep_early();
        write_register(FIFO_CONTROL, FIFO_ENABLE);
    }
    return true;
}

unsigned fe_uart_isa_line(void) {
    return isa_line;
}

static bool wait_empty(void) {
    for (unsigned tries = stuck ? PATIENCE / 1000 : PATIENCE; tries; tries--)
        if (read_register(LINE_STATUS) & STATUS_EMPTY)
            return true;
    return false;
}

void fe_uart_put(const char *text, size_t bytes) {
    while (bytes) {
        stuck = !wait_empty();
        size_t now = stuck ? 1 : bytes < FIFO_BYTES ? bytes : FIFO_BYTES;
        for (size_t i = 0; i < now; i++)
            write_register(DATA, (uint8_t)*text++);
        bytes -= now;
    }
}

/* The handler of the UART's line. */
static void received(void *argument) {
    (void)argument;
    uint8_t data[64];
    size_t count = 0;
    bool overrun = false, more = true;
    while (more && !(read_register(INTERRUPT_IDENTIFY) & NOTHING_PENDING)) {
        while (more) {
            uint8_t status = read_register(LINE_STATUS); /* reading it also ends a line status interrupt */
            overrun |= status & STATUS_OVERRUN;
            if (!(status & STATUS_DATA))
                break;
            data[count++] = read_register(DATA);
            if (count == sizeof(data)) {
                more = fe_machine_hooks.console_received(data, count);
                count = 0;
            }
        }
    }
    if (count)
        fe_machine_hooks.console_received(data, count);
    if (overrun)
        fe_warn("the serial line lost input: bytes came while its FIFO was full");
}

void fe_uart_hold(bool hold) {
    write_register(INTERRUPT_ENABLE, hold ? 0 : ENABLE_RECEIVED); /* what is in the FIFO then interrupts at once */
}

fe_status fe_uart_start(unsigned line) {
    if (port == 0 || !fe_machine_hooks.console_received)
        return FE_ENOENT;
    fe_status status = fe_interrupt_register(line, received, NULL);
    if (status != FE_OK)
        return status;
    uintptr_t state = fe_arch_interrupts_disable();
    if (early_count)
        fe_machine_hooks.console_received(early, early_count);
    early_count = 0;
    write_register(MODEM_CONTROL, TERMINAL_READY | REQUEST_TO_SEND | OUT2);
    status = fe_machine.interrupt_enable(line, 0);
    if (status == FE_OK)
        write_register(INTERRUPT_ENABLE, ENABLE_RECEIVED); /* what is in the FIFO already interrupts now */
    fe_arch_interrupts_restore(state);
    return status;
}
