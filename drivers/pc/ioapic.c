/*
 * The IOAPICs: which device line interrupts which core, by which vector.
 *
 * A line is known by its global number (ACPI's GSI). It gets a vector when it is first enabled and keeps it, so that a late
 * interrupt never meets another's handler. A redirection entry is written through an index and a data register, under a lock
 * that is held with interrupts masked, since handlers disable lines too.
 */
#include "pc.h"

#include "../interrupt.h"

#include <ferrite/log.h>
#include <stdatomic.h>

#undef FE_LOG_MODULE
#define FE_LOG_MODULE "apic"

#define INDEX 0
#define DATA (0x10 / 4)
#define VERSION 1
#define REDIRECTION 0x10

#define ACTIVE_LOW (1u << 13)
#define LEVEL (1u << 15)
#define MASKED (1u << 16)

#define NO_LINE UINT16_MAX

struct ioapic {
    volatile uint32_t *registers;
    uint32_t first_line, lines;
};

/* Written by the boot core before interrupts are enabled. */
static struct ioapic ioapics[FE_ACPI_IOAPICS_MAX];
static unsigned ioapic_count;
static struct fe_acpi_isa_line isa_lines[FE_ACPI_ISA_LINES];

/* Under `lock`; line_of_vector is also read by handlers, of vectors that have been given out. */
static atomic_flag lock = ATOMIC_FLAG_INIT;
static uint16_t line_of_vector[256];
static unsigned next_vector = FE_X86_VECTOR_FIRST;

static uintptr_t take(void) {
    uintptr_t state = fe_arch_interrupts_disable();
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) /* pairs with give() */
        fe_arch_relax();
    return state;
}

static void give(uintptr_t state) {
    atomic_flag_clear_explicit(&lock, memory_order_release); /* pairs with take() */
    fe_arch_interrupts_restore(state);
}

static uint32_t read_register(const struct ioapic *io, uint32_t index) {
    io->registers[INDEX] = index;
    return io->registers[DATA];
}

static void write_register(const struct ioapic *io, uint32_t index, uint32_t value) {
    io->registers[INDEX] = index;
    io->registers[DATA] = value;
}

/* Masks first, unmasks last: the low half has the mask. */
static void write_entry(const struct ioapic *io, uint32_t input, uint32_t low, uint32_t high) {
    write_register(io, REDIRECTION + 2 * input, MASKED);
    write_register(io, REDIRECTION + 2 * input + 1, high);
    write_register(io, REDIRECTION + 2 * input, low);
}

static const struct ioapic *ioapic_of(unsigned line) {
    for (unsigned i = 0; i < ioapic_count; i++)
        if (line - ioapics[i].first_line < ioapics[i].lines)
            return &ioapics[i];
    return NULL;
}

void fe_ioapic_init(const struct fe_acpi *acpi, fe_complain complain) {
    ioapic_count = 0; /* a boot that fails early looks for its devices twice */
    for (unsigned v = 0; v < 256; v++)
        line_of_vector[v] = NO_LINE;
    __builtin_memcpy(isa_lines, acpi->isa, sizeof(isa_lines));
    for (unsigned i = 0; i < acpi->ioapic_count; i++) {
        struct ioapic *io = &ioapics[ioapic_count];
        io->first_line = acpi->ioapics[i].first_line;
        io->registers = fe_arch_map_device(acpi->ioapics[i].address, 0x20);
        if (!io->registers) {
            complain("IOAPIC at 0x%llx: no memory to map it; its lines are not used",
                     (unsigned long long)acpi->ioapics[i].address);
            continue;
        }
        uint32_t version = read_register(io, VERSION);
        io->lines = (version >> 16 & 0xff) + 1;
        if (version == UINT32_MAX || io->first_line > FE_INTERRUPT_LINES ||
            io->lines > FE_INTERRUPT_LINES - io->first_line) {
            complain("IOAPIC at 0x%llx with lines from %u (version register 0x%x) is not to be believed; left out",
                     (unsigned long long)acpi->ioapics[i].address, io->first_line, version);
            continue;
        }
        for (uint32_t input = 0; input < io->lines; input++)
            write_register(io, REDIRECTION + 2 * input, MASKED);
        ioapic_count++;
    }
    if (acpi->has_8259) { /* silent: all that it could send is better had from the IOAPIC */
        fe_x86_out8(0x21, 0xff);
        fe_x86_out8(0xa1, 0xff);
    }
}

/* ISA lines are edge-triggered and active high unless ACPI says otherwise; the others are PCI's. */
static uint32_t trigger_of(unsigned line) {
    for (unsigned irq = 0; irq < FE_ACPI_ISA_LINES; irq++)
        if (isa_lines[irq].line == line)
            return (isa_lines[irq].low ? ACTIVE_LOW : 0) | (isa_lines[irq].level ? LEVEL : 0);
    return ACTIVE_LOW | LEVEL;
}

static unsigned vector_of_locked(unsigned line) {
    for (unsigned v = FE_X86_VECTOR_FIRST; v < next_vector; v++)
        if (line_of_vector[v] == line)
            return v;
    if (next_vector == FE_X86_VECTOR_TIMER)
        return 0;
    line_of_vector[next_vector] = (uint16_t)line;
    return next_vector++;
}

fe_status fe_ioapic_enable(unsigned line, unsigned core) {
    const struct ioapic *io = ioapic_of(line);
    if (!io || core >= fe_machine.core_count)
        return FE_EINVAL;
    uint32_t id = fe_machine.core_ids[core];
    if (id > 254) /* an entry's destination has eight bits, and 255 is everyone */
        return FE_ENOTSUP;
    uintptr_t state = take();
    unsigned vector = vector_of_locked(line);
    if (vector)
        write_entry(io, line - io->first_line, trigger_of(line) | vector, id << 24);
    give(state);
    return vector ? FE_OK : FE_ENOMEM;
}

void fe_ioapic_disable(unsigned line) {
    const struct ioapic *io = ioapic_of(line);
    if (!io)
        return;
    uintptr_t state = take();
    write_register(io, REDIRECTION + 2 * (line - io->first_line), MASKED);
    give(state);
}

void fe_ioapic_interrupt(unsigned vector) {
    unsigned line = line_of_vector[vector & 0xff];
    if (line == NO_LINE) {
        fe_warn("interrupt vector %u, which nobody was given", vector);
    } else if (!fe_interrupt_dispatch(line)) {
        fe_ioapic_disable(line);
        fe_warn("interrupt line %u has no handler: masked", line);
    }
    fe_apic_end_of_interrupt(); /* after the handler, which has quieted a level-triggered device */
}
