/* SPDX-License-Identifier: MIT */
/*
 * Users and groups by name.
 */
#include <config.h>

#include "daemon/accounts.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of an entry: a group lists its members, so it can be long. */
#define ENTRY_LEAST ((size_t)1024)
#define ENTRY_MOST  ((size_t)16 * 1024 * 1024)

/* What getpwnam(3) and getgrnam(3) say in different systems of names that nobody has. */
static int verdict(int error)
{
    return error == 0 || error == ESRCH || error == EBADF || error == EPERM ? -ENOENT : -error;
}

int accounts_parse_id(const char *text, size_t length, unsigned *ret_id)
{
    uint64_t id = 0;

    if (length == 0 || length > 10)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        id = id * 10 + (uint64_t)(text[i] - '0');
    }
    if (id >= UINT32_MAX)
        return -EINVAL;
    *ret_id = (unsigned)id;
    return 0;
}

int accounts_user(const char *name, uid_t *ret_user, gid_t *ret_group)
{
    struct passwd entry, *found = NULL;
    int r = ERANGE;

    for (size_t size = ENTRY_LEAST; r == ERANGE && size <= ENTRY_MOST; size *= 4) {
        char *buffer = malloc(size);

        if (!buffer)
            return -ENOMEM;
        r = getpwnam_r(name, &entry, buffer, size, &found);
        free(buffer);
    }
    if (found) {
        *ret_user = entry.pw_uid;
        *ret_group = entry.pw_gid;
        return 0;
    }
    *ret_group = (gid_t)-1;
    return accounts_parse_id(name, strlen(name), ret_user) == 0 ? 0 : verdict(r);
}

int accounts_group(const char *name, gid_t *ret_group)
{
    struct group entry, *found = NULL;
    int r = ERANGE;

    for (size_t size = ENTRY_LEAST; r == ERANGE && size <= ENTRY_MOST; size *= 4) {
        char *buffer = malloc(size);

        if (!buffer)
            return -ENOMEM;
        r = getgrnam_r(name, &entry, buffer, size, &found);
        free(buffer);
    }
    if (found) {
        *ret_group = entry.gr_gid;
        return 0;
    }
    return accounts_parse_id(name, strlen(name), ret_group) == 0 ? 0 : verdict(r);
}

int accounts_groups_of(const char *user, gid_t group, gid_t **ret_groups, size_t *ret_count)
{
    gid_t *groups = NULL;
    int room = 32, count;

    do {
        gid_t *more = reallocarray(groups, (size_t)room, sizeof *more);

        if (!more) {
            free(groups);
            return -ENOMEM;
        }
        groups = more;
        count = room;
        room *= 4;
    } while (getgrouplist(user, group, groups, &count) < 0);
    *ret_groups = groups;
    *ret_count = (size_t)count;
    return 0;
}
