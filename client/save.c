/* SPDX-License-Identifier: MIT */
/*
 * Complete files or none.
 */
#define _GNU_SOURCE
#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signals.h"

#define TEMPORARY_ROOM 32
#define ATTEMPTS       100

/* The temporary name that exists now; changed only while the signals are blocked. */
static struct {
    volatile sig_atomic_t exists;
    int directory;
    char name[TEMPORARY_ROOM];
} temporary;

/* ---- Signals --------------------------------------------------------------------------------- */

static void clean_up(int number)
{
    if (temporary.exists)
        (void)unlinkat(temporary.directory, temporary.name, 0);
    (void)raise(number); /* its action is the default again: it ends us when we return */
}

void save_handle_signals(void)
{
    struct sigaction action = {.sa_handler = clean_up, .sa_flags = (int)SA_RESETHAND};

    signals_add(&action.sa_mask);
    signals_handle(&action);
}

static void block_signals(sigset_t *old)
{
    sigset_t set;

    sigemptyset(&set);
    signals_add(&set);
    (void)sigprocmask(SIG_BLOCK, &set, old);
}

/* ---- Temporary names ------------------------------------------------------------------------- */

/* Runs `make` with fresh names until one is free, and remembers it. What `make` returned. */
static int make_temporary(struct saving *saving,
                          int (*make)(struct saving *saving, const char *name))
{
    char name[TEMPORARY_ROOM];
    int r = -EEXIST;

    for (unsigned i = 0; r == -EEXIST && i < ATTEMPTS; i++) {
        uint64_t number = 0;
        sigset_t old;

        if (getrandom(&number, sizeof number, 0) < 0)
            return -errno;
        snprintf(name, sizeof name, ".valvectl.%016llx", (unsigned long long)number);
        block_signals(&old);
        r = make(saving, name);
        if (r >= 0) {
            memcpy(temporary.name, name, sizeof name);
            temporary.directory = saving->directory;
            temporary.exists = 1;
        }
        (void)sigprocmask(SIG_SETMASK, &old, NULL);
    }
    return r;
}

static int create_named(struct saving *saving, const char *name)
{
    int file = openat(saving->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    return file < 0 ? -errno : file;
}

/* The name of a file that has none leads through /proc. */
static int link_nameless(struct saving *saving, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", saving->file);
    if (linkat(AT_FDCWD, path, saving->directory, name, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    return 0;
}

static int rename_temporary(struct saving *saving)
{
    sigset_t old;
    int r = 0;

    block_signals(&old);
    if (renameat(saving->directory, temporary.name, saving->directory, saving->leaf) < 0)
        r = -errno;
    else
        temporary.exists = 0;
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return r;
}

static void remove_temporary(void)
{
    sigset_t old;

    block_signals(&old);
    if (temporary.exists)
        (void)unlinkat(temporary.directory, temporary.name, 0);
    temporary.exists = 0;
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
}

/* ---- One file -------------------------------------------------------------------------------- */

int save_begin(struct saving *saving, int directory, const char *leaf)
{
    struct saving begun = {.directory = directory, .leaf = leaf, .file = -1};

    if (access("/proc/self/fd", X_OK) == 0)
        begun.file = openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (begun.file < 0)
        begun.file = make_temporary(&begun, create_named); /* some file systems know only names */
    if (begun.file < 0)
        return begun.file;
    *saving = begun;
    return 0;
}

int save_begin_in_place(struct saving *saving, const char *path)
{
    int file = open(path, O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);

    if (file < 0)
        return -errno;
    *saving = (struct saving){.directory = -1, .file = file, .in_place = true};
    return 0;
}

int save_write(struct saving *saving, const void *data, size_t size)
{
    const char *next = data;

    while (size > 0) {
        ssize_t written = write(saving->file, next, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        next += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Replaces what bears the name; a nameless file may simply take it when nothing does. */
static int take_name(struct saving *saving)
{
    int r;

    if (!temporary.exists) {
        r = link_nameless(saving, saving->leaf);
        if (r != -EEXIST)
            return r;
        r = make_temporary(saving, link_nameless);
        if (r < 0)
            return r;
    }
    return rename_temporary(saving);
}

int save_commit(struct saving *saving, bool sync)
{
    int r = 0;

    if (sync && fsync(saving->file) < 0 && !(saving->in_place && errno == EINVAL))
        r = -errno; /* devices and FIFOs have nothing to sync, and say EINVAL */
    if (r == 0 && !saving->in_place)
        r = take_name(saving);
    if (close(saving->file) < 0 && r == 0)
        r = -errno;
    saving->file = -1;
    remove_temporary();
    return r;
}

void save_discard(struct saving *saving)
{
    if (saving->file >= 0)
        close(saving->file);
    saving->file = -1;
    remove_temporary();
}
