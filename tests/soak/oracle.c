/* SPDX-License-Identifier: MIT */
/*
 * Worlds: how they branch, merge and are ruled out.
 */
#include <config.h>

#include "tests/soak/oracle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/soak/files.h"

#define MOST_STAYS     16
#define UNCLEAR_STAYS  8 /* the next event and all pending Dels may add one each */
#define UNCLEAR_WORLDS 8

enum fate {
    FATE_OPEN, /* has not happened */
    FATE_REMOVED,
    FATE_FOUND_NOTHING,
};

/* From `since` to the next stay's the file was this version. */
struct stay {
    uint64_t since;
    uint64_t version;
};

/* One history; the fates of free slots are FATE_OPEN, so that equal ones compare so. */
struct world {
    struct stay stays[MOST_STAYS];
    uint32_t count;
    uint32_t away; /* the version that will be back with its directory */
    uint8_t fates[MOST_DELS + 1];
};

struct history {
    struct world *worlds;
    uint32_t count, room;
    uint32_t newest;
    bool dels[MOST_DELS]; /* slots in use */
};

struct oracle {
    uint64_t now, horizon;
    uint32_t files;
    struct history histories[];
};

/* ---- Worlds ---------------------------------------------------------------------------------- */

static uint32_t current(const struct world *world)
{
    return (uint32_t)world->stays[world->count - 1].version;
}

static void change(struct world *world, uint64_t time, uint32_t version)
{
    if (world->count == MOST_STAYS)
        abort(); /* oracle_is_unclear() was not asked */
    world->stays[world->count++] = (struct stay){time, version};
}

/* Forgets the stays that nobody will ask for. */
static void forget(struct world *world, uint64_t horizon)
{
    uint32_t gone = 0;

    while (gone + 1 < world->count && world->stays[gone + 1].since <= horizon)
        gone++;
    world->count -= gone;
    memmove(world->stays, world->stays + gone, world->count * sizeof *world->stays);
    world->stays[0].since = 0;
}

static bool was_seen(const struct world *world, uint64_t since, oracle_fits *fits,
                     const void *answer)
{
    for (uint32_t i = 0; i < world->count; i++) {
        const bool is_over = i + 1 < world->count && world->stays[i + 1].since <= since;

        if (!is_over && fits((uint32_t)world->stays[i].version, answer))
            return true;
    }
    return false;
}

/* ---- Histories ------------------------------------------------------------------------------- */

/*
 * Whether a world explains every answer to come that the other explains: what ends later could be
 * seen by more of those who have asked.
 */
static bool includes(const struct world *world, const struct world *other)
{
    if (world->count != other->count || world->away != other->away ||
        memcmp(world->fates, other->fates, sizeof world->fates) != 0)
        return false;
    for (uint32_t i = 0; i < world->count; i++)
        if (world->stays[i].version != other->stays[i].version ||
            world->stays[i].since < other->stays[i].since)
            return false;
    return true;
}

/* The world must not be one of the history's own. */
static void add(struct history *history, const struct world *world)
{
    for (uint32_t i = 0; i < history->count; i++) {
        if (includes(&history->worlds[i], world))
            return;
        if (includes(world, &history->worlds[i])) {
            history->worlds[i] = *world;
            return;
        }
    }
    if (history->count == history->room) {
        history->room = history->room ? history->room * 2 : 1;
        history->worlds = realloc(history->worlds, history->room * sizeof *history->worlds);
        if (!history->worlds)
            abort();
    }
    history->worlds[history->count++] = *world;
}

/* Adds the worlds in which Dels that may happen have just done so, in any order. */
static void branch(struct history *history, uint64_t time)
{
    for (uint32_t i = 0; i < history->count; i++)
        for (int slot = 0; slot < MOST_DELS; slot++) {
            struct world other = history->worlds[i];

            if (!history->dels[slot] || other.fates[slot] != FATE_OPEN)
                continue;
            if (current(&other) == ABSENT) {
                other.fates[slot] = FATE_FOUND_NOTHING;
            } else {
                other.fates[slot] = FATE_REMOVED;
                change(&other, time, ABSENT);
            }
            add(history, &other);
        }
}

/* Forgets what is too old, by which worlds become equal. */
static void merge(struct history *history, uint64_t horizon)
{
    uint32_t count = history->count;

    history->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct world world = history->worlds[i];

        forget(&world, horizon);
        add(history, &world);
    }
}

typedef bool world_rule(const struct world *world, const void *rule);

/* Keeps the worlds that obey a rule, if there are any. */
static bool keep(struct history *history, world_rule *obeys, const void *rule)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < history->count; i++)
        kept += obeys(&history->worlds[i], rule);
    if (kept == 0)
        return false;
    kept = 0;
    for (uint32_t i = 0; i < history->count; i++)
        if (obeys(&history->worlds[i], rule))
            history->worlds[kept++] = history->worlds[i];
    history->count = kept;
    return true;
}

/* Every event of a file begins with this. */
static struct history *begin(struct oracle *oracle, uint32_t file)
{
    struct history *history = &oracle->histories[file];

    oracle->now++;
    branch(history, oracle->now);
    if (history->count > 1 || history->worlds[0].count > 1)
        merge(history, oracle->horizon);
    return history;
}

static void free_slot(struct history *history, uint8_t slot)
{
    history->dels[slot] = false;
    for (uint32_t i = 0; i < history->count; i++)
        history->worlds[i].fates[slot] = FATE_OPEN;
}

/* ---- The oracle ------------------------------------------------------------------------------ */

struct oracle *oracle_new(uint32_t files)
{
    static const struct world nothing_yet = {.count = 1};
    struct oracle *oracle = calloc(1, sizeof *oracle + files * sizeof *oracle->histories);

    if (!oracle)
        abort();
    oracle->files = files;
    for (uint32_t file = 0; file < files; file++)
        add(&oracle->histories[file], &nothing_yet);
    return oracle;
}

void oracle_free(struct oracle *oracle)
{
    for (uint32_t file = 0; file < oracle->files; file++)
        free(oracle->histories[file].worlds);
    free(oracle);
}

uint64_t oracle_tick(struct oracle *oracle)
{
    return ++oracle->now;
}

void oracle_forget_before(struct oracle *oracle, uint64_t time)
{
    oracle->horizon = time;
}

bool oracle_is_unclear(struct oracle *oracle, uint32_t file)
{
    struct history *history = &oracle->histories[file];

    merge(history, oracle->horizon);
    for (uint32_t i = 0; i < history->count; i++)
        if (history->worlds[i].count > UNCLEAR_STAYS)
            return true;
    return history->count > UNCLEAR_WORLDS;
}

uint32_t oracle_newest(const struct oracle *oracle, uint32_t file)
{
    return oracle->histories[file].newest;
}

bool oracle_may_be(const struct oracle *oracle, uint32_t file, bool present)
{
    const struct history *history = &oracle->histories[file];

    for (uint32_t i = 0; i < history->count; i++)
        if ((current(&history->worlds[i]) != ABSENT) == present)
            return true;
    return false;
}

uint32_t oracle_written(struct oracle *oracle, uint32_t file)
{
    struct history *history = begin(oracle, file);

    history->newest++;
    for (uint32_t i = 0; i < history->count; i++)
        change(&history->worlds[i], oracle->now, history->newest);
    return history->newest;
}

static bool existence_is(const struct world *world, const void *existed)
{
    return (current(world) != ABSENT) == *(const bool *)existed;
}

bool oracle_unlinked(struct oracle *oracle, uint32_t file, bool existed)
{
    struct history *history = begin(oracle, file);

    if (!keep(history, existence_is, &existed))
        return false;
    for (uint32_t i = 0; i < history->count && existed; i++)
        change(&history->worlds[i], oracle->now, ABSENT);
    return true;
}

void oracle_moved_away(struct oracle *oracle, uint32_t file)
{
    struct history *history = begin(oracle, file);

    for (uint32_t i = 0; i < history->count; i++) {
        struct world *world = &history->worlds[i];

        world->away = current(world);
        if (world->away != ABSENT)
            change(world, oracle->now, ABSENT);
    }
}

void oracle_moved_back(struct oracle *oracle, uint32_t file)
{
    struct history *history = begin(oracle, file);

    for (uint32_t i = 0; i < history->count; i++) {
        struct world *world = &history->worlds[i];

        if (world->away != ABSENT)
            change(world, oracle->now, world->away);
        world->away = ABSENT;
    }
}

uint8_t oracle_del_begin(struct oracle *oracle, uint32_t file)
{
    struct history *history = begin(oracle, file);

    for (uint8_t slot = 0; slot < MOST_DELS; slot++)
        if (!history->dels[slot]) {
            history->dels[slot] = true;
            return slot;
        }
    return NO_SLOT;
}

struct verdict {
    uint8_t slot;
    enum fate fate;
};

static bool fate_is(const struct world *world, const void *rule)
{
    const struct verdict *verdict = rule;

    return world->fates[verdict->slot] == verdict->fate;
}

bool oracle_del_end(struct oracle *oracle, uint32_t file, uint8_t slot, enum del_end end)
{
    static const enum fate fates[] = {
        [DEL_REMOVED] = FATE_REMOVED,
        [DEL_FOUND_NOTHING] = FATE_FOUND_NOTHING,
        [DEL_REFUSED] = FATE_OPEN,
    };
    const struct verdict verdict = {slot, fates[end]};
    struct history *history = begin(oracle, file);

    if (!keep(history, fate_is, &verdict))
        return false;
    free_slot(history, slot);
    return true;
}

struct sight {
    uint64_t since;
    oracle_fits *fits;
    const void *answer;
};

static bool sees(const struct world *world, const void *rule)
{
    const struct sight *sight = rule;

    return was_seen(world, sight->since, sight->fits, sight->answer);
}

bool oracle_saw(struct oracle *oracle, uint32_t file, uint64_t since, oracle_fits *fits,
                const void *answer)
{
    const struct sight sight = {since, fits, answer};

    return keep(begin(oracle, file), sees, &sight);
}

bool oracle_could_see(struct oracle *oracle, uint32_t file, uint64_t since, oracle_fits *fits,
                      const void *answer)
{
    const struct history *history = begin(oracle, file);

    for (uint32_t i = 0; i < history->count; i++)
        if (was_seen(&history->worlds[i], since, fits, answer))
            return true;
    return false;
}

bool oracle_settled(struct oracle *oracle, uint32_t file, oracle_fits *fits, const void *found)
{
    struct history *history = begin(oracle, file);
    const struct sight sight = {oracle->now, fits, found};

    if (!keep(history, sees, &sight))
        return false;
    for (uint8_t slot = 0; slot < MOST_DELS; slot++)
        free_slot(history, slot);
    return true;
}

void oracle_print(const struct oracle *oracle, uint32_t file, FILE *stream)
{
    static const char *const fates[] = {"open", "removed it", "found nothing"};
    const struct history *history = &oracle->histories[file];

    fprintf(stream, "histories of file %" PRIu32 " at %" PRIu64 ":\n", file, oracle->now);
    for (uint32_t i = 0; i < history->count; i++) {
        const struct world *world = &history->worlds[i];

        fprintf(stream, "  %" PRIu32 ":", i + 1);
        for (uint32_t stay = 0; stay < world->count; stay++)
            fprintf(stream,
                    world->stays[stay].version == ABSENT ? " since %" PRIu64 " absent;"
                                                         : " since %" PRIu64 " version %" PRIu64
                                                           ";",
                    world->stays[stay].since, world->stays[stay].version);
        for (int slot = 0; slot < MOST_DELS; slot++)
            if (history->dels[slot])
                fprintf(stream, " del %d %s;", slot, fates[world->fates[slot]]);
        fputc('\n', stream);
    }
}
