/* SPDX-License-Identifier: MIT */
/*
 * What the tests of lib/client share: a client, and the other end of its connection, where the test
 * writes every byte in hexadecimal. What is not as expected fails the test.
 */
#ifndef VALVE_CLIENT_PEER_H
#define VALVE_CLIENT_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "fiber/clock.h"
#include "files.h"
#include "valve.h"

#define MILLISECOND  UINT64_C(1000000)
#define SOON         (valve_clock_now() + 10000 * MILLISECOND)
#define AT_ONCE      UINT64_C(0)
#define ADDRESS_ROOM 128

/* An element of a list reply, as the peer says it: the file "a", of size 1 and mtime -1. */
#define FILE_ITEM "a3 64 70617468 61 61 64 73697a65 01 65 6d74696d65 20"

struct rig {
    struct valve_client *client;
    struct valve_arena arena;
    int peer; /* -1: closed */
};

/* Return a socket that listens where `address` then says; the caller closes it. */
int listen_local(char address[ADDRESS_ROOM], int backlog);
int listen_tcp(char address[ADDRESS_ROOM]);

/* A client connected to the listener, which is closed; without one, to a local address. */
struct rig rig_on(int listener, const char *address);
struct rig rig_open(void);
void rig_close(struct rig *rig);
void peer_closes(struct rig *rig);

/* Bytes written in hexadecimal, with or without blanks. Returns their number. */
size_t unhex(const char *text, uint8_t *bytes, size_t room);
void write_all(int descriptor, const void *data, size_t size);
void say(struct rig *rig, const char *hex);

/* The peer has received exactly these bytes. */
void heard(struct rig *rig, const char *hex);

/* Calls that are started; where they name a file, it is "a". */
struct files_path path(const char *name);
void start_size(struct rig *rig, struct files_size_pending *pending);
void start_list(struct rig *rig, struct files_list_all_pending *pending);
void start_get(struct rig *rig, struct files_get_pending *pending);

/* The next reply is to this call. */
void expect_next(struct rig *rig, struct valve_pending *pending);
void expect_size(struct rig *rig, struct files_size_pending *pending, uint64_t size);

/* The next reply is to this call, and is content; returns its size, none of it being read yet. */
uint64_t receive_content(struct rig *rig, struct files_get_pending *pending);

/* The problem of the client contains these words. */
void expect_words(struct rig *rig, const char *words);

#endif
