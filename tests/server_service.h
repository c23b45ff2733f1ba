/* SPDX-License-Identifier: MIT */
/* The service of the tests of lib/server, for the fixture. */
#ifndef VALVE_SERVER_SERVICE_H
#define VALVE_SERVER_SERVICE_H

#include "tests/server_fixture.h"

/* Everything closed and zero, with a list of 10 elements and no file. */
void service_init(struct service *service);
void service_fini(struct service *service);

/* For valve_server_new(); as long as the service lives. */
const struct valve_service *service_of(struct service *service);

#endif
