/* SPDX-License-Identifier: MIT */
/* What the files of check_cddl share. */
#ifndef VALVE_CHECK_CDDL_H
#define VALVE_CHECK_CDDL_H

#include <check.h>

/* A schema called t about the type a, and what the user is told of it. */
#define FAIL    "fail = {\"Error\" => tstr}\n"
#define WITH(x) "t = [{\"A\" => a}, \"Ok\" / fail]\n" FAIL "a = " x "\n"
#define AT(x)   "t.cddl:" x "\n"

/* Compiles a schema called t; what the user is told must be `report`, word for word. */
void expect_report(const char *schema, const char *report);

void add_refusal_tests(Suite *suite);
void add_method_tests(Suite *suite);
void add_graph_tests(Suite *suite);

#endif
