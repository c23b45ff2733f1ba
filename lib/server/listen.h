/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: made, and taken away again with the file of a Unix socket.
 */
#ifndef VALVE_SERVER_LISTEN_H
#define VALVE_SERVER_LISTEN_H

#include <sys/stat.h>

#include "net/address.h"
#include "valve.h"

struct valve_listening {
    int descriptor;               /* -1: closed */
    struct valve_address address; /* as bound */
    dev_t device;                 /* the Unix socket's file, to remove no other's */
    ino_t inode;
};

/*
 * Takes a socket over that listens already, or binds and listens, non-blocking, closed on exec. A
 * Unix socket's file on which nobody answers is replaced; one on which somebody does is not. The
 * kernel ends a TCP connection that is accepted here once its peer's machine has not answered for a
 * minute more than `send_timeout` ns (which count as a minute at least). 0 or -errno, explained in
 * *ret_error.
 */
int valve_listening_open(struct valve_listening *listening,
                         const struct valve_listener_options *options, uint64_t send_timeout,
                         struct valve_error *ret_error);

/* Closes it and removes the Unix socket's file if it is still the one made here. */
void valve_listening_close(struct valve_listening *listening);

#endif
