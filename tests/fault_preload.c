/* SPDX-License-Identifier: MIT */
/*
 * Preloaded by tests/fault.py: stands in front of each call that may fail, and lets it if fault.c
 * says so.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/* What stands behind this library, usually in the C library. */
static void *find(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function)
        abort();
    return function;
}

/* ---- The calls ------------------------------------------------------------------------------ */

#define CALLER __builtin_return_address(0)

#define FIND(name, next)                                                                           \
    if (!next)                                                                                     \
    *(void **)&next = find(#name)

/* Fails without having done anything. */
#define WRAP(type, name, parameters, arguments, failure)                                           \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*next) parameters;                                                             \
        int error = fault(CALL_##name, CALLER);                                                    \
                                                                                                   \
        if (error != 0) {                                                                          \
            errno = error;                                                                         \
            return failure;                                                                        \
        }                                                                                          \
        FIND(name, next);                                                                          \
        return next arguments;                                                                     \
    }

/* Does what it should, whatever it says then. */
#define WRAP_DONE(type, name, parameters, arguments, failure)                                      \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*next) parameters;                                                             \
        int error = fault(CALL_##name, CALLER);                                                    \
        type result;                                                                               \
                                                                                                   \
        FIND(name, next);                                                                          \
        result = next arguments;                                                                   \
        if (error == 0)                                                                            \
            return result;                                                                         \
        errno = error;                                                                             \
        return failure;                                                                            \
    }

/* Moves bytes. */
#define WRAP_SIZE(name, parameters, arguments, file, size)                                         \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        static ssize_t(*next) parameters;                                                          \
        int error = fault_of_socket(CALL_##name, CALLER, file);                                    \
                                                                                                   \
        if (error != 0) {                                                                          \
            errno = error;                                                                         \
            return -1;                                                                             \
        }                                                                                          \
        FIND(name, next);                                                                          \
        size = shorten(CALL_##name, size);                                                         \
        return next arguments;                                                                     \
    }

/* Memory. */
WRAP(void *, malloc, (size_t size), (size), NULL)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), NULL)
WRAP(void *, reallocarray, (void *old, size_t count, size_t size), (old, count, size), NULL)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NULL)
WRAP(char *, strdup, (const char *text), (text), NULL)
WRAP(char *, strndup, (const char *text, size_t size), (text, size), NULL)
WRAP(int, vasprintf, (char **text, const char *format, va_list arguments),
     (text, format, arguments), -1)
WRAP(cpu_set_t *, __sched_cpualloc, (size_t count), (count), NULL)
WRAP(void *, mmap, (void *at, size_t size, int protection, int flags, int file, off_t offset),
     (at, size, protection, flags, file, offset), MAP_FAILED)
WRAP(int, munmap, (void *at, size_t size), (at, size), -1)
WRAP(int, mprotect, (void *at, size_t size, int protection), (at, size, protection), -1)
WRAP(int, madvise, (void *at, size_t size, int advice), (at, size, advice), -1)

/* Threads, signals and limits. */
WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument),
     (thread, attributes, main, argument), error)
WRAP(int, pthread_setaffinity_np, (pthread_t thread, size_t size, const cpu_set_t *cpus),
     (thread, size, cpus), error)
WRAP(int, pthread_setname_np, (pthread_t thread, const char *name), (thread, name), error)
WRAP(int, sched_getaffinity, (pid_t process, size_t size, cpu_set_t *cpus), (process, size, cpus),
     -1)
WRAP(int, sem_init, (sem_t * semaphore, int shared, unsigned value), (semaphore, shared, value), -1)
WRAP(int, sem_clockwait, (sem_t * semaphore, clockid_t clock, const struct timespec *time),
     (semaphore, clock, time), -1)
WRAP(int, sem_wait, (sem_t * semaphore), (semaphore), -1)
WRAP(int, nanosleep, (const struct timespec *duration, struct timespec *left), (duration, left), -1)
WRAP(int, sigaction, (int number, const struct sigaction *action, struct sigaction *old),
     (number, action, old), -1)
WRAP(int, sigaltstack, (const stack_t *stack, stack_t *old), (stack, old), -1)
WRAP(int, getrlimit, (__rlimit_resource_t what, struct rlimit *limit), (what, limit), -1)
WRAP(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit), (what, limit), -1)

/* Events; libevent's structs are of no interest here. */
WRAP(int, epoll_create1, (int flags), (flags), -1)
WRAP(int, epoll_ctl, (int epoll, int what, int file, struct epoll_event *event),
     (epoll, what, file, event), -1)
WRAP(int, epoll_wait, (int epoll, struct epoll_event *events, int most, int timeout),
     (epoll, events, most, timeout), -1)
WRAP(int, eventfd, (unsigned value, int flags), (value, flags), -1)
WRAP(int, eventfd_read, (int file, eventfd_t *value), (file, value), -1)
WRAP_DONE(int, eventfd_write, (int file, eventfd_t value), (file, value), -1)
WRAP(int, poll, (struct pollfd * files, nfds_t count, int timeout), (files, count, timeout), -1)
WRAP(int, ppoll,
     (struct pollfd * files, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (files, count, timeout, mask), -1)
int event_add(void *event, const struct timeval *timeout);
WRAP(int, event_add, (void *event, const struct timeval *timeout), (event, timeout), -1)
int event_del(void *event);
WRAP_DONE(int, event_del, (void *event), (event), -1)
void *event_new(void *base, int file, short what, void (*done)(int, short, void *), void *context);
WRAP(void *, event_new,
     (void *base, int file, short what, void (*done)(int, short, void *), void *context),
     (base, file, what, done, context), NULL)
void *event_config_new(void);
WRAP(void *, event_config_new, (void), (), NULL)
void *event_base_new_with_config(const void *config);
WRAP(void *, event_base_new_with_config, (const void *config), (config), NULL)
void *evconnlistener_new(void *base, void (*done)(void), void *context, unsigned flags, int backlog,
                         int file);
WRAP(void *, evconnlistener_new,
     (void *base, void (*done)(void), void *context, unsigned flags, int backlog, int file),
     (base, done, context, flags, backlog, file), NULL)
int evconnlistener_enable(void *listener);
WRAP(int, evconnlistener_enable, (void *listener), (listener), -1)
int evconnlistener_disable(void *listener);
WRAP_DONE(int, evconnlistener_disable, (void *listener), (listener), -1)

/* Sockets. */
WRAP(int, socket, (int family, int type, int protocol), (family, type, protocol), -1)
WRAP(int, bind, (int socket, const struct sockaddr *address, socklen_t size),
     (socket, address, size), -1)
WRAP(int, listen, (int socket, int backlog), (socket, backlog), -1)
WRAP(int, accept4, (int socket, struct sockaddr *address, socklen_t *size, int flags),
     (socket, address, size, flags), -1)
WRAP(int, connect, (int socket, const struct sockaddr *address, socklen_t size),
     (socket, address, size), -1)
WRAP(int, shutdown, (int socket, int how), (socket, how), -1)
WRAP(int, getsockname, (int socket, struct sockaddr *address, socklen_t *size),
     (socket, address, size), -1)
WRAP(int, getpeername, (int socket, struct sockaddr *address, socklen_t *size),
     (socket, address, size), -1)
WRAP(int, getsockopt, (int socket, int level, int name, void *value, socklen_t *size),
     (socket, level, name, value, size), -1)
WRAP(int, setsockopt, (int socket, int level, int name, const void *value, socklen_t size),
     (socket, level, name, value, size), -1)
WRAP_SIZE(recv, (int socket, void *data, size_t size, int flags), (socket, data, size, flags),
          socket, size)
WRAP_SIZE(send, (int socket, const void *data, size_t size, int flags), (socket, data, size, flags),
          socket, size)
WRAP_SIZE(sendfile, (int socket, int file, off_t *offset, size_t size),
          (socket, file, offset, size), socket, size)

/* Files. */
WRAP(int, access, (const char *path, int mode), (path, mode), -1)
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), -1)
WRAP(int, chown, (const char *path, uid_t user, gid_t group), (path, user, group), -1)

/*
 * Linux has closed it whatever it says. Closed twice it may by then be somebody else's: the first
 * who does that is stopped, not the one in ten thousand whose connection it hits.
 */
int close(int file)
{
    static const char complaint[] = "fault: a descriptor is closed that is not open\n";
    static int (*next)(int);
    int error = fault(CALL_close, CALLER);
    int result;

    FIND(close, next);
    result = next(file);
    if (result < 0 && errno == EBADF && is_ours(CALLER)) {
        syscall(SYS_write, STDERR_FILENO, complaint, sizeof complaint - 1);
        abort();
    }
    if (error == 0)
        return result;
    errno = error;
    return -1;
}

WRAP_DONE(int, closedir, (DIR * directory), (directory), -1)
WRAP(int, dup3, (int file, int copy, int flags), (file, copy, flags), -1)
WRAP(int, fchmod, (int file, mode_t mode), (file, mode), -1)
WRAP(int, flock, (int file, int operation), (file, operation), -1)
WRAP(int, fstat, (int file, struct stat *facts), (file, facts), -1)
WRAP(int, fstatat, (int directory, const char *path, struct stat *facts, int flags),
     (directory, path, facts, flags), -1)
WRAP(int, fstatfs, (int file, struct statfs *facts), (file, facts), -1)
WRAP(int, fsync, (int file), (file), -1)
WRAP(char *, getcwd, (char *path, size_t size), (path, size), NULL)
WRAP(ssize_t, getdents64, (int directory, void *entries, size_t size), (directory, entries, size),
     -1)
WRAP(int, inotify_add_watch, (int news, const char *path, uint32_t what), (news, path, what), -1)
WRAP(int, inotify_init1, (int flags), (flags), -1)
WRAP(int, linkat, (int from, const char *old, int to, const char *name, int flags),
     (from, old, to, name, flags), -1)
WRAP(off_t, lseek, (int file, off_t offset, int from), (file, offset, from), -1)
WRAP(int, lstat, (const char *path, struct stat *facts), (path, facts), -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
WRAP(int, mkdirat, (int directory, const char *path, mode_t mode), (directory, path, mode), -1)
WRAP(DIR *, opendir, (const char *path), (path), NULL)
WRAP(int, posix_fadvise, (int file, off_t offset, off_t size, int advice),
     (file, offset, size, advice), error)
WRAP(struct dirent *, readdir, (DIR * directory), (directory), NULL)
WRAP(ssize_t, readlinkat, (int directory, const char *path, char *target, size_t size),
     (directory, path, target, size), -1)
WRAP(char *, realpath, (const char *path, char *resolved), (path, resolved), NULL)
WRAP(int, renameat, (int from, const char *old, int to, const char *name), (from, old, to, name),
     -1)
WRAP(int, stat, (const char *path, struct stat *facts), (path, facts), -1)
WRAP(int, statx, (int directory, const char *path, int flags, unsigned mask, struct statx *facts),
     (directory, path, flags, mask, facts), -1)
WRAP(int, unlink, (const char *path), (path), -1)
WRAP(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags), -1)
WRAP_SIZE(pread, (int file, void *data, size_t size, off_t offset), (file, data, size, offset),
          file, size)
WRAP_SIZE(read, (int file, void *data, size_t size), (file, data, size), file, size)
WRAP_SIZE(write, (int file, const void *data, size_t size), (file, data, size), file, size)

/* The rest of the C library, inih and libsystemd. */
WRAP(ssize_t, getrandom, (void *data, size_t size, unsigned flags), (data, size, flags), -1)
WRAP(int, getgrnam_r,
     (const char *name, struct group *group, char *text, size_t size, struct group **found),
     (name, group, text, size, found), (*found = NULL, error))
WRAP(int, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *count),
     (user, group, groups, count), -1)
WRAP(int, getpwnam_r,
     (const char *name, struct passwd *user, char *text, size_t size, struct passwd **found),
     (name, user, text, size, found), (*found = NULL, error))
WRAP(int, initgroups, (const char *user, gid_t group), (user, group), -1)
WRAP(int, setgid, (gid_t group), (group), -1)
WRAP(int, setuid, (uid_t user), (user), -1)
WRAP(struct tm *, gmtime_r, (const time_t *when, struct tm *parts), (when, parts), NULL)
WRAP(struct tm *, localtime_r, (const time_t *when, struct tm *parts), (when, parts), NULL)
WRAP(int, tcgetattr, (int file, struct termios *settings), (file, settings), -1)
WRAP(int, tcsetattr, (int file, int when, const struct termios *settings), (file, when, settings),
     -1)
int ini_parse_stream(void *reader, void *stream, void *handler, void *context);
WRAP(int, ini_parse_stream, (void *reader, void *stream, void *handler, void *context),
     (reader, stream, handler, context), -2)
int sd_notify(int unset, const char *state);
WRAP(int, sd_notify, (int unset, const char *state), (unset, state), -error)
int sd_journal_sendv(const struct iovec *fields, int count);
WRAP(int, sd_journal_sendv, (const struct iovec *fields, int count), (fields, count), -error)
int sd_listen_fds_with_names(int unset, char ***names);
WRAP(int, sd_listen_fds_with_names, (int unset, char ***names), (unset, names), -error)
int sd_watchdog_enabled(int unset, uint64_t *interval);
WRAP(int, sd_watchdog_enabled, (int unset, uint64_t *interval), (unset, interval), -error)

/* Streams: what failed is remembered by them. */
static int mark(FILE *stream)
{
    stream->_flags |= _IO_ERR_SEEN;
    return EOF;
}

WRAP(FILE *, open_memstream, (char **text, size_t *size), (text, size), NULL)
WRAP(void *, dlopen, (const char *file, int mode), (file, mode), NULL)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL)
WRAP_DONE(int, fclose, (FILE * stream), (stream), EOF)
WRAP(int, fflush, (FILE * stream), (stream), mark(stream))
WRAP(size_t, fwrite, (const void *data, size_t size, size_t count, FILE *stream),
     (data, size, count, stream), (mark(stream), (size_t)0))
WRAP(size_t, fread, (void *data, size_t size, size_t count, FILE *stream),
     (data, size, count, stream), (mark(stream), (size_t)0))
WRAP(int, fputc, (int byte, FILE *stream), (byte, stream), mark(stream))
WRAP(int, fputs, (const char *text, FILE *stream), (text, stream), mark(stream))
WRAP(int, putc, (int byte, FILE *stream), (byte, stream), mark(stream))
WRAP(int, puts, (const char *text), (text), mark(stdout))
WRAP(int, vfprintf, (FILE * stream, const char *format, va_list arguments),
     (stream, format, arguments), mark(stream))
WRAP(int, getc, (FILE * stream), (stream), mark(stream))
WRAP(ssize_t, getdelim, (char **line, size_t *size, int delimiter, FILE *stream),
     (line, size, delimiter, stream), mark(stream))

/* ---- Those that take more than they name ---------------------------------------------------- */

/* Returns from the calling function when its call shall fail. */
#define FAIL_BY(call, failure) FAIL_WITH(fault(call, CALLER), failure)
#define FAIL_WITH(decision, failure)                                                               \
    do {                                                                                           \
        int error = decision;                                                                      \
                                                                                                   \
        if (error != 0) {                                                                          \
            errno = error;                                                                         \
            return failure;                                                                        \
        }                                                                                          \
    } while (false)

#define WRAP_PRINT(name, parameters, last, failure, print)                                         \
    int name parameters                                                                            \
    {                                                                                              \
        va_list arguments;                                                                         \
        int length;                                                                                \
                                                                                                   \
        FAIL_BY(CALL_##name, failure);                                                             \
        va_start(arguments, last);                                                                 \
        length = print;                                                                            \
        va_end(arguments);                                                                         \
        return length;                                                                             \
    }

WRAP_PRINT(asprintf, (char **text, const char *format, ...), format, -1,
           vasprintf(text, format, arguments))
WRAP_PRINT(fprintf, (FILE * stream, const char *format, ...), format, mark(stream),
           vfprintf(stream, format, arguments))
int __isoc99_fscanf(FILE *stream, const char *format, ...);
WRAP_PRINT(__isoc99_fscanf, (FILE * stream, const char *format, ...), format, mark(stream),
           vfscanf(stream, format, arguments))
WRAP_PRINT(printf, (const char *format, ...), format, mark(stdout),
           vfprintf(stdout, format, arguments))

#define WRAP_OPTIONAL(name, parameters, last, kind, next_parameters, arguments)                    \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*next) next_parameters;                                                         \
        va_list list;                                                                              \
        kind optional;                                                                             \
                                                                                                   \
        FAIL_BY(CALL_##name, -1);                                                                  \
        va_start(list, last);                                                                      \
        optional = va_arg(list, kind);                                                             \
        va_end(list);                                                                              \
        FIND(name, next);                                                                          \
        return next arguments;                                                                     \
    }

WRAP_OPTIONAL(open, (const char *path, int flags, ...), flags, mode_t,
              (const char *path, int flags, ...), (path, flags, optional))
WRAP_OPTIONAL(openat, (int directory, const char *path, int flags, ...), flags, mode_t,
              (int directory, const char *path, int flags, ...), (directory, path, flags, optional))
WRAP_OPTIONAL(fcntl, (int file, int command, ...), command, void *, (int file, int command, ...),
              (file, command, optional))
WRAP_OPTIONAL(ioctl, (int file, unsigned long command, ...), command, void *,
              (int file, unsigned long command, ...), (file, command, optional))

long syscall(long number, ...)
{
    static long (*next)(long number, ...);
    long arguments[6];
    va_list list;

    if (number == SYS_openat2)
        FAIL_BY(CALL_openat2, -1);
    if (number == SYS_cachestat)
        FAIL_BY(CALL_cachestat, -1);
    if (number == SYS_landlock_create_ruleset || number == SYS_landlock_add_rule ||
        number == SYS_landlock_restrict_self)
        FAIL_BY(CALL_landlock, -1);
    va_start(list, number);
    for (unsigned i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    FIND(syscall, next);
    return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
}

/* ---- Those that take bytes in pieces -------------------------------------------------------- */

/* The first byte of these pieces. */
static struct iovec first_byte(const struct iovec *parts, size_t count)
{
    size_t i = 0;

    while (i + 1 < count && parts[i].iov_len == 0)
        i++;
    return (struct iovec){parts[i].iov_base, parts[i].iov_len > 0};
}

static size_t total(const struct iovec *parts, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags)
{
    static ssize_t (*next)(int, const struct msghdr *, int);
    size_t size = total(message->msg_iov, message->msg_iovlen);
    struct msghdr brief = *message;
    struct iovec byte;

    FAIL_WITH(fault_of_socket(CALL_sendmsg, CALLER, socket), -1);
    FIND(sendmsg, next);
    if (shorten(CALL_sendmsg, size) < size) {
        byte = first_byte(message->msg_iov, message->msg_iovlen);
        brief.msg_iov = &byte;
        brief.msg_iovlen = 1;
    }
    return next(socket, &brief, flags);
}

ssize_t preadv2(int file, const struct iovec *parts, int count, off_t offset, int flags)
{
    static ssize_t (*next)(int, const struct iovec *, int, off_t, int);
    size_t size = total(parts, (size_t)count);
    struct iovec byte;

    FAIL_BY(CALL_preadv2, -1);
    FIND(preadv2, next);
    if (shorten(CALL_preadv2, size) < size) {
        byte = first_byte(parts, (size_t)count);
        return next(file, &byte, 1, offset, flags);
    }
    return next(file, parts, count, offset, flags);
}
