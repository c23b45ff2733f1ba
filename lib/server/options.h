/* SPDX-License-Identifier: MIT */
/*
 * What a server may be told.
 */
#ifndef VALVE_SERVER_OPTIONS_H
#define VALVE_SERVER_OPTIONS_H

#include "valve.h"

/* Levels of arrays and maps that a fiber's stack has room for, whether decoded or encoded. */
unsigned valve_options_levels(const struct valve_server_options *options);

/* NULL, or which option is out of its range, in words. */
const char *valve_options_find_bad(const struct valve_server_options *options);

#endif
