/* SPDX-License-Identifier: MIT */
/*
 * The connection table, and the descriptor limit that gives it its length.
 */
#include "server/table.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define FEWEST_DESCRIPTORS 64 /* with fewer there is no server */

static int set_soft_limit(rlim_t soft)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    limit.rlim_cur = soft;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static rlim_t wanted_limit(rlim_t hard, uint64_t most)
{
    if (most > INT32_MAX)
        most = INT32_MAX;
    return hard == RLIM_INFINITY || hard > most ? (rlim_t)most : hard;
}

static void *map_slots(rlim_t length)
{
    void *slots = mmap(NULL, length * sizeof(struct valve_connection), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (slots == MAP_FAILED)
        return NULL;
    /* A huge page would commit ten thousand slots for the first one used. */
    madvise(slots, length * sizeof(struct valve_connection), MADV_NOHUGEPAGE);
    return slots;
}

int valve_table_init(struct valve_table *table, uint64_t most, bool *ret_lowered)
{
    struct rlimit limit;
    rlim_t wanted, length;
    void *slots;
    int r;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    wanted = wanted_limit(limit.rlim_max, most);
    for (length = wanted; (slots = map_slots(length)) == NULL; length /= 2)
        if (length / 2 < FEWEST_DESCRIPTORS)
            return -ENOMEM;
    r = set_soft_limit(length);
    if (r < 0) {
        munmap(slots, length * sizeof(struct valve_connection));
        return r;
    }
    table->slots = slots;
    table->length = (uint32_t)length;
    *ret_lowered = length < wanted;
    return 0;
}

void valve_table_fini(struct valve_table *table)
{
    if (table->slots != NULL)
        munmap(table->slots, table->length * sizeof(struct valve_connection));
    table->slots = NULL;
}
