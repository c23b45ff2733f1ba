/* SPDX-License-Identifier: MIT */
/*
 * Tests of networks: what is read and refused, and what is in what.
 */
#include "net/network.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct valve_network parse(const char *text)
{
    struct valve_network network;
    const char *problem;

    ck_assert_msg(valve_network_parse(text, &network, &problem) == 0, "%s", text);
    return network;
}

static const struct {
    const char *outer, *inner;
    bool holds;
} pairs[] = {
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/8", "10.1.0.0/16", true},
    {"10.1.0.0/16", "10.0.0.0/8", false},
    {"10.0.0.0/9", "10.127.255.255", true},
    {"10.0.0.0/9", "10.128.0.0", false},
    {"192.0.2.7", "192.0.2.7", true},
    {"192.0.2.7", "192.0.2.6", false},
    {"192.0.2.6/31", "192.0.2.7", true},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::", false},
    {"::/0", "::1", true},
    {"::/0", "0.0.0.0", false},
    {"fd00::/8", "fdff::1", true},
    {"fd00::/8", "fe00::", false},
    {"2001:db8::/33", "2001:db8:7fff::", true},
    {"2001:db8::/33", "2001:db8:8000::", false},
    {"::1", "::1", true},
    {"::1/128", "::2", false},
};

START_TEST(holds)
{
    struct valve_network outer = parse(pairs[_i].outer), inner = parse(pairs[_i].inner);

    ck_assert_int_eq(valve_network_holds(&outer, &inner), pairs[_i].holds);
}
END_TEST

static const char *const bad[] = {
    "",
    "10",
    "10.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8x",
    "10.0.0.0/ 8",
    "10.0.0.1/31",
    "10.128.0.0/8",
    "localhost",
    "::1/129",
    "::1/127",
    "fd00::1/8",
    "[::1]",
    "10.0.0.0/0008",
    "1::2::3",
    "10.0.0.0/8/8",
    "0.0.0.0/4294967304",
    "1234:1234:1234:1234:1234:1234:123.123.123.1234/1",
};

START_TEST(refuses)
{
    struct valve_network network = {.bits = 77};
    const char *problem = NULL;

    ck_assert_int_eq(valve_network_parse(bad[_i], &network, &problem), -EINVAL);
    ck_assert_ptr_nonnull(problem);
    ck_assert_uint_eq(network.bits, 77);
}
END_TEST

START_TEST(addresses)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(1)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct valve_network four = parse("192.0.2.7"), six = parse("fd00::1"), made;

    ck_assert_int_eq(inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr), 1);
    made = valve_network_of((const struct sockaddr *)&v4);
    ck_assert(valve_network_holds(&four, &made) && valve_network_holds(&made, &four));
    ck_assert_int_eq(inet_pton(AF_INET6, "fd00::1", &v6.sin6_addr), 1);
    made = valve_network_of((const struct sockaddr *)&v6);
    ck_assert(valve_network_holds(&six, &made) && valve_network_holds(&made, &six));
    ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr), 1);
    made = valve_network_of((const struct sockaddr *)&v6);
    ck_assert(valve_network_holds(&four, &made) && valve_network_holds(&made, &four));
}
END_TEST

/* Who has no address is in no network, not even in one of all. */
START_TEST(nobody)
{
    struct sockaddr local = {.sa_family = AF_UNIX};
    struct valve_network none = valve_network_of(&local), all = parse("0.0.0.0/0");

    ck_assert(!valve_network_holds(&all, &none));
    ck_assert(!valve_network_holds(&none, &none));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("network");
    TCase *tests = tcase_create("network");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tests, holds, 0, sizeof pairs / sizeof *pairs);
    tcase_add_loop_test(tests, refuses, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tests, addresses);
    tcase_add_test(tests, nobody);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
