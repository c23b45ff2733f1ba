/* SPDX-License-Identifier: MIT */
/*
 * Writing: by calls, by stores, and by the two queues of the kernel, without their libraries.
 */
#include <config.h>

#include "tests/fresh/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096

/* Offsets in what is shared with the kernel, and sizes of it: indexes of disk.ring. */
enum { TAIL, TAIL_MASK, SLOTS, DONE_HEAD, DONE_MASK, DONE, RING_SIZE, DONE_SIZE };

/* ---- Mappings -------------------------------------------------------------------------------- */

static int write_mapped(int file, const void *bytes, size_t size, size_t offset, bool is_synced)
{
    size_t length = offset + size;
    char *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    int r = 0;

    if (mapped == MAP_FAILED)
        return -errno;
    memcpy(mapped + offset, bytes, size);
    if (is_synced && msync(mapped, length, MS_SYNC) < 0)
        r = -errno;
    munmap(mapped, length);
    return r;
}

/* ---- AIO ------------------------------------------------------------------------------------- */

static int write_by_aio(struct disk *disk, int file, const void *bytes, size_t size, size_t offset)
{
    struct iocb block = {.aio_lio_opcode = IOCB_CMD_PWRITE,
                         .aio_fildes = (unsigned)file,
                         .aio_buf = (uintptr_t)bytes,
                         .aio_nbytes = size,
                         .aio_offset = (int64_t)offset};
    struct iocb *blocks[] = {&block};
    struct io_event event;

    if (syscall(SYS_io_submit, disk->aio, 1L, blocks) != 1 ||
        syscall(SYS_io_getevents, disk->aio, 1L, 1L, &event, NULL) != 1)
        return -errno;
    return event.res == (int64_t)size ? 0 : event.res < 0 ? (int)event.res : -EIO;
}

/* ---- io_uring -------------------------------------------------------------------------------- */

static void *map_ring(int ring, size_t size, off_t what)
{
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);

    if (mapped == MAP_FAILED)
        abort();
    return mapped;
}

static void make_uring(struct disk *disk)
{
    struct io_uring_params made = {0};

    disk->uring = (int)syscall(SYS_io_uring_setup, 1L, &made);
    if (disk->uring < 0)
        return;
    disk->ring[TAIL] = made.sq_off.tail;
    disk->ring[TAIL_MASK] = made.sq_off.ring_mask;
    disk->ring[SLOTS] = made.sq_off.array;
    disk->ring[DONE_HEAD] = made.cq_off.head;
    disk->ring[RING_SIZE] = made.sq_off.array + made.sq_entries * (unsigned)sizeof(unsigned);
    disk->ring[DONE_SIZE] = made.cq_off.cqes +
                            made.cq_entries * (unsigned)sizeof(struct io_uring_cqe);
    disk->submissions = map_ring(disk->uring, disk->ring[RING_SIZE], IORING_OFF_SQ_RING);
    disk->completions = map_ring(disk->uring, disk->ring[DONE_SIZE], IORING_OFF_CQ_RING);
    disk->entries = map_ring(disk->uring, sizeof(struct io_uring_sqe), IORING_OFF_SQES);
    disk->ring[DONE] = made.cq_off.cqes;
    disk->ring[DONE_MASK] = made.cq_off.ring_mask;
}

static unsigned *word(void *ring, unsigned offset)
{
    return (unsigned *)((char *)ring + offset);
}

/* Submits one and waits for it: its result. */
static int run_entry(struct disk *disk, const struct io_uring_sqe *entry)
{
    unsigned *tail = word(disk->submissions, disk->ring[TAIL]);
    unsigned *head = word(disk->completions, disk->ring[DONE_HEAD]);
    unsigned slot = *tail & *word(disk->submissions, disk->ring[TAIL_MASK]);
    const struct io_uring_cqe *done = (void *)word(disk->completions, disk->ring[DONE]);
    int result;

    memcpy(disk->entries, entry, sizeof *entry);
    word(disk->submissions, disk->ring[SLOTS])[slot] = 0;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, disk->uring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0L) < 0)
        return -errno;
    result = done[*head & *word(disk->completions, disk->ring[DONE_MASK])].res;
    __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    return result;
}

static int write_by_uring(struct disk *disk, int file, const void *bytes, size_t size,
                          size_t offset)
{
    const struct io_uring_sqe entry = {.opcode = IORING_OP_WRITE,
                                       .fd = file,
                                       .addr = (uintptr_t)bytes,
                                       .len = (unsigned)size,
                                       .off = offset};
    int r = run_entry(disk, &entry);

    return r == (int)size ? 0 : r < 0 ? r : -EIO;
}

int disk_rename(struct disk *disk, const char *from, const char *to)
{
    const struct io_uring_sqe entry = {.opcode = IORING_OP_RENAMEAT,
                                       .fd = AT_FDCWD,
                                       .addr = (uintptr_t)from,
                                       .len = (unsigned)AT_FDCWD,
                                       .off = (uintptr_t)to};

    return run_entry(disk, &entry);
}

/* ---- Any of them ----------------------------------------------------------------------------- */

void disk_init(struct disk *disk)
{
    *disk = (struct disk){0};
    if (syscall(SYS_io_setup, 1L, &disk->aio) < 0)
        disk->aio = 0;
    make_uring(disk);
}

void disk_fini(struct disk *disk)
{
    if (disk->aio != 0)
        syscall(SYS_io_destroy, disk->aio);
    if (disk->uring < 0)
        return;
    munmap(disk->submissions, disk->ring[RING_SIZE]);
    munmap(disk->completions, disk->ring[DONE_SIZE]);
    munmap(disk->entries, sizeof(struct io_uring_sqe));
    close(disk->uring);
}

bool disk_can(const struct disk *disk, enum way way)
{
    if (way == BY_URING)
        return disk->uring >= 0;
    return disk->aio != 0 || (way != BY_AIO && way != BY_DIRECT_AIO);
}

static int write_open(struct disk *disk, enum way way, int file, const void *bytes, size_t size,
                      size_t offset)
{
    switch (way) {
    case BY_MAPPING:
    case BY_SYNCED_MAPPING:
        return write_mapped(file, bytes, size, offset, way == BY_SYNCED_MAPPING);
    case BY_AIO:
    case BY_DIRECT_AIO:
        return write_by_aio(disk, file, bytes, size, offset);
    case BY_URING:
        return write_by_uring(disk, file, bytes, size, offset);
    case BY_PWRITE:
    case WAYS:
        break;
    }
    return pwrite(file, bytes, size, (off_t)offset) == (ssize_t)size ? 0 : -errno;
}

int disk_write(struct disk *disk, enum way way, const char *path, const void *bytes, size_t size,
               size_t offset)
{
    bool is_direct = way == BY_DIRECT_AIO && size % PAGE == 0 && offset % PAGE == 0;
    int file = open(path, O_RDWR | O_CLOEXEC | (is_direct ? O_DIRECT : 0));
    int r;

    if (file < 0)
        return -errno;
    r = write_open(disk, way, file, bytes, size, offset);
    close(file);
    return r;
}
