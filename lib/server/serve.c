/* SPDX-License-Identifier: MIT */
/*
 * A whole server in one call: all that a simple program needs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "valve.h"

#define SOCKET_MODE 0660 /* of a Unix socket's file */

/* Where nothing has been said about it yet, says what `error` means. Returns it. */
static int explain(struct valve_error *ret_error, const char *what, int error)
{
    if (error < 0 && ret_error->text[0] == '\0')
        snprintf(ret_error->text, sizeof ret_error->text, "%s: %s", what, strerror(-error));
    return error;
}

/* From the address to the last connection. */
static int run(struct valve_server *server, const char *address, struct valve_error *ret_error)
{
    const struct valve_listener_options listener = {
        .address = address, .mode = SOCKET_MODE, .group = (gid_t)-1};
    int r = valve_server_listen(server, &listener, ret_error);

    if (r == 0)
        r = explain(ret_error, "signals cannot be caught", valve_server_stop_on_signals(server));
    if (r == 0)
        r = valve_server_start(server, ret_error);
    if (r < 0)
        return r;
    printf("listening on %s\n", valve_server_address(server, 0));
    fflush(stdout);
    r = valve_server_run(server);
    if (r == -ETIMEDOUT)
        return explain(ret_error, "connections that had not ended were cut", r);
    return explain(ret_error, "the server failed", r);
}

int valve_serve(const struct valve_service *service, const char *address,
                const struct valve_server_options *options, struct valve_error *ret_error)
{
    struct valve_server_options defaults;
    struct valve_server *server;
    int r;

    ret_error->text[0] = '\0';
    valve_server_options_default(&defaults);
    r = valve_server_new(options != NULL ? options : &defaults, service, &server, ret_error);
    if (r < 0)
        return r;
    r = run(server, address, ret_error);
    if (!valve_server_free(server) && r == 0)
        r = explain(ret_error, "a job of the I/O pool does not end", -EBUSY);
    return r;
}
