/*
 * ACPI: root tables, MADT, FADT. Every table is taken in three steps: its header is mapped, its length found believable,
 * and the whole of it mapped and summed. Only then are fields read, each within the length. See acpi.h.
 *
 * Layouts: ACPI 6.5, chapter 5 (RSDP 5.2.5, header 5.2.6, FADT 5.2.9, MADT 5.2.12).
 */
#include "acpi.h"

#include "acpi_aml.h"

#define HEADER_BYTES 36u
#define TABLE_BYTES_MOST (8u << 20) /* the largest DSDTs known are below 1 MiB */
#define ROOT_ENTRIES_MOST 512u
#define MADT_FIRST 44u

#define HEX(value) ((unsigned long long)(value))

struct table {
    const uint8_t *data;
    uint32_t bytes;
};

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t get32(const uint8_t *at) {
    return get16(at) | (uint32_t)get16(at + 2) << 16;
}

static uint64_t get64(const uint8_t *at) {
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

/* Eight bytes at a time, even and odd ones in lanes of 16 bits that are folded before they can overflow: a DSDT is long. */
static bool sums_to_zero(const uint8_t *data, size_t bytes) {
    const uint64_t lanes = UINT64_C(0x00ff00ff00ff00ff);
    uint64_t sum = 0;
    size_t at = 0;
    for (; bytes - at >= 8; at += 8) {
        uint64_t word;
        __builtin_memcpy(&word, data + at, sizeof(word));
        sum = (sum + (word & lanes) + (word >> 8 & lanes)) & lanes; /* the sum of two lanes and a carry-in fits 16 bits */
    }
    sum += sum >> 32;
    sum += sum >> 16;
    for (; at < bytes; at++)
        sum += data[at];
    return (uint8_t)sum == 0;
}

static bool same(const uint8_t *data, const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (data[i] != (uint8_t)text[i])
            return false;
    return true;
}

size_t fe_acpi_find_rsdp(const uint8_t *area, size_t bytes) {
    for (size_t at = 0; at + FE_ACPI_RSDP_BYTES <= bytes; at += 16)
        if (same(area + at, "RSD PTR ", 8) && sums_to_zero(area + at, FE_ACPI_RSDP_BYTES))
            return at;
    return bytes;
}

/* A signature as it may be printed. */
static void signature_text(const uint8_t *data, char text[5]) {
    for (size_t i = 0; i < 4; i++)
        text[i] = data[i] >= ' ' && data[i] < 0x7f ? (char)data[i] : '?';
    text[4] = 0;
}

/* The table at `physical`, checked. With `signature`, any other is refused. */
static bool table_at(const struct fe_acpi_source *source, uint64_t physical, const char *signature, struct table *table) {
    char name[5] = "?";
    const uint8_t *header = physical ? source->map(source->context, physical, HEADER_BYTES) : NULL;
    if (!header) {
        source->complain("ACPI: table %s at 0x%llx cannot be read", signature ? signature : "?", HEX(physical));
        return false;
    }
    signature_text(header, name);
    if (signature && !same(header, signature, 4)) {
        source->complain("ACPI: table at 0x%llx is %s where %s should be", HEX(physical), name, signature);
        return false;
    }
    uint32_t bytes = get32(header + 4);
    if (bytes < HEADER_BYTES || bytes > TABLE_BYTES_MOST) {
        source->complain("ACPI: table %s at 0x%llx says that it has %u bytes, which is absurd; left out", name,
                         HEX(physical), bytes);
        return false;
    }
    const uint8_t *data = source->map(source->context, physical, bytes);
    if (!data) {
        source->complain("ACPI: table %s at 0x%llx cannot be read to its end (%u bytes); left out", name, HEX(physical),
                         bytes);
        return false;
    }
    if (!sums_to_zero(data, bytes)) {
        source->complain("ACPI: table %s at 0x%llx has a wrong checksum; left out", name, HEX(physical));
        return false;
    }
    *table = (struct table){data, bytes};
    return true;
}

/* MADT --------------------------------------------------------------------------------------------------------------- */

static void add_core(struct fe_acpi *acpi, uint32_t id, uint32_t flags) {
    if (!(flags & 1)) /* not enabled; "online capable" ones are for hot-plug */
        return;
    for (unsigned i = 0; i < acpi->core_count; i++)
        if (acpi->cores[i] == id) /* some firmware lists a core as local APIC and as x2APIC */
            return;
    acpi->cores_present++;
    if (acpi->core_count < FE_CORES_MAX)
        acpi->cores[acpi->core_count++] = id;
}

static void add_override(const struct fe_acpi_source *source, struct fe_acpi *acpi, const uint8_t *entry) {
    unsigned irq = entry[3], flags = get16(entry + 8);
    uint32_t line = get32(entry + 4);
    if (entry[2] != 0 || irq >= FE_ACPI_ISA_LINES) {
        source->complain("ACPI: interrupt override of bus %u line %u is none of ISA's; left out", entry[2], irq);
        return;
    }
    /* Polarity in bits 0-1, trigger in 2-3: 0 as the bus does (ISA: high, edge), 1 high or edge, 3 low or level. */
    acpi->isa[irq] = (struct fe_acpi_isa_line){line, (flags & 3) == 3, (flags >> 2 & 3) == 3};
}

static void add_ioapic(const struct fe_acpi_source *source, struct fe_acpi *acpi, const uint8_t *entry) {
    if (acpi->ioapic_count == FE_ACPI_IOAPICS_MAX) {
        source->complain("ACPI: more than %u IOAPICs; one is left out", FE_ACPI_IOAPICS_MAX);
        return;
    }
    acpi->ioapics[acpi->ioapic_count++] =
        (struct fe_acpi_ioapic){.id = entry[2], .address = get32(entry + 4), .first_line = get32(entry + 8)};
}

static void read_madt(const struct fe_acpi_source *source, const struct table *table, struct fe_acpi *acpi) {
    static const uint8_t least[] = {[0] = 8, [1] = 12, [2] = 10, [5] = 12, [9] = 16};
    if (table->bytes < MADT_FIRST) {
        source->complain("ACPI: MADT of %u bytes is too short; left out", table->bytes);
        return;
    }
    acpi->has_madt = true;
    acpi->local_apic = get32(table->data + 36);
    acpi->has_8259 = get32(table->data + 40) & 1;
    for (uint32_t at = MADT_FIRST; at < table->bytes;) {
        const uint8_t *entry = table->data + at;
        uint32_t left = table->bytes - at;
        unsigned type = entry[0], length = left >= 2 ? entry[1] : 0;
        if (length < 2 || length > left) {
            source->complain("ACPI: MADT entry of type %u at offset %u has %u bytes where %u are left; the rest is left out",
                             type, at, length, left);
            return;
        }
        at += length;
        if (type < sizeof(least) && length < least[type]) {
            source->complain("ACPI: MADT entry of type %u has only %u bytes; left out", type, length);
            continue;
        }
        switch (type) {
        case 0: /* local APIC */
            add_core(acpi, entry[3], get32(entry + 4));
            break;
        case 1:
            add_ioapic(source, acpi, entry);
            break;
        case 2:
            add_override(source, acpi, entry);
            break;
        case 5: /* 64-bit address of the local APICs */
            acpi->local_apic = get64(entry + 4);
            break;
        case 9: /* local x2APIC */
            add_core(acpi, get32(entry + 4), get32(entry + 8));
            break;
        default: /* NMI sources and what later versions add */
            break;
        }
    }
}

/* FADT --------------------------------------------------------------------------------------------------------------- */

/* A generic address structure at `offset`, if the table reaches that far and it is a register that we can use. */
static struct fe_acpi_register generic(const struct table *table, uint32_t offset) {
    struct fe_acpi_register none = {0, false, 0};
    if (table->bytes < offset + 12)
        return none;
    const uint8_t *at = table->data + offset;
    uint64_t address = get64(at + 4);
    if (at[0] > 1 || address == 0 || (at[0] == 1 && address > 0xffff))
        return none;
    return (struct fe_acpi_register){address, at[0] == 0, at[1]};
}

/* The 64-bit form of a register block where the table has it, else the old port number. */
static struct fe_acpi_register block(const struct table *table, uint32_t extended, uint32_t old, uint8_t bits) {
    struct fe_acpi_register r = generic(table, extended);
    uint32_t port = get32(table->data + old);
    if (r.address == 0 && port != 0 && port <= 0xffff)
        r = (struct fe_acpi_register){port, false, bits};
    return r;
}

static void read_s5(const struct table *table, struct fe_acpi *acpi) {
    if (!acpi->has_s5)
        acpi->has_s5 = fe_acpi_aml_s5(table->data + HEADER_BYTES, table->bytes - HEADER_BYTES, &acpi->s5_a, &acpi->s5_b);
}

static void read_fadt(const struct fe_acpi_source *source, const struct table *table, struct fe_acpi *acpi) {
    if (table->bytes < 116) { /* ACPI 1.0's */
        source->complain("ACPI: FADT of %u bytes is too short; left out", table->bytes);
        return;
    }
    const uint8_t *data = table->data;
    uint32_t flags = get32(data + 112);
    acpi->has_fadt = true;
    acpi->hardware_reduced = flags >> 20 & 1;
    acpi->smi_command = get32(data + 48);
    acpi->enable_value = data[52];
    if (acpi->hardware_reduced) {
        acpi->sleep_control = generic(table, 244);
    } else {
        acpi->pm1a_control = block(table, 172, 64, 16);
        acpi->pm1b_control = block(table, 184, 68, 16);
        acpi->timer = block(table, 208, 76, 32);
        acpi->timer_32_bits = flags >> 8 & 1;
    }
    if ((flags >> 10 & 1) && table->bytes >= 129) {
        acpi->reset = generic(table, 116);
        acpi->reset_value = data[128];
    }
    uint64_t dsdt = table->bytes >= 148 ? get64(data + 140) : 0;
    if (dsdt == 0)
        dsdt = get32(data + 40);
    struct table definitions;
    if (table_at(source, dsdt, "DSDT", &definitions))
        read_s5(&definitions, acpi);
}

/* Root --------------------------------------------------------------------------------------------------------------- */

static void copy_oem(const struct table *root, char oem[16]) {
    size_t length = 0;
    for (size_t i = 10; i < 24; i++) { /* OEM id (6), OEM table id (8) */
        char c = (char)root->data[i];
        if (c > ' ' && c < 0x7f)
            oem[length++] = c;
        else if (length > 0 && oem[length - 1] != ' ')
            oem[length++] = ' ';
    }
    while (length > 0 && oem[length - 1] == ' ')
        length--;
    oem[length] = 0;
}

void fe_acpi_none(struct fe_acpi *acpi) {
    *acpi = (struct fe_acpi){.has_8259 = true};
    for (unsigned irq = 0; irq < FE_ACPI_ISA_LINES; irq++)
        acpi->isa[irq] = (struct fe_acpi_isa_line){.line = irq};
}

/* The root table: XSDT where version 2 has one, else RSDT. */
static bool root_table(const struct fe_acpi_source *source, const uint8_t *pointer, uint64_t physical,
                       struct table *root, uint32_t *entry_bytes) {
    if (pointer[15] >= 2) {
        const uint8_t *whole = source->map(source->context, physical, 36);
        uint32_t bytes = whole ? get32(whole + 20) : 0;
        if (whole && bytes >= 36 && bytes <= 4096)
            whole = source->map(source->context, physical, bytes);
        if (whole && bytes >= 36 && bytes <= 4096 && sums_to_zero(whole, bytes)) {
            *entry_bytes = 8;
            if (get64(whole + 24) != 0 && table_at(source, get64(whole + 24), "XSDT", root))
                return true;
        } else {
            source->complain("ACPI: RSDP at 0x%llx has a wrong length (%u) or checksum; trying the RSDT", HEX(physical),
                             bytes);
        }
    }
    *entry_bytes = 4;
    return table_at(source, get32(pointer + 16), "RSDT", root);
}

fe_status fe_acpi_read(const struct fe_acpi_source *source, uint64_t rsdp, struct fe_acpi *acpi) {
    fe_acpi_none(acpi);
    const uint8_t *pointer = source->map(source->context, rsdp, FE_ACPI_RSDP_BYTES);
    if (!pointer || fe_acpi_find_rsdp(pointer, FE_ACPI_RSDP_BYTES) != 0) {
        source->complain("ACPI: no RSDP at 0x%llx, or its checksum is wrong", HEX(rsdp));
        return FE_ENOENT;
    }
    struct table root;
    uint32_t entry_bytes;
    if (!root_table(source, pointer, rsdp, &root, &entry_bytes))
        return FE_EPARSE;
    copy_oem(&root, acpi->oem);
    uint32_t entries = (root.bytes - HEADER_BYTES) / entry_bytes;
    if (entries > ROOT_ENTRIES_MOST) {
        source->complain("ACPI: root table of %u entries is absurd; reading the first %u", entries, ROOT_ENTRIES_MOST);
        entries = ROOT_ENTRIES_MOST;
    }
    for (uint32_t i = 0; i < entries; i++) {
        const uint8_t *at = root.data + HEADER_BYTES + (size_t)i * entry_bytes;
        uint64_t physical = entry_bytes == 8 ? get64(at) : get32(at);
        struct table table;
        const uint8_t *signature = physical ? source->map(source->context, physical, 4) : NULL;
        if (!signature) {
            source->complain("ACPI: root table entry %u (0x%llx) cannot be read; left out", i, HEX(physical));
            continue;
        }
        if (same(signature, "APIC", 4) && !acpi->has_madt) {
            if (table_at(source, physical, "APIC", &table))
                read_madt(source, &table, acpi);
        } else if (same(signature, "FACP", 4) && !acpi->has_fadt) {
            if (table_at(source, physical, "FACP", &table))
                read_fadt(source, &table, acpi);
        } else if (same(signature, "SSDT", 4) && !acpi->has_s5) {
            if (table_at(source, physical, "SSDT", &table))
                read_s5(&table, acpi);
        }
    }
    return FE_OK;
}
