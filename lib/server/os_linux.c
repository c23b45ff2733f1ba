/* SPDX-License-Identifier: MIT */
/*
 * What a server needs of Linux.
 */
#include "server/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fiber/annotate.h"

#define TRIM_THRESHOLD (128 * 1024) /* glibc's own choice */
#define END_BLOCK      4000         /* in no thread's cache of small blocks, and not mapped */
#define END_BLOCKS     32
#define PAGE           4096
#define SAMPLE_STRIDE  (128 * 1024) /* the kernel's default window of read-ahead */
#define DENSE_STRIDE   (32 * 1024)  /* where samples are all there is */
#define MOST_CPUS      (1 << 16)    /* where asking with ever larger sets ends */

/* Probes of idle connections: after how long, how often, and how many unanswered are the end. */
#define LEAST_IDLE_S  60
#define MOST_IDLE_S   32767 /* of TCP_KEEPIDLE */
#define PROBE_EVERY_S 10
#define PROBES        6

/* The affinity mask, in a set as large as this kernel wants. NULL: errno says why. */
static cpu_set_t *allowed_cpus(int *ret_count)
{
    for (int count = CPU_SETSIZE; count <= MOST_CPUS; count *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)count);

        if (set == NULL)
            return NULL;
        if (sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)count), set) == 0) {
            *ret_count = count;
            return set;
        }
        CPU_FREE(set);
        if (errno != EINVAL)
            return NULL;
    }
    return NULL;
}

int valve_os_cpus(unsigned *cpus, unsigned room)
{
    int count = 0;
    unsigned found = 0;
    cpu_set_t *set = allowed_cpus(&count);

    if (set == NULL)
        return -errno;
    for (int cpu = 0; cpu < count && found < room; cpu++)
        if (CPU_ISSET_S((size_t)cpu, CPU_ALLOC_SIZE((size_t)count), set))
            cpus[found++] = (unsigned)cpu;
    CPU_FREE(set);
    return (int)found;
}

int valve_os_pin(unsigned cpu)
{
    size_t size = CPU_ALLOC_SIZE((size_t)cpu + 1);
    cpu_set_t *set = CPU_ALLOC((size_t)cpu + 1);
    int r;

    if (set == NULL)
        return -ENOMEM;
    CPU_ZERO_S(size, set);
    CPU_SET_S((size_t)cpu, size, set);
    r = pthread_setaffinity_np(pthread_self(), size, set);
    CPU_FREE(set);
    return -r;
}

void valve_os_name_thread(const char *name)
{
    char buffer[16];

    strncpy(buffer, name, sizeof buffer - 1);
    buffer[sizeof buffer - 1] = '\0';
    pthread_setname_np(pthread_self(), buffer);
}

void valve_os_let_others_go_first(void)
{
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &(struct sched_param){0});
}

void valve_os_leave_most_to_others(void)
{
    (void)!nice(10); /* of this thread alone; each step is a quarter, more or less */
}

ssize_t valve_os_send_file(int socket, int file, off_t *offset, size_t size)
{
    ssize_t sent = sendfile(socket, file, offset, size);

    return sent < 0 ? -errno : sent;
}

/* Content that has no disk behind it: of tmpfs, whose files alone know of seals. */
static bool is_memory(int file)
{
    return fcntl(file, F_GET_SEALS) >= 0;
}

/* Whether the byte can be read at once. No: it cannot, or the file ends before it. */
static bool is_resident(int file, off_t offset)
{
    char byte;
    struct iovec room = {&byte, 1};

    return preadv2(file, &room, 1, offset, RWF_NOWAIT) == 1;
}

/* As in <linux/mman.h> of kernels since 6.5. */
struct cachestat_range {
    uint64_t offset, size;
};
struct cachestat {
    uint64_t cached, dirty, written_back, evicted, recently_evicted;
};
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/*
 * Pages of a range that have a place in memory, whether or not they have been read into it. Or
 * -errno: an old kernel, a sandbox, or a file that one could not write to.
 */
static int64_t pages_cached(int file, off_t offset, size_t size)
{
    struct cachestat_range range = {(uint64_t)offset, size};
    struct cachestat result;

    if (syscall(SYS_cachestat, file, &range, &result, 0) < 0)
        return -errno;
    return (int64_t)result.cached;
}

/* Reads each byte of the range at once, to nowhere. */
static bool is_all_resident(int file, off_t offset, size_t size)
{
    char nowhere[2048];
    struct iovec room[64];
    size_t whole = sizeof nowhere * (sizeof room / sizeof *room), at = 0;
    ssize_t got = 1;

    for (size_t i = 0; i < sizeof room / sizeof *room; i++)
        room[i] = (struct iovec){nowhere, sizeof nowhere};
    for (; at < size && got > 0; at += (size_t)got) {
        size_t pieces = size - at < whole ? (size - at + sizeof nowhere - 1) / sizeof nowhere
                                          : sizeof room / sizeof *room;

        got = preadv2(file, room, (int)pieces, offset + (off_t)at, RWF_NOWAIT);
        if (got < 0)
            return false;
    }
    return at >= size;
}

bool valve_os_in_memory(int file, off_t offset, size_t size, bool is_moving)
{
    off_t end = offset + (off_t)size;
    int64_t pages = (end - 1) / PAGE - offset / PAGE + 1, cached;
    off_t stride = SAMPLE_STRIDE;

    if (!is_resident(file, offset))
        return errno == EOPNOTSUPP && is_memory(file);
    if (is_moving)
        return is_all_resident(file, offset, size);
    cached = pages_cached(file, offset, size);
    if (cached < 0)
        stride = DENSE_STRIDE;
    else if (cached < pages)
        return false;
    for (off_t at = offset + stride; at < end; at += stride)
        if (!is_resident(file, at))
            return false;
    return is_resident(file, end - 1);
}

ssize_t valve_os_read_hot(int file, off_t offset, void *data, size_t size)
{
    struct iovec room = {data, size};
    ssize_t r = preadv2(file, &room, 1, offset, RWF_NOWAIT);

    if (r < 0 && errno == EOPNOTSUPP && is_memory(file))
        r = pread(file, data, size, offset);
    return r < 0 ? -errno : r;
}

ssize_t valve_os_read(int file, off_t offset, void *data, size_t size, size_t ahead)
{
    size_t got = 0;

    posix_fadvise(file, offset, (off_t)ahead, POSIX_FADV_WILLNEED);
    while (got < size) {
        ssize_t r = pread(file, (char *)data + got, size - got, offset + (off_t)got);

        if (r < 0 && errno != EINTR)
            return got > 0 ? (ssize_t)got : -errno;
        if (r == 0)
            break;
        if (r > 0)
            got += (size_t)r;
    }
    return (ssize_t)got;
}

/*
 * The user timeout ends idle connections, too: at the first probe that finds it over. So it is as
 * long as all probes take, or one probe that the network has lost would end a connection.
 */
void valve_os_watch_peers(int socket, uint64_t patience)
{
    uint64_t seconds = (patience + 999999999) / 1000000000;
    int on = 1, every = PROBE_EVERY_S, count = PROBES;
    int idle = seconds < LEAST_IDLE_S  ? LEAST_IDLE_S
               : seconds > MOST_IDLE_S ? MOST_IDLE_S
                                       : (int)seconds;
    unsigned silence = (unsigned)(idle + PROBE_EVERY_S * PROBES) * 1000;

    setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
}

void valve_os_bound_unsent(int socket, unsigned most)
{
    setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
}

int valve_os_untaken(int socket)
{
    int bytes;

    if (ioctl(socket, SIOCOUTQ, &bytes) < 0)
        return -errno;
    return bytes;
}

bool valve_os_peer_gone(int socket)
{
    struct pollfd peer = {.fd = socket, .events = POLLIN};

    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR)) != 0;
}

#ifdef VALVE_SANITIZED

/*
 * Sanitizers bring a heap of their own. glibc's is then never used, and two threads that trim it at
 * once would be the first to set it up, which it does not expect.
 */
void valve_os_trim_heap(void)
{
}

#else

/*
 * malloc_trim() leaves the end of the heap that a thread has for itself, which has been as far as
 * its highest peak. free() gives that back where more than 64 KiB of it come together: so that much
 * is taken from it, and given back.
 */
static void give_back_end(void)
{
    void *blocks[END_BLOCKS];

    mallopt(M_TRIM_THRESHOLD, 0);
    mallopt(M_TOP_PAD, 0);
    for (unsigned i = 0; i < END_BLOCKS; i++)
        blocks[i] = malloc(END_BLOCK);
    for (unsigned i = 0; i < END_BLOCKS; i++) /* so that they come together with the last */
        free(blocks[i]);
    mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    mallopt(M_TOP_PAD, TRIM_THRESHOLD);
}

void valve_os_trim_heap(void)
{
    give_back_end();
    malloc_trim(0); /* what was taken elsewhere, too */
}

#endif

void valve_os_map_large_blocks(size_t least)
{
    /* Set once, it stays: glibc would raise it to what was freed last. */
    mallopt(M_MMAP_THRESHOLD, (int)least);
}

void valve_os_forget(void *memory, size_t size)
{
    madvise(memory, size, MADV_DONTNEED);
}
