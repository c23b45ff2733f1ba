/* SPDX-License-Identifier: MIT */
/*
 * The metrics of a valved, fetched by HTTP.
 */
#ifndef VALVECTL_SCRAPE_H
#define VALVECTL_SCRAPE_H

#include <stddef.h>
#include <stdint.h>

#include "valve.h"

/*
 * Fetches them from this address. The text is the caller's to free, and terminated. 0; -EPROTO:
 * what answers there is no valved's metrics; another -errno. Explained in *ret_error.
 */
int scrape(const char *address, uint64_t deadline, char **ret_text, struct valve_error *ret_error);

#endif
