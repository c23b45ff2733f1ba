/* SPDX-License-Identifier: MIT */
/* What the files of check_cddl share. */
#ifndef VALVE_CHECK_CDDL_H
#define VALVE_CHECK_CDDL_H

#include <check.h>

/* Compiles a schema called t; what the user is told must be `report`, word for word. */
void expect_report(const char *schema, const char *report);

void add_method_tests(Suite *suite);

#endif
