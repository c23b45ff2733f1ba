/* SPDX-License-Identifier: MIT */
/*
 * What a listener under TLS shows and whom it believes, from the files that its section names.
 */
#ifndef VALVED_LISTEN_TLS_H
#define VALVED_LISTEN_TLS_H

#include "daemon/config.h"
#include "valve.h"

/*
 * Whether what the section names can be told from here: credentials are shown to the service alone,
 * not to an administrator's shell, nor to what checks the configuration before a reload.
 */
bool listen_tls_can_be_checked(const struct config_listener *listener);

/*
 * Reads the files, which may wait. *ret_tls is the caller's, and NULL where the section names none.
 * 0 or -errno, explained in *ret_error.
 */
int listen_tls_new(const struct config_listener *listener, struct valve_tls **ret_tls,
                   struct valve_error *ret_error);

#endif
