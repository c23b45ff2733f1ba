/* SPDX-License-Identifier: MIT */
/*
 * The file service: five handlers over one store.
 */
#ifndef VALVED_SERVICE_H
#define VALVED_SERVICE_H

#include "daemon/log.h"
#include "daemon/store.h"

struct audit;
struct caches;

/* What all handlers share. Constant while the server runs. */
struct service {
    const struct store *store;
    const struct caches *caches; /* or NULL: nothing is kept open */
    struct audit *audit;         /* or NULL: nobody wants to know */
    struct log *log;             /* hears of storage that fails */
    uint64_t io_timeout;         /* ns that a shortage may last before a request is `busy` */
};

/*
 * The service as valve_server_new() takes it. `service` must outlive the server, whose listeners'
 * contexts are each a struct access_listener.
 */
struct valve_service service_as_rpc(struct service *service);

#endif
