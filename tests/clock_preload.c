/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into valved by a test: its wall clock is an hour behind as long as the file that
 * $VALVE_TEST_CLOCK names exists. The monotonic clock is left alone, as setting the time leaves it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define HOUR 3600

static time_t behind(void)
{
    const char *file = getenv("VALVE_TEST_CLOCK");

    return file != NULL && access(file, F_OK) == 0 ? HOUR : 0;
}

/* The function that this library stands in front of. */
static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL)
        abort();
    return function;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int (*next)(clockid_t, struct timespec *) = real("clock_gettime");
    int r = next(clock, ret_time);

    if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret_time->tv_sec -= behind();
    return r;
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    int (*next)(struct timeval *restrict, void *restrict) = real("gettimeofday");
    int r = next(ret_time, zone);

    ret_time->tv_sec -= behind();
    return r;
}

time_t time(time_t *ret_time)
{
    time_t (*next)(time_t *) = real("time");
    time_t now = next(NULL) - behind();

    if (ret_time != NULL)
        *ret_time = now;
    return now;
}
