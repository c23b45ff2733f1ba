/* SPDX-License-Identifier: MIT */
/*
 * The last word to a client.
 */
#include "server/last_word.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/envelope.h"
#include "rpc/locate.h"
#include "server/call.h"
#include "server/output.h"
#include "server/server.h"
#include "server/worker.h"

struct valve_last_word {
    uint32_t id;
    char text[VALVE_ERROR_TEXT];
};

/* The code of valve-protocol(7) for what valve_locate() returns. */
static const char *code_of(int error)
{
    switch (error) {
    case -EMSGSIZE:
        return "too-large";
    case -ELOOP:
        return "bad-request";
    default:
        return "malformed";
    }
}

int valve_last_word_set(struct valve_worker *worker, struct valve_connection *connection,
                        const uint8_t *item, size_t size)
{
    struct valve_output *output = valve_output_of(worker, connection);
    struct valve_last_word *word = output == NULL ? NULL : malloc(sizeof *word);
    struct valve_error error = {""};
    size_t at = 0;
    int r;

    connection->flags |= VALVE_CONNECTION_LAST;
    if (word == NULL)
        return -ENOMEM;
    r = valve_locate(item, size, &worker->server->scan_limits, &at, &error);
    /* Only what is nested too deep has shown that its id is one: the rest may be anything. */
    word->id = r == -ELOOP ? valve_envelope_peek_id(item, size) : 0;
    snprintf(word->text, sizeof word->text, "%s: %.480s", code_of(r), error.text);
    output->last_word = word;
    return 0;
}

bool valve_last_word_is_set(const struct valve_connection *connection)
{
    return connection->output != NULL && connection->output->last_word != NULL;
}

int valve_last_word_say(struct valve_worker *worker, struct valve_connection *connection)
{
    struct valve_last_word *word;
    int r;

    if (!valve_last_word_is_set(connection))
        return 0;
    word = connection->output->last_word;
    connection->output->last_word = NULL;
    valve_call_count_refused(worker, valve_outcome_of_error(word->text, strlen(word->text)));
    r = valve_call_refuse(worker, connection, word->id, word->text);
    free(word);
    return r;
}

void valve_last_word_drop(struct valve_connection *connection)
{
    if (connection->output == NULL)
        return;
    free(connection->output->last_word);
    connection->output->last_word = NULL;
}
