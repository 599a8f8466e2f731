/*
 * Finds the address behind a general protection fault. An access to an address that is not canonical (bits 47 to 63 not
 * alike), the commonest wild pointer, is such a fault on x86_64, and the CPU does not say the address; so the instruction's
 * memory operand is worked out from its bytes.
 *
 * It knows prefixes, ModRM with SIB, absolute moves, push, pop, ret, indirect calls and string moves: what compilers emit. Anything else
 * that might be at a bad address stays an illegal instruction in the report, which is the honest answer for the rest.
 */
#include "trap.h"

static bool canonical(uint64_t address) {
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

struct bytes {
    uint8_t data[16];
    unsigned length, at;
};

/* Reads the instruction's bytes, as many as are mapped. */
static void fetch(uintptr_t pc, struct bytes *bytes) {
    bytes->length = bytes->at = 0;
    uint64_t physical;
    while (bytes->length < sizeof(bytes->data) && canonical(pc) && fe_arch_translate(pc, &physical))
        bytes->data[bytes->length++] = *(const volatile uint8_t *)pc++;
}

static uint8_t next(struct bytes *bytes) {
    return bytes->at < bytes->length ? bytes->data[bytes->at++] : 0;
}

static int64_t next_signed(struct bytes *bytes, unsigned count) {
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)next(bytes) << (8 * i);
    return count == 1 ? (int8_t)value : (int32_t)value;
}

static uint64_t general_register(const struct fe_trap_frame *f, unsigned number) {
    const uint64_t values[16] = {f->rax, f->rcx, f->rdx, f->rbx, f->rsp, f->rbp, f->rsi, f->rdi,
                                 f->r8,  f->r9,  f->r10, f->r11, f->r12, f->r13, f->r14, f->r15};
    return values[number & 15];
}

/* The operand that ModRM names; false if it is a register, or relative to rip (then it is canonical). */
static bool operand(const struct fe_trap_frame *f, struct bytes *bytes, unsigned rex, uint8_t modrm, uint64_t *address) {
    unsigned mode = modrm >> 6, base = modrm & 7;
    uint64_t sum = 0;
    if (mode == 3 || (mode == 0 && base == 5))
        return false;
    if (base == 4) {
        uint8_t sib = next(bytes);
        unsigned index = (sib >> 3 & 7) | (rex & 2) << 2;
        base = sib & 7;
        if (index != 4)
            sum += general_register(f, index) << (sib >> 6);
        if (base == 5 && mode == 0)
            sum += (uint64_t)next_signed(bytes, 4);
        else
            sum += general_register(f, base | (rex & 1) << 3);
    } else {
        sum += general_register(f, base | (rex & 1) << 3);
    }
    if (mode == 1)
        sum += (uint64_t)next_signed(bytes, 1);
    else if (mode == 2)
        sum += (uint64_t)next_signed(bytes, 4);
    *address = sum;
    return true;
}

/* One-byte opcodes that write their ModRM operand (or read and write it). */
static bool writes(uint8_t opcode, uint8_t modrm) {
    if (opcode < 0x40)
        return (opcode & 7) < 2 && (opcode & 0x38) != 0x38; /* add, or, ... but not cmp */
    switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x83:
        return (modrm >> 3 & 7) != 7;
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
    case 0x8f:
    case 0xc6:
    case 0xc7:
    case 0xc0:
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return true;
    case 0xf6:
    case 0xf7:
        return (modrm >> 3 & 7) == 2 || (modrm >> 3 & 7) == 3;
    case 0xfe:
    case 0xff:
        return (modrm >> 3 & 7) < 2;
    default:
        return false;
    }
}

static bool has_modrm(uint8_t opcode) {
    if (opcode < 0x40)
        return (opcode & 7) < 4;
    return opcode == 0x63 || opcode == 0x69 || opcode == 0x6b || (opcode >= 0x80 && opcode <= 0x8f) || opcode == 0xc0 ||
           opcode == 0xc1 || opcode == 0xc6 || opcode == 0xc7 || (opcode >= 0xd0 && opcode <= 0xd3) ||
           (opcode >= 0xd8 && opcode <= 0xdf) || opcode == 0xf6 || opcode == 0xf7 || opcode >= 0xfe;
}

/* The two-byte opcodes with a memory operand that compilers emit: SSE, cmov, setcc, movzx, movsx, locked ones. */
static bool has_modrm_0f(uint8_t opcode, bool *write) {
    *write = opcode == 0x11 || opcode == 0x13 || opcode == 0x17 || opcode == 0x29 || opcode == 0x2b || opcode == 0x7e ||
             opcode == 0x7f || opcode == 0xd6 || opcode == 0xe7 || (opcode >= 0x90 && opcode <= 0x9f) ||
             opcode == 0xab || opcode == 0xb0 || opcode == 0xb1 || opcode == 0xb3 || opcode == 0xc0 || opcode == 0xc1 ||
             opcode == 0xc3 || opcode == 0xc7;
    return (opcode >= 0x10 && opcode <= 0x17) || (opcode >= 0x28 && opcode <= 0x2f) ||
           (opcode >= 0x40 && opcode <= 0x7f && opcode != 0x77) || (opcode >= 0x90 && opcode <= 0x9f) ||
           opcode == 0xa3 || opcode == 0xab || opcode == 0xaf || (opcode >= 0xb0 && opcode <= 0xc7) || opcode >= 0xd0;
}

static bool wild(uint64_t address, uintptr_t *answer) {
    *answer = address;
    return !canonical(address);
}

bool fe_x86_wild_address(const struct fe_trap_frame *frame, uintptr_t *address, bool *write) {
    *write = false;
    if (!canonical(frame->rip)) /* some CPUs fault after the jump, not at it */
        return wild(frame->rip, address);
    struct bytes bytes;
    fetch(frame->rip, &bytes);
    unsigned rex = 0;
    uint8_t opcode;
    for (;;) {
        opcode = next(&bytes);
        bool prefix = opcode == 0x66 || opcode == 0xf2 || opcode == 0xf3 || opcode == 0xf0 || opcode == 0x2e ||
                      opcode == 0x3e || opcode == 0x26 || opcode == 0x36;
        if ((opcode & 0xf0) == 0x40) {
            rex = opcode & 15;
            opcode = next(&bytes);
            break;
        }
        if (!prefix)
            break;
    }
    uint64_t at;
    if ((opcode & 0xf8) == 0x50 || opcode == 0xe8 || opcode == 0x68 || opcode == 0x6a) { /* push, call */
        *write = true;
        return wild(frame->rsp - 8, address);
    }
    if (opcode == 0xc3) { /* ret: what it would return to, or where it would read that */
        uint64_t target;
        return wild(fe_arch_probe(frame->rsp, &target) ? target : frame->rsp, address);
    }
    if ((opcode & 0xf8) == 0x58 || opcode == 0xc9) /* pop, leave */
        return wild(opcode == 0xc9 ? frame->rbp : frame->rsp, address);
    if (opcode == 0xa4 || opcode == 0xa5 || opcode == 0xaa || opcode == 0xab) { /* movs, stos */
        *write = !canonical(frame->rdi);
        return wild(*write ? frame->rdi : frame->rsi, address);
    }
    if (opcode >= 0xa0 && opcode <= 0xa3) { /* mov from or to an address in the instruction */
        *write = opcode >= 0xa2;
        at = (uint32_t)next_signed(&bytes, 4);
        return wild(at | (uint64_t)next_signed(&bytes, 4) << 32, address);
    }
    if (opcode == 0x0f) {
        opcode = next(&bytes);
        bool writing;
        if (!has_modrm_0f(opcode, &writing) || !operand(frame, &bytes, rex, next(&bytes), &at))
            return false;
        *write = writing;
        return wild(at, address);
    }
    if (!has_modrm(opcode))
        return false;
    uint8_t modrm = next(&bytes);
    bool indirect = opcode == 0xff && ((modrm >> 3 & 7) == 2 || (modrm >> 3 & 7) == 4);
    if (indirect && modrm >> 6 == 3) /* call or jump to a register's value */
        return wild(general_register(frame, (modrm & 7) | (rex & 1) << 3), address);
    *write = writes(opcode, modrm);
    return operand(frame, &bytes, rex, modrm, &at) && wild(at, address);
}
