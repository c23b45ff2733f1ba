/* SPDX-License-Identifier: MIT */
/*
 * Where valved listens: what its configuration says, now and after each reload.
 */
#ifndef VALVED_LISTENERS_H
#define VALVED_LISTENERS_H

#include "daemon/access.h"
#include "daemon/config.h"
#include "valve.h"

struct listener;

/* All of a server. Main thread. */
struct listeners {
    struct valve_server *server;
    struct access *access;
    bool deletes;             /* whether anybody may delete */
    gid_t group;              /* of the files of sockets for which none is named; -1: as it comes */
    struct listener *open;    /* what listens */
    struct listener *retired; /* what does no more, but may have connections */
};

/*
 * Listens where the configuration says and nowhere else: what is there already stays. What a
 * listener no longer allows holds at once; what it allows from now on, once listeners_allow() is
 * called: that is behind new rules of access, so that nobody is ever granted what neither
 * configuration grants. All or nothing: where one cannot be opened, that is said in *ret_error, and
 * all is as before but for what is allowed, which takes a call with what was in force. `inherited`,
 * of which there are as many as the configuration has listeners, or NULL, are sockets that somebody
 * else made for them, or 0; they are taken over.
 */
int listeners_set(struct listeners *listeners, const struct config *config, const int *inherited,
                  struct valve_error *ret_error);

void listeners_allow(struct listeners *listeners);

/*
 * Who came by listeners that are no more is allowed nothing from now on: for rules that held him back
 * and are about to go.
 */
void listeners_forbid_retired(struct listeners *listeners);

/* Frees what describes them. After the server has gone. */
void listeners_fini(struct listeners *listeners);

#endif
