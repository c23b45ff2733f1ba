/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into valved by a test: the journal's socket is the one that $VALVE_TEST_JOURNAL names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL "/run/systemd/journal/socket"

/* The function that this library stands in front of. */
static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL)
        abort();
    return function;
}

static const char *instead_of(const char *path)
{
    const char *other = getenv("VALVE_TEST_JOURNAL");

    return other != NULL && strcmp(path, JOURNAL) == 0 ? other : path;
}

int access(const char *path, int mode)
{
    int (*next)(const char *, int) = real("access");

    return next(instead_of(path), mode);
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags)
{
    ssize_t (*next)(int, const struct msghdr *, int) = real("sendmsg");
    const struct sockaddr_un *address = message->msg_name;
    struct sockaddr_un other = {.sun_family = AF_UNIX};
    struct msghdr redirected = *message;

    if (address != NULL && address->sun_family == AF_UNIX &&
        strcmp(address->sun_path, JOURNAL) == 0) {
        snprintf(other.sun_path, sizeof other.sun_path, "%s", instead_of(JOURNAL));
        redirected.msg_name = &other;
        redirected.msg_namelen = sizeof other;
    }
    return next(socket, &redirected, flags);
}
