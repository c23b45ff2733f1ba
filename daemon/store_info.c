/* SPDX-License-Identifier: MIT */
/*
 * What is told of a file, from what the kernel says of it.
 */
#include <config.h>

#include <sys/stat.h>

#include "daemon/store_internal.h"

#define NANOSECONDS 1000000000

enum store_kind store_kind_of(mode_t mode)
{
    if (S_ISREG(mode))
        return STORE_REGULAR;
    if (S_ISDIR(mode))
        return STORE_DIRECTORY;
    return S_ISLNK(mode) ? STORE_LINK : STORE_OTHER;
}

static int64_t clamp_time(int64_t seconds, int64_t nanoseconds)
{
    int64_t time;

    if (__builtin_mul_overflow(seconds, NANOSECONDS, &time) ||
        __builtin_add_overflow(time, nanoseconds, &time))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return time;
}

struct store_info store_info_of(const struct stat *status)
{
    return (struct store_info){
        .size = (uint64_t)status->st_size,
        .mtime = clamp_time(status->st_mtim.tv_sec, status->st_mtim.tv_nsec),
    };
}
