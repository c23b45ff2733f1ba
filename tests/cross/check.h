/* SPDX-License-Identifier: MIT */
/*
 * As much of Check as the tests of lib/fiber use, for machines that have a C library and no more:
 * those that an emulator stands in for. Each test runs in a process of its own.
 */
#ifndef VALVE_CROSS_CHECK_H
#define VALVE_CROSS_CHECK_H

#include <stdint.h>
#include <string.h>

typedef struct test {
    const char *name;
    void (*run)(void);
} TTest;
typedef struct suite Suite;
typedef struct tcase TCase;
typedef struct runner SRunner;
enum print_output { CK_NORMAL };

#define START_TEST(name)                                                                           \
    static void name##_run(void);                                                                  \
    static const TTest name##_test = {#name, name##_run};                                          \
    static const TTest *const name = &name##_test;                                                 \
    static void name##_run(void)
#define END_TEST

void check_failed(const char *file, int line, const char *what) __attribute__((noreturn));

#define ck_assert(is) ((is) ? (void)0 : check_failed(__FILE__, __LINE__, #is))

/* Each operand once. */
#define check_compare(type, a, is, b)                                                              \
    do {                                                                                           \
        const type a_ = (a);                                                                       \
        const type b_ = (b);                                                                       \
        if (!(a_ is b_))                                                                           \
            check_failed(__FILE__, __LINE__, #a " " #is " " #b);                                   \
    } while (0)
#define ck_assert_int_eq(a, b)   check_compare(intmax_t, a, ==, b)
#define ck_assert_int_ge(a, b)   check_compare(intmax_t, a, >=, b)
#define ck_assert_int_le(a, b)   check_compare(intmax_t, a, <=, b)
#define ck_assert_uint_eq(a, b)  check_compare(uintmax_t, a, ==, b)
#define ck_assert_uint_ge(a, b)  check_compare(uintmax_t, a, >=, b)
#define ck_assert_uint_gt(a, b)  check_compare(uintmax_t, a, >, b)
#define ck_assert_uint_le(a, b)  check_compare(uintmax_t, a, <=, b)
#define ck_assert_uint_lt(a, b)  check_compare(uintmax_t, a, <, b)
#define ck_assert_ptr_eq(a, b)   check_compare(void *, a, ==, b)
#define ck_assert_ptr_ne(a, b)   check_compare(void *, a, !=, b)
#define ck_assert_ptr_null(a)    ck_assert((a) == NULL)
#define ck_assert_ptr_nonnull(a) ck_assert((a) != NULL)
#define ck_assert_str_eq(a, b)   ck_assert(strcmp(a, b) == 0)

Suite *suite_create(const char *name);
TCase *tcase_create(const char *name);
void suite_add_tcase(Suite *suite, TCase *tcase);
void tcase_add_checked_fixture(TCase *tcase, void (*set_up)(void), void (*tear_down)(void));
void tcase_set_timeout(TCase *tcase, double seconds);
void tcase_add_test(TCase *tcase, const TTest *test);
SRunner *srunner_create(Suite *suite);
void srunner_run_all(SRunner *runner, enum print_output output);
int srunner_ntests_failed(SRunner *runner);
void srunner_free(SRunner *runner);

#endif
