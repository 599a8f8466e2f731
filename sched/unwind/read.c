/* Numbers and pointers of the tables. */
#include "table.h"

enum { OMITTED = 0xff, INDIRECT = 0x80, APPLICATION = 0x70, ABSOLUTE = 0, RELATIVE = 0x10, FORMAT = 0x0f };

uint64_t fe_unwind_leb_rest(const uint8_t **at, uint64_t first) {
    uint64_t value = first & 0x7f;
    unsigned shift = 7;
    uint8_t byte;
    do {
        byte = *(*at)++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return value;
}

int64_t fe_unwind_sleb(const uint8_t **at) {
    const uint8_t *from = *at;
    uint64_t value = fe_unwind_uleb(at);
    unsigned bits = 7 * (unsigned)(*at - from);
    if (bits < 64 && (*at)[-1] & 0x40)
        value |= ~UINT64_C(0) << bits;
    return (int64_t)value;
}

bool fe_unwind_pointer(const uint8_t **at, unsigned encoding, uintptr_t *value) {
    uintptr_t here = (uintptr_t)*at, read;
    switch (encoding & FORMAT) {
    case 0x00: /* as long as an address */
    case 0x04:
    case 0x0c:
        read = FE_UNWIND_READ(uint64_t, at);
        break;
    case 0x01:
        read = fe_unwind_uleb(at);
        break;
    case 0x02:
        read = FE_UNWIND_READ(uint16_t, at);
        break;
    case 0x03:
        read = FE_UNWIND_READ(uint32_t, at);
        break;
    case 0x09:
        read = (uintptr_t)fe_unwind_sleb(at);
        break;
    case 0x0a:
        read = (uintptr_t)FE_UNWIND_READ(int16_t, at);
        break;
    case 0x0b:
        read = (uintptr_t)FE_UNWIND_READ(int32_t, at);
        break;
    default:
        return false;
    }
    unsigned application = encoding & APPLICATION;
    if (application != ABSOLUTE && application != RELATIVE)
        return false;
    if (read && application == RELATIVE)
        read += here;
    if (read && encoding & INDIRECT)
        read = *(const uintptr_t *)read;
    *value = read;
    return true;
}
