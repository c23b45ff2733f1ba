/* SPDX-License-Identifier: MIT */
/*
 * What the tests of lib/server share: tallies, the server's thread, and clients in bytes.
 */
#include "tests/server_fixture.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "rpc/cursor.h"
#include "rpc/scanner.h"
#include "server/condition.h"
#include "tests/server_service.h"

/* ---- Tallies ------------------------------------------------------------------------------------ */

void tally_init(struct tally *tally)
{
    pthread_mutex_init(&tally->lock, NULL);
    valve_condition_init(&tally->grown);
    tally->count = 0;
}

void tally_add(struct tally *tally)
{
    pthread_mutex_lock(&tally->lock);
    tally->count++;
    pthread_cond_broadcast(&tally->grown);
    pthread_mutex_unlock(&tally->lock);
}

unsigned tally_get(struct tally *tally)
{
    unsigned count;

    pthread_mutex_lock(&tally->lock);
    count = tally->count;
    pthread_mutex_unlock(&tally->lock);
    return count;
}

bool tally_reaches(struct tally *tally, unsigned least)
{
    uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);
    bool reached;

    pthread_mutex_lock(&tally->lock);
    while (tally->count < least && valve_condition_wait(&tally->grown, &tally->lock, deadline))
        continue;
    reached = tally->count >= least;
    pthread_mutex_unlock(&tally->lock);
    return reached;
}

/* ---- The server --------------------------------------------------------------------------------- */

static void keep_log(void *context, enum valve_priority priority, const char *message)
{
    struct rig *rig = context;

    (void)priority;
    pthread_mutex_lock(&rig->logged.lock);
    strncat(rig->log, message, sizeof rig->log - strlen(rig->log) - 1);
    strncat(rig->log, "\n", sizeof rig->log - strlen(rig->log) - 1);
    pthread_mutex_unlock(&rig->logged.lock);
    tally_add(&rig->logged);
}

bool rig_has_logged(struct rig *rig, const char *words)
{
    bool found;

    pthread_mutex_lock(&rig->logged.lock);
    found = strstr(rig->log, words) != NULL;
    pthread_mutex_unlock(&rig->logged.lock);
    return found;
}

void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    tally_init(&rig->logged);
    service_init(&rig->service);
    valve_server_options_default(&rig->options);
    rig->options.workers = 1;
    rig->options.pin = false;
    rig->options.log = keep_log;
    rig->options.log_context = rig;
    rig->options.request_timeout = rig->options.idle_timeout = 300 * SECOND;
    rig->options.send_timeout = rig->options.io_timeout = 300 * SECOND;
    rig->options.drain_timeout = 300 * SECOND;
    rig->options.stall_timeout = 0;
}

void rig_listen(struct rig *rig)
{
    static unsigned number;
    struct valve_listener_options listener = {
        .address = rig->address, .mode = 0600, .group = (gid_t)-1};
    struct valve_error error = {""};
    int r;

    if (rig->is_tcp)
        strcpy(rig->address, "127.0.0.1:0");
    else
        snprintf(rig->address, sizeof rig->address, "unix:@valve-check-server-%d-%u", (int)getpid(),
                 ++number);
    r = valve_server_new(&rig->options,
                         rig->served != NULL ? rig->served : service_of(&rig->service),
                         &rig->server, &error);
    ck_assert_msg(r == 0, "%s", error.text);
    r = valve_server_listen(rig->server, &listener, &error);
    ck_assert_msg(r == 0, "%s", error.text);
    if (rig->is_tcp) /* with the port that the kernel chose */
        snprintf(rig->address, sizeof rig->address, "%s", valve_server_address(rig->server, 0));
}

static void *run_server(void *argument)
{
    struct rig *rig = argument;

    rig->result = valve_server_run(rig->server);
    return NULL;
}

void rig_run(struct rig *rig)
{
    struct valve_error error = {""};
    int r = valve_server_start(rig->server, &error);

    ck_assert_msg(r == 0, "%s", error.text);
    ck_assert_int_eq(pthread_create(&rig->runner, NULL, run_server, rig), 0);
    rig->is_running = true;
}

void rig_start(struct rig *rig)
{
    rig_listen(rig);
    rig_run(rig);
}

int rig_join(struct rig *rig)
{
    if (rig->is_running)
        pthread_join(rig->runner, NULL);
    rig->is_running = false;
    ck_assert(valve_server_free(rig->server));
    rig->server = NULL;
    service_fini(&rig->service);
    return rig->result;
}

void rig_stop(struct rig *rig)
{
    tally_add(&rig->service.gate);
    valve_server_stop(rig->server);
    ck_assert_int_eq(rig_join(rig), 0);
}

/* ---- Clients: sending --------------------------------------------------------------------------- */

struct peer peer_connect(const char *text)
{
    struct peer peer = {.room = 4096};
    struct valve_address address;
    const char *problem = NULL;

    ck_assert_msg(valve_address_parse(text, &address, &problem) == 0, "%s", problem);
    peer.socket = socket(address.socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(peer.socket, 0);
    ck_assert_msg(connect(peer.socket, &address.socket.any, address.size) == 0, "%s: %s", text,
                  strerror(errno));
    peer.bytes = malloc(peer.room);
    ck_assert_ptr_nonnull(peer.bytes);
    return peer;
}

void peer_close(struct peer *peer)
{
    if (peer->socket >= 0)
        close(peer->socket);
    peer->socket = -1;
    free(peer->bytes);
    peer->bytes = NULL;
}

void peer_send(struct peer *peer, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;

    while (size > 0) {
        ssize_t sent = send(peer->socket, next, size, MSG_NOSIGNAL);

        ck_assert_int_gt(sent, 0);
        next += sent;
        size -= (size_t)sent;
    }
}

static uint8_t *put_text(uint8_t *end, const char *text)
{
    size_t size = strlen(text);

    end += valve_head_write(VALVE_MAJOR_TEXT, size, end);
    memcpy(end, text, size);
    return end + size;
}

size_t request(uint8_t *buffer, uint32_t id, const char *method, const char *path, uint64_t timeout)
{
    uint8_t *end = buffer;

    end += valve_head_write(VALVE_MAJOR_ARRAY, timeout == NO_TIMEOUT ? 2 : 3, end);
    end += valve_head_write(VALVE_MAJOR_UINT, id, end);
    if (path != NULL)
        end += valve_head_write(VALVE_MAJOR_MAP, 1, end);
    end = put_text(end, method);
    if (path != NULL)
        end = put_text(end, path);
    if (timeout != NO_TIMEOUT) {
        end += valve_head_write(VALVE_MAJOR_MAP, 1, end);
        end = put_text(end, "timeout");
        end += valve_head_write(VALVE_MAJOR_UINT, timeout, end);
    }
    return (size_t)(end - buffer);
}

void peer_ask_within(struct peer *peer, uint32_t id, const char *method, const char *path,
                     uint64_t timeout)
{
    uint8_t buffer[256];

    peer_send(peer, buffer, request(buffer, id, method, path, timeout));
}

void peer_ask(struct peer *peer, uint32_t id, const char *method, const char *path)
{
    peer_ask_within(peer, id, method, path, NO_TIMEOUT);
}

void peer_ask_list(struct peer *peer, uint32_t id)
{
    peer_ask(peer, id, "ListAll", NULL);
}

size_t cancel_write(uint32_t id, uint8_t bytes[CANCEL_MAX])
{
    uint8_t *end = bytes;

    end += valve_head_write(VALVE_MAJOR_ARRAY, 2, end);
    end += valve_head_write(VALVE_MAJOR_UINT, id, end);
    end += valve_head_write(VALVE_MAJOR_SIMPLE, VALVE_SIMPLE_NIL, end);
    return (size_t)(end - bytes);
}

void peer_cancel(struct peer *peer, uint32_t id)
{
    uint8_t bytes[CANCEL_MAX];

    peer_send(peer, bytes, cancel_write(id, bytes));
}

/* An assertion for what comes by the million: those of Check write to a pipe each time. */
#define REQUIRE(condition)                                                                         \
    do                                                                                             \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    while (0)

/* ---- Clients: receiving ------------------------------------------------------------------------- */

/* Waits for more bytes. How many came; 0 at the end, be it a reset. */
static size_t read_more(struct peer *peer)
{
    struct pollfd readable = {.fd = peer->socket, .events = POLLIN};
    ssize_t size;

    if (peer->end == peer->room) {
        peer->room *= 2;
        peer->bytes = realloc(peer->bytes, peer->room);
        ck_assert_ptr_nonnull(peer->bytes);
    }
    ck_assert_msg(poll(&readable, 1, PATIENCE_MS) == 1, "the server says nothing");
    size = recv(peer->socket, peer->bytes + peer->end, peer->room - peer->end, 0);
    ck_assert_msg(size >= 0 || errno == ECONNRESET, "recv: %s", strerror(errno));
    if (size <= 0)
        return 0;
    peer->end += (size_t)size;
    return (size_t)size;
}

/* Moves what has not been received yet to the front. */
static void compact(struct peer *peer)
{
    memmove(peer->bytes, peer->bytes + peer->start, peer->end - peer->start);
    peer->end -= peer->start;
    peer->start = 0;
}

/* The size of the item at the front, when it is there; else 0, and the end has come. */
static size_t receive_item(struct peer *peer)
{
    const struct valve_limits limits = {.max_size = UINT32_MAX / 2, .max_depth = 1024};
    struct valve_scanner *scanner = malloc(valve_scanner_size(limits.max_depth));
    size_t scanned = 0, taken;
    enum valve_scan verdict = VALVE_SCAN_MORE;

    REQUIRE(scanner != NULL);
    valve_scanner_init(scanner, &limits);
    compact(peer);
    do {
        if (scanned == peer->end && read_more(peer) == 0)
            break;
        verdict = valve_scanner_feed(scanner, peer->bytes + scanned, peer->end - scanned, &taken);
        scanned += taken;
    } while (verdict == VALVE_SCAN_MORE);
    free(scanner);
    REQUIRE(verdict == VALVE_SCAN_DONE || verdict == VALVE_SCAN_MORE);
    return verdict == VALVE_SCAN_DONE ? scanned : 0;
}

static struct valve_head take_head(struct valve_cursor *cursor)
{
    struct valve_head head;

    REQUIRE(valve_cursor_head(cursor, &head) == 0);
    return head;
}

struct item peer_receive(struct peer *peer)
{
    size_t size = receive_item(peer);
    struct valve_cursor cursor = {peer->bytes, peer->bytes + size};
    struct item item = {.bytes = peer->bytes, .size = size};
    struct valve_head head;

    if (size == 0)
        ck_abort_msg("the connection ended before a reply");
    peer->start += size;
    head = take_head(&cursor);
    REQUIRE(head.major == VALVE_MAJOR_ARRAY && (head.argument == 2 || head.argument == 3));
    item.is_streamed = head.argument == 3;
    head = take_head(&cursor);
    REQUIRE(head.major == VALVE_MAJOR_UINT);
    item.id = (uint32_t)head.argument;
    if (item.is_streamed) {
        REQUIRE(*--cursor.end == 0xf5);
        item.payload = cursor.next;
        item.payload_size = (size_t)(cursor.end - cursor.next);
        return item;
    }
    head = take_head(&cursor);
    if (head.major == VALVE_MAJOR_MAP) {
        REQUIRE(head.argument == 1);
        head = take_head(&cursor);
    }
    REQUIRE(head.major == VALVE_MAJOR_TEXT);
    item.variant = (const char *)cursor.next;
    item.variant_size = (size_t)head.argument;
    item.payload = cursor.next + head.argument;
    item.payload_size = (size_t)(cursor.end - item.payload);
    return item;
}

void peer_expect_bytes(struct peer *peer, const void *bytes, size_t size)
{
    while (peer->end - peer->start < size) {
        compact(peer);
        if (read_more(peer) == 0)
            ck_abort_msg("the connection ended before what was expected");
    }
    if (memcmp(peer->bytes + peer->start, bytes, size) != 0)
        ck_abort_msg("other bytes came than were expected");
    peer->start += size;
}

struct item peer_expect(struct peer *peer, uint32_t id, const char *variant)
{
    struct item item = peer_receive(peer);

    ck_assert_msg(!item.is_streamed, "an item of a stream came instead of %s", variant);
    ck_assert_msg(item.variant_size == strlen(variant) &&
                      memcmp(item.variant, variant, item.variant_size) == 0,
                  "instead of %s came %.*s: %.*s", variant, (int)item.variant_size, item.variant,
                  item.payload_size < 100 ? (int)item.payload_size : 0, (const char *)item.payload);
    ck_assert_uint_eq(item.id, id);
    return item;
}

void peer_expect_true(struct peer *peer, uint32_t id)
{
    struct item item = peer_expect(peer, id, "Exists");

    ck_assert(item.payload_size == 1 && item.payload[0] == 0xf5);
}

void peer_expect_error(struct peer *peer, uint32_t id, const char *code)
{
    struct item item = peer_expect(peer, id, "Error");
    struct valve_cursor cursor = {item.payload, item.payload + item.payload_size};
    size_t size = (size_t)take_head(&cursor).argument;

    ck_assert_msg(size > strlen(code) && memcmp(cursor.next, code, strlen(code)) == 0,
                  "instead of %s came %.*s", code, (int)size, (const char *)cursor.next);
    ck_assert_int_eq(cursor.next[strlen(code)], ':');
}

void peer_expect_content(struct peer *peer, uint32_t id, uint64_t offset, uint64_t size)
{
    struct item item = peer_expect(peer, id, "Content");
    struct valve_cursor cursor = {item.payload, item.payload + item.payload_size};
    struct valve_head head = take_head(&cursor);

    ck_assert(head.major == VALVE_MAJOR_BYTES && !head.indefinite);
    ck_assert_uint_eq(head.argument, size);
    for (uint64_t i = 0; i < size; i++)
        if (cursor.next[i] != content_at(offset + i))
            ck_abort_msg("byte %llu of the content is wrong", (unsigned long long)i);
}

void peer_expect_list(struct peer *peer, uint32_t id, unsigned count)
{
    struct item item = peer_expect(peer, id, "List");
    struct valve_cursor cursor = {item.payload, item.payload + item.payload_size};
    struct valve_head head = take_head(&cursor);
    unsigned found = 0;

    ck_assert(head.major == VALVE_MAJOR_ARRAY && head.indefinite);
    for (; *cursor.next != VALVE_BREAK; found++)
        valve_cursor_skip(&cursor);
    ck_assert_ptr_eq(cursor.next + 1, cursor.end);
    ck_assert_uint_eq(found, count);
}

void peer_ping(struct peer *peer)
{
    peer_ask(peer, 9999, "Exists", "now");
    peer_expect_true(peer, 9999);
}

void peer_expect_end(struct peer *peer)
{
    ck_assert_msg(peer->start == peer->end && read_more(peer) == 0, "more came before the end");
}

size_t peer_expect_break(struct peer *peer)
{
    ck_assert_uint_eq(receive_item(peer), 0);
    ck_assert_msg(peer->end > 0, "the connection ended between items");
    return peer->end;
}

bool peer_has_nothing(const struct peer *peer)
{
    struct pollfd readable = {.fd = peer->socket, .events = POLLIN};

    return peer->start == peer->end && poll(&readable, 1, 0) == 0;
}
