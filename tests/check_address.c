/* SPDX-License-Identifier: MIT */
/*
 * Tests of addresses: what is accepted and refused, and what is written back.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct valve_address parse(const char *text)
{
    struct valve_address address;
    const char *problem = NULL;

    ck_assert_msg(valve_address_parse(text, &address, &problem) == 0, "%s: %s", text, problem);
    ck_assert_ptr_null(problem);
    return address;
}

/* ---- What is accepted ------------------------------------------------------------------------ */

static const struct {
    const char *text;
    int family;
    const char *path; /* in the file system */
    bool loopback;
} good[] = {
    {"unix:/run/valve/valve.sock", AF_UNIX, "/run/valve/valve.sock", true},
    {"unix:/a:b c", AF_UNIX, "/a:b c", true},
    {"unix:@valve", AF_UNIX, NULL, true},
    {"127.0.0.1:8258", AF_INET, NULL, true},
    {"127.255.255.254:1", AF_INET, NULL, true},
    {"127.0.0.1:0", AF_INET, NULL, true},
    {"126.255.255.255:80", AF_INET, NULL, false},
    {"128.0.0.1:80", AF_INET, NULL, false},
    {"0.0.0.0:65535", AF_INET, NULL, false},
    {"192.0.2.1:8258", AF_INET, NULL, false},
    {"[::1]:8258", AF_INET6, NULL, true},
    {"[::]:8258", AF_INET6, NULL, false},
    {"[::2]:8258", AF_INET6, NULL, false},
    {"[2001:db8::1]:65535", AF_INET6, NULL, false},
    {"[::ffff:192.0.2.1]:80", AF_INET6, NULL, false},
};

START_TEST(accepts)
{
    struct valve_address address = parse(good[_i].text);

    ck_assert_int_eq(address.socket.any.sa_family, good[_i].family);
    ck_assert_str_eq(address.text, good[_i].text);
    ck_assert_int_eq(valve_address_is_unix(&address), good[_i].family == AF_UNIX);
    ck_assert_int_eq(valve_address_is_loopback(&address), good[_i].loopback);
    if (good[_i].path == NULL)
        ck_assert_ptr_null(valve_address_path(&address));
    else
        ck_assert_str_eq(valve_address_path(&address), good[_i].path);
}
END_TEST

START_TEST(writes_what_it_read)
{
    struct valve_address address = parse(good[_i].text);
    char text[VALVE_ADDRESS_TEXT];

    valve_address_format(&address.socket.any, address.size, text);
    ck_assert_str_eq(text, good[_i].text);
}
END_TEST

START_TEST(reads_the_parts)
{
    struct valve_address v4 = parse("127.0.0.1:8258"), v6 = parse("[::1]:258");
    const struct sockaddr_in *in = (const struct sockaddr_in *)&v4.socket.storage;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&v6.socket.storage;

    ck_assert_uint_eq(v4.size, sizeof *in);
    ck_assert_uint_eq(ntohs(in->sin_port), 8258);
    ck_assert_uint_eq(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
    ck_assert_uint_eq(v6.size, sizeof *in6);
    ck_assert_uint_eq(ntohs(in6->sin6_port), 258);
    ck_assert(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
}
END_TEST

/* The length of an abstract name counts: zeroes behind it would be part of it. */
START_TEST(abstract_name_ends_with_its_text)
{
    struct valve_address address = parse("unix:@valve");

    ck_assert_uint_eq(address.size, offsetof(struct sockaddr_un, sun_path) + 6);
    ck_assert_mem_eq(address.socket.local.sun_path, "\0valve", 6);
}
END_TEST

/* A path of n bytes behind "unix:". */
static const char *unix_path(char first, size_t n)
{
    static char text[512];

    strcpy(text, "unix:");
    memset(text + 5, 'p', n);
    text[5] = first;
    text[5 + n] = '\0';
    return text;
}

START_TEST(longest_unix_path)
{
    struct valve_address address = parse(unix_path('/', 107));
    const char *problem;

    ck_assert_uint_eq(strlen(valve_address_path(&address)), 107);
    ck_assert_int_eq(valve_address_parse(unix_path('/', 108), &address, &problem), -EINVAL);
    address = parse(unix_path('@', 107));
    ck_assert_uint_eq(address.size, offsetof(struct sockaddr_un, sun_path) + 107);
    ck_assert_int_eq(valve_address_parse(unix_path('@', 108), &address, &problem), -EINVAL);
    ck_assert_int_eq(valve_address_parse(unix_path('/', 400), &address, &problem), -EINVAL);
}
END_TEST

/* ---- What is refused ------------------------------------------------------------------------- */

static const char *const bad[] = {
    "",
    "unix:",
    "unix:relative/path",
    "unix:@",
    "unix",
    "/run/valve.sock",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:x",
    "127.0.0.1:-1",
    "127.0.0.1:+1",
    "127.0.0.1: 1",
    "127.0.0.1:1 ",
    "127.0.0.1:65536",
    "127.0.0.1:4294967297",
    "127.0.0.1:18446744073709551617",
    "127.0.0.1:1:1",
    "127.0.0:1",
    "127.0.0.256:1",
    "0x7f.0.0.1:1",
    " 127.0.0.1:1",
    ":8258",
    "8258",
    "localhost:8258",
    "example.org:8258",
    "::1:8258",
    "::1",
    "[::1]",
    "[::1]:",
    "[::1]8258",
    "[::1:8258",
    "[]:8258",
    "[127.0.0.1]:8258",
    "[::g]:8258",
    "[::1]:65536",
    "[fe80::1%eth0]:8258",
    "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:8258",
};

START_TEST(refuses)
{
    struct valve_address address, before;
    const char *problem = NULL;

    memset(&address, 0x5a, sizeof address);
    before = address;
    ck_assert_int_eq(valve_address_parse(bad[_i], &address, &problem), -EINVAL);
    ck_assert_ptr_nonnull(problem);
    ck_assert_uint_gt(strlen(problem), 10);
    ck_assert_msg(memcmp(&address, &before, sizeof address) == 0, "changed by a failure");
}
END_TEST

START_TEST(refuses_what_has_no_room)
{
    struct valve_address address;
    char text[VALVE_ADDRESS_TEXT + 1];
    const char *problem = NULL;

    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(valve_address_parse(text, &address, &problem), -EINVAL);
    ck_assert_ptr_nonnull(problem);
}
END_TEST

/* ---- What is written ------------------------------------------------------------------------- */

START_TEST(formats_sockets_without_a_name)
{
    struct valve_address address = {.socket.local.sun_family = AF_UNIX};
    struct sockaddr unknown = {.sa_family = AF_UNSPEC};
    char text[VALVE_ADDRESS_TEXT];

    valve_address_format(&address.socket.any, offsetof(struct sockaddr_un, sun_path), text);
    ck_assert_str_eq(text, "unix:");
    valve_address_format(&unknown, sizeof unknown, text);
    ck_assert_str_eq(text, "?");
}
END_TEST

static Suite *address_suite(void)
{
    Suite *suite = suite_create("address");
    TCase *reading = tcase_create("reading");
    TCase *writing = tcase_create("writing");

    tcase_add_loop_test(reading, accepts, 0, sizeof good / sizeof *good);
    tcase_add_test(reading, reads_the_parts);
    tcase_add_test(reading, abstract_name_ends_with_its_text);
    tcase_add_test(reading, longest_unix_path);
    tcase_add_loop_test(reading, refuses, 0, sizeof bad / sizeof *bad);
    tcase_add_test(reading, refuses_what_has_no_room);
    suite_add_tcase(suite, reading);
    tcase_add_loop_test(writing, writes_what_it_read, 0, sizeof good / sizeof *good);
    tcase_add_test(writing, formats_sockets_without_a_name);
    suite_add_tcase(suite, writing);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(address_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
