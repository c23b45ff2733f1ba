/* SPDX-License-Identifier: MIT */
/*
 * What this process may do, beyond what it needs not to: whose it is, and which files it can reach.
 */
#ifndef VALVED_SANDBOX_H
#define VALVED_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "valve.h"

/* What is left to it. */
struct sandbox {
    int root;             /* the directory that it serves */
    const char **read;    /* directories beneath which it may read besides; ends with NULL */
    const char **files;   /* likewise; in the directories of these it may read, too */
    const char **written; /* files that it may make, and write to; ends with NULL */
    bool deletes;         /* beneath that it may remove files; if not, none anywhere */
    const char **sockets; /* ends with NULL; in their directories it may make and remove some */
};

/*
 * Becomes this user for good, with his groups, if the process is root's and he is another.
 * Privileges do not come back by what it executes either. Before any thread is started. 0 or
 * -errno.
 */
int sandbox_become(const char *name, uid_t user, gid_t group);

/*
 * From now on this thread, and those it starts, can read beneath the root, remove files there if
 * that is wanted, and open nothing else; nor connect by TCP, nor signal others. What is open stays
 * open. Looking at names (stat) is not restricted. 0; -ENOSYS or -EOPNOTSUPP: this kernel has no
 * Landlock, or it is switched off; -errno: it failed. After a failure nothing is restricted.
 */
int sandbox_enter(const struct sandbox *sandbox);

#endif
