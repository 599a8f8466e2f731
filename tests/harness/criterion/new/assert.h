/*
 * Criterion's newer assertions: cr_assert(eq(int, a, b)), cr_expect(all(lt(sz, n, 3), not(zero(ptr, p)))), and so on. As
 * in Criterion, including this changes what cr_assert and cr_expect take, and a condition that is no specifier must begin
 * with a name or a number (the preprocessor can't paste to anything else).
 *
 * How it works: FE_CRI_TEST_ pasted to a specifier's name is a macro that expands to a comma, so that the arguments shift
 * and the specifier's own expansion is chosen; pasted to anything else it stays one argument, and the text is the
 * condition. The preprocessor never expands a macro within itself, so what is nested exists once a level: A, B and C.
 * Every specifier is an expression. Those that compare leave what they saw in the assertion's own fe_notes_.
 */
#ifndef FE_HARNESS_CRITERION_NEW_ASSERT_H
#define FE_HARNESS_CRITERION_NEW_ASSERT_H

#include <criterion/criterion.h>

struct cr_mem {
    const void *data;
    size_t size;
};

#undef cr_assert
#undef cr_expect
#define cr_assert(Criterion_, ...) FE_CRI_ASSERT(fe_test_abort, #Criterion_, FE_CRI_A(Criterion_), __VA_ARGS__)
#define cr_expect(Criterion_, ...) FE_CRI_ASSERT(fe_test_continue, #Criterion_, FE_CRI_A(Criterion_), __VA_ARGS__)

#define FE_CRI_ASSERT(Then_, Text_, Condition_, ...)                                                                   \
    do {                                                                                                               \
        struct fe_test_notes fe_notes_ = {.count = 0};                                                                 \
        if (!(Condition_)) {                                                                                           \
            fe_test_failed_notes(__FILE__, __LINE__, (Text_), &fe_notes_, " " __VA_ARGS__);                            \
            Then_();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Choosing ---------------------------------------------------------------------------------------------------------- */
#define FE_CRI_THIRD(First_, Second_, Third_, ...) Third_
#define FE_CRI_PICK(...) FE_CRI_THIRD(__VA_ARGS__)
#define FE_CRI_COUNT(...) FE_CRI_COUNT_(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define FE_CRI_COUNT_(A_, B_, C_, D_, E_, F_, G_, H_, N_, ...) N_
#define FE_CRI_JOIN(A_, B_) FE_CRI_JOIN_(A_, B_)
#define FE_CRI_JOIN_(A_, B_) A_##B_

#define FE_CRI_TEST_eq(...) ,
#define FE_CRI_TEST_ne(...) ,
#define FE_CRI_TEST_lt(...) ,
#define FE_CRI_TEST_le(...) ,
#define FE_CRI_TEST_gt(...) ,
#define FE_CRI_TEST_ge(...) ,
#define FE_CRI_TEST_zero(...) ,
#define FE_CRI_TEST_epsilon_eq(...) ,
#define FE_CRI_TEST_epsilon_ne(...) ,
#define FE_CRI_TEST_not(...) ,
#define FE_CRI_TEST_all(...) ,
#define FE_CRI_TEST_any(...) ,
#define FE_CRI_TEST_none(...) ,

/* Comparing: op(tag, a, b), or op(a, b) by C's own rules and without showing the values. ------------------------------ */
#define FE_CRI_OP(Operator_, ...) FE_CRI_JOIN(FE_CRI_OP_, FE_CRI_COUNT(__VA_ARGS__))(Operator_, __VA_ARGS__)
#define FE_CRI_OP_2(Operator_, Actual_, Expected_) ((Actual_)Operator_(Expected_))
#define FE_CRI_OP_3(Operator_, Tag_, Actual_, Expected_)                                                               \
    FE_CRI_KIND_##Tag_(Operator_, Actual_, Expected_, #Actual_ " " #Operator_ " " #Expected_)

#define FE_CRI_TYPED(Operator_, Type_, Actual_, Expected_, Text_)                                                      \
    __extension__({                                                                                                    \
        Type_ fe_actual_ = (Actual_);                                                                                  \
        Type_ fe_expected_ = (Expected_);                                                                              \
        fe_test_note(&fe_notes_, fe_actual_ Operator_ fe_expected_, (Text_), FE_TEST_VALUE_(fe_actual_),               \
                     FE_TEST_VALUE_(fe_expected_));                                                                    \
    })
#define FE_CRI_KIND_str(Operator_, Actual_, Expected_, Text_)                                                          \
    __extension__({                                                                                                    \
        const char *fe_actual_ = (Actual_), *fe_expected_ = (Expected_);                                               \
        int fe_order_ = 0;                                                                                             \
        bool fe_both_ = fe_test_strings(fe_actual_, fe_expected_, &fe_order_);                                         \
        fe_test_note(&fe_notes_, fe_both_ &&fe_order_ Operator_ 0, (Text_), fe_test_string(fe_actual_),                \
                     fe_test_string(fe_expected_));                                                                    \
    })
#define FE_CRI_KIND_mem(Operator_, Actual_, Expected_, Text_)                                                          \
    __extension__({                                                                                                    \
        struct cr_mem fe_actual_ = (Actual_), fe_expected_ = (Expected_);                                              \
        size_t fe_at_ = 0, fe_least_ = fe_actual_.size < fe_expected_.size ? fe_actual_.size : fe_expected_.size;      \
        int fe_order_ = fe_test_memory(fe_actual_.data, fe_expected_.data, fe_least_, &fe_at_);                        \
        if (fe_order_ == 0)                                                                                            \
            fe_order_ = (fe_actual_.size > fe_expected_.size) - (fe_actual_.size < fe_expected_.size);                 \
        fe_test_note(&fe_notes_, fe_order_ Operator_ 0, Text_ " (byte, of)", fe_test_unsigned(fe_at_),                 \
                     fe_test_unsigned(fe_least_));                                                                     \
    })
#define FE_CRI_KIND_i8(O_, A_, E_, Text_) FE_CRI_TYPED(O_, int8_t, A_, E_, Text_)
#define FE_CRI_KIND_i16(O_, A_, E_, Text_) FE_CRI_TYPED(O_, int16_t, A_, E_, Text_)
#define FE_CRI_KIND_i32(O_, A_, E_, Text_) FE_CRI_TYPED(O_, int32_t, A_, E_, Text_)
#define FE_CRI_KIND_i64(O_, A_, E_, Text_) FE_CRI_TYPED(O_, int64_t, A_, E_, Text_)
#define FE_CRI_KIND_u8(O_, A_, E_, Text_) FE_CRI_TYPED(O_, uint8_t, A_, E_, Text_)
#define FE_CRI_KIND_u16(O_, A_, E_, Text_) FE_CRI_TYPED(O_, uint16_t, A_, E_, Text_)
#define FE_CRI_KIND_u32(O_, A_, E_, Text_) FE_CRI_TYPED(O_, uint32_t, A_, E_, Text_)
#define FE_CRI_KIND_u64(O_, A_, E_, Text_) FE_CRI_TYPED(O_, uint64_t, A_, E_, Text_)
#define FE_CRI_KIND_sz(O_, A_, E_, Text_) FE_CRI_TYPED(O_, size_t, A_, E_, Text_)
#define FE_CRI_KIND_iptr(O_, A_, E_, Text_) FE_CRI_TYPED(O_, intptr_t, A_, E_, Text_)
#define FE_CRI_KIND_uptr(O_, A_, E_, Text_) FE_CRI_TYPED(O_, uintptr_t, A_, E_, Text_)
#define FE_CRI_KIND_chr(O_, A_, E_, Text_) FE_CRI_TYPED(O_, char, A_, E_, Text_)
#define FE_CRI_KIND_int(O_, A_, E_, Text_) FE_CRI_TYPED(O_, int, A_, E_, Text_)
#define FE_CRI_KIND_uint(O_, A_, E_, Text_) FE_CRI_TYPED(O_, unsigned int, A_, E_, Text_)
#define FE_CRI_KIND_long(O_, A_, E_, Text_) FE_CRI_TYPED(O_, long, A_, E_, Text_)
#define FE_CRI_KIND_ulong(O_, A_, E_, Text_) FE_CRI_TYPED(O_, unsigned long, A_, E_, Text_)
#define FE_CRI_KIND_llong(O_, A_, E_, Text_) FE_CRI_TYPED(O_, long long, A_, E_, Text_)
#define FE_CRI_KIND_ullong(O_, A_, E_, Text_) FE_CRI_TYPED(O_, unsigned long long, A_, E_, Text_)
#define FE_CRI_KIND_flt(O_, A_, E_, Text_) FE_CRI_TYPED(O_, float, A_, E_, Text_)
#define FE_CRI_KIND_dbl(O_, A_, E_, Text_) FE_CRI_TYPED(O_, double, A_, E_, Text_)
#define FE_CRI_KIND_ptr(O_, A_, E_, Text_) FE_CRI_TYPED(O_, const volatile void *, A_, E_, Text_)

/* zero(value), zero(tag, value): a number or pointer that is zero, a string that is empty. */
#define FE_CRI_ZERO(...) FE_CRI_JOIN(FE_CRI_ZERO_, FE_CRI_COUNT(__VA_ARGS__))(__VA_ARGS__)
#define FE_CRI_ZERO_1(Value_) (!(Value_))
#define FE_CRI_ZERO_2(Tag_, Value_)                                                                                    \
    FE_CRI_PICK(FE_CRI_IS_TEXT_##Tag_, FE_CRI_KIND_str(==, Value_, "", #Value_ " is empty"),                           \
                FE_CRI_ZERO_VALUE(Value_, #Value_), )
#define FE_CRI_IS_TEXT_str ,
#define FE_CRI_ZERO_VALUE(Value_, Text_)                                                                               \
    __extension__({                                                                                                    \
        __auto_type fe_value_ = (Value_);                                                                              \
        fe_test_note(&fe_notes_, !fe_value_, Text_ " is zero", FE_TEST_VALUE_(fe_value_), fe_test_unsigned(0));        \
    })

/* epsilon_eq(a, b, e), epsilon_eq(tag, a, b, e). */
#define FE_CRI_NEAR(Wanted_, ...) FE_CRI_JOIN(FE_CRI_NEAR_, FE_CRI_COUNT(__VA_ARGS__))(Wanted_, __VA_ARGS__)
#define FE_CRI_NEAR_4(Wanted_, Tag_, Actual_, Expected_, Epsilon_) FE_CRI_NEAR_3(Wanted_, Actual_, Expected_, Epsilon_)
#define FE_CRI_NEAR_3(Wanted_, Actual_, Expected_, Epsilon_)                                                           \
    __extension__({                                                                                                    \
        double fe_actual_ = (double)(Actual_), fe_expected_ = (double)(Expected_), fe_most_ = (double)(Epsilon_);      \
        bool fe_near_ = fe_actual_ - fe_expected_ <= fe_most_ && fe_expected_ - fe_actual_ <= fe_most_;                \
        fe_test_note(&fe_notes_, fe_near_ == (Wanted_), #Actual_ " near " #Expected_ ": " #Wanted_,                    \
                     fe_test_real(fe_actual_), fe_test_real(fe_expected_));                                            \
    })

/* Level A ---------------------------------------------------------------------------------------------------------- */
#define FE_CRI_A(S_) FE_CRI_PICK(FE_CRI_TEST_##S_, FE_CRI_A_##S_, (S_), )
#define FE_CRI_A_eq(...) FE_CRI_OP(==, __VA_ARGS__)
#define FE_CRI_A_ne(...) FE_CRI_OP(!=, __VA_ARGS__)
#define FE_CRI_A_lt(...) FE_CRI_OP(<, __VA_ARGS__)
#define FE_CRI_A_le(...) FE_CRI_OP(<=, __VA_ARGS__)
#define FE_CRI_A_gt(...) FE_CRI_OP(>, __VA_ARGS__)
#define FE_CRI_A_ge(...) FE_CRI_OP(>=, __VA_ARGS__)
#define FE_CRI_A_zero(...) FE_CRI_ZERO(__VA_ARGS__)
#define FE_CRI_A_epsilon_eq(...) FE_CRI_NEAR(true, __VA_ARGS__)
#define FE_CRI_A_epsilon_ne(...) FE_CRI_NEAR(false, __VA_ARGS__)
#define FE_CRI_A_not(S_) (!FE_CRI_B(S_))
#define FE_CRI_A_all(...) (FE_CRI_JOIN(FE_CRI_A_LIST_, FE_CRI_COUNT(__VA_ARGS__))(&&, __VA_ARGS__))
#define FE_CRI_A_any(...) (FE_CRI_JOIN(FE_CRI_A_LIST_, FE_CRI_COUNT(__VA_ARGS__))(||, __VA_ARGS__))
#define FE_CRI_A_none(...) (!FE_CRI_A_any(__VA_ARGS__))
#define FE_CRI_A_LIST_1(O_, S_) !!FE_CRI_B(S_)
#define FE_CRI_A_LIST_2(O_, S_, ...) !!FE_CRI_B(S_) O_ FE_CRI_A_LIST_1(O_, __VA_ARGS__)
#define FE_CRI_A_LIST_3(O_, S_, ...) !!FE_CRI_B(S_) O_ FE_CRI_A_LIST_2(O_, __VA_ARGS__)
#define FE_CRI_A_LIST_4(O_, S_, ...) !!FE_CRI_B(S_) O_ FE_CRI_A_LIST_3(O_, __VA_ARGS__)
#define FE_CRI_A_LIST_5(O_, S_, ...) !!FE_CRI_B(S_) O_ FE_CRI_A_LIST_4(O_, __VA_ARGS__)
#define FE_CRI_A_LIST_6(O_, S_, ...) !!FE_CRI_B(S_) O_ FE_CRI_A_LIST_5(O_, __VA_ARGS__)
#define FE_CRI_A_LIST_7(O_, S_, ...) !!FE_CRI_B(S_) O_ FE_CRI_A_LIST_6(O_, __VA_ARGS__)
#define FE_CRI_A_LIST_8(O_, S_, ...) !!FE_CRI_B(S_) O_ FE_CRI_A_LIST_7(O_, __VA_ARGS__)

/* Level B ---------------------------------------------------------------------------------------------------------- */
#define FE_CRI_B(S_) FE_CRI_PICK(FE_CRI_TEST_##S_, FE_CRI_B_##S_, (S_), )
#define FE_CRI_B_eq(...) FE_CRI_OP(==, __VA_ARGS__)
#define FE_CRI_B_ne(...) FE_CRI_OP(!=, __VA_ARGS__)
#define FE_CRI_B_lt(...) FE_CRI_OP(<, __VA_ARGS__)
#define FE_CRI_B_le(...) FE_CRI_OP(<=, __VA_ARGS__)
#define FE_CRI_B_gt(...) FE_CRI_OP(>, __VA_ARGS__)
#define FE_CRI_B_ge(...) FE_CRI_OP(>=, __VA_ARGS__)
#define FE_CRI_B_zero(...) FE_CRI_ZERO(__VA_ARGS__)
#define FE_CRI_B_epsilon_eq(...) FE_CRI_NEAR(true, __VA_ARGS__)
#define FE_CRI_B_epsilon_ne(...) FE_CRI_NEAR(false, __VA_ARGS__)
#define FE_CRI_B_not(S_) (!FE_CRI_C(S_))
#define FE_CRI_B_all(...) (FE_CRI_JOIN(FE_CRI_B_LIST_, FE_CRI_COUNT(__VA_ARGS__))(&&, __VA_ARGS__))
#define FE_CRI_B_any(...) (FE_CRI_JOIN(FE_CRI_B_LIST_, FE_CRI_COUNT(__VA_ARGS__))(||, __VA_ARGS__))
#define FE_CRI_B_none(...) (!FE_CRI_B_any(__VA_ARGS__))
#define FE_CRI_B_LIST_1(O_, S_) !!FE_CRI_C(S_)
#define FE_CRI_B_LIST_2(O_, S_, ...) !!FE_CRI_C(S_) O_ FE_CRI_B_LIST_1(O_, __VA_ARGS__)
#define FE_CRI_B_LIST_3(O_, S_, ...) !!FE_CRI_C(S_) O_ FE_CRI_B_LIST_2(O_, __VA_ARGS__)
#define FE_CRI_B_LIST_4(O_, S_, ...) !!FE_CRI_C(S_) O_ FE_CRI_B_LIST_3(O_, __VA_ARGS__)
#define FE_CRI_B_LIST_5(O_, S_, ...) !!FE_CRI_C(S_) O_ FE_CRI_B_LIST_4(O_, __VA_ARGS__)
#define FE_CRI_B_LIST_6(O_, S_, ...) !!FE_CRI_C(S_) O_ FE_CRI_B_LIST_5(O_, __VA_ARGS__)
#define FE_CRI_B_LIST_7(O_, S_, ...) !!FE_CRI_C(S_) O_ FE_CRI_B_LIST_6(O_, __VA_ARGS__)
#define FE_CRI_B_LIST_8(O_, S_, ...) !!FE_CRI_C(S_) O_ FE_CRI_B_LIST_7(O_, __VA_ARGS__)

/* Level C ---------------------------------------------------------------------------------------------------------- */
#define FE_CRI_C(S_) FE_CRI_PICK(FE_CRI_TEST_##S_, FE_CRI_C_##S_, (S_), )
#define FE_CRI_C_eq(...) FE_CRI_OP(==, __VA_ARGS__)
#define FE_CRI_C_ne(...) FE_CRI_OP(!=, __VA_ARGS__)
#define FE_CRI_C_lt(...) FE_CRI_OP(<, __VA_ARGS__)
#define FE_CRI_C_le(...) FE_CRI_OP(<=, __VA_ARGS__)
#define FE_CRI_C_gt(...) FE_CRI_OP(>, __VA_ARGS__)
#define FE_CRI_C_ge(...) FE_CRI_OP(>=, __VA_ARGS__)
#define FE_CRI_C_zero(...) FE_CRI_ZERO(__VA_ARGS__)
#define FE_CRI_C_epsilon_eq(...) FE_CRI_NEAR(true, __VA_ARGS__)
#define FE_CRI_C_epsilon_ne(...) FE_CRI_NEAR(false, __VA_ARGS__)

#endif
