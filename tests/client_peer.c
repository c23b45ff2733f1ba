/* SPDX-License-Identifier: MIT */
/* A client, and a peer whose every byte is written by the test. */
#include "client_peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/client.h"

int listen_local(char address[ADDRESS_ROOM], int backlog)
{
    static unsigned number;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length, listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(listener, 0);
    length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "valve-check-client-%d-%u",
                      (int)getpid(), ++number);
    snprintf(address, ADDRESS_ROOM, "unix:@%s", name.sun_path + 1);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)),
                     0);
    ck_assert_int_eq(listen(listener, backlog), 0);
    return listener;
}

int listen_tcp(char address[ADDRESS_ROOM])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &size), 0);
    snprintf(address, ADDRESS_ROOM, "127.0.0.1:%u", ntohs(name.sin_port));
    return listener;
}

struct rig rig_on(int listener, const char *address)
{
    struct valve_error error = {{0}};
    struct rig rig = {0};
    int r = valve_client_connect(address, SOON, &rig.client, &error);

    ck_assert_msg(r == 0, "%s", error.text);
    rig.peer = accept(listener, NULL, NULL);
    ck_assert_int_ge(rig.peer, 0);
    close(listener);
    valve_arena_init(&rig.arena, NULL, 0, 1 << 20);
    return rig;
}

struct rig rig_open(void)
{
    char address[ADDRESS_ROOM];
    int listener = listen_local(address, 1);

    return rig_on(listener, address);
}

void rig_close(struct rig *rig)
{
    valve_client_free(rig->client);
    valve_arena_fini(&rig->arena);
    if (rig->peer >= 0)
        close(rig->peer);
}

void peer_closes(struct rig *rig)
{
    close(rig->peer);
    rig->peer = -1;
}

size_t unhex(const char *text, uint8_t *bytes, size_t room)
{
    size_t size = 0;
    unsigned byte;

    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        ck_assert_int_eq(sscanf(text, "%2x", &byte), 1);
        ck_assert_uint_lt(size, room);
        bytes[size++] = (uint8_t)byte;
        text++;
    }
    return size;
}

void write_all(int descriptor, const void *data, size_t size)
{
    const uint8_t *next = data;

    while (size > 0) {
        ssize_t written = send(descriptor, next, size, MSG_NOSIGNAL);

        ck_assert_int_gt(written, 0);
        next += written;
        size -= (size_t)written;
    }
}

void say(struct rig *rig, const char *hex)
{
    uint8_t bytes[512];

    write_all(rig->peer, bytes, unhex(hex, bytes, sizeof bytes));
}

void heard(struct rig *rig, const char *hex)
{
    uint8_t due[256], got[256];
    size_t size = unhex(hex, due, sizeof due);

    ck_assert_int_eq(recv(rig->peer, got, sizeof got, MSG_DONTWAIT), (ssize_t)size);
    ck_assert_mem_eq(got, due, size);
}

struct files_path path(const char *name)
{
    return (struct files_path){.kind = FILES_PATH_TEXT, .text = valve_text(name)};
}

void start_size(struct rig *rig, struct files_size_pending *pending)
{
    struct files_path name = path("a");

    ck_assert_int_eq(files_size_start(rig->client, &name, NULL, pending), 0);
}

void start_list(struct rig *rig, struct files_list_all_pending *pending)
{
    ck_assert_int_eq(files_list_all_start(rig->client, NULL, pending), 0);
}

void start_get(struct rig *rig, struct files_get_pending *pending)
{
    struct files_path name = path("a");

    ck_assert_int_eq(files_get_start(rig->client, &name, NULL, pending), 0);
}

void expect_next(struct rig *rig, struct valve_pending *pending)
{
    struct valve_pending *next = NULL;
    int r = valve_client_next(rig->client, SOON, &next);

    ck_assert_msg(r == 0, "%s", valve_client_problem(rig->client));
    ck_assert_ptr_eq(next, pending);
}

void expect_size(struct rig *rig, struct files_size_pending *pending, uint64_t size)
{
    struct files_size_result result;

    expect_next(rig, &pending->pending);
    result = files_size_receive(rig->client, pending, &rig->arena, SOON);
    ck_assert_int_eq(result.outcome, FILES_SIZE_GOT_SIZE);
    ck_assert_uint_eq(result.size, size);
}

uint64_t receive_content(struct rig *rig, struct files_get_pending *pending)
{
    struct files_get_result result;

    expect_next(rig, &pending->pending);
    result = files_get_receive(rig->client, pending, &rig->arena, SOON);
    ck_assert_int_eq(result.outcome, FILES_GET_GOT_CONTENT);
    return result.content_size;
}

void expect_words(struct rig *rig, const char *words)
{
    ck_assert_msg(strstr(valve_client_problem(rig->client), words) != NULL,
                  "\"%s\" does not contain \"%s\"", valve_client_problem(rig->client), words);
}
