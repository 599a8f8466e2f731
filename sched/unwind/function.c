/* The function that an address lies in: a binary search in the linker's index, then what its entries say. */
#include "table.h"

/* .eh_frame_hdr, in the one form in which linkers write it. */
struct header {
    uint8_t version, frames_encoding, count_encoding, index_encoding;
    int32_t frames;
    uint32_t count;
    struct {
        int32_t start, entry; /* distances from the header */
    } index[];
};
enum { VERSION = 1, COUNT_UDATA4 = 0x03, INDEX_DATAREL_SDATA4 = 0x3b };

/* The entry (FDE) of the last function that begins at or below `pc`. */
static const uint8_t *entry_of(uintptr_t pc) {
    const struct header *header = fe_arch_unwind_tables(pc);
    if (!header || header->version != VERSION || header->frames_encoding != FE_UNWIND_PCREL_SDATA4 ||
        header->count_encoding != COUNT_UDATA4 || header->index_encoding != INDEX_DATAREL_SDATA4 || header->count == 0)
        return NULL;
    intptr_t distance = (intptr_t)(pc - (uintptr_t)header);
    uint32_t low = 0; /* the answer is at low or above it, if it is anywhere */
    for (uint32_t left = header->count; left > 1;) {
        uint32_t half = left / 2;
        if (header->index[low + half].start <= distance)
            low += half;
        left -= half;
    }
    return header->index[low].start <= distance ? (const uint8_t *)header + header->index[low].entry : NULL;
}

/* What functions share (the CIE): `*pointers` is how its functions' addresses are written, `*landings` that of their landing tables. */
static bool read_common(const uint8_t *at, struct fe_unwind_function *function, unsigned *pointers, unsigned *landings) {
    uint32_t length = FE_UNWIND_READ(uint32_t, &at);
    const uint8_t *end = at + length;
    at += sizeof(uint32_t); /* an id, 0 */
    uint8_t version = *at++;
    const char *augmentation = (const char *)at;
    while (*at++)
        ;
    function->code_unit = fe_unwind_uleb(&at);
    function->data_unit = fe_unwind_sleb(&at);
    function->return_column = version == 1 ? *at++ : (unsigned)fe_unwind_uleb(&at);
    *pointers = 0;
    *landings = FE_UNWIND_OMITTED;
    function->interrupted = false;
    if (*augmentation++ != 'z')
        return false;
    uint64_t bytes = fe_unwind_uleb(&at);
    function->common = at + bytes;
    function->common_end = end;
    for (; *augmentation; augmentation++) {
        switch (*augmentation) {
        case 'R':
            *pointers = *at++;
            break;
        case 'L':
            *landings = *at++;
            break;
        case 'P': { /* the personality: every language's landing pads for cleanups are entered alike */
            unsigned encoding = *at++;
            uintptr_t personality;
            if (!fe_unwind_pointer(&at, encoding & ~0x80u, &personality))
                return false;
            break;
        }
        case 'S':
            function->interrupted = true;
            break;
        case 'B': /* AArch64: return addresses are signed by key B; nothing here signs them */
            break;
        default:
            return false;
        }
    }
    return true;
}

bool fe_unwind_find(uintptr_t pc, struct fe_unwind_function *function) {
    const uint8_t *at = entry_of(pc);
    if (!at)
        return false;
    uint32_t length = FE_UNWIND_READ(uint32_t, &at);
    if (length == UINT32_MAX) /* 64-bit DWARF */
        return false;
    const uint8_t *end = at + length, *here = at;
    uint32_t back = FE_UNWIND_READ(uint32_t, &at);
    unsigned pointers, landings;
    uintptr_t bytes;
    if (!read_common(here - back, function, &pointers, &landings) || !fe_unwind_pointer(&at, pointers, &function->start) ||
        !fe_unwind_pointer(&at, pointers & 0x0f, &bytes) || pc - function->start >= bytes)
        return false;
    uint64_t augmented = fe_unwind_uleb(&at);
    function->own = at + augmented;
    function->own_end = end;
    function->landings = 0;
    return landings == FE_UNWIND_OMITTED || fe_unwind_pointer(&at, landings, &function->landings);
}
