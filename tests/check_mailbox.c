/* SPDX-License-Identifier: MIT */
/*
 * Tests of mailboxes: nothing is lost, the order of each poster is kept, a burst wakes once.
 */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "server/mailbox.h"

#define POSTERS  4
#define MESSAGES 20000 /* of each poster */

struct letter {
    struct valve_message message; /* first */
    unsigned poster, number;
};

static struct valve_mailbox mailbox;
static struct letter *letters[POSTERS];
static unsigned delivered[POSTERS]; /* the next number expected of each */
static unsigned disordered;

static void set_up(void)
{
    ck_assert_int_eq(valve_mailbox_init(&mailbox), 0);
    for (unsigned i = 0; i < POSTERS; i++)
        delivered[i] = 0;
    disordered = 0;
}

static void tear_down(void)
{
    valve_mailbox_fini(&mailbox);
}

static bool is_readable(int patience)
{
    struct pollfd box = {.fd = mailbox.descriptor, .events = POLLIN};

    return poll(&box, 1, patience) == 1;
}

static void deliver_letter(struct valve_message *message)
{
    const struct letter *letter = (const struct letter *)message;

    if (letter->number != delivered[letter->poster])
        disordered++;
    delivered[letter->poster] = letter->number + 1;
}

static void *post_letters(void *argument)
{
    struct letter *own = argument;

    for (unsigned i = 0; i < MESSAGES; i++)
        valve_mailbox_post(&mailbox, &own[i].message);
    return NULL;
}

static bool is_all_delivered(void)
{
    for (unsigned i = 0; i < POSTERS; i++)
        if (delivered[i] < MESSAGES)
            return false;
    return true;
}

static void write_letters(void)
{
    for (unsigned i = 0; i < POSTERS; i++) {
        letters[i] = calloc(MESSAGES, sizeof *letters[i]);
        ck_assert_ptr_nonnull(letters[i]);
        for (unsigned j = 0; j < MESSAGES; j++)
            letters[i][j] = (struct letter){{NULL, deliver_letter}, i, j};
    }
}

/* The reader sleeps whenever the box is empty: a lost wake-up would leave it asleep. */
START_TEST(several_threads_post)
{
    pthread_t posters[POSTERS];

    write_letters();
    for (unsigned i = 0; i < POSTERS; i++)
        ck_assert_int_eq(pthread_create(&posters[i], NULL, post_letters, letters[i]), 0);
    while (!is_all_delivered()) {
        ck_assert_msg(is_readable(20000), "messages were lost, or no wake-up came for them");
        valve_mailbox_deliver(&mailbox);
    }
    ck_assert_uint_eq(disordered, 0);
    for (unsigned i = 0; i < POSTERS; i++) {
        pthread_join(posters[i], NULL);
        free(letters[i]);
    }
    valve_mailbox_deliver(&mailbox);
    ck_assert(!is_readable(0));
}
END_TEST

START_TEST(a_burst_wakes_once)
{
    struct letter burst[3];
    eventfd_t wakes;

    for (unsigned i = 0; i < 3; i++) {
        burst[i] = (struct letter){{NULL, deliver_letter}, 0, i};
        valve_mailbox_post(&mailbox, &burst[i].message);
    }
    ck_assert_int_eq(eventfd_read(mailbox.descriptor, &wakes), 0);
    ck_assert_uint_eq(wakes, 1);
    valve_mailbox_deliver(&mailbox);
    ck_assert_uint_eq(delivered[0], 3);
    ck_assert_uint_eq(disordered, 0);
}
END_TEST

START_TEST(an_empty_box_delivers_nothing)
{
    ck_assert(!is_readable(0));
    valve_mailbox_deliver(&mailbox);
    ck_assert_uint_eq(delivered[0], 0);
}
END_TEST

static void post_again(struct valve_message *message)
{
    struct letter *letter = (struct letter *)message;

    if (++letter->number < 3)
        valve_mailbox_post(&mailbox, message);
}

/* Each in a delivery of its own, so that a message cannot keep its reader for ever. */
START_TEST(a_message_is_posted_again_while_delivered)
{
    struct letter letter = {{NULL, post_again}, 0, 0};

    valve_mailbox_post(&mailbox, &letter.message);
    for (unsigned i = 1; i <= 3; i++) {
        ck_assert(is_readable(0));
        valve_mailbox_deliver(&mailbox);
        ck_assert_uint_eq(letter.number, i);
    }
    ck_assert(!is_readable(0));
}
END_TEST

static void free_letter(struct valve_message *message)
{
    free(message);
    delivered[0]++;
}

START_TEST(a_message_may_be_freed_by_its_delivery)
{
    for (unsigned i = 0; i < 3; i++) {
        struct valve_message *message = malloc(sizeof *message);

        ck_assert_ptr_nonnull(message);
        message->deliver = free_letter;
        valve_mailbox_post(&mailbox, message);
    }
    valve_mailbox_deliver(&mailbox);
    ck_assert_uint_eq(delivered[0], 3);
}
END_TEST

START_TEST(a_box_is_closed_twice)
{
    valve_mailbox_fini(&mailbox);
    ck_assert_int_eq(mailbox.descriptor, -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *tests = tcase_create("mailbox");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, several_threads_post);
    tcase_add_test(tests, a_burst_wakes_once);
    tcase_add_test(tests, an_empty_box_delivers_nothing);
    tcase_add_test(tests, a_message_is_posted_again_while_delivered);
    tcase_add_test(tests, a_message_may_be_freed_by_its_delivery);
    tcase_add_test(tests, a_box_is_closed_twice);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
