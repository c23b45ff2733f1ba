/* SPDX-License-Identifier: MIT */
/* Which calls may fail, with what, and whether they shall now. */
#ifndef VALVE_TEST_FAULT_H
#define VALVE_TEST_FAULT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Errors that the kernel or the library may really give, and none that an answer may be made of:
 * ENOENT is no fault. A call may have two more than its commonest.
 */
#define CALLS(CALL)                                                                                \
    CALL(__isoc99_fscanf, EIO)                                                                     \
    CALL(__sched_cpualloc, ENOMEM)                                                                 \
    CALL(accept4, EMFILE, ECONNABORTED, ENFILE)                                                    \
    CALL(access, EIO)                                                                              \
    CALL(aligned_alloc, ENOMEM)                                                                    \
    CALL(asprintf, ENOMEM)                                                                         \
    CALL(bind, EADDRINUSE, EACCES)                                                                 \
    CALL(cachestat, ENOSYS, EPERM)                                                                 \
    CALL(calloc, ENOMEM)                                                                           \
    CALL(chmod, EPERM, EROFS)                                                                      \
    CALL(chown, EPERM, EROFS)                                                                      \
    CALL(close, EINTR, EIO)                                                                        \
    CALL(closedir, EINTR)                                                                          \
    CALL(connect, ECONNREFUSED, EAGAIN, EINTR)                                                     \
    CALL(dlopen, ENOENT, ENOMEM)                                                                   \
    CALL(dup3, EMFILE, EINTR)                                                                      \
    CALL(epoll_create1, EMFILE, ENOMEM)                                                            \
    CALL(epoll_ctl, ENOMEM, ENOSPC)                                                                \
    CALL(epoll_wait, EINTR)                                                                        \
    CALL(evconnlistener_disable, ENOMEM)                                                           \
    CALL(evconnlistener_enable, ENOMEM, ENOSPC)                                                    \
    CALL(evconnlistener_new, ENOMEM)                                                               \
    CALL(event_add, ENOMEM, ENOSPC)                                                                \
    CALL(event_base_new_with_config, ENOMEM, EMFILE)                                               \
    CALL(event_config_new, ENOMEM)                                                                 \
    CALL(event_del, ENOMEM)                                                                        \
    CALL(event_new, ENOMEM)                                                                        \
    CALL(eventfd, EMFILE, ENOMEM)                                                                  \
    CALL(eventfd_read, EAGAIN)                                                                     \
    CALL(eventfd_write, EAGAIN)                                                                    \
    CALL(fchmod, EPERM, EROFS)                                                                     \
    CALL(fclose, ENOSPC, EIO)                                                                      \
    CALL(fcntl, EMFILE, EPERM)                                                                     \
    CALL(fflush, ENOSPC, EIO)                                                                      \
    CALL(flock, EINTR, ENOLCK)                                                                     \
    CALL(fopen, EMFILE, ENOMEM)                                                                    \
    CALL(fprintf, ENOSPC, EIO)                                                                     \
    CALL(fputc, ENOSPC, EIO)                                                                       \
    CALL(fputs, ENOSPC, EIO)                                                                       \
    CALL(fread, EIO)                                                                               \
    CALL(fstat, EIO, ENOMEM)                                                                       \
    CALL(fstatat, EIO, ENOMEM)                                                                     \
    CALL(fstatfs, EIO, EINTR)                                                                      \
    CALL(fsync, EIO, ENOSPC)                                                                       \
    CALL(fwrite, ENOSPC, EIO)                                                                      \
    CALL(getc, EIO)                                                                                \
    CALL(getcwd, EACCES, ENOMEM)                                                                   \
    CALL(getdelim, ENOMEM, EIO)                                                                    \
    CALL(getdents64, EIO, ENOMEM)                                                                  \
    CALL(getgrnam_r, EIO, ERANGE)                                                                  \
    CALL(getgrouplist, ERANGE)                                                                     \
    CALL(getpeername, ENOTCONN, ENOBUFS)                                                           \
    CALL(getpwnam_r, EIO, ERANGE)                                                                  \
    CALL(getrandom, EINTR, ENOSYS)                                                                 \
    CALL(getrlimit, EPERM)                                                                         \
    CALL(getsockname, ENOBUFS)                                                                     \
    CALL(getsockopt, ENOBUFS)                                                                      \
    CALL(gmtime_r, EOVERFLOW)                                                                      \
    CALL(ini_parse_stream, ENOMEM)                                                                 \
    CALL(initgroups, EPERM, ENOMEM)                                                                \
    CALL(inotify_add_watch, ENOSPC, EACCES)                                                        \
    CALL(inotify_init1, EMFILE, ENOMEM)                                                            \
    CALL(ioctl, EIO)                                                                               \
    CALL(landlock, EOPNOTSUPP, ENOMEM, EINVAL)                                                     \
    CALL(linkat, EIO, EPERM)                                                                       \
    CALL(listen, EADDRINUSE)                                                                       \
    CALL(localtime_r, EOVERFLOW)                                                                   \
    CALL(lseek, EIO)                                                                               \
    CALL(lstat, EIO, ENOMEM)                                                                       \
    CALL(madvise, EINVAL, ENOMEM)                                                                  \
    CALL(malloc, ENOMEM)                                                                           \
    CALL(mkdir, ENOSPC, EIO)                                                                       \
    CALL(mkdirat, ENOSPC, EIO)                                                                     \
    CALL(mmap, ENOMEM, EAGAIN)                                                                     \
    CALL(mprotect, ENOMEM)                                                                         \
    CALL(munmap, ENOMEM)                                                                           \
    CALL(nanosleep, EINTR)                                                                         \
    CALL(open, EMFILE, EIO, EINTR)                                                                 \
    CALL(open_memstream, ENOMEM)                                                                   \
    CALL(openat, EMFILE, EIO, EINTR)                                                               \
    CALL(openat2, EMFILE, EIO, EAGAIN)                                                             \
    CALL(opendir, EMFILE, ENOMEM)                                                                  \
    CALL(poll, EINTR, ENOMEM)                                                                      \
    CALL(posix_fadvise, EIO)                                                                       \
    CALL(ppoll, EINTR, ENOMEM)                                                                     \
    CALL(pread, EIO, EINTR)                                                                        \
    CALL(preadv2, EAGAIN, EIO, EOPNOTSUPP)                                                         \
    CALL(printf, ENOSPC, EIO)                                                                      \
    CALL(pthread_create, EAGAIN)                                                                   \
    CALL(pthread_setaffinity_np, EINVAL)                                                           \
    CALL(pthread_setname_np, EIO)                                                                  \
    CALL(putc, ENOSPC, EIO)                                                                        \
    CALL(puts, ENOSPC, EIO)                                                                        \
    CALL(read, EIO, EINTR)                                                                         \
    CALL(readdir, EIO)                                                                             \
    CALL(readlinkat, EIO, ENOMEM)                                                                  \
    CALL(realloc, ENOMEM)                                                                          \
    CALL(reallocarray, ENOMEM)                                                                     \
    CALL(realpath, EIO, ENOMEM)                                                                    \
    CALL(recv, ECONNRESET, EAGAIN, EINTR)                                                          \
    CALL(renameat, EIO, ENOSPC)                                                                    \
    CALL(sched_getaffinity, EINVAL)                                                                \
    CALL(sd_journal_sendv, ECONNREFUSED)                                                           \
    CALL(sd_listen_fds_with_names, ENOMEM)                                                         \
    CALL(sd_notify, ECONNREFUSED)                                                                  \
    CALL(sd_watchdog_enabled, EINVAL)                                                              \
    CALL(sem_clockwait, EINTR, ETIMEDOUT)                                                          \
    CALL(sem_init, ENOSPC)                                                                         \
    CALL(sem_wait, EINTR)                                                                          \
    CALL(send, ECONNRESET, EAGAIN, EINTR)                                                          \
    CALL(sendfile, EIO, EAGAIN, ENOMEM)                                                            \
    CALL(sendmsg, ECONNRESET, EAGAIN, EINTR)                                                       \
    CALL(setgid, EPERM)                                                                            \
    CALL(setrlimit, EPERM)                                                                         \
    CALL(setsockopt, ENOPROTOOPT, ENOMEM)                                                          \
    CALL(setuid, EPERM, EAGAIN)                                                                    \
    CALL(shutdown, ENOTCONN)                                                                       \
    CALL(sigaction, EINVAL)                                                                        \
    CALL(sigaltstack, ENOMEM)                                                                      \
    CALL(socket, EMFILE, ENOBUFS)                                                                  \
    CALL(stat, EIO, ENOMEM)                                                                        \
    CALL(statx, EIO, ENOMEM)                                                                       \
    CALL(strdup, ENOMEM)                                                                           \
    CALL(strndup, ENOMEM)                                                                          \
    CALL(tcgetattr, EIO)                                                                           \
    CALL(tcsetattr, EIO)                                                                           \
    CALL(unlink, EACCES, EROFS)                                                                    \
    CALL(unlinkat, EIO, EACCES)                                                                    \
    CALL(vasprintf, ENOMEM)                                                                        \
    CALL(vfprintf, ENOSPC, EIO)                                                                    \
    CALL(write, ENOSPC, EINTR)

#define FAULT_ENUMERATE(name, ...) CALL_##name,
enum call { CALLS(FAULT_ENUMERATE) CALL_COUNT };

/* The error that this call, made from `caller`, shall give, or 0. */
int fault(enum call call, void *caller);

/* The same for a call about a socket: where it is to be reset, it is. */
int fault_of_socket(enum call call, void *caller, int socket);

/* Whether it is made by a program or library whose calls count. */
bool is_ours(void *caller);

/* How many of the bytes this call shall move. */
size_t shorten(enum call call, size_t size);

#endif
