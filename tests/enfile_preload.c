/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into valved by a test: while the file $VALVE_TEST_ENFILE exists, the system's table of
 * open files is full, for connections. How often somebody was told so is the file's length.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_full(void)
{
    const char *path = getenv("VALVE_TEST_ENFILE");
    int file = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    if (file < 0)
        return false;
    if (write(file, "x", 1) != 1)
        abort();
    close(file);
    return true;
}

int accept4(int listener, struct sockaddr *peer, socklen_t *size, int flags)
{
    static int (*next)(int, struct sockaddr *, socklen_t *, int);

    if (next == NULL)
        next = (int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");
    if (is_full()) {
        errno = ENFILE;
        return -1;
    }
    return next(listener, peer, size, flags);
}
