/* SPDX-License-Identifier: MIT */
/* The tests of lib/client in the other files of check_client. */
#ifndef VALVE_CHECK_CLIENT_H
#define VALVE_CHECK_CLIENT_H

#include <check.h>

void add_oneway_tests(Suite *suite);
void add_reply_tests(Suite *suite);
void add_stream_tests(Suite *suite);
void add_violation_tests(Suite *suite);

#endif
