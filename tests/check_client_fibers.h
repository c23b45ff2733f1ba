/* SPDX-License-Identifier: MIT */
/* The tests in the other files of check_client_fibers. */
#ifndef VALVE_CHECK_CLIENT_FIBERS_H
#define VALVE_CHECK_CLIENT_FIBERS_H

#include <check.h>

void add_client_model_tests(Suite *suite);

#endif
