/*
 * Tests that run in the guest, with the macros of Criterion (libcriterion 2.4), so that one source compiles against
 * Criterion on the host and against this here: tests include <criterion/criterion.h>, which in a guest build is a file of
 * tests/harness that includes this one.
 *
 *     Test(heap, zero_bytes) { cr_assert_not_null(fe_heap_alloc(0)); }
 *     Test(faults, null, .signal = SIGSEGV) { *(volatile int *)0 = 1; }
 *
 * Each test is a task of its own. What ends that task (a failed assertion, a fault, an overrun stack) fails the test, and
 * the run goes on. A test may spawn tasks and assert in them: a failure in any of them is the test's.
 *
 * How Criterion's options are understood here:
 *   .init .fini   run before and after the test. After a failed cr_assert, .fini runs in a task of its own.
 *   .timeout      seconds, 60 unless told: a hang detector. A task can't be killed yet: a test that hangs stays.
 *   .exit_code    what exit() or fe_task_exit() was given in the test's own task.
 *   .signal       what the test's own task must end by: SIGSEGV (memory fault, stack overflow), SIGILL, SIGFPE, SIGTRAP,
 *                 SIGBUS (misaligned access, no memory for the stack), SIGABRT (fe_fail, abort(), a plain form's failure).
 *   .disabled     skipped.          .description  printed.
 *   .data         FE_TEST_MAY_LEAK: heap blocks and tasks that are left are no failure. FE_TEST_ALONE: runs only if its
 *                 whole name is given, since it ends the machine (a panic that is meant).
 * A test that ends as it should, and not by a signal, must leave as many heap blocks and tasks as it found.
 *
 * Not offered: theories, redirection of standard streams, wide strings, C++, report hooks, complex numbers, and in
 * criterion/new/assert.h the tag type(T) for structures, arrays of tags, and specifiers nested more than three deep.
 */
#ifndef FERRITE_TEST_H
#define FERRITE_TEST_H

#include <ferrite/base.h>

#ifdef __cplusplus
extern "C" {
#endif

extern char fe_test_may_leak[], fe_test_alone[];
#define FE_TEST_MAY_LEAK ((void *)fe_test_may_leak)
#define FE_TEST_ALONE ((void *)fe_test_alone)

/* As <signal.h> of Linux has them; the same text, so that both can be included. */
#ifndef SIGSEGV
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGSEGV 11
#endif

/* ------------------------------------------------------------------------------------------------------------------
 * Tests, as the macros leave them for the runner: pointers in section fe_tests. A suite's options are an entry without a
 * name.
 */
struct criterion_test_params {
    size_t size; /* of one parameter */
    void *params;
    size_t length;
    void (*cleanup)(struct criterion_test_params *params);
};

struct fe_test_options {
    int sentinel_;
    int signal;
    int exit_code;
    bool disabled;
    const char *description;
    double timeout;
    void (*init)(void);
    void (*fini)(void);
    void *data;
};

struct fe_test {
    const char *suite;
    const char *name;
    const char *file;
    unsigned line;
    void (*function)(void); /* a parameterized one takes a pointer to its parameter */
    struct criterion_test_params (*params)(void);
    const struct fe_test_options *options;
};

#define FE_TEST_DEFINE_(Suite_, Name_, Params_, ...)                                                                   \
    static const struct fe_test_options Suite_##_##Name_##_options_ = {.sentinel_ = 0, __VA_ARGS__};                   \
    static const struct fe_test Suite_##_##Name_##_test_ = {#Suite_,                                                   \
                                                            #Name_,                                                    \
                                                            __FILE__,                                                  \
                                                            __LINE__,                                                  \
                                                            (void (*)(void))Suite_##_##Name_##_impl,                   \
                                                            Params_,                                                   \
                                                            &Suite_##_##Name_##_options_};                             \
    __attribute__((used, section("fe_tests"))) static const struct fe_test *const Suite_##_##Name_##_entry_ =          \
        &Suite_##_##Name_##_test_

#define Test(Suite_, Name_, ...)                                                                                       \
    static void Suite_##_##Name_##_impl(void);                                                                         \
    FE_TEST_DEFINE_(Suite_, Name_, NULL, __VA_ARGS__);                                                                 \
    static void Suite_##_##Name_##_impl(void)

#define ParameterizedTest(Parameter_, Suite_, Name_, ...)                                                              \
    static void Suite_##_##Name_##_impl(Parameter_);                                                                   \
    FE_TEST_DEFINE_(Suite_, Name_, Suite_##_##Name_##_params, __VA_ARGS__);                                            \
    static void Suite_##_##Name_##_impl(Parameter_)

#define ParameterizedTestParameters(Suite_, Name_) static struct criterion_test_params Suite_##_##Name_##_params(void)

/* cr_make_param_array(type, array, length[, cleanup]) */
#define cr_make_param_array(...) FE_TEST_PARAMS_(__VA_ARGS__, NULL, )
#define FE_TEST_PARAMS_(Type_, Array_, Length_, Cleanup_, ...)                                                         \
    ((struct criterion_test_params){sizeof(Type_), (void *)(Array_), (Length_), (Cleanup_)})

/* Options for what the suite's tests leave out. */
#define TestSuite(Name_, ...)                                                                                          \
    static const struct fe_test_options Name_##_suite_options_ = {.sentinel_ = 0, __VA_ARGS__};                        \
    static const struct fe_test Name_##_suite_ = {                                                                     \
        #Name_, NULL, __FILE__, __LINE__, NULL, NULL, &Name_##_suite_options_};                                        \
    __attribute__((used, section("fe_tests"))) static const struct fe_test *const Name_##_suite_entry_ = &Name_##_suite_

/* ------------------------------------------------------------------------------------------------------------------
 * What the assertions call. Any task of the test.
 */
enum fe_test_value_kind { FE_TEST_SIGNED, FE_TEST_UNSIGNED, FE_TEST_POINTER, FE_TEST_STRING, FE_TEST_REAL };

/* A value as an assertion shows it. */
struct fe_test_value {
    enum fe_test_value_kind kind;
    uint64_t bits;
    const char *string;
    double real;
};

struct fe_test_value fe_test_signed(long long value);
struct fe_test_value fe_test_unsigned(unsigned long long value);
struct fe_test_value fe_test_pointer(const volatile void *value);
struct fe_test_value fe_test_string(const char *value);
struct fe_test_value fe_test_real(double value);

#define FE_TEST_VALUE_(X_)                                                                                             \
    _Generic((X_),                                                                                                       \
             bool: fe_test_unsigned, unsigned char: fe_test_unsigned, unsigned short: fe_test_unsigned,                  \
             unsigned int: fe_test_unsigned, unsigned long: fe_test_unsigned, unsigned long long: fe_test_unsigned,      \
             char: fe_test_signed, signed char: fe_test_signed, short: fe_test_signed, int: fe_test_signed,              \
             long: fe_test_signed, long long: fe_test_signed, float: fe_test_real, double: fe_test_real,                 \
             char *: fe_test_string, const char *: fe_test_string, default: fe_test_pointer)(X_)

/* Prints where an assertion failed and what it was, and counts it. `message` and what follows: the test's own words. */
void fe_test_failed(const char *file, int line, const char *assertion, const char *message, ...);
/* The same with the two values that were compared. */
void fe_test_compared(const char *file, int line, const char *assertion, struct fe_test_value actual,
                      struct fe_test_value expected, const char *message, ...);
/* For criterion/new/assert.h: the comparisons that make up one assertion. fe_test_note keeps one and answers `held`. */
#define FE_TEST_NOTES_MAX 4
struct fe_test_notes {
    unsigned count;
    struct fe_test_note {
        bool held;
        const char *text;
        struct fe_test_value actual, expected;
    } note[FE_TEST_NOTES_MAX];
};
bool fe_test_note(struct fe_test_notes *notes, bool held, const char *text, struct fe_test_value actual,
                  struct fe_test_value expected);
void fe_test_failed_notes(const char *file, int line, const char *assertion, const struct fe_test_notes *notes,
                          const char *message, ...);
/* Ends the calling task of the test. */
FE_NORETURN void fe_test_abort(void);
static inline void fe_test_continue(void) {
}
/* Ends the calling task; the test counts as skipped. */
FE_NORETURN void fe_test_skip(const char *message, ...) FE_PRINTF(1, 2);

enum criterion_severity { CR_LOG_INFO, CR_LOG_WARNING, CR_LOG_ERROR };
/* Prints a TAP diagnostic. */
void fe_test_log(enum criterion_severity severity, const char *message, ...) FE_PRINTF(2, 3);

/* Compares strings; NULL equals nothing and differs from nothing. */
bool fe_test_strings(const char *actual, const char *expected, int *order);
/* Compares memory as memcmp does; *at is where it first differs. */
int fe_test_memory(const void *actual, const void *expected, size_t bytes, size_t *at);

/* ------------------------------------------------------------------------------------------------------------------
 * Assertions. The message is optional: a printf format with its arguments, as fe_print takes them.
 */
#define FE_TEST_REPORT_(Then_, Text_, ...) (fe_test_failed(__FILE__, __LINE__, (Text_), " " __VA_ARGS__), Then_())

#define FE_TEST_TRUE_(Then_, Unless_, Text_, Condition_, ...)                                                          \
    do {                                                                                                               \
        if (Unless_(Condition_))                                                                                       \
            FE_TEST_REPORT_(Then_, Text_, __VA_ARGS__);                                                                \
    } while (0)

/* The comparison is C's own, signs and all, so that it means here what it means on the host. */
#define FE_TEST_COMPARE_(Then_, Operator_, Actual_, Expected_, ...)                                                    \
    do {                                                                                                               \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wsign-compare\"") __auto_type fe_actual_ =   \
            (Actual_);                                                                                                 \
        __auto_type fe_expected_ = (Expected_);                                                                        \
        if (!(fe_actual_ Operator_ fe_expected_)) {                                                                    \
            fe_test_compared(__FILE__, __LINE__, #Actual_ " " #Operator_ " " #Expected_, FE_TEST_VALUE_(fe_actual_),   \
                             FE_TEST_VALUE_(fe_expected_), " " __VA_ARGS__);                                           \
            Then_();                                                                                                   \
        }                                                                                                              \
        _Pragma("GCC diagnostic pop")                                                                                  \
    } while (0)

#define FE_TEST_STRINGS_(Then_, Operator_, Actual_, Expected_, ...)                                                    \
    do {                                                                                                               \
        const char *fe_actual_ = (Actual_), *fe_expected_ = (Expected_);                                               \
        int fe_order_;                                                                                                 \
        if (!fe_test_strings(fe_actual_, fe_expected_, &fe_order_) || !(fe_order_ Operator_ 0)) {                      \
            fe_test_compared(__FILE__, __LINE__, #Actual_ " " #Operator_ " " #Expected_, fe_test_string(fe_actual_),   \
                             fe_test_string(fe_expected_), " " __VA_ARGS__);                                           \
            Then_();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define FE_TEST_EMPTY_(Then_, Operator_, Text_, Value_, ...)                                                           \
    do {                                                                                                               \
        const char *fe_value_ = (Value_);                                                                              \
        if (fe_value_ == NULL || !(fe_value_[0] Operator_ '\0'))                                                       \
            FE_TEST_REPORT_(Then_, Text_, __VA_ARGS__);                                                                \
    } while (0)

#define FE_TEST_FLOATS_(Then_, Wanted_, Text_, Actual_, Expected_, Epsilon_, ...)                                      \
    do {                                                                                                               \
        double fe_actual_ = (double)(Actual_), fe_expected_ = (double)(Expected_), fe_epsilon_ = (double)(Epsilon_);   \
        bool fe_near_ = fe_actual_ - fe_expected_ <= fe_epsilon_ && fe_expected_ - fe_actual_ <= fe_epsilon_;          \
        if (fe_near_ != (Wanted_)) {                                                                                   \
            fe_test_compared(__FILE__, __LINE__, (Text_), fe_test_real(fe_actual_), fe_test_real(fe_expected_),        \
                             " " __VA_ARGS__);                                                                         \
            Then_();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define FE_TEST_ARRAYS_(Then_, Operator_, Actual_, Expected_, Size_, ...)                                              \
    do {                                                                                                               \
        size_t fe_at_;                                                                                                 \
        if (!(fe_test_memory((Actual_), (Expected_), (Size_), &fe_at_) Operator_ 0)) {                                 \
            fe_test_compared(__FILE__, __LINE__, #Actual_ "[0.." #Size_ "] " #Operator_ " " #Expected_ " (byte, of)",  \
                             fe_test_unsigned(fe_at_), fe_test_unsigned(Size_), " " __VA_ARGS__);                      \
            Then_();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define FE_TEST_ELEMENTS_(Then_, Operator_, Actual_, Expected_, Length_, Compare_, ...)                                \
    do {                                                                                                               \
        __typeof__(&(Actual_)[0]) fe_actual_ = (Actual_);                                                              \
        __typeof__(&(Expected_)[0]) fe_expected_ = (Expected_);                                                        \
        size_t fe_i_ = 0, fe_length_ = (Length_);                                                                      \
        int fe_order_ = 0;                                                                                             \
        for (; fe_order_ == 0 && fe_i_ < fe_length_; fe_i_++)                                                          \
            fe_order_ = Compare_(fe_actual_ + fe_i_, fe_expected_ + fe_i_);                                            \
        if (!(fe_order_ Operator_ 0)) {                                                                                \
            fe_test_compared(__FILE__, __LINE__, #Actual_ " " #Operator_ " " #Expected_ " (elements compared, of)",    \
                             fe_test_unsigned(fe_i_), fe_test_unsigned(fe_length_), " " __VA_ARGS__);                  \
            Then_();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define cr_assert(Condition_, ...) FE_TEST_TRUE_(fe_test_abort, !, #Condition_, Condition_, __VA_ARGS__)
#define cr_expect(Condition_, ...) FE_TEST_TRUE_(fe_test_continue, !, #Condition_, Condition_, __VA_ARGS__)
#define cr_assert_not(Condition_, ...) FE_TEST_TRUE_(fe_test_abort, !!, "not " #Condition_, Condition_, __VA_ARGS__)
#define cr_expect_not(Condition_, ...) FE_TEST_TRUE_(fe_test_continue, !!, "not " #Condition_, Condition_, __VA_ARGS__)
#define cr_assert_fail(...) FE_TEST_REPORT_(fe_test_abort, "the test says that it fails", __VA_ARGS__)
#define cr_expect_fail(...) FE_TEST_REPORT_(fe_test_continue, "the test says that it fails", __VA_ARGS__)
#define cr_fatal(...) cr_assert_fail(__VA_ARGS__)
#define cr_fail(...) cr_expect_fail(__VA_ARGS__)
#define cr_skip_test(...) fe_test_skip(" " __VA_ARGS__)
#define cr_skip(...) fe_test_skip(" " __VA_ARGS__)

#define cr_assert_eq(...) FE_TEST_COMPARE_(fe_test_abort, ==, __VA_ARGS__)
#define cr_expect_eq(...) FE_TEST_COMPARE_(fe_test_continue, ==, __VA_ARGS__)
#define cr_assert_neq(...) FE_TEST_COMPARE_(fe_test_abort, !=, __VA_ARGS__)
#define cr_expect_neq(...) FE_TEST_COMPARE_(fe_test_continue, !=, __VA_ARGS__)
#define cr_assert_lt(...) FE_TEST_COMPARE_(fe_test_abort, <, __VA_ARGS__)
#define cr_expect_lt(...) FE_TEST_COMPARE_(fe_test_continue, <, __VA_ARGS__)
#define cr_assert_leq(...) FE_TEST_COMPARE_(fe_test_abort, <=, __VA_ARGS__)
#define cr_expect_leq(...) FE_TEST_COMPARE_(fe_test_continue, <=, __VA_ARGS__)
#define cr_assert_gt(...) FE_TEST_COMPARE_(fe_test_abort, >, __VA_ARGS__)
#define cr_expect_gt(...) FE_TEST_COMPARE_(fe_test_continue, >, __VA_ARGS__)
#define cr_assert_geq(...) FE_TEST_COMPARE_(fe_test_abort, >=, __VA_ARGS__)
#define cr_expect_geq(...) FE_TEST_COMPARE_(fe_test_continue, >=, __VA_ARGS__)
#define cr_assert_null(Value_, ...) FE_TEST_COMPARE_(fe_test_abort, ==, Value_, (void *)0, __VA_ARGS__)
#define cr_expect_null(Value_, ...) FE_TEST_COMPARE_(fe_test_continue, ==, Value_, (void *)0, __VA_ARGS__)
#define cr_assert_not_null(Value_, ...) FE_TEST_COMPARE_(fe_test_abort, !=, Value_, (void *)0, __VA_ARGS__)
#define cr_expect_not_null(Value_, ...) FE_TEST_COMPARE_(fe_test_continue, !=, Value_, (void *)0, __VA_ARGS__)

#define cr_assert_str_empty(Value_, ...) FE_TEST_EMPTY_(fe_test_abort, ==, #Value_ " is empty", Value_, __VA_ARGS__)
#define cr_expect_str_empty(Value_, ...) FE_TEST_EMPTY_(fe_test_continue, ==, #Value_ " is empty", Value_, __VA_ARGS__)
#define cr_assert_str_not_empty(Value_, ...)                                                                           \
    FE_TEST_EMPTY_(fe_test_abort, !=, #Value_ " is not empty", Value_, __VA_ARGS__)
#define cr_expect_str_not_empty(Value_, ...)                                                                           \
    FE_TEST_EMPTY_(fe_test_continue, !=, #Value_ " is not empty", Value_, __VA_ARGS__)
#define cr_assert_str_eq(...) FE_TEST_STRINGS_(fe_test_abort, ==, __VA_ARGS__)
#define cr_expect_str_eq(...) FE_TEST_STRINGS_(fe_test_continue, ==, __VA_ARGS__)
#define cr_assert_str_neq(...) FE_TEST_STRINGS_(fe_test_abort, !=, __VA_ARGS__)
#define cr_expect_str_neq(...) FE_TEST_STRINGS_(fe_test_continue, !=, __VA_ARGS__)
#define cr_assert_str_lt(...) FE_TEST_STRINGS_(fe_test_abort, <, __VA_ARGS__)
#define cr_expect_str_lt(...) FE_TEST_STRINGS_(fe_test_continue, <, __VA_ARGS__)
#define cr_assert_str_leq(...) FE_TEST_STRINGS_(fe_test_abort, <=, __VA_ARGS__)
#define cr_expect_str_leq(...) FE_TEST_STRINGS_(fe_test_continue, <=, __VA_ARGS__)
#define cr_assert_str_gt(...) FE_TEST_STRINGS_(fe_test_abort, >, __VA_ARGS__)
#define cr_expect_str_gt(...) FE_TEST_STRINGS_(fe_test_continue, >, __VA_ARGS__)
#define cr_assert_str_geq(...) FE_TEST_STRINGS_(fe_test_abort, >=, __VA_ARGS__)
#define cr_expect_str_geq(...) FE_TEST_STRINGS_(fe_test_continue, >=, __VA_ARGS__)

#define cr_assert_float_eq(Actual_, Expected_, ...)                                                                    \
    FE_TEST_FLOATS_(fe_test_abort, true, #Actual_ " == " #Expected_, Actual_, Expected_, __VA_ARGS__)
#define cr_expect_float_eq(Actual_, Expected_, ...)                                                                    \
    FE_TEST_FLOATS_(fe_test_continue, true, #Actual_ " == " #Expected_, Actual_, Expected_, __VA_ARGS__)
#define cr_assert_float_neq(Actual_, Expected_, ...)                                                                   \
    FE_TEST_FLOATS_(fe_test_abort, false, #Actual_ " != " #Expected_, Actual_, Expected_, __VA_ARGS__)
#define cr_expect_float_neq(Actual_, Expected_, ...)                                                                   \
    FE_TEST_FLOATS_(fe_test_continue, false, #Actual_ " != " #Expected_, Actual_, Expected_, __VA_ARGS__)

#define cr_assert_arr_eq(...) FE_TEST_ARRAYS_(fe_test_abort, ==, __VA_ARGS__)
#define cr_expect_arr_eq(...) FE_TEST_ARRAYS_(fe_test_continue, ==, __VA_ARGS__)
#define cr_assert_arr_neq(...) FE_TEST_ARRAYS_(fe_test_abort, !=, __VA_ARGS__)
#define cr_expect_arr_neq(...) FE_TEST_ARRAYS_(fe_test_continue, !=, __VA_ARGS__)
#define cr_assert_arr_eq_cmp(...) FE_TEST_ELEMENTS_(fe_test_abort, ==, __VA_ARGS__)
#define cr_expect_arr_eq_cmp(...) FE_TEST_ELEMENTS_(fe_test_continue, ==, __VA_ARGS__)
#define cr_assert_arr_neq_cmp(...) FE_TEST_ELEMENTS_(fe_test_abort, !=, __VA_ARGS__)
#define cr_expect_arr_neq_cmp(...) FE_TEST_ELEMENTS_(fe_test_continue, !=, __VA_ARGS__)
#define cr_assert_arr_lt_cmp(...) FE_TEST_ELEMENTS_(fe_test_abort, <, __VA_ARGS__)
#define cr_expect_arr_lt_cmp(...) FE_TEST_ELEMENTS_(fe_test_continue, <, __VA_ARGS__)
#define cr_assert_arr_leq_cmp(...) FE_TEST_ELEMENTS_(fe_test_abort, <=, __VA_ARGS__)
#define cr_expect_arr_leq_cmp(...) FE_TEST_ELEMENTS_(fe_test_continue, <=, __VA_ARGS__)
#define cr_assert_arr_gt_cmp(...) FE_TEST_ELEMENTS_(fe_test_abort, >, __VA_ARGS__)
#define cr_expect_arr_gt_cmp(...) FE_TEST_ELEMENTS_(fe_test_continue, >, __VA_ARGS__)
#define cr_assert_arr_geq_cmp(...) FE_TEST_ELEMENTS_(fe_test_abort, >=, __VA_ARGS__)
#define cr_expect_arr_geq_cmp(...) FE_TEST_ELEMENTS_(fe_test_continue, >=, __VA_ARGS__)

#define cr_log(...) fe_test_log(__VA_ARGS__)
#define cr_log_info(...) fe_test_log(CR_LOG_INFO, __VA_ARGS__)
#define cr_log_warn(...) fe_test_log(CR_LOG_WARNING, __VA_ARGS__)
#define cr_log_error(...) fe_test_log(CR_LOG_ERROR, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
