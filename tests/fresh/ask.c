/* SPDX-License-Identifier: MIT */
/*
 * Asking, and judging.
 */
#include <config.h>

#include "tests/fresh/ask.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH_ROOM 8192

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "fresh_load: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

void connection_open(struct connection *connection, const struct valve_address *address)
{
    *connection = (struct connection){
        .socket = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (connection->socket < 0 ||
        connect(connection->socket, &address->socket.any, address->size) < 0)
        fail("cannot connect", strerror(errno));
}

void connection_close(struct connection *connection)
{
    close(connection->socket);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* That the connection has ended is seen when answers are read. */
static void send_all(int socket, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        if (sent < 0 && errno != EINTR)
            fail("cannot ask", strerror(errno));
        if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
        }
    }
}

void ask(struct connection *connection, const char *scene, const struct question *questions,
         unsigned first, unsigned count)
{
    static _Thread_local struct request request;
    static _Thread_local uint8_t batch[BATCH_ROOM];
    size_t size = 0;

    for (unsigned i = 0; i < count; i++) {
        const char *path = questions[i].path;
        char full[64];
        int length = strncmp(path, "in/", 3) == 0
                         ? snprintf(full, sizeof full, "%s/%s", scene, path + 3)
                         : snprintf(full, sizeof full, "%s", path);

        write_request(&request, first + i + 1, questions[i].method, full, (size_t)length,
                      NO_TIMEOUT);
        if (size + request.size > sizeof batch)
            fail("cannot ask", "too much at once");
        memcpy(batch + size, request.bytes, request.size);
        size += request.size;
    }
    send_all(connection->socket, batch, size);
}

static bool read_more(struct connection *connection)
{
    size_t room;
    uint8_t *bytes = reader_room(&connection->reader, &room);
    ssize_t got;

    do
        got = recv(connection->socket, bytes, room, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno != ECONNRESET)
        fail("no answer", strerror(errno));
    if (got > 0)
        connection->reader.end += (size_t)got;
    return got > 0;
}

static bool next_event(struct connection *connection, struct event *ret_event)
{
    do {
        reader_next(&connection->reader, ret_event);
        if (ret_event->kind == EVENT_BROKEN)
            fail("an answer against the rules", (const char *)ret_event->text);
        if (ret_event->kind != EVENT_NOTHING)
            return true;
    } while (read_more(connection));
    return false;
}

static bool take_content(struct connection *connection, struct answer *answer)
{
    struct event event;
    size_t size = 0;

    while (next_event(connection, &event)) {
        if (event.kind == EVENT_END)
            return true;
        if (size + event.text_size > CONTENT_MOST)
            fail("an answer", "more content than any file has");
        memcpy(answer->bytes + size, event.text, event.text_size);
        size += event.text_size;
    }
    return false;
}

bool take_answer(struct connection *connection, struct answer *ret_answer)
{
    struct event event;

    if (!next_event(connection, &event))
        return false;
    ret_answer->number = event.id - 1;
    ret_answer->kind = event.kind;
    ret_answer->value = event.number;
    ret_answer->text[0] = '\0';
    if (event.kind == EVENT_ERROR)
        snprintf(ret_answer->text, sizeof ret_answer->text, "%.*s", (int)event.text_size,
                 (const char *)event.text);
    return event.kind != EVENT_CONTENT || take_content(connection, ret_answer);
}

/* ---- Judging --------------------------------------------------------------------------------- */

/* The code of the error that a question is answered by, or NULL. */
static const char *expected_error(struct node *top, const struct question *question,
                                  const struct file **ret_file)
{
    enum verdict verdict = model_judge(top, question->path, ret_file);

    if (verdict == IS_FILE)
        return question->method == GET && (*ret_file)->is_forbidden ? "denied:" : NULL;
    if (verdict == IS_DENIED)
        return "denied:";
    return question->method == EXISTS ? NULL : "not-found:";
}

bool is_right(struct node *top, const struct question *question, const struct answer *answer)
{
    const struct file *file = NULL;
    const char *error = expected_error(top, question, &file);

    if (error != NULL)
        return answer->kind == EVENT_ERROR && strncmp(answer->text, error, strlen(error)) == 0;
    if (question->method == EXISTS)
        return answer->kind == EVENT_EXISTS && (answer->value != 0) == (file != NULL);
    if (question->method == SIZE)
        return answer->kind == EVENT_SIZE && answer->value == file->size;
    return answer->kind == EVENT_CONTENT && answer->value == file->size &&
           memcmp(answer->bytes, file->bytes, file->size) == 0;
}

/* A number by which people may tell contents apart. */
static unsigned mark_of(const uint8_t *bytes, size_t size)
{
    unsigned mark = 2166136261;

    for (size_t i = 0; i < size; i++)
        mark = (mark ^ bytes[i]) * 16777619;
    return mark;
}

void describe_expected(struct node *top, const struct question *question, char text[160])
{
    const struct file *file = NULL;
    const char *error = expected_error(top, question, &file);

    if (error != NULL)
        snprintf(text, 160, "%s", error);
    else if (question->method == EXISTS)
        snprintf(text, 160, "%s", file != NULL ? "true" : "false");
    else if (question->method == SIZE)
        snprintf(text, 160, "%zu", file->size);
    else
        snprintf(text, 160, "%zu bytes (%08x)", file->size, mark_of(file->bytes, file->size));
}

void describe_answer(const struct answer *answer, char text[160])
{
    if (answer->kind == EVENT_ERROR)
        snprintf(text, 160, "%s", answer->text);
    else if (answer->kind == EVENT_EXISTS)
        snprintf(text, 160, "%s", answer->value != 0 ? "true" : "false");
    else if (answer->kind == EVENT_SIZE)
        snprintf(text, 160, "%" PRIu64, answer->value);
    else if (answer->kind == EVENT_CONTENT)
        snprintf(text, 160, "%" PRIu64 " bytes (%08x)", answer->value,
                 mark_of(answer->bytes, (size_t)answer->value));
    else
        snprintf(text, 160, "an answer to another question");
}
