/*
 * PL011 serial line: polled output, input by interrupt. The firmware's line speed is kept. The receive FIFO interrupts at an
 * eighth full and, for what is less, when the line falls silent; the handler empties it, so no byte waits.
 *
 * QEMU's model interrupts for each byte and takes one from its host in each turn of its main loop, 30 to 50 us: what is large
 * comes faster by INITRD=. Rejected: waiting in the handler for more (slower there, and no business of a handler).
 */
#include "gic.h"

#define DATA 0x00
#define FLAGS 0x18
#define LINE_CONTROL 0x2c
#define CONTROL 0x30
#define FIFO_LEVELS 0x34
#define INTERRUPT_MASK 0x38
#define INTERRUPT_CLEAR 0x44

#define FLAG_BUSY (1u << 3)
#define FLAG_RECEIVE_EMPTY (1u << 4)
#define FLAG_TRANSMIT_FULL (1u << 5)
#define LINE_8N1_FIFO 0x70u
#define CONTROL_ON 0x301u /* UART, transmit, receive */
#define RECEIVE_LEVEL (1u << 4)
#define RECEIVE_TIMEOUT (1u << 6)
#define RECEIVE_INTERRUPTS (RECEIVE_LEVEL | RECEIVE_TIMEOUT)
#define FORGET_MOST 1000 /* bytes: a sender that does not stop is heard from then on */
#define PATIENCE 10000000

static volatile void *registers;
static unsigned line;
static bool has_line;

static void put(const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        for (unsigned n = 0; fe_register_read(registers, FLAGS) & FLAG_TRANSMIT_FULL && n < PATIENCE; n++)
            fe_arch_relax();
        fe_register_write(registers, DATA, (uint8_t)text[i]);
    }
}

/* Emptying the FIFO ends both interrupts. Nothing is cleared by hand: while input is held, bytes stay in it, and their timeout with
 * them. */
static void receive(void *argument) {
    (void)argument;
    uint8_t buffer[32];
    size_t count;
    bool more = true;
    do {
        count = 0;
        while (count < sizeof buffer && !(fe_register_read(registers, FLAGS) & FLAG_RECEIVE_EMPTY))
            buffer[count++] = (uint8_t)fe_register_read(registers, DATA);
        if (count && fe_machine_hooks.console_received)
            more = fe_machine_hooks.console_received(buffer, count);
    } while (more && count == sizeof buffer);
}

static void hold(bool held) {
    fe_register_write(registers, INTERRUPT_MASK, held ? 0 : RECEIVE_INTERRUPTS); /* what waits then interrupts at once */
}

/* Forgets what came before. The level's interrupt is raised by a byte that comes, not by one that is there: cleared over one that
 * is there, it would not come again. So it is cleared until the FIFO is seen empty afterwards. */
static void forget_input(void) {
    unsigned n = 0;
    do {
        while (!(fe_register_read(registers, FLAGS) & FLAG_RECEIVE_EMPTY) && n++ < FORGET_MOST)
            (void)fe_register_read(registers, DATA);
        fe_register_write(registers, INTERRUPT_CLEAR, 0x7ff);
    } while (!(fe_register_read(registers, FLAGS) & FLAG_RECEIVE_EMPTY) && n < FORGET_MOST);
}

static fe_status start(void) {
    if (!has_line)
        return FE_ENOTSUP;
    fe_status status = fe_interrupt_register(line, receive, NULL);
    if (status != FE_OK)
        return status;
    fe_register_write(registers, INTERRUPT_MASK, RECEIVE_INTERRUPTS);
    return fe_machine.interrupt_enable(line, 0);
}

fe_status fe_pl011_init(const void *tree, struct fe_machine *machine, fe_complain complain) {
    int node = fe_fdt_stdout(tree);
    int first = fe_fdt_find(tree, -1, "arm,pl011");
    if (node < 0)
        node = first;
    /* The only driver there is: stdout must be one of its devices. */
    int one = first;
    while (one >= 0 && one != node)
        one = fe_fdt_find(tree, one, "arm,pl011");
    if (one < 0) {
        complain("the device tree's console is not a PL011: there is no output");
        return FE_ENOENT;
    }
    struct fe_memory_range range;
    if (!fe_fdt_reg(tree, node, 0, &range)) {
        complain("PL011: the device tree gives no usable registers (reg) for it");
        return FE_EINVAL;
    }
    has_line = fe_fdt_interrupt(tree, node, 0, &line);
    registers = fe_arch_map_device(range.base, range.bytes);
    if (!registers)
        return FE_ENOMEM;
    for (unsigned n = 0; fe_register_read(registers, FLAGS) & FLAG_BUSY && n < PATIENCE; n++)
        fe_arch_relax();
    fe_register_write(registers, CONTROL, 0);
    fe_register_write(registers, INTERRUPT_MASK, 0);
    fe_register_write(registers, LINE_CONTROL, LINE_8N1_FIFO);
    fe_register_write(registers, FIFO_LEVELS, 0);
    fe_register_write(registers, CONTROL, CONTROL_ON);
    forget_input();
    machine->console_put = put;
    machine->console_start = start;
    machine->console_hold = hold;
    return FE_OK;
}
