/* SPDX-License-Identifier: MIT */
/*
 * Bare epoll loops that answer as valved does, without libvalve: the limit with which
 * tests/bench_servers.py compares servers.
 *
 *     bench_bare memory|pread|open|sendfile ADDRESS DIRECTORY NAME...
 *
 * memory: every Get is answered with the first file, which is kept in memory; only the id differs.
 * pread: the files stay open, each Get is one pread. open: each Get is openat, fstat, read, close.
 * sendfile: as pread, for files of any length. Exists and Size are answered from memory, in `open`
 * by fstatat. All answers to one read leave in one send, which may block: a client of this reads.
 *
 * What a client of valve might do wrong only ends its connection here.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/address.h"

#define CONNECTIONS_MAX 4096
#define INPUT_ROOM      4096
#define OUTPUT_ROOM     (4 << 20)
#define HEAD_ROOM       32
#define NAME_ROOM       256
#define TABLE_SIZE      65536
#define MEMORY_MAX      (1 << 20)

enum mode { MEMORY, PREAD, OPEN, SENDFILE, MODES };

static const char *const modes[MODES] = {"memory", "pread", "open", "sendfile"};

struct request {
    const uint8_t *id; /* as it was sent */
    size_t id_size;
    char method; /* its first letter: Get, Size, Exists */
    char name[NAME_ROOM];
};

struct file {
    const char *name;
    int fd;
    size_t size;
};

struct connection {
    size_t size;
    uint8_t input[INPUT_ROOM];
};

static struct connection connections[CONNECTIONS_MAX]; /* by their descriptors */
static struct file files[TABLE_SIZE], *first_file;
static uint8_t output[OUTPUT_ROOM], memory[MEMORY_MAX];
static size_t output_size;
static enum mode mode;
static int root;

static void fail(const char *what)
{
    fprintf(stderr, "bench_bare: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* The place of a name: where it is, or where it would be. */
static struct file *find_file(const char *name)
{
    uint32_t hash = 2166136261;

    for (const char *at = name; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619;
    while (files[hash % TABLE_SIZE].name && strcmp(files[hash % TABLE_SIZE].name, name) != 0)
        hash++;
    return &files[hash % TABLE_SIZE];
}

static void open_files(char **names)
{
    struct stat status;

    for (; *names; names++) {
        struct file *file = find_file(*names);

        file->name = *names;
        file->fd = openat(root, *names, O_RDONLY);
        if (file->fd < 0 || fstat(file->fd, &status) < 0)
            fail(*names);
        file->size = (size_t)status.st_size;
        if (!first_file)
            first_file = file;
    }
    if (mode == MEMORY &&
        (first_file->size > MEMORY_MAX || pread(first_file->fd, memory, MEMORY_MAX, 0) < 0))
        fail(first_file->name);
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* The length of [id, {method: name}] at `data`; 0: there is more to come, -1: it is none. */
static ssize_t read_request(const uint8_t *data, size_t size, struct request *ret_request)
{
    static const size_t id_sizes[] = {[0x18] = 2, [0x19] = 3, [0x1a] = 5};
    size_t at = 1, method_size, name_size;

    if (size < 2)
        return 0;
    ret_request->id = &data[at];
    ret_request->id_size = data[at] < 0x18 ? 1 : data[at] <= 0x1a ? id_sizes[data[at]] : INPUT_ROOM;
    at += ret_request->id_size;
    if (size < at + 3)
        return data[0] == 0x82 && at < INPUT_ROOM ? 0 : -1;
    method_size = data[at + 1] - 0x60U;
    if (data[0] != 0x82 || data[at] != 0xa1 || method_size > 23)
        return -1;
    ret_request->method = (char)data[at + 2];
    at += 2 + method_size;
    if (size < at + 2)
        return 0;
    name_size = data[at] == 0x78 ? data[at + 1] : data[at] - 0x60U;
    at += data[at] == 0x78 ? 2 : 1;
    if (name_size >= NAME_ROOM)
        return -1;
    if (size < at + name_size)
        return 0;
    memcpy(ret_request->name, &data[at], name_size);
    ret_request->name[name_size] = '\0';
    return (ssize_t)(at + name_size);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static bool flush(int fd, int flags)
{
    size_t sent = 0;

    while (sent < output_size) {
        ssize_t result = send(fd, output + sent, output_size - sent, flags | MSG_NOSIGNAL);

        if (result < 0)
            break;
        sent += (size_t)result;
    }
    output_size -= sent;
    return output_size == 0;
}

static void put(const void *data, size_t size)
{
    memcpy(output + output_size, data, size);
    output_size += size;
}

/* The head of a CBOR item of this major type. */
static void put_head(unsigned major, size_t value)
{
    size_t bytes = value < 24 ? 0 : value < 1 << 8 ? 1 : value < 1 << 16 ? 2 : value >> 32 ? 8 : 4;
    size_t more = bytes == 0 ? value : 24 + (size_t)__builtin_ctzl(bytes);

    output[output_size++] = (uint8_t)(major << 5 | more);
    while (bytes-- > 0)
        output[output_size++] = (uint8_t)(value >> 8 * bytes);
}

static void begin_answer(const struct request *request, const char *variant)
{
    put("\x82", 1);
    put(request->id, request->id_size);
    put("\xa1", 1);
    put_head(3, strlen(variant));
    put(variant, strlen(variant));
}

/* Puts the head of a content, and has room for the content behind it. */
static bool begin_content(int fd, const struct request *request, size_t size)
{
    if (output_size + size + request->id_size + HEAD_ROOM > OUTPUT_ROOM && !flush(fd, 0))
        return false;
    begin_answer(request, "Content");
    put_head(2, size);
    return true;
}

static bool answer_memory(int fd, const struct request *request)
{
    if (!begin_content(fd, request, first_file->size))
        return false;
    put(memory, first_file->size);
    return true;
}

static bool answer_pread(int fd, const struct request *request)
{
    const struct file *file = find_file(request->name);

    if (!file->name || !begin_content(fd, request, file->size) ||
        pread(file->fd, output + output_size, file->size, 0) != (ssize_t)file->size)
        return false;
    output_size += file->size;
    return true;
}

static bool answer_open(int fd, const struct request *request)
{
    int file = openat(root, request->name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    bool done = false;

    if (file < 0)
        return false;
    if (fstat(file, &status) == 0 && begin_content(fd, request, (size_t)status.st_size) &&
        read(file, output + output_size, (size_t)status.st_size) == status.st_size) {
        output_size += (size_t)status.st_size;
        done = true;
    }
    close(file);
    return done;
}

static bool answer_sendfile(int fd, const struct request *request)
{
    const struct file *file = find_file(request->name);
    off_t offset = 0;

    if (!file->name || !begin_content(fd, request, 0))
        return false;
    output_size--; /* the head of no content at all */
    put_head(2, file->size);
    if (!flush(fd, MSG_MORE))
        return false;
    while (offset < (off_t)file->size)
        if (sendfile(fd, file->fd, &offset, file->size - (size_t)offset) <= 0)
            return false;
    return true;
}

static bool answer_metadata(int fd, const struct request *request)
{
    struct stat status = {.st_size = (off_t)first_file->size};

    if (output_size + 2 * HEAD_ROOM > OUTPUT_ROOM && !flush(fd, 0))
        return false;
    if (mode == OPEN && fstatat(root, request->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    begin_answer(request, request->method == 'S' ? "Size" : "Exists");
    if (request->method == 'S')
        put_head(0, (size_t)status.st_size);
    else
        put("\xf5", 1);
    return true;
}

static bool answer(int fd, const struct request *request)
{
    static bool (*const by_mode[MODES])(int, const struct request *) = {
        answer_memory, answer_pread, answer_open, answer_sendfile};

    return (request->method == 'G' ? by_mode[mode] : answer_metadata)(fd, request);
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* Reads once and answers all that is there; false: this connection is at its end. */
static bool serve(int fd)
{
    struct connection *connection = &connections[fd];
    ssize_t result = recv(fd, connection->input + connection->size, INPUT_ROOM - connection->size,
                          MSG_DONTWAIT);
    struct request request;
    size_t done = 0;

    if (result <= 0)
        return result < 0 && (errno == EAGAIN || errno == EINTR);
    connection->size += (size_t)result;
    output_size = 0;
    while ((result = read_request(connection->input + done, connection->size - done, &request)) >
           0) {
        if (!answer(fd, &request))
            return false;
        done += (size_t)result;
    }
    connection->size -= done;
    memmove(connection->input, connection->input + done, connection->size);
    return result == 0 && connection->size < INPUT_ROOM && flush(fd, 0);
}

static void watch(int poll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

static void accept_client(int poll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;

    if (fd < 0)
        return;
    if (fd >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* fails on a Unix socket */
    connections[fd].size = 0;
    watch(poll, fd);
}

static int listen_on(const char *text)
{
    struct valve_address address;
    const char *problem;
    int fd, one = 1;

    if (valve_address_parse(text, &address, &problem) < 0) {
        errno = EINVAL;
        fail(problem);
    }
    fd = socket(address.socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, &address.socket.any, address.size) < 0 || listen(fd, SOMAXCONN) < 0)
        fail(text);
    return fd;
}

static _Noreturn void run(int listener)
{
    struct epoll_event events[64];
    int poll = epoll_create1(EPOLL_CLOEXEC);

    watch(poll, listener);
    for (;;) {
        int ready = epoll_wait(poll, events, 64, -1);

        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_client(poll, listener);
            else if (!serve(events[i].data.fd))
                close(events[i].data.fd);
        }
    }
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    while (mode < MODES && argc > 1 && strcmp(argv[1], modes[mode]) != 0)
        mode++;
    if (argc < 5 || mode == MODES) {
        fputs("usage: bench_bare memory|pread|open|sendfile ADDRESS DIRECTORY NAME...\n", stderr);
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    raise_descriptor_limit();
    root = open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        fail(argv[3]);
    open_files(&argv[4]);
    run(listen_on(argv[2]));
}
