/* SPDX-License-Identifier: MIT */
/*
 * Protocols of lines, as load knows them: HTTP/1.1 and memcached's.
 */
#ifndef VALVE_TEST_LOAD_TEXT_H
#define VALVE_TEST_LOAD_TEXT_H

#include "client/load.h"

/* Requests that were written once, and whose turn it is. */
struct load_text {
    char **requests;
    size_t *sizes;
    size_t count, next, longest;
};

/* Makes GET requests for these names, which go in turn. Ends the program without memory. */
struct load_protocol load_http(struct load_text *text, const char *host, char **names,
                               size_t count);
struct load_protocol load_memcached(struct load_text *text, char **names, size_t count);
void load_text_fini(struct load_text *text);

#endif
