/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into valved by a test: now and then a file is not removed although that is said
 * (VALVE_TEST_LIE=keep), or is removed although it is said that there was none (VALVE_TEST_LIE=deny).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRUTHS 20 /* for each lie */

int unlinkat(int directory, const char *name, int flags)
{
    static atomic_uint calls;
    int (*real)(int, const char *, int) = dlsym(RTLD_NEXT, "unlinkat");
    const char *lie = getenv("VALVE_TEST_LIE");
    int r;

    if (lie == NULL || atomic_fetch_add(&calls, 1) % TRUTHS != TRUTHS - 1)
        return real(directory, name, flags);
    if (strcmp(lie, "keep") == 0)
        return 0;
    r = real(directory, name, flags);
    if (r == 0)
        errno = ENOENT;
    return -1;
}
