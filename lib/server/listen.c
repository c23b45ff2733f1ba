/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets.
 */
#include "server/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/os.h"

#define LOCK_TRIES    200 /* that a server that starts beside this one has to finish */
#define LOCK_PAUSE_NS 10000000
/*
 * Bytes that the kernel takes for a client before they may go out. Left alone it takes megabytes
 * for each that does not read, and with some hundreds of these all TCP of the machine stands still.
 */
#define UNSENT_MOST (256 * 1024)

static int explain(const struct valve_address *address, const char *what, int error,
                   struct valve_error *ret_error)
{
    snprintf(ret_error->text, sizeof ret_error->text, "%s: %s: %s", address->text, what,
             strerror(error));
    return -error;
}

/*
 * A lock on the folder of a Unix socket, so that of two servers that start at once none takes the
 * other's new socket for a stale one. -1: none. Who keeps it for long means something else by it.
 */
static int lock_folder(const char *path)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    char copy[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    int folder;

    snprintf(copy, sizeof copy, "%s", path);
    folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    for (unsigned i = 0; flock(folder, LOCK_EX | LOCK_NB) < 0 && i < LOCK_TRIES; i++)
        nanosleep(&pause, NULL);
    return folder;
}

/* 0: somebody accepts connections on it. A full backlog (EAGAIN) is somebody. Else -errno. */
static int probe(const struct valve_address *address)
{
    int socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = 0;

    if (socket_ < 0)
        return -errno;
    if (connect(socket_, &address->socket.any, address->size) < 0 && errno != EAGAIN)
        r = -errno;
    close(socket_);
    return r;
}

/* Removes the file of a Unix socket that a dead server left behind. */
static int replace_stale(const struct valve_address *address, struct valve_error *ret_error)
{
    const char *path = valve_address_path(address);
    struct stat status;
    int r;

    if (path == NULL || lstat(path, &status) < 0)
        return 0;
    if (!S_ISSOCK(status.st_mode))
        return explain(address, "the path is taken by something that is no socket", EEXIST,
                       ret_error);
    r = probe(address);
    if (r == 0)
        return explain(address, "somebody answers there already", EADDRINUSE, ret_error);
    if (r == -ENOENT)
        return 0;
    if (r != -ECONNREFUSED)
        return explain(address, "cannot find out whether somebody answers there", -r, ret_error);
    if (unlink(path) < 0 && errno != ENOENT)
        return explain(address, "cannot remove a stale socket", errno, ret_error);
    return 0;
}

/* Gives a Unix socket's file its owner group and mode, and remembers which file it is. */
static int finish_unix(struct valve_listening *listening,
                       const struct valve_listener_options *options, struct valve_error *ret_error)
{
    const char *path = valve_address_path(&listening->address);
    struct stat status;

    if (path == NULL)
        return 0;
    if (lstat(path, &status) < 0)
        return explain(&listening->address, "cannot look at it", errno, ret_error);
    listening->device = status.st_dev;
    listening->inode = status.st_ino;
    if (options->group != (gid_t)-1 && chown(path, (uid_t)-1, options->group) < 0)
        return explain(&listening->address,
                       "cannot give it to its group, which takes one of the process's own and a "
                       "sandbox that allows chown",
                       errno, ret_error);
    if (chmod(path, options->mode) < 0)
        return explain(&listening->address, "cannot set its mode", errno, ret_error);
    return 0;
}

/* The port that the kernel chose becomes part of the address. */
static void note_bound_address(struct valve_listening *listening)
{
    struct valve_address *address = &listening->address;
    socklen_t size = sizeof address->socket.storage;

    if (valve_address_is_unix(address))
        return;
    if (getsockname(listening->descriptor, &address->socket.any, &size) == 0) {
        address->size = size;
        valve_address_format(&address->socket.any, size, address->text);
    }
}

/* What the connections that are accepted inherit. */
static void prepare_tcp(int descriptor, uint64_t send_timeout)
{
    int yes = 1;

    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    valve_os_bound_unsent(descriptor, UNSENT_MOST);
    valve_os_watch_peers(descriptor, send_timeout);
}

static int bind_and_listen(struct valve_listening *listening,
                           const struct valve_listener_options *options, uint64_t send_timeout,
                           struct valve_error *ret_error)
{
    const struct valve_address *address = &listening->address;
    int descriptor = listening->descriptor;
    int yes = 1;
    int r;

    if (valve_address_is_unix(address)) {
        /* The file is made with this mode less the umask: never wider than asked for. */
        fchmod(descriptor, options->mode);
    } else {
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        prepare_tcp(descriptor, send_timeout);
        if (address->socket.any.sa_family == AF_INET6)
            setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    }
    if (bind(descriptor, &address->socket.any, address->size) < 0)
        return explain(address, "cannot bind", errno, ret_error);
    r = finish_unix(listening, options, ret_error);
    if (r < 0)
        return r;
    if (listen(descriptor, options->backlog > 0 ? options->backlog : SOMAXCONN) < 0)
        return explain(address, "cannot listen", errno, ret_error);
    note_bound_address(listening);
    return 0;
}

/* Opens made->address; made->descriptor is open afterwards only if that succeeds. */
static int open_address(struct valve_listening *made, const struct valve_listener_options *options,
                        uint64_t send_timeout, struct valve_error *ret_error)
{
    int r = replace_stale(&made->address, ret_error);

    if (r < 0)
        return r;
    made->descriptor = socket(made->address.socket.any.sa_family,
                              SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made->descriptor < 0)
        return explain(&made->address, "cannot make a socket", errno, ret_error);
    r = bind_and_listen(made, options, send_timeout, ret_error);
    if (r < 0)
        valve_listening_close(made);
    return r;
}

/* Takes over a socket that somebody else has made to listen. Its file, if it has one, stays his. */
static int take_over(struct valve_listening *listening, int descriptor, uint64_t send_timeout,
                     struct valve_error *ret_error)
{
    struct valve_listening made = {.descriptor = descriptor};
    struct valve_address *address = &made.address;
    socklen_t size = sizeof address->socket.storage;
    int listens = 0;
    socklen_t listens_size = sizeof listens;

    if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) < 0 ||
        getsockname(descriptor, &address->socket.any, &size) < 0 || !listens ||
        fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) < 0 ||
        fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0) {
        snprintf(ret_error->text, sizeof ret_error->text,
                 "descriptor %d was given, but is no socket that listens", descriptor);
        close(descriptor);
        return -EINVAL;
    }
    address->size = size;
    valve_address_format(&address->socket.any, size, address->text);
    if (!valve_address_is_unix(address))
        prepare_tcp(descriptor, send_timeout);
    *listening = made;
    return 0;
}

int valve_listening_open(struct valve_listening *listening,
                         const struct valve_listener_options *options, uint64_t send_timeout,
                         struct valve_error *ret_error)
{
    struct valve_listening made = {.descriptor = -1};
    const char *problem = NULL;
    int lock = -1;
    int r;

    if (options->socket > 0)
        return take_over(listening, options->socket, send_timeout, ret_error);
    r = valve_address_parse(options->address, &made.address, &problem);
    if (r < 0) {
        snprintf(ret_error->text, sizeof ret_error->text, "%s: %s", options->address, problem);
        return r;
    }
    if (valve_address_path(&made.address) != NULL)
        lock = lock_folder(valve_address_path(&made.address));
    r = open_address(&made, options, send_timeout, ret_error);
    if (lock >= 0)
        close(lock);
    if (r == 0)
        *listening = made;
    return r;
}

void valve_listening_close(struct valve_listening *listening)
{
    const char *path = valve_address_path(&listening->address);
    struct stat status;

    if (listening->descriptor < 0)
        return;
    if (path != NULL && listening->inode != 0 && lstat(path, &status) == 0 &&
        status.st_dev == listening->device && status.st_ino == listening->inode)
        unlink(path);
    close(listening->descriptor);
    listening->descriptor = -1;
}
