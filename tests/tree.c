/* SPDX-License-Identifier: MIT */
/*
 * Making and removing directories for tests.
 */
#include <config.h>

#include "tests/tree.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tree_make(struct tree *tree)
{
    const char *temporary = getenv("TMPDIR");

    if (!temporary || strlen(temporary) > 32)
        temporary = "/tmp";
    snprintf(tree->top, sizeof tree->top, "%s/valve-XXXXXX", temporary);
    ck_assert_ptr_nonnull(mkdtemp(tree->top));
    ck_assert_int_eq(chmod(tree->top, 0755), 0);
    tree->fd = open(tree->top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(tree->fd, 0);
    snprintf(tree->root, sizeof tree->root, "%s/root", tree->top);
    tree_directory(tree, "root");
    tree_directory(tree, "outside");
}

/* Empties a directory, of which it takes the descriptor. */
static void empty(int directory)
{
    DIR *stream = fdopendir(directory);
    struct dirent *entry;

    ck_assert_ptr_nonnull(stream);
    while ((entry = readdir(stream))) {
        int inner;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(directory, entry->d_name, 0) == 0)
            continue;
        fchmodat(directory, entry->d_name, 0700, 0);
        inner = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(inner, 0);
        empty(inner);
        ck_assert_int_eq(unlinkat(directory, entry->d_name, AT_REMOVEDIR), 0);
    }
    closedir(stream);
}

void tree_remove(struct tree *tree)
{
    empty(openat(tree->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    close(tree->fd);
    ck_assert_int_eq(rmdir(tree->top), 0);
}

void tree_directory(const struct tree *tree, const char *path)
{
    ck_assert_int_eq(mkdirat(tree->fd, path, 0755), 0);
}

void tree_file(const struct tree *tree, const char *path, const char *content)
{
    int file = openat(tree->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, content, strlen(content)), (ssize_t)strlen(content));
    close(file);
}

void tree_filled(const struct tree *tree, const char *path, size_t size)
{
    char *content = malloc(size + 1);

    ck_assert_ptr_nonnull(content);
    memset(content, 'x', size);
    content[size] = '\0';
    tree_file(tree, path, content);
    free(content);
}

void tree_link(const struct tree *tree, const char *path, const char *target)
{
    ck_assert_int_eq(symlinkat(target, tree->fd, path), 0);
}

bool tree_has(const struct tree *tree, const char *path)
{
    struct stat status;

    return fstatat(tree->fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

unsigned tree_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    unsigned count = 0;

    ck_assert_ptr_nonnull(stream);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}
