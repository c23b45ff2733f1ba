/* SPDX-License-Identifier: MIT */
/* Tests of lib/client: one-way requests, their refusals, and looking without waiting. */
#include "check_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/calls.h"
#include "client/client.h"
#include "client_feed.h"

#define DONE    "64 446f6e65"                                    /* "Done" */
#define REFUSED "82 1a ffffffff a1 65 4572726f72 66 62757379 3a" /* up to the last byte of text */

static void tell(struct rig *rig)
{
    ck_assert_int_eq(feed_tell(rig->client, 7), 0);
}

static void expect_refused(struct rig *rig, uint64_t count, const char *words)
{
    struct valve_error last;

    ck_assert_uint_eq(valve_client_refused(rig->client, &last), count);
    ck_assert_uint_eq(valve_client_refused(rig->client, NULL), count);
    ck_assert_str_eq(last.text, words);
}

START_TEST(one_way_requests_share_an_id_that_no_call_has)
{
    struct rig rig = rig_open();
    struct valve_pending ask;

    tell(&rig);
    start_ask(&rig, &ask);
    tell(&rig);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    ck_assert_uint_gt(valve_client_unsent(rig.client), 0);
    ck_assert_int_eq(valve_client_flush(rig.client), 0);
    heard(&rig, "82 1a ffffffff a1 64 54656c6c 07"
                "82 01 a1 63 41736b 00"
                "82 1a ffffffff a1 64 54656c6c 07");
    rig_close(&rig);
}
END_TEST

START_TEST(refusals_are_counted_and_the_wait_goes_on)
{
    struct rig rig = rig_open();
    struct valve_pending ask, *next = NULL;

    expect_refused(&rig, 0, "");
    tell(&rig);
    tell(&rig);
    start_ask(&rig, &ask);
    say(&rig, REFUSED "61" REFUSED);
    ck_assert_int_eq(valve_client_next(rig.client, AT_ONCE, &next), -ETIMEDOUT);
    expect_refused(&rig, 1, "busy:a");
    say(&rig, "0a  82 01" DONE);
    expect_answer(&rig, &ask, FEED_DONE);
    expect_refused(&rig, 2, "busy:\\x0a");
    rig_close(&rig);
}
END_TEST

/* What a server may not say to two one-way requests. */
static const struct {
    const char *reply;
    const char *words;
} violations[] = {
    {REFUSED "61" REFUSED "62" REFUSED "63", "more one-way requests are refused than were sent"},
    {"82 1a ffffffff" DONE, "the server broke the protocol"},
    {"82 1a ffffffff a1 65 4572726f72 05", "the server broke the protocol"},
    {"82 1a ffffffff a1 65 4572726f73 61 61", "the server broke the protocol"},
    {"82 1a ffffffff a1 65 4572726f72 7a 01100000", "longer than 16 MiB"},
    {"83 1a ffffffff 05 f5", "which is not in flight"},
};

START_TEST(each_wrong_refusal_ends_the_connection)
{
    struct rig rig = rig_open();
    struct valve_pending ask, *next = NULL;

    tell(&rig);
    tell(&rig);
    start_ask(&rig, &ask);
    say(&rig, violations[_i].reply);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -EPROTO);
    expect_words(&rig, violations[_i].words);
    ck_assert_int_eq(feed_tell(rig.client, 7), -EPROTO);
    ck_assert_int_eq(valve_client_poll(rig.client), -EPROTO);
    rig_close(&rig);
}
END_TEST

START_TEST(the_end_inside_a_refusal_is_inside)
{
    struct rig rig = rig_open();

    tell(&rig);
    say(&rig, REFUSED);
    shutdown(rig.peer, SHUT_WR);
    ck_assert_int_eq(valve_client_poll(rig.client), -ECONNABORTED);
    expect_refused(&rig, 0, "");
    rig_close(&rig);
}
END_TEST

/* ---- Looking without waiting ----------------------------------------------------------------- */

START_TEST(a_poll_sends_and_reads_refusals)
{
    struct rig rig = rig_open();

    tell(&rig);
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    ck_assert_uint_eq(valve_client_unsent(rig.client), 0);
    heard(&rig, "82 1a ffffffff a1 64 54656c6c 07");
    say(&rig, REFUSED);
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    expect_refused(&rig, 0, "");
    say(&rig, "61");
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    expect_refused(&rig, 1, "busy:a");
    rig_close(&rig);
}
END_TEST

START_TEST(a_poll_stops_at_what_is_for_a_call)
{
    struct rig rig = rig_open();
    struct valve_pending watch;

    tell(&rig);
    tell(&rig);
    start_watch(&rig, &feed_number, &watch);
    say(&rig, REFUSED "61  83 01 05 f5" REFUSED "62  82 01" DONE);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(valve_client_poll(rig.client), 0);
    expect_refused(&rig, 1, "busy:a");
    expect_number_item(&rig, &watch, 5);
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    expect_refused(&rig, 2, "busy:b");
    expect_answer(&rig, &watch, FEED_DONE);
    rig_close(&rig);
}
END_TEST

START_TEST(a_poll_tells_of_the_end)
{
    struct rig rig = rig_open();

    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    tell(&rig);
    say(&rig, REFUSED "61");
    shutdown(rig.peer, SHUT_WR);
    ck_assert_int_eq(valve_client_poll(rig.client), -ECONNRESET);
    expect_refused(&rig, 1, "busy:a");
    ck_assert_int_eq(valve_client_poll(rig.client), -ECONNRESET);
    ck_assert_int_eq(feed_tell(rig.client, 7), -ECONNRESET);
    rig_close(&rig);
}
END_TEST

/* The peer takes nothing any more, but has not closed: only sending can tell. */
START_TEST(a_poll_tells_that_sending_failed)
{
    struct rig rig = rig_open();
    struct valve_pending ask;

    start_ask(&rig, &ask);
    ck_assert_int_eq(valve_client_flush(rig.client), 0);
    shutdown(rig.peer, SHUT_RD);
    tell(&rig);
    ck_assert_int_eq(valve_client_poll(rig.client), -EPIPE);
    expect_words(&rig, "sending: ");
    ck_assert_int_eq(feed_tell(rig.client, 7), -EPIPE);
    say(&rig, "82 01" DONE);
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    expect_answer(&rig, &ask, FEED_DONE);
    ck_assert_int_eq(valve_client_poll(rig.client), -EPIPE);
    rig_close(&rig);
}
END_TEST

/* ---- More than the socket holds -------------------------------------------------------------- */

#define MANY ((size_t)50000)
#define SIZE ((size_t)13) /* of a request by feed_tell() */

static void *drain(void *argument)
{
    const struct rig *rig = argument;
    size_t left = MANY * SIZE;
    char buffer[2048];

    while (left > 0) {
        ssize_t taken = recv(rig->peer, buffer, sizeof buffer, 0);

        ck_assert_int_gt(taken, 0);
        left -= (size_t)taken;
    }
    say((struct rig *)rig, "82 01" DONE);
    return NULL;
}

START_TEST(what_the_socket_does_not_take_stays_queued)
{
    struct rig rig = rig_open();
    struct valve_pending ask;
    pthread_t thread;
    char sent[10];

    start_ask(&rig, &ask);
    ck_assert_int_eq(valve_client_flush(rig.client), 0);
    ck_assert_int_eq(recv(rig.peer, sent, sizeof sent, 0), 8);
    for (size_t i = 0; i < MANY; i++)
        tell(&rig);
    ck_assert_int_eq(valve_client_flush(rig.client), 0);
    ck_assert_uint_gt(valve_client_unsent(rig.client), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, drain, &rig), 0);
    expect_answer(&rig, &ask, FEED_DONE);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    rig_close(&rig);
}
END_TEST

void add_oneway_tests(Suite *suite)
{
    TCase *oneway = tcase_create("one-way");

    tcase_set_timeout(oneway, 60);
    tcase_add_test(oneway, one_way_requests_share_an_id_that_no_call_has);
    tcase_add_test(oneway, refusals_are_counted_and_the_wait_goes_on);
    tcase_add_loop_test(oneway, each_wrong_refusal_ends_the_connection, 0,
                        (int)(sizeof violations / sizeof violations[0]));
    tcase_add_test(oneway, the_end_inside_a_refusal_is_inside);
    tcase_add_test(oneway, a_poll_sends_and_reads_refusals);
    tcase_add_test(oneway, a_poll_stops_at_what_is_for_a_call);
    tcase_add_test(oneway, a_poll_tells_of_the_end);
    tcase_add_test(oneway, a_poll_tells_that_sending_failed);
    tcase_add_test(oneway, what_the_socket_does_not_take_stays_queued);
    suite_add_tcase(suite, oneway);
}
