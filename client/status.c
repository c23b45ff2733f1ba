/* SPDX-License-Identifier: MIT */
/*
 * From failures to the exit status.
 */
#include "status.h"

#include <errno.h>
#include <string.h>

void tally_item(struct tally *tally, enum status why)
{
    tally->failures |= 1U << why;
}

void tally_end(struct tally *tally, enum status why)
{
    if (tally->ended == STATUS_DONE)
        tally->ended = why;
}

enum status tally_status(const struct tally *tally)
{
    if (tally->ended != STATUS_DONE)
        return tally->ended;
    if (tally->failures == 0)
        return STATUS_DONE;
    for (enum status why = STATUS_SOME; why <= STATUS_LOCAL; why++) {
        if (tally->failures == 1U << why)
            return why;
    }
    return STATUS_SOME;
}

static bool has_code(struct valve_text error, const char *code)
{
    size_t size = strlen(code);

    return error.size > size && memcmp(error.data, code, size) == 0 && error.data[size] == ':';
}

enum status status_of_answer(struct valve_text error)
{
    if (has_code(error, "denied"))
        return STATUS_DENIED;
    if (has_code(error, "timeout"))
        return STATUS_CONNECTION;
    return STATUS_SOME;
}

enum status status_of_failure(int error, const char *words)
{
    enum status answer;

    switch (error) {
    case -EPROTO:
    case -ECONNABORTED: /* inside an answer: how a server breaks off that cannot finish it */
        return STATUS_PROTOCOL;
    case -EREMOTE: /* an answer to the connection as a whole */
        answer = status_of_answer(valve_text(words));
        return answer == STATUS_SOME ? STATUS_PROTOCOL : answer;
    case -EINVAL:
        return STATUS_USAGE;
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        return STATUS_LOCAL;
    default:
        return STATUS_CONNECTION;
    }
}
