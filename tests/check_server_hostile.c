/* SPDX-License-Identifier: MIT */
/*
 * Tests of clients that would hurt others if they could: by being slow, by leaving, by asking for
 * more than they take.
 */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "server/server.h"
#include "tests/on_valgrind.h"
#include "tests/server_fixture.h"

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
}

static void pass(int milliseconds)
{
    poll(NULL, 0, milliseconds);
}

/* ---- What the kernel is told ------------------------------------------------------------------------ */

static int option(int socket, int level, int name)
{
    socklen_t size = sizeof(int);
    int value = -1;

    ck_assert_int_eq(getsockopt(socket, level, name, &value, &size), 0);
    return value;
}

/* The server's end of this connection, which is in this process, too. */
static int server_end(const struct peer *peer)
{
    struct sockaddr_storage ours = {0}, theirs;
    socklen_t size = sizeof ours;

    ck_assert_int_eq(getsockname(peer->socket, (struct sockaddr *)&ours, &size), 0);
    for (int descriptor = 0; descriptor < 1024; descriptor++) {
        socklen_t room = sizeof theirs;

        memset(&theirs, 0, sizeof theirs);
        if (getpeername(descriptor, (struct sockaddr *)&theirs, &room) == 0 && room == size &&
            memcmp(&theirs, &ours, size) == 0)
            return descriptor;
    }
    ck_abort_msg("there is no connection");
}

START_TEST(the_kernel_watches_tcp_peers)
{
    static const struct {
        uint64_t send_timeout;
        int idle;
    } rows[] = {{30 * SECOND, 60}, {90 * SECOND, 90}, {24 * 3600 * SECOND, 32767}};
    struct peer peer;
    int socket;

    rig.is_tcp = true;
    rig.options.send_timeout = rows[_i].send_timeout;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ping(&peer);
    socket = server_end(&peer);
    ck_assert_int_eq(option(socket, IPPROTO_TCP, TCP_NODELAY), 1);
    ck_assert_int_eq(option(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
    ck_assert_int_eq(option(socket, IPPROTO_TCP, TCP_KEEPIDLE), rows[_i].idle);
    ck_assert_int_eq(option(socket, IPPROTO_TCP, TCP_KEEPINTVL), 10);
    ck_assert_int_eq(option(socket, IPPROTO_TCP, TCP_KEEPCNT), 6);
    ck_assert_int_eq(option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), (rows[_i].idle + 60) * 1000);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Time that runs out ------------------------------------------------------------------------------- */

/* Reads all there is; errno, or 0, of the end. */
static int read_to_end(const struct peer *peer)
{
    static uint8_t bytes[65536];
    ssize_t size;

    do
        size = recv(peer->socket, bytes, sizeof bytes, 0);
    while (size > 0);
    return size < 0 ? errno : 0;
}

static void await_connections(unsigned count)
{
    const uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);

    while (atomic_load(&rig.server->workers[0].connections) != count) {
        ck_assert_uint_lt(valve_deadline(0), deadline);
        pass(1);
    }
}

/* It is reset, so that the kernel does not keep for it what it does not take. */
START_TEST(a_reader_that_stopped_leaves_nothing_behind)
{
    struct peer peer;

    rig.is_tcp = true;
    rig.options.send_timeout = 100 * MILLISECOND;
    rig.service.list.count = 100000;
    rig.service.list.name_size = 100;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    tally_await(&rig.logged, 1);
    ck_assert(rig_has_logged(&rig, "takes none of its replies"));
    await_connections(0); /* or what is read would make room for the rest, and its end */
    ck_assert_int_eq(read_to_end(&peer), ECONNRESET);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* A request that only trickles is not kept open by a reply that only trickles, too. */
START_TEST(a_trickle_ends_beside_output_that_waits)
{
    uint8_t bytes[256];
    struct peer peer;
    size_t size;
    uint64_t deadline;

    rig.options.request_timeout = 100 * MILLISECOND;
    rig.service.list.count = 20000;
    rig.service.list.name_size = 100;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    tally_await(&rig.service.begun, 1);
    size = request(bytes, 2, "Exists", "now, and a long name besides, so that it takes its time",
                   NO_TIMEOUT);
    deadline = valve_deadline(150 * MILLISECOND);
    for (size_t i = 0; i + 1 < size && valve_deadline(0) < deadline; i++) {
        peer_send(&peer, bytes + i, 1);
        pass(5);
    }
    peer_send(&peer, bytes, 1); /* from now on nothing is heard */
    peer_expect_list(&peer, 1, 20000);
    peer_expect_end(&peer);
    ck_assert_uint_eq(tally_get(&rig.service.begun), 1);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Connections that are paused ----------------------------------------------------------------------- */

static uint64_t cpu_of_worker(void)
{
    struct timespec time;
    clockid_t clock;

    ck_assert_int_eq(pthread_getcpuclockid(rig.server->workers[0].thread, &clock), 0);
    ck_assert_int_eq(clock_gettime(clock, &time), 0);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* Why the server reads no more of a connection. */
enum pause { ENOUGH_IN_FLIGHT, OUTPUT_FULL, NO_FIBERS, OTHERS_HOLD_FIBERS, PAUSES };

static void pause_one(struct peer *peer, enum pause why)
{
    static const uint8_t more[4096];
    unsigned requests = why == ENOUGH_IN_FLIGHT ? 5 : 1;

    for (uint32_t i = 1; i <= requests; i++)
        peer_ask(peer, i, why == OUTPUT_FULL ? "ListAll" : "Exists",
                 why == OUTPUT_FULL ? NULL : "sleep 0");
    if (why == OUTPUT_FULL) /* the request that is not read further behind it */
        peer_ask(peer, 2, "Exists", "sleep 0");
    ck_assert_int_eq(send(peer->socket, more, sizeof more, MSG_NOSIGNAL), sizeof more);
}

/* To ThreadSanitizer a new fiber is as much work as a new thread. */
#ifdef __SANITIZE_THREAD__
#define PAUSED_PEERS 100
#else
#define PAUSED_PEERS (ON_VALGRIND ? 100 : 1000)
#endif

/* By what they are connected, and whether they have ended their input. */
enum transport { UNIX_SOCKET, TCP, HALF_CLOSED_TCP, TRANSPORTS };

/* Thousands that are paused: neither their sitting there costs anything, nor are they kept. */
START_TEST(a_paused_connection_costs_nothing_and_is_not_kept)
{
    enum { IDLE_MS = 300, BEARABLE = 2000000 /* ns in that time */ };
    static struct peer peers[1000];
    const unsigned count = PAUSED_PEERS;
    const struct linger at_once = {.l_onoff = 1};
    const enum pause why = (enum pause)(_i / TRANSPORTS);
    const enum transport by = (enum transport)(_i % TRANSPORTS);
    uint64_t before, sitting = 0, leaving;

    rig.is_tcp = by != UNIX_SOCKET;
    rig.options.max_in_flight = 4;
    rig.options.max_fibers = why == NO_FIBERS ? 100 : 4 * count + 2000;
    if (why == OTHERS_HOLD_FIBERS)
        rig.options.max_fibers = count;
    rig.service.list.count = 100000;
    rig.service.list.name_size = 100;
    rig_start(&rig);
    for (unsigned i = 0; i < count; i++) {
        peers[i] = peer_connect(rig.address);
        pause_one(&peers[i], why);
        if (by == HALF_CLOSED_TCP)
            ck_assert_int_eq(shutdown(peers[i].socket, SHUT_WR), 0);
    }
    for (unsigned i = 0; i < PATIENCE_MS / IDLE_MS; i++) { /* at first all of it is taken in */
        before = cpu_of_worker();
        pass(IDLE_MS);
        sitting = cpu_of_worker() - before;
        if (sitting < BEARABLE)
            break;
    }
    before = cpu_of_worker();
    for (unsigned i = 0; i < count; i++) {
        /* By a reset where it is TCP: there the end of input alone may have answers to come. */
        setsockopt(peers[i].socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        peer_close(&peers[i]);
    }
    await_connections(0);
    leaving = cpu_of_worker() - before;
    printf("%u paused: %llu us of CPU in %d ms, %llu us for each to leave\n", count,
           (unsigned long long)sitting / 1000, IDLE_MS, (unsigned long long)leaving / 1000 / count);
    ck_assert_uint_lt(sitting, BEARABLE);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: hostile clients");
    TCase *tests = tcase_create("hostile clients");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, the_kernel_watches_tcp_peers, 0, 3);
    tcase_add_test(tests, a_reader_that_stopped_leaves_nothing_behind);
    tcase_add_test(tests, a_trickle_ends_beside_output_that_waits);
    tcase_add_loop_test(tests, a_paused_connection_costs_nothing_and_is_not_kept, 0,
                        PAUSES * TRANSPORTS);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
