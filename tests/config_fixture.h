/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the configuration share: a directory with a root in it, and a file to load.
 */
#ifndef VALVE_CONFIG_FIXTURE_H
#define VALVE_CONFIG_FIXTURE_H

#include <config.h>

#include "daemon/config_internal.h"
#include "daemon/options.h"

#include <check.h>

/* The least that is complete. */
#define LISTEN "[listen a]\naddress = unix:/tmp/a.sock\n"

/* Longest line that can be read; less than promised if inih was built with a small buffer. */
#if HAVE_DECL_INI_USE_STACK && HAVE_DECL_INI_ALLOW_REALLOC && HAVE_DECL_INI_MAX_LINE
#define LONGEST_LINE CONFIG_LINE_MAX
#else
#define LONGEST_LINE 190
#endif

/* Made anew for each test; `path` is that of the file. */
extern char directory[64];
extern char root[96];
extern char path[96];

/* At first: read the file, with --root. */
extern struct options options;

/* What the last loading came to. */
extern struct config config;
extern struct config_errors errors;

/* The parts of a checked fixture. */
void make_place(void);
void remove_place(void);

/* A test case of the suite, in which each test has its place. */
TCase *add_case(Suite *suite, const char *name);

/* Runs the suite and prints its summary; the exit status. */
int run_suite(Suite *suite);

/* Forgets the last configuration and its errors. */
void forget(void);

void print_errors(void);
void write_bytes(const void *bytes, size_t size);

/* Writes the file and loads it. */
int load_text(const char *text);

/* Fails unless the text loads without an error. */
void load_good(const char *text);

/* Fails unless error `index` is at that line, says so as FILE:LINE, and holds these words. */
void check_error(size_t index, unsigned line, const char *words);

/* Fails unless the text has exactly that one error. */
void check_bad(const char *text, unsigned line, const char *words);

/* Adds a listener to the options, as --listen does. */
void listen_at(const char *text);

/* Fails unless both hold the same values, whatever their origins. */
void check_same(const struct config *a, const struct config *b);
void check_same_values(const struct config_key *keys, size_t count, const void *a, const void *b,
                       const struct config_origin *a_origins,
                       const struct config_origin *b_origins);

/* The dump of `config`; the caller's to free. */
char *dump_text(void);

/* Fails unless `config` is what its dump reads back to, with no help of the command line. */
void check_round_trip(void);

#endif
