/* SPDX-License-Identifier: MIT */
/*
 * A valved that takes any path and resolves it wherever it leads: what its own checks would keep out,
 * only the sandbox does. Linked with --wrap in front of what it makes blind.
 */
#include <linux/openat2.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

const char *__wrap_store_path_problem(const void *data, size_t size);
long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

const char *__wrap_store_path_problem(const void *data, size_t size)
{
    (void)data;
    return size == 0 ? "an empty path" : NULL;
}

/* openat2() as if nothing had been asked of the resolution. Takes more arguments than there may be. */
__attribute__((no_sanitize("address", "undefined"))) long __wrap_syscall(long number, ...)
{
    long arguments[6];
    struct open_how how;
    va_list list;

    va_start(list, number);
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_openat2) {
        how = *(const struct open_how *)arguments[2]; /* NOLINT: as the kernel reads it */
        how.resolve &= RESOLVE_CACHED;
        arguments[2] = (long)&how;
    }
    return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                          arguments[4], arguments[5]);
}
