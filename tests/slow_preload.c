/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into valved by a test: makes storage slow for the files whose path contains
 * $VALVE_TEST_SLOW. Reading them takes $VALVE_TEST_DELAY milliseconds, and nothing of them is ever
 * in memory: a read that must not wait is refused.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

ssize_t preadv64v2(int descriptor, const struct iovec *parts, int count, off64_t offset, int flags);

static bool is_slow(int descriptor)
{
    const char *pattern = getenv("VALVE_TEST_SLOW");
    char link[64], path[2048];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, path, sizeof path - 1);
    if (pattern == NULL || length < 0)
        return false;
    path[length] = '\0';
    return strstr(path, pattern) != NULL;
}

static void delay(int descriptor)
{
    const char *milliseconds = getenv("VALVE_TEST_DELAY");
    long duration = milliseconds == NULL ? 0 : atol(milliseconds);
    struct timespec left = {duration / 1000, duration % 1000 * 1000000};

    if (!is_slow(descriptor))
        return;
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

/* The function that this library stands in front of. */
static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL)
        abort();
    return function;
}

ssize_t read(int descriptor, void *data, size_t size)
{
    ssize_t (*next)(int, void *, size_t) = real("read");

    delay(descriptor);
    return next(descriptor, data, size);
}

ssize_t pread(int descriptor, void *data, size_t size, off_t offset)
{
    ssize_t (*next)(int, void *, size_t, off_t) = real("pread");

    delay(descriptor);
    return next(descriptor, data, size, offset);
}

ssize_t pread64(int descriptor, void *data, size_t size, off64_t offset)
{
    ssize_t (*next)(int, void *, size_t, off64_t) = real("pread64");

    delay(descriptor);
    return next(descriptor, data, size, offset);
}

static ssize_t read_vector(const char *name, int descriptor, const struct iovec *parts, int count,
                           off64_t offset, int flags)
{
    ssize_t (*next)(int, const struct iovec *, int, off64_t, int) = real(name);

    if ((flags & RWF_NOWAIT) != 0 && is_slow(descriptor)) {
        errno = EAGAIN;
        return -1;
    }
    delay(descriptor);
    return next(descriptor, parts, count, offset, flags);
}

ssize_t preadv2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags)
{
    return read_vector("preadv2", descriptor, parts, count, offset, flags);
}

ssize_t preadv64v2(int descriptor, const struct iovec *parts, int count, off64_t offset, int flags)
{
    return read_vector("preadv64v2", descriptor, parts, count, offset, flags);
}
