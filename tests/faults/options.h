/* SPDX-License-Identifier: MIT */
/*
 * The fault proxy's command line.
 */
#ifndef VALVE_TESTS_FAULTS_OPTIONS_H
#define VALVE_TESTS_FAULTS_OPTIONS_H

#include "net/address.h"
#include "tests/faults/plan.h"

struct fault_options {
    struct fault_settings settings;
    struct valve_address listen, target;
};

/* Reads the command line; says what is wrong with it and exits, or shows help. */
void fault_options_parse(int argc, char **argv, struct fault_options *ret_options);

/* One line that says all of it. */
void fault_options_print(const struct fault_options *options);

#endif
