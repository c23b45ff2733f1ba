/* SPDX-License-Identifier: MIT */
/*
 * Outcomes: the codes of errors, told apart.
 */
#include "server/outcome.h"

#include <string.h>

static const char *const names[VALVE_OUTCOMES] = {
    [VALVE_OUTCOME_OK] = "ok",
    [VALVE_OUTCOME_MALFORMED] = "malformed",
    [VALVE_OUTCOME_TOO_LARGE] = "too-large",
    [VALVE_OUTCOME_BAD_REQUEST] = "bad-request",
    [VALVE_OUTCOME_DENIED] = "denied",
    [VALVE_OUTCOME_BAD_PATH] = "bad-path",
    [VALVE_OUTCOME_NOT_FOUND] = "not-found",
    [VALVE_OUTCOME_BUSY] = "busy",
    [VALVE_OUTCOME_TIMEOUT] = "timeout",
    [VALVE_OUTCOME_CANCELLED] = "cancelled",
    [VALVE_OUTCOME_IO] = "io",
    [VALVE_OUTCOME_OTHER] = "other",
    [VALVE_OUTCOME_BROKEN] = "broken",
};

const char *valve_outcome_name(enum valve_outcome outcome)
{
    return names[outcome];
}

enum valve_outcome valve_outcome_of_error(const char *text, size_t size)
{
    const char *colon = memchr(text, ':', size);
    size_t code = colon == NULL ? 0 : (size_t)(colon - text);

    for (unsigned i = VALVE_OUTCOME_MALFORMED; i < VALVE_OUTCOME_OTHER; i++)
        if (strlen(names[i]) == code && memcmp(names[i], text, code) == 0)
            return i;
    return VALVE_OUTCOME_OTHER;
}

enum valve_outcome valve_outcome_of_reply(const struct valve_type *reply, unsigned arm,
                                          const void *payload)
{
    const struct valve_member *member = arm < reply->count ? &reply->members[arm] : NULL;
    const struct valve_text *text = payload;

    /* The arm that valve-cddl demands of every reply. */
    if (member == NULL || member->name_size != 5 || memcmp(member->name, "Error", 5) != 0 ||
        member->type == NULL || member->type->shape != VALVE_SHAPE_TEXT)
        return VALVE_OUTCOME_OK;
    return valve_outcome_of_error(text->data, text->size);
}
