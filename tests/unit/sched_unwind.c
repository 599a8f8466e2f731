/*
 * The unwinder: on tables written here, byte by byte, for what compilers seldom or never write; on the frames of this very process,
 * against what libgcc's unwinder finds there; and on every function of the C library.
 *
 * Links: sched/unwind
 */
#define _GNU_SOURCE
#include "support.h"

#include <sched/core.h>
#include <sched/unwind/known.h>

#include <dlfcn.h>
#include <setjmp.h>
#include <string.h>
#include <unwind.h>

/* Where fe_unwind_frame ends, in place of a landing pad or the end of a task. */
static jmp_buf end;
static uintptr_t entered; /* 0: it came to the outermost frame */
static struct fe_arch_frame at_the_end;

FE_NORETURN void fe_arch_frame_enter(const struct fe_arch_frame *frame, uintptr_t pc);
FE_NORETURN void fe_unwind_frame(struct fe_arch_frame *frame);
void fe_arch_frame_enter(const struct fe_arch_frame *frame, uintptr_t pc) {
    at_the_end = *frame;
    entered = pc;
    longjmp(end, 1);
}

void fe_task_unwound(void) {
    entered = 0;
    longjmp(end, 1);
}

static uintptr_t unwind(struct fe_arch_frame frame) {
    static struct fe_arch_frame copy;
    copy = frame;
    if (!setjmp(end))
        fe_unwind_frame(&copy);
    return entered;
}

/* The tables: written ones, or, while there are none, those of the process. ------------------------------------------- */

static uint8_t tables[4096] __attribute__((aligned(16)));
static size_t used;
static bool written;

const void *fe_arch_unwind_tables(uintptr_t pc) {
    if (written)
        return tables;
    struct dl_find_object found;
    return _dl_find_object((void *)pc, &found) == 0 ? found.dlfo_eh_frame : NULL;
}

static void put(const void *bytes, size_t count) {
    cr_assert_leq(used + count, sizeof tables);
    memcpy(tables + used, bytes, count);
    used += count;
}
static void put8(unsigned value) {
    put(&(uint8_t){(uint8_t)value}, 1);
}
static void put32(uint32_t value) {
    put(&value, 4);
}
static void put_text(const char *text) {
    put(text, strlen(text) + 1);
}
#define PUT(...) put((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* A function of 64 bytes, the only one: its instructions, what its CIE says besides, and its landing table. */
#define BYTES 64u
static char function_text[BYTES];
#define START ((uintptr_t)function_text)

struct written {
    const char *augmentation;
    uint8_t instructions[64];
    size_t count;
    uint8_t landings[64];
    size_t landing_count;
};

static void write_function(const struct written *w) {
    written = true;
    used = 0;
    memset(tables, 0, sizeof tables);
    PUT(1, 0x1b, 0x03, 0x3b);
    put32(0);
    put32(1);
    put32((uint32_t)(START - (uintptr_t)tables));
    size_t entry_at = used;
    put32(0);
    size_t landings_at = used;
    put(w->landings, w->landing_count);

    size_t common_at = used;
    put32(0);
    put32(0);
    put8(1);
    put_text(w->augmentation);
    PUT(1, 0x78, 16); /* factors 1 and -8, return address in 16 */
    if (*w->augmentation == 'z') {
        size_t length_at = used;
        put8(0);
        for (const char *letter = w->augmentation + 1; *letter; letter++) {
            if (*letter == 'R' || *letter == 'L')
                put8(0x1b);
            else if (*letter == 'P')
                PUT(0x03, 1, 0, 0, 0);
        }
        tables[length_at] = (uint8_t)(used - length_at - 1);
    }
    PUT(0x0c, 7, 8, 0x90, 1); /* CFA = rsp + 8, return address at CFA - 8 */
    uint32_t common_bytes = (uint32_t)(used - common_at - 4);
    memcpy(tables + common_at, &common_bytes, 4);

    size_t own_at = used;
    put32(0);
    put32((uint32_t)(used - common_at));
    put32((uint32_t)(START - (uintptr_t)(tables + used)));
    put32(BYTES);
    if (strchr(w->augmentation, 'L')) {
        put8(4);
        put32(w->landing_count ? (uint32_t)((uintptr_t)(tables + landings_at) - (uintptr_t)(tables + used)) : 0);
    } else {
        put8(0);
    }
    put(w->instructions, w->count);
    uint32_t own_bytes = (uint32_t)(used - own_at - 4), entry = (uint32_t)own_at;
    memcpy(tables + own_at, &own_bytes, 4);
    memcpy(tables + entry_at, &entry, 4);
}

#define CODE(...) .instructions = {__VA_ARGS__}, .count = sizeof((const uint8_t[]){__VA_ARGS__})
#define LANDINGS(...) .landings = {__VA_ARGS__}, .landing_count = sizeof((const uint8_t[]){__VA_ARGS__})

/* Numbers ----------------------------------------------------------------------------------------------------------- */

Test(sched_unwind, numbers_of_variable_length) {
    static const struct {
        uint8_t bytes[11];
        size_t count;
        uint64_t is_unsigned;
        int64_t is_signed;
    } numbers[] = {
        {{0x00}, 1, 0, 0},
        {{0x3f}, 1, 63, 63},
        {{0x40}, 1, 64, -64},
        {{0x7f}, 1, 127, -1},
        {{0xe5, 0x8e, 0x26}, 3, 624485, 624485},
        {{0x80, 0x7f}, 2, 16256, -128},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 10, UINT64_MAX, -1},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 11, 0, 0},
    };
    for (size_t i = 0; i < FE_ARRAY_LENGTH(numbers); i++) {
        const uint8_t *at = numbers[i].bytes;
        cr_expect_eq(fe_unwind_uleb(&at), numbers[i].is_unsigned, "%zu", i);
        cr_expect_eq(at - numbers[i].bytes, (ptrdiff_t)numbers[i].count);
        at = numbers[i].bytes;
        cr_expect_eq(fe_unwind_sleb(&at), numbers[i].is_signed, "%zu", i);
        cr_expect_eq(at - numbers[i].bytes, (ptrdiff_t)numbers[i].count);
    }
}

Test(sched_unwind, pointers_in_every_encoding) {
    static const uint8_t bytes[8] __attribute__((aligned(8))) = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const struct {
        unsigned encoding;
        uintptr_t value;
        size_t count;
    } pointers[] = {{0x00, (uintptr_t)-2, 8}, {0x02, 0xfffe, 2},        {0x03, 0xfffffffe, 4},
                    {0x04, (uintptr_t)-2, 8}, {0x0a, (uintptr_t)-2, 2}, {0x0b, (uintptr_t)-2, 4},
                    {0x0c, (uintptr_t)-2, 8}};
    uintptr_t value;
    const uint8_t *at;
    for (size_t i = 0; i < FE_ARRAY_LENGTH(pointers); i++) {
        at = bytes;
        cr_expect(fe_unwind_pointer(&at, pointers[i].encoding, &value));
        cr_expect_eq(value, pointers[i].value, "%#x", pointers[i].encoding);
        cr_expect_eq(at - bytes, (ptrdiff_t)pointers[i].count);
        at = bytes;
        cr_expect(fe_unwind_pointer(&at, pointers[i].encoding | 0x10, &value));
        cr_expect_eq(value, pointers[i].value + (uintptr_t)bytes, "%#x", pointers[i].encoding);
    }
    at = (const uint8_t[]){0x7e};
    cr_expect(fe_unwind_pointer(&at, 0x01, &value) && value == 0x7e);
    at = (const uint8_t[]){0x7e};
    cr_expect(fe_unwind_pointer(&at, 0x09, &value) && value == (uintptr_t)-2);
    at = (const uint8_t[8]){0};
    cr_expect(fe_unwind_pointer(&at, 0x9b, &value) && value == 0, "a null pointer is one, whatever it is relative to");
    static const uint32_t *here;
    here = (const uint32_t *)(const void *)bytes;
    at = (const uint8_t *)&here;
    cr_expect(fe_unwind_pointer(&at, 0x80, &value) && value == (uintptr_t)-2, "indirect");
    at = bytes;
    cr_expect_not(fe_unwind_pointer(&at, 0x05, &value));
    cr_expect_not(fe_unwind_pointer(&at, 0x30, &value), "relative to data: nothing here is");
}

/* Rules --------------------------------------------------------------------------------------------------------------- */

enum { RBX = 3, RBP = 6, RSP = 7, R12 = 12, RIP = 16 };

/* A stack, in words; the frame's rsp is at [0]. */
static uintptr_t stack[32];
static struct fe_arch_frame frame_at(uintptr_t offset) {
    struct fe_arch_frame frame = {.registers = {[RSP] = (uintptr_t)stack, [RIP] = START + offset}};
    for (unsigned i = 0; i < FE_ARRAY_LENGTH(stack); i++)
        stack[i] = 1000 + i;
    return frame;
}

/* The caller's frame; false: there is none. */
static bool step(uintptr_t offset, struct fe_arch_frame *frame) {
    struct fe_unwind_function function;
    struct fe_unwind_rules rules;
    return fe_unwind_find(START + offset, &function) && fe_unwind_rules_at(&function, START + offset, &rules) &&
           fe_unwind_step(&function, &rules, frame);
}

Test(sched_unwind, what_holds_before_and_after_each_instruction) {
    write_function(&(struct written){"zR", CODE(0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x44, 0x83, 3, 0x02, 8, 0x0a,
                                                0x0c, 7, 8, 0xc6, 0xc3, 0x03, 16, 0, 0x0b, 0x04, 4, 0, 0, 0, 0x08, 6)});
    struct fe_arch_frame frame = frame_at(0);
    cr_assert(step(0, &frame));
    cr_expect_eq(frame.registers[RSP], (uintptr_t)(stack + 1));
    cr_expect_eq(frame.registers[RIP], 1000u);

    frame = frame_at(1); /* rbp has been pushed */
    frame.registers[RBP] = 7;
    cr_assert(step(1, &frame));
    cr_expect_eq(frame.registers[RSP], (uintptr_t)(stack + 2));
    cr_expect_eq(frame.registers[RIP], 1001u);
    cr_expect_eq(frame.registers[RBP], 1000u);

    frame = frame_at(4); /* rsp may be anywhere */
    frame.registers[RBP] = (uintptr_t)(stack + 10);
    frame.registers[RSP] = 0;
    cr_assert(step(4, &frame));
    cr_expect_eq(frame.registers[RSP], (uintptr_t)(stack + 12));
    cr_expect_eq(frame.registers[RBP], 1010u);
    cr_expect_eq(frame.registers[RBX], 0u, "not saved yet");

    frame = frame_at(8);
    frame.registers[RBP] = (uintptr_t)(stack + 10);
    cr_assert(step(8, &frame));
    cr_expect_eq(frame.registers[RBX], 1009u);

    frame = frame_at(16); /* it returns in its middle */
    frame.registers[RBP] = 7;
    cr_assert(step(16, &frame));
    cr_expect_eq(frame.registers[RSP], (uintptr_t)(stack + 1));
    cr_expect_eq(frame.registers[RBP], 7u);

    frame = frame_at(32); /* and goes on behind that */
    frame.registers[RBP] = (uintptr_t)(stack + 10);
    cr_assert(step(32, &frame));
    cr_expect_eq(frame.registers[RSP], (uintptr_t)(stack + 12));
    cr_expect_eq(frame.registers[RBX], 1009u);

    frame = frame_at(36);
    frame.registers[RBP] = (uintptr_t)(stack + 10);
    cr_assert(step(36, &frame));
    cr_expect_eq(frame.registers[RBP], (uintptr_t)(stack + 10), "the same value");
}

Test(sched_unwind, rules_that_are_rare) {
    struct fe_arch_frame frame = frame_at(0);
#define EXPECT(which, expected, ...)                                                                                   \
    write_function(&(struct written){"zR", CODE(__VA_ARGS__)});                                                        \
    frame = frame_at(0);                                                                                               \
    frame.registers[R12] = 12;                                                                                         \
    cr_expect(step(0, &frame));                                                                                        \
    cr_expect_eq(frame.registers[which], (uintptr_t)(expected), "line %d: %#zx", __LINE__, (size_t)frame.registers[which])
    EXPECT(RBX, 1000, 0x05, RBX, 1);
    EXPECT(RBX, 1003, 0x11, RBX, 0x7e);
    EXPECT(RBX, 0, 0x83, 1, 0x06, RBX);          /* goes back to what it was */
    EXPECT(RBX, 12, 0x09, RBX, R12);             /* in another register */
    EXPECT(RBX, (uintptr_t)stack, 0x14, RBX, 1); /* a value */
    EXPECT(RBX, (uintptr_t)(stack + 2), 0x15, RBX, 0x7f);
    EXPECT(RBX, 1002, 0x10, RBX, 2, 0x23, 8); /* at an expression, which begins with the CFA */
    EXPECT(RBX, (uintptr_t)(stack + 2), 0x16, RBX, 2, 0x23, 8);
    EXPECT(RIP, 1003, 0x0f, 2, 0x77, 32); /* the CFA is an expression */
    EXPECT(RSP, (uintptr_t)(stack + 4), 0x0f, 2, 0x77, 32);
    EXPECT(RSP, (uintptr_t)(stack + 2), 0x12, RSP, 0x7e);
    EXPECT(RSP, (uintptr_t)(stack + 3), 0x13, 0x7d);
    EXPECT(RSP, 1002, 0x11, RSP, 0x7f);                 /* the stack pointer itself is saved */
    EXPECT(RBX, 0, 0x07, RBX);                          /* undefined */
    EXPECT(RIP, 1000, 0x07, 60, 0x85, 1, 0x80 | 40, 1); /* of no concern */
#undef EXPECT
}

Test(sched_unwind, what_cannot_be_told_ends_it) {
    static const struct written bad[] = {
        {"zR", CODE(0x07, RIP)},        /* the outermost frame */
        {"zR", CODE(0x2d)},             /* a signed return address */
        {"zR", CODE(0x3f)},             /* no instruction */
        {"zR", CODE(0x0b)},             /* nothing is remembered */
        {"zR", CODE(0x0a, 0x0a, 0x0a)}, /* too much is */
        {"zR", CODE(0x0d, 60)},         /* found by a register that is not kept */
        {"zR", CODE(0x09, RBX, 60)},
        {"zR", CODE(0x0f, 1, 0x22)},                                                /* adds what is not there */
        {"zR", CODE(0x0f, 1, 0xff)},                                                /* no operation */
        {"zR", CODE(0x16, RBX, 1, 0x8f)},                                           /* on a register that is not kept */
        {"zR", CODE(0x10, RBX, 8, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31)}, /* too deep */
        {"zX", CODE(0)},
        {"eh", CODE(0)},
    };
    for (size_t i = 0; i < FE_ARRAY_LENGTH(bad); i++) {
        write_function(&bad[i]);
        struct fe_arch_frame frame = frame_at(0);
        cr_expect_not(step(0, &frame), "%zu", i);
    }
    write_function(&(struct written){"zR", CODE(0)});
    struct fe_arch_frame frame = frame_at(0);
    cr_expect(step(BYTES - 1, &frame));
    cr_expect_not(step(BYTES, &frame), "behind the function");
    cr_expect_not(step((uintptr_t)-1, &frame), "before all functions");
    for (unsigned byte = 0; byte < 4; byte++) { /* an index of another form */
        write_function(&(struct written){"zR", CODE(0)});
        tables[byte] ^= 0x40;
        cr_expect_not(step(0, &frame));
    }
    write_function(&(struct written){"zR", CODE(0)});
    memset(tables + 8, 0, 4); /* an empty one */
    cr_expect_not(step(0, &frame));
}

Test(sched_unwind, expressions) {
    static const uintptr_t memory = 77;
    const struct fe_arch_frame frame = {.registers = {[RBX] = 300, [RSP] = (uintptr_t)&memory}};
    static const struct {
        uint8_t bytes[12];
        size_t count;
        uintptr_t value;
    } expressions[] = {
        {{0x30}, 1, 0},
        {{0x4f}, 1, 31},
        {{0x08, 200}, 2, 200},
        {{0x09, 200}, 2, (uintptr_t)-56},
        {{0x0a, 0xff, 0xff}, 3, 65535},
        {{0x0b, 0xff, 0xff}, 3, (uintptr_t)-1},
        {{0x0c, 0xff, 0xff, 0xff, 0xff}, 5, UINT32_MAX},
        {{0x0d, 0xff, 0xff, 0xff, 0xff}, 5, (uintptr_t)-1},
        {{0x0e, 1, 0, 0, 0, 1, 0, 0, 0}, 9, (UINT64_C(1) << 32) + 1},
        {{0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9, (uintptr_t)-1},
        {{0x10, 0x80, 1}, 3, 128},
        {{0x11, 0x7f}, 2, (uintptr_t)-1},
        {{0x73, 0x7f}, 2, 299},
        {{0x77, 0, 0x06}, 3, 77},
        {{0x35, 0x12, 0x22}, 3, 10},
        {{0x35, 0x32, 0x1c}, 3, 3},
        {{0x35, 0x33, 0x1a}, 3, 1},
        {{0x35, 0x32, 0x21}, 3, 7},
        {{0x35, 0x32, 0x24}, 3, 20},
        {{0x35, 0x32, 0x25}, 3, 1},
        {{0x35, 0x08, 64, 0x24}, 4, 0},
        {{0x35, 0x08, 64, 0x25}, 4, 0},
        {{0x35, 0x32, 0x2a}, 3, 1},
        {{0x11, 0x7f, 0x32, 0x2a}, 4, 0},
        {{0x35, 0x32, 0x13}, 3, 5},
        {{0x35, 0x23, 0x80, 1}, 4, 133},
    };
    for (size_t i = 0; i < FE_ARRAY_LENGTH(expressions); i++) {
        uintptr_t value = 0;
        cr_expect(
            fe_unwind_expression(expressions[i].bytes, expressions[i].bytes + expressions[i].count, &frame, 9, &value));
        cr_expect_eq(value, expressions[i].value, "%zu: %#zx", i, (size_t)value);
    }
}

/* Landing pads ---------------------------------------------------------------------------------------------------------- */

static uintptr_t landing_at(uintptr_t offset) {
    struct fe_unwind_function function;
    cr_assert(fe_unwind_find(START + offset, &function));
    return function.landings ? fe_unwind_landing(&function, START + offset) : 0;
}

Test(sched_unwind, landing_pads) {
    /* Calls at 4 to 8 (none), 8 to 12 (pad 40), 20 to 24 (pad 50, a handler), 24 to 28 (pad 52, a handler and a cleanup). */
    write_function(&(struct written){
        "zPLR", CODE(0),
        LANDINGS(0xff, 0x03, 20, 0x01, 16, 4, 4, 0, 0, 8, 4, 40, 0, 20, 4, 50, 1, 24, 4, 52, 3, 1, 0, 2, 1, 0, 0)});
    cr_expect_eq(landing_at(0), 0u);
    cr_expect_eq(landing_at(4), 0u);
    cr_expect_eq(landing_at(8), START + 40);
    cr_expect_eq(landing_at(11), START + 40);
    cr_expect_eq(landing_at(12), 0u);
    cr_expect_eq(landing_at(20), 0u, "what only catches is passed by");
    cr_expect_eq(landing_at(24), START + 52);
    cr_expect_eq(landing_at(28), 0u);

    write_function(&(struct written){"zPLR", CODE(0),
                                     LANDINGS(0x02, 0x40, 0, 0xff, 0x03, 13, 8, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0)});
    cr_expect_eq(landing_at(8), 0x42u, "pads that are counted from elsewhere");
    write_function(&(struct written){"zPLR", CODE(0), LANDINGS(0x05, 0, 0, 0)});
    cr_expect_eq(landing_at(8), 0u);
    write_function(&(struct written){"zPLR", CODE(0), LANDINGS(0xff, 0xff, 0x05, 4, 0, 0, 0, 0)});
    cr_expect_eq(landing_at(8), 0u);
    write_function(&(struct written){"zPLR", CODE(0)});
    cr_expect_eq(landing_at(8), 0u, "a function with a personality and nothing to clean up");
}

Test(sched_unwind, enters_the_first_landing_pad) {
    /* 16 bytes of arguments have been pushed for the call. */
    write_function(&(struct written){"zPLR", CODE(0x48, 0x0e, 24, 0x2e, 16), LANDINGS(0xff, 0xff, 0x01, 4, 12, 4, 40, 0)});
    for (int round = 0; round < 3; round++) {     /* from the second on it is known */
        struct fe_arch_frame frame = frame_at(9); /* a call ended there, without one */
        stack[2] = START + 13;                    /* the caller: in the call that ends at 13 */
        cr_assert_eq(unwind(frame), START + 40);
        cr_expect_eq(at_the_end.registers[RSP], (uintptr_t)(stack + 3) + 16);
        frame = frame_at(9);
        cr_assert_eq(unwind(frame), 0u, "the caller has no table");
    }
}

Test(sched_unwind, interrupted_code_is_not_in_a_call) {
    /* Its caller was interrupted at the first byte that has a landing pad. */
    write_function(&(struct written){"zPLSR", CODE(0), LANDINGS(0xff, 0xff, 0x01, 4, 12, 4, 40, 0)});
    for (int round = 0; round < 2; round++) {
        struct fe_arch_frame frame = frame_at(2);
        stack[0] = START + 12;
        cr_assert_eq(unwind(frame), START + 40);
        frame = frame_at(12); /* this is: in the one before */
        cr_assert_eq(unwind(frame), 0u);
    }
}

Test(sched_unwind, a_stack_that_leads_round_in_circles_ends) {
    write_function(&(struct written){"zR", CODE(0x0c, RBP, 0)});
    struct fe_arch_frame frame = frame_at(2);
    frame.registers[RBP] = (uintptr_t)(stack + 1);
    stack[0] = START + 2;
    cr_assert_eq(unwind(frame), 0u);
}

/* Known frames ------------------------------------------------------------------------------------------------------------ */

Test(sched_unwind, known_frames) {
    write_function(&(struct written){"zR", CODE(0x83, 2)});
    struct fe_unwind_function function;
    struct fe_unwind_rules rules;
    cr_assert(fe_unwind_find(START, &function) && fe_unwind_rules_at(&function, START, &rules));
    unsigned known = 0;
    for (uintptr_t pc = 0x10000; pc < 0x10000 + 4096; pc++) {
        cr_assert_null(fe_unwind_known(pc));
        fe_unwind_learn(pc, pc + 1, &function, &rules);
        fe_unwind_learn(pc, pc + 1, &function, &rules);
        const struct fe_unwind_row *row = fe_unwind_known(pc);
        if (!row)
            continue;
        known++;
        cr_assert_eq(row->landing, pc + 1);
        cr_assert_eq(row->saved, 1u << RBX | 1u << RIP);
        cr_assert_eq(row->offset[RBX], -16);
        cr_assert_eq(row->base_offset, 8);
        cr_assert_not(row->last);
    }
    cr_expect_geq(known, 256u);
    cr_expect_lt(known, 4096u, "and what finds no room is not known");
}

Test(sched_unwind, only_simple_frames_are_known) {
    static const struct {
        struct written written;
        bool simple, last;
    } functions[] = {
        {{"zR", CODE(0)}, true, false},
        {{"zR", CODE(0x07, RIP)}, true, true},
        {{"zR", CODE(0x09, RBX, R12)}, false, false},
        {{"zR", CODE(0x07, RBX)}, false, false},
        {{"zR", CODE(0x0f, 2, 0x77, 32)}, false, false},
        {{"zR", CODE(0x0d, 60)}, false, false},
        {{"zR", CODE(0x83, 0x81, 0x20)}, false, false}, /* too far away */
        {{"zR", CODE(0x2e, 0x80, 0x80, 0x08)}, false, false},
    };
    for (size_t i = 0; i < FE_ARRAY_LENGTH(functions); i++) {
        write_function(&functions[i].written);
        struct fe_unwind_function function;
        struct fe_unwind_rules rules;
        uintptr_t pc = 0x20000 + i * 64;
        cr_assert(fe_unwind_find(START, &function) && fe_unwind_rules_at(&function, START, &rules));
        fe_unwind_learn(pc, 0, &function, &rules);
        const struct fe_unwind_row *row = fe_unwind_known(pc);
        cr_expect_eq(row != NULL, functions[i].simple, "%zu", i);
        if (row)
            cr_expect_eq(row->last, functions[i].last, "%zu", i);
    }
}

/* Real frames ------------------------------------------------------------------------------------------------------------- */

struct place {
    uintptr_t pc, frame;
};
struct places {
    struct place list[64];
    unsigned count;
};

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *argument) {
    struct places *places = argument;
    if (places->count < FE_ARRAY_LENGTH(places->list))
        places->list[places->count++] = (struct place){_Unwind_GetIP(context), _Unwind_GetCFA(context)};
    return _URC_NO_REASON;
}

/* Both unwinders from here: their frames' addresses and ends. */
static void compare(void) {
    written = false;
    struct fe_arch_frame frame = {0};
    __asm__ volatile("movq %%rbx, 24(%0)\n\tmovq %%rbp, 48(%0)\n\tmovq %%rsp, 56(%0)\n\tmovq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\tmovq %%r14, 112(%0)\n\tmovq %%r15, 120(%0)\n\tleaq 0f(%%rip), %%rcx\n"
                     "0:\tmovq %%rcx, 128(%0)" ::"r"(&frame)
                     : "rcx", "memory");
    struct places theirs = {.count = 0};
    _Unwind_Backtrace(note, &theirs);
    cr_assert_gt(theirs.count, 4u);
    unsigned i = 0; /* theirs[0] is this function */
    bool in_call = false;
    for (;; i++) {
        struct fe_unwind_function function;
        struct fe_unwind_rules rules;
        uintptr_t pc = frame.registers[RIP] - in_call;
        if (!fe_unwind_find(pc, &function) || !fe_unwind_rules_at(&function, pc, &rules))
            break;
        cr_assert_lt(i, theirs.count);
        cr_expect(i == 0 || frame.registers[RIP] == theirs.list[i].pc, "frame %u: at %#zx, libgcc says %#zx", i,
                  (size_t)frame.registers[RIP], (size_t)theirs.list[i].pc);
        if (!fe_unwind_step(&function, &rules, &frame))
            break;
        cr_expect(i + 1 >= theirs.count || frame.registers[RSP] == theirs.list[i + 1].frame ||
                      frame.registers[RSP] == theirs.list[i].frame,
                  "frame %u ends at %#zx, libgcc says %#zx", i, (size_t)frame.registers[RSP],
                  (size_t)theirs.list[i].frame);
        in_call = !function.interrupted;
    }
    cr_expect_geq(i + 2, theirs.count, "%u frames, libgcc has %u", i, theirs.count);
}

static int compare_by_sort(const void *left, const void *right) {
    static bool done;
    if (!done)
        compare(); /* through the C library's frames */
    done = true;
    return *(const int *)left - *(const int *)right;
}

__attribute__((noinline)) static void realigned(size_t bytes) {
    char variable[bytes];
    char aligned[64] __attribute__((aligned(64)));
    memset(variable, 1, bytes);
    memset(aligned, 1, sizeof aligned);
    cr_assert_eq((uintptr_t)aligned % 64, 0u);
    compare();
    cr_assert_eq(variable[bytes - 1] + aligned[0], 2);
}

Test(sched_unwind, finds_the_frames_that_libgcc_finds) {
    compare();
    realigned(100);
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof numbers[0], compare_by_sort);
}

/* Every function of the C library, and what it loads: its rules are understood, from its first byte to its last. */
Test(sched_unwind, understands_the_c_library) {
    written = false;
    struct dl_find_object found;
    cr_assert_eq(_dl_find_object((void *)(uintptr_t)qsort, &found), 0);
    const int32_t *header = found.dlfo_eh_frame;
    uint32_t count = (uint32_t)header[2], understood = 0;
    cr_assert_gt(count, 1000u);
    for (uint32_t i = 0; i + 1 < count; i++) {
        uintptr_t start = (uintptr_t)header + (uintptr_t)(intptr_t)header[3 + 2 * i];
        struct fe_unwind_function function;
        struct fe_unwind_rules rules;
        cr_assert(fe_unwind_find(start, &function), "function %u", i);
        cr_assert_eq(function.start, start);
        for (uintptr_t pc = start; fe_unwind_find(pc, &function) && function.start == start; pc += 7) {
            cr_assert(fe_unwind_rules_at(&function, pc, &rules), "function %u at +%zu", i, (size_t)(pc - start));
            understood++;
        }
    }
    cr_expect_gt(understood, count);
}
