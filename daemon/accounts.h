/* SPDX-License-Identifier: MIT */
/*
 * Users and groups by name. The system's databases may be anywhere: all of these may wait, and are
 * for the start. What is nobody's name but a number is that id, whether somebody has it or not.
 *
 * 0; -ENOENT: there is none of that name; any other -errno: that could not be found out.
 */
#ifndef VALVED_ACCOUNTS_H
#define VALVED_ACCOUNTS_H

#include <stddef.h>
#include <sys/types.h>

/* *ret_group is the user's own, (gid_t)-1 if nobody has that number. */
int accounts_user(const char *name, uid_t *ret_user, gid_t *ret_group);

int accounts_group(const char *name, gid_t *ret_group);

/* All groups of a user, `group` among them. The caller frees them. */
int accounts_groups_of(const char *user, gid_t group, gid_t **ret_groups, size_t *ret_count);

/* Reads a number that an id can be: not the one that means none. 0 or -EINVAL. */
int accounts_parse_id(const char *text, size_t length, unsigned *ret_id);

#endif
