/* SPDX-License-Identifier: MIT */
/*
 * A whole server in one call: all that a simple program needs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "valve.h"

#define SOCKET_MODE 0660 /* of a Unix socket's file */

static int explain(struct valve_error *ret_error, const char *what, int error)
{
    snprintf(ret_error->text, sizeof ret_error->text, "%s: %s", what, strerror(-error));
    return error;
}

static int start(struct valve_server *server, const char *address, struct valve_error *ret_error)
{
    const struct valve_listener_options listener = {
        .address = address, .mode = SOCKET_MODE, .group = (gid_t)-1};
    int r = valve_server_listen(server, &listener, ret_error);

    if (r < 0)
        return r;
    r = valve_server_stop_on_signals(server);
    if (r < 0)
        return explain(ret_error, "signals cannot be caught", r);
    return valve_server_start(server, ret_error);
}

static int run_until_stopped(struct valve_server *server, struct valve_error *ret_error)
{
    int r;

    printf("listening on %s\n", valve_server_address(server, 0));
    fflush(stdout);
    r = valve_server_run(server);
    if (r == -ETIMEDOUT)
        snprintf(ret_error->text, sizeof ret_error->text, "calls that had not ended were cut off");
    else if (r < 0)
        explain(ret_error, "the server failed", r);
    return r;
}

int valve_serve(const struct valve_service *service, const char *address,
                const struct valve_server_options *options, struct valve_error *ret_error)
{
    struct valve_server_options defaults;
    struct valve_server *server;
    int r;

    valve_server_options_default(&defaults);
    r = valve_server_new(options != NULL ? options : &defaults, service, &server, ret_error);
    if (r < 0)
        return r;
    r = start(server, address, ret_error);
    if (r == 0)
        r = run_until_stopped(server, ret_error);
    if (!valve_server_free(server))
        r = explain(ret_error, "a job of the I/O pool does not end", -EBUSY);
    return r;
}
