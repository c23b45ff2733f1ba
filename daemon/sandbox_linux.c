/* SPDX-License-Identifier: MIT */
/*
 * The sandbox: landlock(7), and the identity of the process.
 */
#include <config.h>

#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/cleanup.h"

/* As the kernel counts on: Debian's headers know the first two versions. */
#define LAST_OF_VERSION_1 12 /* bits of rights to files: LANDLOCK_ACCESS_FS_MAKE_SYM */
#define LAST_OF_VERSION_2 13 /* LANDLOCK_ACCESS_FS_REFER */
#define LAST_OF_VERSION_3 14 /* LANDLOCK_ACCESS_FS_TRUNCATE, Linux 6.2 */
#define LAST_OF_VERSION_5 15 /* LANDLOCK_ACCESS_FS_IOCTL_DEV, Linux 6.10 */
#define NET_CONNECT_TCP   (UINT64_C(1) << 1) /* version 4, Linux 6.7 */
#define SCOPE_SIGNAL      (UINT64_C(1) << 1) /* version 6, Linux 6.12 */

/* struct landlock_ruleset_attr as it has grown: a kernel that knows less takes zeroes behind. */
struct ruleset {
    uint64_t files, net, scoped;
};

/* Builds with a sanitizer read there when they end. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define READS_PROC true
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define READS_PROC true
#endif
#endif
#ifndef READS_PROC
#define READS_PROC false
#endif

int sandbox_become(const char *name, uid_t user, gid_t group)
{
    if (geteuid() == 0 && user != 0 &&
        (initgroups(name, group) < 0 || setgid(group) < 0 || setuid(user) < 0))
        return -errno;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static uint64_t all_up_to(unsigned bit)
{
    return (UINT64_C(2) << bit) - 1;
}

/* All that a version can take away. */
static struct ruleset everything(long version)
{
    unsigned last = version >= 5   ? LAST_OF_VERSION_5
                    : version >= 3 ? LAST_OF_VERSION_3
                    : version == 2 ? LAST_OF_VERSION_2
                                   : LAST_OF_VERSION_1;

    return (struct ruleset){
        .files = all_up_to(last),
        .net = version >= 4 ? NET_CONNECT_TCP : 0,
        .scoped = version >= 6 ? SCOPE_SIGNAL : 0,
    };
}

static int allow(int ruleset, int directory, uint64_t access)
{
    const struct landlock_path_beneath_attr rule = {.allowed_access = access,
                                                    .parent_fd = directory};

    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
               ? -errno
               : 0;
}

static int allow_path(int ruleset, const char *path, uint64_t access)
{
    cleanup(cleanup_descriptor) int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return directory < 0 ? -errno : allow(ruleset, directory, access);
}

static int allow_reading(int ruleset, const struct sandbox *sandbox, uint64_t access)
{
    int r = 0;

    for (size_t i = 0; r == 0 && sandbox->read[i]; i++) {
        r = allow_path(ruleset, sandbox->read[i], access);
        if (r == -ENOENT)
            r = 0;
    }
    return r;
}

/* In the directories that files are in. */
static int allow_beside(int ruleset, const char *const *files, uint64_t access)
{
    int r = 0;

    for (size_t i = 0; r == 0 && files[i]; i++) {
        cleanup(cleanup_memory) char *path = strdup(files[i]);

        r = path ? allow_path(ruleset, dirname(path), access) : -ENOMEM;
    }
    return r;
}

static int add_rules(int ruleset, const struct sandbox *sandbox)
{
    uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    uint64_t removing = sandbox->deletes ? LANDLOCK_ACCESS_FS_REMOVE_FILE : 0;
    int r = allow(ruleset, sandbox->root, reading | removing);

    if (r == 0)
        r = allow_reading(ruleset, sandbox, reading);
    if (r == 0)
        r = allow_beside(ruleset, sandbox->files, reading);
    if (r == 0)
        r = allow_beside(ruleset, sandbox->written,
                         LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG);
    if (r == 0)
        r = allow_beside(ruleset, sandbox->sockets,
                         LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_READ_DIR | removing);
    if (r == 0 && READS_PROC)
        r = allow_path(ruleset, "/proc", reading);
    return r;
}

int sandbox_enter(const struct sandbox *sandbox)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    const struct ruleset ruleset = everything(version);
    cleanup(cleanup_descriptor) int made = -1;
    int r;

    if (version < 0)
        return -errno;
    made = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
    if (made < 0)
        return -errno;
    r = add_rules(made, sandbox);
    if (r < 0)
        return r;
    return syscall(SYS_landlock_restrict_self, made, 0) < 0 ? -errno : 0;
}
