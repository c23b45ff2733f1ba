/* SPDX-License-Identifier: MIT */
/* Whether a test runs under Valgrind, where everything takes some fifty times as long. */
#ifndef VALVE_ON_VALGRIND_H
#define VALVE_ON_VALGRIND_H

#include <config.h>

#include <stdbool.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#define ON_VALGRIND (RUNNING_ON_VALGRIND != 0)
#else
#define ON_VALGRIND false
#endif

#endif
