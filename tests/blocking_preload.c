/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a server by tests: aborts the process when a worker makes a call that may wait for
 * a disk, for another machine or for whoever reads its log, and says which.
 *
 * A worker is known by the name that its thread is given ("valve-w-N"), and is held to it from its
 * first epoll_wait() on: what it does before that is preparation. What is judged are the calls of
 * the C library that the program and its libraries make; out of reach are page faults, and locks
 * (pthread_mutex_lock() and the like) that somebody else holds for long.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

/* The next function of this name: the C library's, or that of another preloaded library. */
#define NEXT(function)                                                                             \
    ({                                                                                             \
        static __typeof__(&function) next;                                                         \
        if (next == NULL)                                                                          \
            next = (__typeof__(&function))dlsym(RTLD_NEXT, #function);                             \
        next;                                                                                      \
    })

/* ---- Which thread it is ------------------------------------------------------------------------ */

static _Thread_local bool is_named, is_worker;

int pthread_setname_np(pthread_t thread, const char *name)
{
    if (pthread_equal(thread, pthread_self()))
        is_named = strncmp(name, "valve-w-", strlen("valve-w-")) == 0;
    return NEXT(pthread_setname_np)(thread, name);
}

int epoll_wait(int descriptor, struct epoll_event *events, int room, int timeout)
{
    is_worker = is_named;
    return NEXT(epoll_wait)(descriptor, events, room, timeout);
}

/* ---- What is said of it ------------------------------------------------------------------------ */

static _Noreturn void refuse(const char *call, const char *object)
{
    char name[16] = "?", line[512];
    int size;

    is_worker = false; /* abort() and its handlers may do what they like */
    pthread_getname_np(pthread_self(), name, sizeof name);
    size = snprintf(line, sizeof line, "blocking_preload: thread %s may block in %s: %.300s\n",
                    name, call, object);
    (void)!NEXT(write)(STDERR_FILENO, line, (size_t)size);
    abort();
}

static _Noreturn void refuse_descriptor(const char *call, int descriptor)
{
    char link[32], path[256];
    ssize_t size;

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    size = NEXT(readlink)(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    refuse(call, path);
}

static void refuse_path(const char *call, const char *path)
{
    if (is_worker)
        refuse(call, path);
}

/* ---- What a descriptor refers to --------------------------------------------------------------- */

struct object {
    struct stat status;
    int flags;   /* of the open file */
    bool memory; /* its content is in memory and nowhere else */
    bool local;  /* its file system asks neither another machine nor another process */
    bool proc;
};

static bool look_at(int descriptor, struct object *ret_object)
{
    struct statfs system;

    ret_object->flags = NEXT(fcntl)(descriptor, F_GETFL);
    if (ret_object->flags < 0 || NEXT(fstat)(descriptor, &ret_object->status) < 0 ||
        NEXT(fstatfs)(descriptor, &system) < 0)
        return false;
    ret_object->memory = system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC;
    ret_object->proc = system.f_type == PROC_SUPER_MAGIC;
    ret_object->local = ret_object->memory || system.f_type == EXT4_SUPER_MAGIC ||
                        system.f_type == XFS_SUPER_MAGIC || system.f_type == BTRFS_SUPER_MAGIC ||
                        system.f_type == F2FS_SUPER_MAGIC;
    return true;
}

static bool is_file(const struct object *object)
{
    return S_ISREG(object->status.st_mode) || S_ISDIR(object->status.st_mode) ||
           S_ISBLK(object->status.st_mode);
}

static bool is_null_device(const struct object *object)
{
    return S_ISCHR(object->status.st_mode) && major(object->status.st_rdev) == 1;
}

/* Reading and writing: files only where they are memory, the rest only where it is non-blocking. */
static void judge_transfer(const char *call, int descriptor, bool waits)
{
    int error = errno;
    struct object object;

    if (is_worker && look_at(descriptor, &object) && !is_null_device(&object)) {
        if (is_file(&object) ? !object.memory : waits && !(object.flags & O_NONBLOCK))
            refuse_descriptor(call, descriptor);
    }
    errno = error;
}

/* What is asked of a file's description, by its descriptor: a remote file system may ask for it. */
static void judge_question(const char *call, int descriptor)
{
    int error = errno;
    struct object object;

    if (is_worker && look_at(descriptor, &object) && is_file(&object) && !object.local)
        refuse_descriptor(call, descriptor);
    errno = error;
}

/* The last close of what has no name any more frees its blocks. It is not told from another one. */
static void judge_close(const char *call, int descriptor)
{
    int error = errno;
    struct object object;

    if (is_worker && look_at(descriptor, &object) && is_file(&object) &&
        (object.status.st_nlink == 0 || (!object.local && !(object.flags & O_PATH))))
        refuse_descriptor(call, descriptor);
    errno = error;
}

/* Whether the whole range can be read at once, as far as the file goes. */
static bool is_resident(int descriptor, off_t offset, size_t size)
{
    static char nowhere[16 * 1024]; /* threads may overwrite what they like */
    struct iovec room[32];
    ssize_t got = 1;

    for (unsigned i = 0; i < 32; i++)
        room[i] = (struct iovec){nowhere, sizeof nowhere};
    for (size_t at = 0; at < size && got > 0; at += (size_t)got)
        got = NEXT(preadv2)(descriptor, room, 32, offset + (off_t)at, RWF_NOWAIT);
    return got >= 0;
}

static void judge_send(const char *call, int socket, int file, const off_t *offset, size_t size)
{
    int error = errno;
    struct object object;

    judge_transfer(call, socket, true);
    if (is_worker && look_at(file, &object) && is_file(&object) && !object.memory &&
        (!object.local ||
         !is_resident(file, offset ? *offset : NEXT(lseek)(file, 0, SEEK_CUR), size)))
        refuse_descriptor(call, file);
    errno = error;
}

/* ---- Opening ----------------------------------------------------------------------------------- */

/* Opening again, through /proc, what is open already asks no disk. Else names are not judged. */
static void judge_open(const char *call, int directory, const char *path)
{
    int error = errno;
    struct object object, target;

    if (is_worker && !(directory >= 0 && look_at(directory, &object) && object.proc &&
                       look_at(atoi(path), &target) && target.local))
        refuse(call, path);
    errno = error;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list arguments;                                                                         \
        mode_t mode;                                                                               \
        va_start(arguments, flags);                                                                \
        mode = mode_of(flags, arguments);                                                          \
        va_end(arguments);                                                                         \
        judge_open(#name, -1, path);                                                               \
        return NEXT(name)(path, flags, mode);                                                      \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    int name(int directory, const char *path, int flags, ...)                                      \
    {                                                                                              \
        va_list arguments;                                                                         \
        mode_t mode;                                                                               \
        va_start(arguments, flags);                                                                \
        mode = mode_of(flags, arguments);                                                          \
        va_end(arguments);                                                                         \
        judge_open(#name, directory, path);                                                        \
        return NEXT(name)(directory, path, flags, mode);                                           \
    }
OPENAT(openat)
OPENAT(openat64)

/* By names that are cached nothing is waited for, unless the file system has a say in the open. */
static long judged_openat2(const long argument[6])
{
    const struct open_how *how = (const struct open_how *)argument[2]; /* NOLINT */
    const char *path = (const char *)argument[1];
    struct object object;
    long descriptor;

    if (!(how->resolve & RESOLVE_CACHED) &&
        !((how->resolve & RESOLVE_NO_XDEV) && look_at((int)argument[0], &object) && object.memory))
        refuse("openat2 without RESOLVE_CACHED", path);
    descriptor = NEXT(syscall)(SYS_openat2, argument[0], path, how, argument[3]);
    if (descriptor >= 0 && !(how->flags & O_PATH) && look_at((int)descriptor, &object) &&
        !object.local)
        refuse("openat2 of a remote file", path);
    return descriptor;
}

/* Calls that have no function of their own. */
long syscall(long number, ...)
{
    long argument[6];
    va_list arguments;

    va_start(arguments, number);
    for (unsigned i = 0; i < 6; i++)
        argument[i] = va_arg(arguments, long);
    va_end(arguments);
    if (is_worker && number == SYS_openat2)
        return judged_openat2(argument);
    if (number == SYS_getdents64)
        judge_transfer("getdents64", (int)argument[0], true);
    return NEXT(syscall)(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                         argument[5]);
}

/* ---- Reading and writing ------------------------------------------------------------------------ */

#define TRANSFER(result, name, parameters, arguments, waits)                                       \
    result name parameters                                                                         \
    {                                                                                              \
        judge_transfer(#name, descriptor, waits);                                                  \
        return NEXT(name) arguments;                                                               \
    }
#define VECTOR const struct iovec *parts, int count

TRANSFER(ssize_t, read, (int descriptor, void *data, size_t size), (descriptor, data, size), true)
TRANSFER(ssize_t, readv, (int descriptor, VECTOR), (descriptor, parts, count), true)
TRANSFER(ssize_t, pread, (int descriptor, void *data, size_t size, off_t offset),
         (descriptor, data, size, offset), true)
TRANSFER(ssize_t, pread64, (int descriptor, void *data, size_t size, off64_t offset),
         (descriptor, data, size, offset), true)
TRANSFER(ssize_t, preadv, (int descriptor, VECTOR, off_t offset),
         (descriptor, parts, count, offset), true)
TRANSFER(ssize_t, preadv64, (int descriptor, VECTOR, off64_t offset),
         (descriptor, parts, count, offset), true)
TRANSFER(ssize_t, getdents64, (int descriptor, void *data, size_t size), (descriptor, data, size),
         true)
TRANSFER(ssize_t, write, (int descriptor, const void *data, size_t size), (descriptor, data, size),
         true)
TRANSFER(ssize_t, writev, (int descriptor, VECTOR), (descriptor, parts, count), true)
TRANSFER(ssize_t, pwrite, (int descriptor, const void *data, size_t size, off_t offset),
         (descriptor, data, size, offset), true)
TRANSFER(ssize_t, recv, (int descriptor, void *data, size_t size, int flags),
         (descriptor, data, size, flags), !(flags & MSG_DONTWAIT))
TRANSFER(ssize_t, recvmsg, (int descriptor, struct msghdr *message, int flags),
         (descriptor, message, flags), !(flags & MSG_DONTWAIT))
TRANSFER(ssize_t, send, (int descriptor, const void *data, size_t size, int flags),
         (descriptor, data, size, flags), !(flags & MSG_DONTWAIT))
TRANSFER(ssize_t, sendmsg, (int descriptor, const struct msghdr *message, int flags),
         (descriptor, message, flags), !(flags & MSG_DONTWAIT))
TRANSFER(int, fsync, (int descriptor), (descriptor), false)
TRANSFER(int, fdatasync, (int descriptor), (descriptor), false)
TRANSFER(int, ftruncate, (int descriptor, off_t size), (descriptor, size), false)
TRANSFER(int, posix_fadvise, (int descriptor, off_t offset, off_t size, int advice),
         (descriptor, offset, size, advice), false)

#define READ_AT_ONCE(name, offset_type)                                                            \
    ssize_t name(int descriptor, VECTOR, offset_type offset, int flags)                            \
    {                                                                                              \
        if (!(flags & RWF_NOWAIT))                                                                 \
            judge_transfer(#name " without RWF_NOWAIT", descriptor, true);                         \
        return NEXT(name)(descriptor, parts, count, offset, flags);                                \
    }
READ_AT_ONCE(preadv2, off_t)
READ_AT_ONCE(preadv64v2, off64_t)

#define SENDFILE(name, offset_type)                                                                \
    ssize_t name(int socket, int file, offset_type *offset, size_t size)                           \
    {                                                                                              \
        judge_send(#name, socket, file, offset, size);                                             \
        return NEXT(name)(socket, file, offset, size);                                             \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t size,
               unsigned flags)
{
    judge_send("splice", to, from, from_offset, size);
    return NEXT(splice)(from, from_offset, to, to_offset, size, flags);
}

int close(int descriptor)
{
    judge_close("close", descriptor);
    return NEXT(close)(descriptor);
}

/* ---- Streams, whose writes are made inside the C library ------------------------------------------ */

static void judge_stream(const char *call, FILE *stream)
{
    int descriptor = is_worker && stream ? fileno(stream) : -1;

    if (descriptor >= 0)
        judge_transfer(call, descriptor, true);
}

int vfprintf(FILE *stream, const char *format, va_list arguments)
{
    judge_stream("vfprintf", stream);
    return NEXT(vfprintf)(stream, format, arguments);
}

int fprintf(FILE *stream, const char *format, ...)
{
    va_list arguments;
    int written;

    judge_stream("fprintf", stream);
    va_start(arguments, format);
    written = NEXT(vfprintf)(stream, format, arguments);
    va_end(arguments);
    return written;
}

int fputs(const char *text, FILE *stream)
{
    judge_stream("fputs", stream);
    return NEXT(fputs)(text, stream);
}

int fputc(int character, FILE *stream)
{
    judge_stream("fputc", stream);
    return NEXT(fputc)(character, stream);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
    judge_stream("fwrite", stream);
    return NEXT(fwrite)(data, size, count, stream);
}

int fflush(FILE *stream)
{
    judge_stream("fflush", stream);
    return NEXT(fflush)(stream);
}

FILE *fopen(const char *path, const char *mode)
{
    refuse_path("fopen", path);
    return NEXT(fopen)(path, mode);
}

/* ---- Names --------------------------------------------------------------------------------------- */

#define BY_PATH(result, name, parameters, arguments)                                               \
    result name parameters                                                                         \
    {                                                                                              \
        refuse_path(#name, path);                                                                  \
        return NEXT(name) arguments;                                                               \
    }
BY_PATH(DIR *, opendir, (const char *path), (path))
BY_PATH(int, stat, (const char *restrict path, struct stat *restrict status), (path, status))
BY_PATH(int, lstat, (const char *restrict path, struct stat *restrict status), (path, status))
BY_PATH(int, statfs, (const char *path, struct statfs *status), (path, status))
BY_PATH(int, access, (const char *path, int mode), (path, mode))
BY_PATH(int, unlink, (const char *path), (path))
BY_PATH(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags))
BY_PATH(int, rmdir, (const char *path), (path))
BY_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode))
BY_PATH(int, rename, (const char *path, const char *to), (path, to))
BY_PATH(int, truncate, (const char *path, off_t size), (path, size))

ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    if (strncmp(path, "/proc/", strlen("/proc/")) != 0)
        refuse_path("readlink", path);
    return NEXT(readlink)(path, target, size);
}

struct dirent *readdir(DIR *directory)
{
    refuse_path("readdir", "a directory");
    return NEXT(readdir)(directory);
}

int fstat(int descriptor, struct stat *status)
{
    judge_question("fstat", descriptor);
    return NEXT(fstat)(descriptor, status);
}

int fstatfs(int descriptor, struct statfs *status)
{
    judge_question("fstatfs", descriptor);
    return NEXT(fstatfs)(descriptor, status);
}

int fstatat(int directory, const char *restrict path, struct stat *restrict status, int flags)
{
    if (*path)
        refuse_path("fstatat", path);
    else
        judge_question("fstatat", directory);
    return NEXT(fstatat)(directory, path, status, flags);
}

int statx(int directory, const char *restrict path, int flags, unsigned mask,
          struct statx *restrict status)
{
    if (*path)
        refuse_path("statx", path);
    else if (!(flags & AT_STATX_DONT_SYNC))
        judge_question("statx", directory);
    return NEXT(statx)(directory, path, flags, mask, status);
}

/* ---- Waiting ------------------------------------------------------------------------------------- */

#define WAITS(result, name, parameters, arguments, condition)                                      \
    result name parameters                                                                         \
    {                                                                                              \
        if (condition)                                                                             \
            refuse_path(#name, "it waits");                                                        \
        return NEXT(name) arguments;                                                               \
    }
WAITS(unsigned, sleep, (unsigned seconds), (seconds), true)
WAITS(int, usleep, (useconds_t time), (time), true)
WAITS(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left), true)
WAITS(int, clock_nanosleep,
      (clockid_t clock, int flags, const struct timespec *time, struct timespec *left),
      (clock, flags, time, left), true)
WAITS(int, poll, (struct pollfd * list, nfds_t count, int timeout), (list, count, timeout),
      timeout != 0)
WAITS(int, ppoll,
      (struct pollfd * list, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
      (list, count, timeout, mask), !timeout || timeout->tv_sec || timeout->tv_nsec)
WAITS(int, select, (int count, fd_set *in, fd_set *out, fd_set *bad, struct timeval *timeout),
      (count, in, out, bad, timeout), !timeout || timeout->tv_sec || timeout->tv_usec)
WAITS(int, pthread_join, (pthread_t thread, void **ret_value), (thread, ret_value), true)
WAITS(int, getaddrinfo,
      (const char *restrict host, const char *restrict service,
       const struct addrinfo *restrict hints, struct addrinfo **restrict ret_list),
      (host, service, hints, ret_list), !hints || !(hints->ai_flags & AI_NUMERICHOST))

int connect(int descriptor, const struct sockaddr *address, socklen_t size)
{
    judge_transfer("connect", descriptor, true);
    return NEXT(connect)(descriptor, address, size);
}

int accept4(int descriptor, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
    judge_transfer("accept4", descriptor, true);
    return NEXT(accept4)(descriptor, address, size, flags);
}
