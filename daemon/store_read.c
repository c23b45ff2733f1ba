/* SPDX-License-Identifier: MIT */
/*
 * Reading small files whole.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/store_internal.h"

/* How often a file that changes its length while it is read is read. */
#define READINGS_MAX 4

/* Bytes; other pages are a multiple of it. */
#define PAGE_LEAST 4096

void store_close(struct store_file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    file->descriptor = -1;
}

bool store_close_is_slow(const struct store_file *file)
{
    struct statx status;

    if (file->descriptor < 0)
        return false;
    if (file->storage == STORE_REMOTE)
        return true;

    /* Not synchronised: this is asked on a worker. */
    return statx(file->descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_NLINK, &status) ==
               0 &&
           status.stx_nlink == 0;
}

int store_try_read(const struct store_file *file, uint8_t *buffer, size_t capacity,
                   size_t *ret_size)
{
    struct iovec room = {.iov_base = buffer, .iov_len = capacity};
    ssize_t got;

    if (file->storage == STORE_REMOTE)
        return -EAGAIN;
    /* Where there is no disk there is no RWF_NOWAIT either. */
    got = preadv2(file->descriptor, &room, 1, 0, file->storage == STORE_MEMORY ? 0 : RWF_NOWAIT);
    if (got < 0 || (uint64_t)got != file->info.size)
        return -EAGAIN;
    *ret_size = (size_t)got;
    return 0;
}

int store_try_read_now(const struct store *store, int descriptor, uint8_t *buffer, size_t capacity,
                       uint64_t *hint, size_t *ret_size)
{
    struct iovec room = {.iov_base = buffer, .iov_len = capacity};
    bool in_memory = store->storage == STORE_MEMORY;
    ssize_t got = preadv2(descriptor, &room, 1, 0, in_memory ? 0 : RWF_NOWAIT);
    struct stat status;

    if (got < 0)
        return -EAGAIN;
    *ret_size = (size_t)got;
    /*
     * Less than was asked for is all there is, unless what follows is not in memory: whole pages.
     */
    if ((size_t)got < capacity && (in_memory || got % PAGE_LEAST != 0))
        return 0;
    if (fstat(descriptor, &status) < 0)
        return -EAGAIN;
    *hint = (uint64_t)status.st_size;
    return status.st_size == got ? 0 : -EAGAIN;
}

/* An error of an open file. A stale one is told apart: its name may lead to another by now. */
static int failure(int error)
{
    return error == ESTALE ? -ESTALE : store_verdict(-error);
}

/* Reads from the start until `room` bytes or the end of the file. */
static int read_once(int descriptor, uint8_t *buffer, size_t room, size_t *ret_size)
{
    size_t size = 0;

    while (size < room) {
        ssize_t got = pread(descriptor, buffer + size, room - size, (off_t)size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failure(errno);
        if (got == 0)
            break;
        size += (size_t)got;
    }
    *ret_size = size;
    return 0;
}

int store_read(struct store_file *file, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    size_t got = 0;

    for (unsigned reading = 0; reading < READINGS_MAX; reading++) {
        struct stat status;
        int r;

        if (fstat(file->descriptor, &status) < 0)
            return failure(errno);
        file->info.size = (uint64_t)status.st_size;
        if (file->info.size > capacity)
            return -EFBIG;
        /* One byte more than there should be tells whether it has grown. */
        r = read_once(file->descriptor, buffer,
                      file->info.size < capacity ? (size_t)file->info.size + 1 : capacity, &got);
        if (r < 0)
            return r;
        if (got == file->info.size)
            break;
    }
    if (got < file->info.size)
        return -EIO;
    *ret_size = (size_t)file->info.size;
    return 0;
}
