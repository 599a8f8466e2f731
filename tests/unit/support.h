/*
 * What unit tests on the host share: a machine to allocate on, and failures that can be expected.
 *
 * Criterion runs each test in a process of its own, so a test may leave everything as it is.
 */
#ifndef FERRITE_TESTS_UNIT_SUPPORT_H
#define FERRITE_TESTS_UNIT_SUPPORT_H

#include <arch/arch.h>
#include <arch/host/host.h>
#include <criterion/criterion.h>
#include <ferrite/context.h>

#include <setjmp.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* Memory from 1 MiB to `bytes`, pages and heap working, the caller being core 0. */
void unit_machine(uint64_t bytes);
/* Makes the calling thread core `index` (1 and up), its heap prepared. */
void unit_become_core(unsigned index);

/* Makes the caller core 0 without memory, for tests that set that up themselves. */
void unit_boot_core(void);

/* xorshift64; *state must not be 0. */
static inline uint64_t unit_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* What was complained of, to be emptied by who reads it; and a function to complain through. */
extern char unit_complaints[8192];
void unit_complain(const char *format, ...);

/* How the calling thread's last fe_fail or fe_panic came about. */
extern __thread enum unit_failure { UNIT_NONE, UNIT_FAILED, UNIT_PANICKED } unit_failure;
extern __thread char unit_message[256];
extern __thread jmp_buf unit_trap;
extern __thread bool unit_trapping;
extern __thread enum fe_context_kind unit_context; /* what fe_context answers; at first FE_CONTEXT_TASK */

/* Runs `statement`, which must fail or panic with a message that contains `part`. */
#define unit_expect(kind, part, statement)                                                                                 \
    do {                                                                                                                   \
        unit_failure = UNIT_NONE;                                                                                          \
        unit_trapping = true;                                                                                              \
        if (setjmp(unit_trap) == 0) {                                                                                      \
            statement;                                                                                                     \
        }                                                                                                                  \
        unit_trapping = false;                                                                                             \
        cr_assert_eq(unit_failure, (kind), "%s: did not fail as expected", #statement);                                    \
        cr_assert_not_null(strstr(unit_message, (part)), "%s: said \"%s\", not \"%s\"", #statement, unit_message, (part)); \
    } while (0)
#define unit_expect_fail(part, statement) unit_expect(UNIT_FAILED, part, statement)
#define unit_expect_panic(part, statement) unit_expect(UNIT_PANICKED, part, statement)

#endif
