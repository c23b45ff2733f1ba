/* SPDX-License-Identifier: MIT */
/*
 * What the tests of lib/server share: a server on a thread of its own, with a service whose
 * requests say what its handlers do, and clients that speak to it in bytes.
 */
#ifndef VALVE_SERVER_FIXTURE_H
#define VALVE_SERVER_FIXTURE_H

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/head.h"
#include "valve.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)
#define PATIENCE_MS 30000 /* after which what a test waits for will not come */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* ---- Threads that wait for each other -------------------------------------------------------- */

/* A number that only grows, and that may be waited for. */
struct tally {
    pthread_mutex_t lock;
    pthread_cond_t grown;
    unsigned count;
};

void tally_init(struct tally *tally);
void tally_add(struct tally *tally);
unsigned tally_get(struct tally *tally);

/* Waits until it has reached `least`. Whether it has. */
bool tally_reaches(struct tally *tally, unsigned least);
#define tally_await(tally, least) ck_assert_msg(tally_reaches(tally, least), #tally " < " #least)

/* ---- The service ------------------------------------------------------------------------------ */

/*
 * It is that of files.cddl, and a path is an order, words and numbers:
 *   Exists  "now"                     true
 *           "gate", "gate-metadata"   when the gate is open, by a job of that class
 *           "sleep MS"                after so long; 0: never
 *   Size    "context"                 the number that the listener's context points to
 *           anything else             its length
 *   Get     "whole N"                 N bytes, as a value
 *           "reserve N"               N bytes, in place
 *           "reserve-gate N"          the same, with a wait for the gate in between
 *           "reserve-twice N"         the same, after one byte was reserved and given up
 *           "file N"                  N bytes of the service's file
 *           "file-from M N"           N bytes of it from the Mth
 *   Del     "forget"                  returns with an answer made by hand
 *           anything else             Ok
 *   ListAll                           as `list` says
 * Whatever a wait returns but 0 is answered by an error: cancelled, timeout, busy.
 */
struct service {
    struct valve_service described; /* for valve_server_new() */

    struct {
        unsigned count;     /* elements */
        unsigned name_size; /* bytes of each name */
        unsigned fail_at;   /* before this one, an error; 0: none */
        unsigned gate_at;   /* before this one, waits for the gate; 0: not */
    } list;
    int file;
    struct valve_residency residency; /* of it: replies of file-kept use it */

    struct tally begun;    /* handlers */
    struct tally ended;    /* after they were answered */
    struct tally canceled; /* waits that returned so */
    struct tally added;    /* elements, and bytes in place */
    struct tally at_gate;  /* jobs that have come to the gate */
    struct tally gate;     /* open from 1 on */
    struct tally released; /* jobs */

    pthread_mutex_t lock;
    pthread_t threads[64]; /* which have run handlers, in their order */
    unsigned thread_count;
};

/* The byte at this place of all contents. */
uint8_t content_at(uint64_t offset);

/* ---- The server --------------------------------------------------------------------------------- */

struct rig {
    struct valve_server_options options; /* may be changed before rig_start() */
    struct service service;
    const struct valve_service *served; /* in its place, unless NULL */
    struct valve_server *server;
    bool is_tcp; /* may be set before, too: it listens on 127.0.0.1 */
    char address[128];
    pthread_t runner;
    bool is_running;
    int result; /* of valve_server_run() */

    struct tally logged;
    char log[4096]; /* all lines */
};

/* One worker, not pinned, and no timeout that runs out by itself. */
void rig_init(struct rig *rig);

/* Makes the server and listens on a Unix socket without a file; runs it. */
void rig_listen(struct rig *rig);
void rig_run(struct rig *rig);
void rig_start(struct rig *rig); /* all three */

/* Waits until valve_server_run() has returned, and frees all. Returns what it did. */
int rig_join(struct rig *rig);

/* Opens the gate, stops the server, which must drain, and frees all. */
void rig_stop(struct rig *rig);

/* Whether this was logged; any thread. */
bool rig_has_logged(struct rig *rig, const char *words);

/* ---- Clients ------------------------------------------------------------------------------------- */

struct peer {
    int socket;
    uint8_t *bytes;
    size_t start, end, room;
};

/* One item that came: a reply, or one of a stream. Valid until the next one is received. */
struct item {
    uint32_t id;
    bool is_streamed;    /* then it has no variant */
    const char *variant; /* not terminated */
    size_t variant_size;
    const uint8_t *payload; /* of the variant, or the element of the stream, as it travelled */
    size_t payload_size;
    const uint8_t *bytes; /* the whole item */
    size_t size;
};

struct peer peer_connect(const char *address);
void peer_close(struct peer *peer);
void peer_send(struct peer *peer, const void *bytes, size_t size);

/* Sends [id, {method: path}], with {"timeout": timeout} unless that is NO_TIMEOUT. */
#define NO_TIMEOUT UINT64_MAX
size_t request(uint8_t *buffer, uint32_t id, const char *method, const char *path,
               uint64_t timeout);
void peer_ask(struct peer *peer, uint32_t id, const char *method, const char *path);
void peer_ask_within(struct peer *peer, uint32_t id, const char *method, const char *path,
                     uint64_t timeout);
void peer_ask_list(struct peer *peer, uint32_t id);
void peer_cancel(struct peer *peer, uint32_t id);

/* The bytes of one, for many that are sent at once. Returns how many they are. */
#define CANCEL_MAX (2 * VALVE_HEAD_MAX + 1)
size_t cancel_write(uint32_t id, uint8_t bytes[CANCEL_MAX]);

struct item peer_receive(struct peer *peer);

/* What was received next are these bytes. */
void peer_expect_bytes(struct peer *peer, const void *bytes, size_t size);

/* What was received next is this reply. */
struct item peer_expect(struct peer *peer, uint32_t id, const char *variant);
void peer_expect_true(struct peer *peer, uint32_t id);
void peer_expect_error(struct peer *peer, uint32_t id, const char *code);
void peer_expect_content(struct peer *peer, uint32_t id, uint64_t offset, uint64_t size);
void peer_expect_list(struct peer *peer, uint32_t id, unsigned count);

/* The server answers a request of this client. It has had a turn by then. */
void peer_ping(struct peer *peer);

/* The server has sent nothing that was not received, and closes the connection. */
void peer_expect_end(struct peer *peer);

/* The connection ends inside an item. Returns how much of that had come. */
size_t peer_expect_break(struct peer *peer);

/* Whether nothing has come. */
bool peer_has_nothing(const struct peer *peer);

#endif
