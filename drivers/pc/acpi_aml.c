/*
 * Finds the sleep type values of \_S5 by looking for the bytes that define it. A PC needs two small numbers from megabytes of
 * byte code, and firmware defines them as constants, so an interpreter would be a great price for them.
 *
 *   08 [5c] 5f 53 35 5f   NameOp, perhaps the root prefix, "_S5_"
 *   12 length count       PackageOp, its length (1 to 4 bytes), number of elements
 *   elements              00, 01, ff, 0a byte, 0b word, 0c dword
 */
#include "acpi_aml.h"

struct reader {
    const uint8_t *code;
    size_t bytes, at;
};

static bool next(struct reader *r, uint8_t *value) {
    if (r->at >= r->bytes)
        return false;
    *value = r->code[r->at++];
    return true;
}

/* An integer constant; its low byte is enough, since sleep types have three bits. */
static bool constant(struct reader *r, uint8_t *value) {
    uint8_t opcode;
    if (!next(r, &opcode))
        return false;
    size_t more = 0;
    switch (opcode) {
    case 0x00:
    case 0x01:
    case 0xff:
        *value = opcode;
        return true;
    case 0x0a:
        break;
    case 0x0b:
        more = 1;
        break;
    case 0x0c:
        more = 3;
        break;
    default:
        return false;
    }
    if (!next(r, value))
        return false;
    r->at += more;
    return true;
}

static bool package(struct reader *r, uint8_t *a, uint8_t *b) {
    uint8_t opcode, lead, count;
    if (!next(r, &opcode) || opcode != 0x12 || !next(r, &lead))
        return false;
    r->at += lead >> 6; /* further bytes of the length */
    if (!next(r, &count) || count < 1 || !constant(r, a))
        return false;
    if (count < 2 || !constant(r, b))
        *b = *a;
    *a &= 7;
    *b &= 7;
    return true;
}

bool fe_acpi_aml_s5(const uint8_t *code, size_t bytes, uint8_t *a, uint8_t *b) {
    static const uint8_t name[] = {'_', 'S', '5', '_'};
    for (size_t i = 1; i + sizeof(name) <= bytes;) {
        uint8_t last = code[i + 3]; /* one that is nowhere in the name rules out four places at once */
        if (last != '_' && last != 'S' && last != '5') {
            i += sizeof(name);
            continue;
        }
        bool named = code[i - 1] == 0x08 || (code[i - 1] == 0x5c && i >= 2 && code[i - 2] == 0x08);
        if (named && last == name[3] && code[i] == name[0] && code[i + 1] == name[1] && code[i + 2] == name[2]) {
            struct reader r = {code, bytes, i + sizeof(name)};
            if (package(&r, a, b))
                return true;
        }
        i++;
    }
    return false;
}
