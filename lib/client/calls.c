/* SPDX-License-Identifier: MIT */
/*
 * The calls in flight: a growing hash table chained through the calls.
 */
#include "client/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CHAINS ((size_t)64)

int valve_calls_init(struct valve_calls *calls)
{
    struct valve_pending **chains = calloc(FIRST_CHAINS, sizeof(*chains));

    if (chains == NULL)
        return -ENOMEM;
    *calls = (struct valve_calls){.chains = chains, .chain_count = FIRST_CHAINS};
    return 0;
}

void valve_calls_fini(struct valve_calls *calls)
{
    free(calls->chains);
    *calls = (struct valve_calls){0};
}

/* Ids are given out in turn, so their low bits spread them evenly. */
static struct valve_pending **chain_of(const struct valve_calls *calls, uint32_t id)
{
    return &calls->chains[id & (calls->chain_count - 1)];
}

/* The link that leads to the call of this id, or to NULL at the end of its chain. */
static struct valve_pending **link_to(const struct valve_calls *calls, uint32_t id)
{
    struct valve_pending **link = chain_of(calls, id);

    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

static void insert(struct valve_calls *calls, struct valve_pending *pending)
{
    struct valve_pending **chain = chain_of(calls, pending->id);

    pending->next = *chain;
    *chain = pending;
}

/* Doubles the chains. Without the memory for it the chains only get longer. */
static void grow(struct valve_calls *calls)
{
    struct valve_calls larger = *calls;

    larger.chain_count *= 2;
    larger.chains = calloc(larger.chain_count, sizeof(*larger.chains));
    if (larger.chains == NULL)
        return;
    for (size_t i = 0; i < calls->chain_count; i++) {
        struct valve_pending *pending = calls->chains[i], *next;

        for (; pending != NULL; pending = next) {
            next = pending->next;
            insert(&larger, pending);
        }
    }
    free(calls->chains);
    *calls = larger;
}

static bool is_free(const struct valve_calls *calls, uint32_t id)
{
    return id != 0 && id != VALVE_CALLS_ONE_WAY && *link_to(calls, id) == NULL;
}

void valve_calls_add(struct valve_calls *calls, struct valve_pending *pending)
{
    if (calls->count >= calls->chain_count)
        grow(calls);
    do
        calls->last_id++;
    while (!is_free(calls, calls->last_id));
    pending->id = calls->last_id;
    insert(calls, pending);
    calls->count++;
}

struct valve_pending *valve_calls_find(const struct valve_calls *calls, uint32_t id)
{
    return *link_to(calls, id);
}

struct valve_pending *valve_calls_take(struct valve_calls *calls, uint32_t id)
{
    struct valve_pending **link = link_to(calls, id), *pending = *link;

    if (pending == NULL)
        return NULL;
    *link = pending->next;
    pending->next = NULL;
    calls->count--;
    return pending;
}

bool valve_calls_contain(const struct valve_calls *calls, const struct valve_pending *pending)
{
    return *link_to(calls, pending->id) == pending;
}

static bool has_one_of(const struct valve_pending *chain, const struct valve_fiber *fiber)
{
    for (const struct valve_pending *pending = chain; pending != NULL; pending = pending->next) {
        if (pending->owner == fiber && !pending->dropped)
            return true;
    }
    return false;
}

/* Begins where it found one before: what was answered since has left empty chains behind. */
bool valve_calls_contain_one_of(struct valve_calls *calls, const struct valve_fiber *fiber)
{
    for (size_t i = 0; i < calls->chain_count; i++) {
        size_t index = (calls->sought + i) & (calls->chain_count - 1);

        if (has_one_of(calls->chains[index], fiber)) {
            calls->sought = index;
            return true;
        }
    }
    return false;
}

void valve_calls_replace(struct valve_calls *calls, struct valve_pending *pending,
                         struct valve_pending *copy)
{
    struct valve_pending **link = link_to(calls, pending->id);

    copy->next = pending->next;
    *link = copy;
}

void valve_calls_forget(struct valve_calls *calls)
{
    memset(calls->chains, 0, calls->chain_count * sizeof(*calls->chains));
    calls->count = 0;
}
