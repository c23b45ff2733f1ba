/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the load share: its settings, its files and the oracle, what is in flight, and
 * what was counted. One thread does it all, so each event has its time.
 */
#ifndef VALVE_TESTS_SOAK_LOAD_H
#define VALVE_TESTS_SOAK_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"
#include "tests/random.h"
#include "tests/soak/files.h"
#include "tests/soak/oracle.h"
#include "tests/soak/wire.h"

#define MOST_ADDRESSES  8
#define MOST_CANDIDATES 8

/* What a request is about, which says what it may be answered. */
enum about {
    ABOUT_FILE,
    ABOUT_LIST,
    ABOUT_UNSERVED, /* a name that is not served, whatever is there */
    ABOUT_BAD_PATH,
    ABOUT_BAD_REQUEST,
    ABOUT_MALFORMED, /* the last of its connection */
};

/* A request in flight. */
struct asked {
    uint32_t id;
    enum method method;
    enum about about;
    uint32_t file;
    uint64_t since;   /* when it was sent, as the oracle counts */
    uint64_t sent;    /* the same in ns */
    uint64_t timeout; /* ms, or NO_TIMEOUT */
    bool cancelled;
    uint8_t slot; /* of a Del */

    struct event head; /* of an answer that comes in parts */
    uint64_t offset;   /* in its content */
    uint32_t candidates[MOST_CANDIDATES];
    unsigned candidate_count;
    uint8_t *listed; /* one bit for each file */

    uint8_t bytes[96]; /* the request, or its beginning */
    size_t size;
};

struct target {
    struct valve_address address;
    bool faithful; /* what is sent arrives: connections end only as client or server want */
};

struct load {
    uint64_t seed;
    uint64_t seconds, rest, grace; /* ns */
    double rate, changes;          /* a second */
    uint32_t files;
    unsigned connections;
    const char *root, *spare, *evidence;
    struct target targets[MOST_ADDRESSES];
    unsigned target_count;

    struct random random;
    struct oracle *oracle;
    int root_directory, spare_directory;
    uint64_t hot; /* the first of the files that are asked for often */
};

extern struct load load;

uint64_t now_ns(void);
_Noreturn void give_up(const char *what);

/* ---- What is known of the files (changes.c) -------------------------------------------------- */

/* Makes the tree that the load begins with. */
void changes_begin(void);

/* Writes a new version of some file, or removes one. */
void change_something(void);

/* A file to ask for; with `del`, one for which a Del may be sent. NO_FILE: none was found. */
uint32_t pick_file(bool del);

/* A Del was sent; it was answered; or it will never be known whether it happened. */
void del_sent(uint32_t file);
void del_answered(uint32_t file);
void del_lost(uint32_t file);

/* Looks at the files of lost Dels, once nothing can happen any more. */
void resolve_lost(void);

/* Compares the whole tree with what it may be. The server has ended. */
void compare_all(void);

/* The version that is there now: ABSENT, or UINT32_MAX for what no version ever was. */
uint32_t version_on_disk(uint32_t file);

/* ---- Judging answers (judge.c) --------------------------------------------------------------- */

/*
 * Judges a part of an answer; *ret_over says whether it was the last. NULL, or what was expected
 * instead.
 */
const char *judge(struct asked *asked, const struct event *event, bool *ret_over);

/* ---- What is asked (ask.c) ------------------------------------------------------------------ */

/* Draws a request. Nothing is in flight before it is sent. */
void draw_request(uint32_t id, struct asked *ret_asked, struct request *ret_request);

/* ---- Connections (talk.c) -------------------------------------------------------------------- */

void talk_begin(void);

/* Sends and receives what can be, or waits for a few milliseconds. Sends at most so many requests;
 * the number that was. */
unsigned talk(unsigned requests);

/* Sends nothing more; answers that are owed come in. All connections have ended then. */
void talk_end(void);

/* ---- Counting and telling (report.c) --------------------------------------------------------- */

#define COUNT(name) count_up(name, NULL)

/* Adds one to the count named by both words. They must be constant. */
void count_up(const char *name, const char *detail);
void print_counts(void);

/* Remembers an event of a file, for evidence. `what` must be constant. */
void remember(uint32_t file, const char *what, uint64_t detail);

/* Tells of a wrong answer, with all that led to it, and ends the program with status 1. */
_Noreturn void wrong_answer(const struct asked *asked, const struct event *event, const char *where,
                            const char *expected);
_Noreturn void wrong_tree(uint32_t file, const char *problem);

#endif
