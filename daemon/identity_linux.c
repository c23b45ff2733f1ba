/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end: unix(7), SO_PEERCRED and SO_PEERGROUPS.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/identity.h"
#include "net/address.h"
#include "rpc/utf8.h"
#include "valve.h"

/* From linux/asm-generic/socket.h, Linux 4.13. */
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#define GROUPS_FIRST 64 /* asked for at once; the kernel says when there are more */

/* The supplementary groups and, behind them, `own`. */
static int groups_of(int descriptor, gid_t own, gid_t **ret_groups, size_t *ret_count)
{
    socklen_t size = GROUPS_FIRST * sizeof(gid_t);
    gid_t *groups = NULL;
    int r = -1;

    for (unsigned tries = 0; tries < 2; tries++) {
        gid_t *more = realloc(groups, size + sizeof *more);

        if (!more) {
            free(groups);
            return -ENOMEM;
        }
        groups = more;
        r = getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &size);
        if (r == 0 || errno != ERANGE)
            break;
    }
    if (r < 0 && errno == ENOPROTOOPT) { /* this kernel cannot tell: fewer rules apply */
        size = 0;
        r = 0;
    }
    if (r < 0) {
        r = -errno;
        free(groups);
        return r;
    }
    groups[size / sizeof *groups] = own;
    *ret_groups = groups;
    *ret_count = size / sizeof *groups + 1;
    return 0;
}

int identity_of(int descriptor, struct identity *ret_identity)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    struct ucred peer;
    int r;

    *ret_identity = (struct identity){.user = (uid_t)-1};
    if (getpeername(descriptor, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    if (address.ss_family != AF_UNIX) {
        ret_identity->address = valve_network_of((const struct sockaddr *)&address);
        return 0;
    }
    size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -errno;
    r = groups_of(descriptor, peer.gid, &ret_identity->groups, &ret_identity->group_count);
    ret_identity->is_local = true;
    ret_identity->user = peer.uid;
    return r;
}

/* The name that a certificate is known by. */
static const char *name_of(const struct valve_certificate *certificate)
{
    return certificate->common_name ? certificate->common_name : certificate->names[0];
}

static void quote_blanks(char *text)
{
    for (; *text; text++)
        if (*text == ' ' || *text == '"')
            *text = '_';
}

int identity_describe(int descriptor, const struct valve_certificate *certificate,
                      char text[IDENTITY_TEXT])
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    char where[VALVE_ADDRESS_TEXT] = "?";
    struct ucred peer;
    size_t used;
    int r = getpeername(descriptor, (struct sockaddr *)&address, &size) < 0 ? -ENOTCONN : 0;

    if (r == 0 && address.ss_family != AF_UNIX)
        valve_address_format((const struct sockaddr *)&address, size, where);
    size = sizeof peer;
    if (address.ss_family == AF_UNIX &&
        getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
        snprintf(where, sizeof where, "uid:%u", peer.uid);
    used = (size_t)snprintf(text, IDENTITY_TEXT, "%s", where);
    if (certificate && name_of(certificate)) {
        used += (size_t)snprintf(text + used, IDENTITY_TEXT - used, ",%s",
                                 certificate->common_name ? "cn:" : "san:");
        valve_escape(name_of(certificate), strlen(name_of(certificate)), text + used,
                     IDENTITY_TEXT - used);
        quote_blanks(text + used);
    }
    return r;
}

void identity_fini(struct identity *identity)
{
    free(identity->groups);
    *identity = (struct identity){.user = (uid_t)-1};
}
