/* SPDX-License-Identifier: MIT */
/*
 * Questions to the server, many at once, and whether an answer is what the model says.
 */
#ifndef VALVE_TESTS_FRESH_ASK_H
#define VALVE_TESTS_FRESH_ASK_H

#include "net/address.h"
#include "tests/fresh/model.h"
#include "tests/soak/wire.h"

struct question {
    enum method method;
    const char *path;
};

struct answer {
    uint32_t number; /* of the question */
    enum event_kind kind;
    uint64_t value; /* EVENT_SIZE, EVENT_EXISTS, EVENT_CONTENT: its size */
    char text[128]; /* EVENT_ERROR */
    uint8_t bytes[CONTENT_MOST];
};

struct connection {
    int socket;
    struct reader reader;
};

/* What fails here ends the program, but for the end of a connection. */
void connection_open(struct connection *connection, const struct valve_address *address);
void connection_close(struct connection *connection);

/*
 * Questions get numbers from `first` on. Paths may begin with in/, which is the directory `scene`
 * for the server.
 */
void ask(struct connection *connection, const char *scene, const struct question *questions,
         unsigned first, unsigned count);

/*
 * The next one: in any order, all of them come. False: the connection has ended, as it must when a
 * large file is truncated while it is sent.
 */
bool take_answer(struct connection *connection, struct answer *ret_answer);

bool is_right(struct node *top, const struct question *question, const struct answer *answer);

/* "Get content of 17 bytes", for people. */
void describe_expected(struct node *top, const struct question *question, char text[160]);
void describe_answer(const struct answer *answer, char text[160]);

#endif
