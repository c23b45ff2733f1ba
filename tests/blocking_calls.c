/* SPDX-License-Identifier: MIT */
/*
 * Makes one call that may block, or one that may not, on a thread that is named as a worker is, for
 * tests/test_blocking.py: blocking_calls THREAD CALL DIRECTORY
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

/* What is prepared on the main thread, which may do as it likes. */
static int file, directory, removed, descriptors, pipe_ends[2], pair[2];
static FILE *stream;
static DIR *listing;
static struct stat status;
static struct statx extended;
static char byte;
static struct iovec room = {&byte, 1};

static void resolve(uint64_t rules)
{
    struct open_how how = {.flags = O_PATH, .resolve = rules};

    (void)!syscall(SYS_openat2, directory, "file", &how, sizeof how);
}

static void open_through_proc(void)
{
    char name[16];

    snprintf(name, sizeof name, "%d", file);
    close(openat(descriptors, name, O_RDONLY));
}

static void evict(void)
{
    fsync(file);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}

struct call {
    const char *name;
    void (*prepare)(void);
    void (*make)(void);
};

#define CALL(name, statement)                                                                      \
    static void name##_make(void)                                                                  \
    {                                                                                              \
        statement;                                                                                 \
    }
CALL(open, close(open("file", O_RDONLY)))
CALL(openat, close(openat(directory, "file", O_RDONLY)))
CALL(openat2, resolve(RESOLVE_BENEATH))
CALL(fopen, (void)!fopen("file", "r"))
CALL(read, (void)!read(file, &byte, 1))
CALL(pread, (void)!pread(file, &byte, 1, 0))
CALL(preadv2, (void)!preadv2(file, &room, 1, 0, 0))
CALL(getdents64, getdents64(directory, (char[1024]){0}, 1024))
CALL(readdir, readdir(listing))
CALL(stat, stat("file", &status))
CALL(fstatat, fstatat(directory, "file", &status, 0))
CALL(statx, statx(directory, "file", 0, STATX_SIZE, &extended))
CALL(unlink, unlink("file"))
CALL(unlinkat, unlinkat(directory, "file", 0))
CALL(close, close(removed))
CALL(fsync, fsync(file))
CALL(sendfile, sendfile(pair[0], file, &(off_t){0}, 4096))
CALL(write_pipe, (void)!write(pipe_ends[1], "x", 1))
CALL(write_file, (void)!write(file, "x", 1))
CALL(fprintf, fprintf(stream, "%d\n", file))
CALL(send, send(pair[1], "x", 1, 0))
CALL(recv, recv(pair[1], &byte, 1, MSG_PEEK))
CALL(nanosleep, nanosleep(&(struct timespec){0, 1}, NULL))
CALL(usleep, usleep(1))
CALL(poll, poll(NULL, 0, 1))
CALL(select, select(0, NULL, NULL, NULL, &(struct timeval){0, 1}))
CALL(connect, connect(pair[1], &(struct sockaddr){0}, sizeof(struct sockaddr)))
CALL(getaddrinfo, getaddrinfo("localhost", "1", NULL, &(struct addrinfo *){NULL}))
/* And what a worker may do. */
CALL(openat2_cached, resolve(RESOLVE_CACHED))
CALL(open_through_proc, open_through_proc())
CALL(preadv2_nowait, (void)!preadv2(file, &room, 1, 0, RWF_NOWAIT))
CALL(fstat, fstat(file, &status))
CALL(close_named, close(file))
CALL(sendfile_hot, sendfile(pair[0], file, &(off_t){0}, 4096))
CALL(send_at_once, send(pair[1], "x", 1, MSG_DONTWAIT))
CALL(poll_at_once, poll(NULL, 0, 0))

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, NULL, name##_make                                                                   \
    }
static const struct call calls[] = {
    ROW(open),
    ROW(openat),
    ROW(openat2),
    ROW(fopen),
    ROW(read),
    ROW(pread),
    ROW(preadv2),
    ROW(getdents64),
    ROW(readdir),
    ROW(stat),
    ROW(fstatat),
    ROW(statx),
    ROW(unlink),
    ROW(unlinkat),
    ROW(close),
    ROW(fsync),
    {"sendfile", evict, sendfile_make},
    ROW(write_pipe),
    ROW(write_file),
    ROW(fprintf),
    ROW(send),
    ROW(recv),
    ROW(nanosleep),
    ROW(usleep),
    ROW(poll),
    ROW(select),
    ROW(connect),
    ROW(getaddrinfo),
    ROW(openat2_cached),
    ROW(open_through_proc),
    ROW(preadv2_nowait),
    ROW(fstat),
    ROW(close_named),
    ROW(sendfile_hot),
    ROW(send_at_once),
    ROW(poll_at_once),
};

static void prepare(const char *path)
{
    static const char content[8192];

    if (chdir(path) < 0)
        abort();
    file = open("file", O_RDWR | O_CREAT, 0600);
    (void)!write(file, content, sizeof content);
    lseek(file, 0, SEEK_SET);
    directory = open(".", O_RDONLY | O_DIRECTORY);
    listing = opendir(".");
    removed = open("removed", O_RDWR | O_CREAT, 0600);
    unlink("removed");
    descriptors = open("/proc/self/fd", O_PATH | O_DIRECTORY);
    stream = fdopen(dup(file), "w");
    if (pipe(pipe_ends) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        abort();
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    send(pair[0], "x", 1, 0);
}

struct order {
    const char *thread;
    const struct call *call;
};

static void *run(void *argument)
{
    const struct order *order = argument;
    int events = epoll_create1(0);
    struct epoll_event event;

    pthread_setname_np(pthread_self(), order->thread);
    epoll_wait(events, &event, 1, 0);
    order->call->make();
    _exit(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
    struct order order = {argc == 4 ? argv[1] : "", NULL};
    pthread_t thread;

    for (size_t i = 0; argc == 4 && i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, argv[2]) == 0)
            order.call = &calls[i];
    if (!order.call)
        return 64;
    prepare(argv[3]);
    if (order.call->prepare)
        order.call->prepare();
    if (pthread_create(&thread, NULL, run, &order) == 0)
        pthread_join(thread, NULL);
    return EXIT_FAILURE; /* the thread ends the process */
}
