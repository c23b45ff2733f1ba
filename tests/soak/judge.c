/* SPDX-License-Identifier: MIT */
/*
 * The judge: which answers a request may have.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "tests/soak/load.h"

#define OLD_ONES 24   /* versions back that an answer is compared with */
#define NO_UTF8  0xfe /* is in each name that is none */

/* The codes of errors that may come; all others are wrong. */
enum code { NOT_FOUND, BAD_PATH, BAD_REQUEST, CANCELLED, TIMEOUT, MALFORMED, OTHER };

static const char *const codes[] = {"not-found", "bad-path", "bad-request",
                                    "cancelled", "timeout",  "malformed"};

/* ---- Errors ---------------------------------------------------------------------------------- */

/* The text `code: words`, at most 512 bytes, without control characters. */
static enum code read_code(const struct event *event)
{
    const uint8_t *colon = memchr(event->text, ':', event->text_size);
    const size_t size = colon ? (size_t)(colon - event->text) : 0;

    if (!colon || !event->is_text || size + 2 >= event->text_size || colon[1] != ' ' ||
        event->text_size > 512)
        return OTHER;
    for (size_t i = 0; i < event->text_size; i++)
        if (event->text[i] < 0x20 || event->text[i] == 0x7f)
            return OTHER;
    for (int code = 0; code < OTHER; code++)
        if (strlen(codes[code]) == size && memcmp(codes[code], event->text, size) == 0)
            return (enum code)code;
    return OTHER;
}

static bool is_absent(uint32_t version, const void *answer)
{
    (void)answer;
    return version == ABSENT;
}

/* The request was stopped: only if that was wanted. A Del may have happened, or happen yet. */
static const char *judge_stop(struct asked *asked, enum code code)
{
    const uint64_t waited = (now_ns() - asked->sent) / 1000000;

    if (code == CANCELLED && !asked->cancelled)
        return "no `cancelled`: nobody cancelled it";
    if (code == TIMEOUT && (asked->timeout == NO_TIMEOUT || waited < asked->timeout))
        return "no `timeout`: there was time left";
    if (asked->method == DEL && asked->about == ABOUT_FILE) {
        del_lost(asked->file);
        asked->slot = NO_SLOT;
    }
    return NULL;
}

static const char *judge_not_found(struct asked *asked)
{
    if (asked->method == EXISTS || asked->method == LIST_ALL)
        return "no `not-found`: Exists says false, and a list is never not found";
    if (asked->about == ABOUT_UNSERVED)
        return NULL;
    if (asked->about != ABOUT_FILE)
        return "another error";
    if (asked->method == DEL) {
        del_answered(asked->file);
        return oracle_del_end(load.oracle, asked->file, asked->slot, DEL_FOUND_NOTHING)
                   ? NULL
                   : "Ok: it was there all the time";
    }
    return oracle_saw(load.oracle, asked->file, asked->since, is_absent, NULL)
               ? NULL
               : "the file: it was there all the time";
}

static const char *judge_error(struct asked *asked, const struct event *event)
{
    static const enum code wanted[] = {[ABOUT_BAD_PATH] = BAD_PATH,
                                       [ABOUT_BAD_REQUEST] = BAD_REQUEST,
                                       [ABOUT_MALFORMED] = MALFORMED};
    const enum code code = read_code(event);
    const char *problem = NULL;

    if (code == OTHER)
        return "no such error";
    if (code == CANCELLED || code == TIMEOUT)
        problem = judge_stop(asked, code);
    else if (code == NOT_FOUND)
        problem = judge_not_found(asked);
    else if (asked->about < ABOUT_BAD_PATH || wanted[asked->about] != code)
        problem = "no such error";
    if (!problem)
        count_up(asked->about >= ABOUT_BAD_REQUEST ? "bad" : method_names[asked->method],
                 codes[code]);
    return problem;
}

/* ---- Size, Exists, Del ----------------------------------------------------------------------- */

static bool has_size(uint32_t version, const void *answer)
{
    const struct asked *asked = answer;

    return version != ABSENT && files_body(asked->file, version).size == asked->head.number;
}

static bool is_present(uint32_t version, const void *answer)
{
    (void)answer;
    return version != ABSENT;
}

static const char *judge_size(struct asked *asked)
{
    if (asked->method != SIZE || asked->about != ABOUT_FILE)
        return "no size";
    return oracle_saw(load.oracle, asked->file, asked->since, has_size, asked)
               ? NULL
               : "another size, or `not-found`";
}

static const char *judge_exists(struct asked *asked)
{
    if (asked->method != EXISTS || asked->about > ABOUT_UNSERVED)
        return "no bool";
    if (asked->about == ABOUT_UNSERVED)
        return asked->head.number == 0 ? NULL : "false: it is not served";
    return oracle_saw(load.oracle, asked->file, asked->since,
                      asked->head.number ? is_present : is_absent, NULL)
               ? NULL
               : "the other answer";
}

static const char *judge_ok(struct asked *asked)
{
    if (asked->method != DEL || asked->about != ABOUT_FILE)
        return "no Ok";
    del_answered(asked->file);
    return oracle_del_end(load.oracle, asked->file, asked->slot, DEL_REMOVED)
               ? NULL
               : "`not-found`: it was not there, or something else has removed it";
}

/* ---- Content --------------------------------------------------------------------------------- */

static bool is_candidate(uint32_t version, const void *answer)
{
    const struct asked *asked = answer;

    for (unsigned i = 0; i < asked->candidate_count; i++)
        if (asked->candidates[i] == version)
            return true;
    return false;
}

static bool is_this(uint32_t version, const void *answer)
{
    return version == *(const uint32_t *)answer;
}

/* Those that are of this size and could be read since it was asked. */
static const char *begin_content(struct asked *asked)
{
    const uint32_t newest = asked->about == ABOUT_FILE ? oracle_newest(load.oracle, asked->file)
                                                       : 0;

    if (asked->method != GET)
        return "no content";
    asked->offset = 0;
    asked->candidate_count = 0;
    for (uint32_t version = newest; version > 0 && version + OLD_ONES > newest; version--)
        if (has_size(version, asked) && asked->candidate_count < MOST_CANDIDATES &&
            oracle_could_see(load.oracle, asked->file, asked->since, is_this, &version))
            asked->candidates[asked->candidate_count++] = version;
    return asked->candidate_count > 0 ? NULL : "content of another size, or `not-found`";
}

static const char *compare_content(struct asked *asked, const struct event *event)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < asked->candidate_count; i++) {
        const struct body body = files_body(asked->file, asked->candidates[i]);

        if (body_matches(&body, asked->offset, event->text, event->text_size))
            asked->candidates[kept++] = asked->candidates[i];
    }
    asked->candidate_count = kept;
    asked->offset += event->text_size;
    return kept > 0 ? NULL : "other bytes";
}

static const char *end_content(struct asked *asked)
{
    return oracle_saw(load.oracle, asked->file, asked->since, is_candidate, asked)
               ? NULL
               : "another version of the content";
}

/* ---- Lists ----------------------------------------------------------------------------------- */

struct listed {
    uint32_t file;
    const struct event *event;
};

static bool is_as_listed(uint32_t version, const void *answer)
{
    const struct listed *listed = answer;
    struct body body;

    if (version == ABSENT)
        return false;
    body = files_body(listed->file, version);
    return body.size == listed->event->number && body.mtime == listed->event->mtime;
}

static const char *begin_list(struct asked *asked)
{
    if (asked->method != LIST_ALL || asked->about != ABOUT_LIST)
        return "no list";
    asked->listed = calloc((load.files + 7) / 8, 1);
    if (!asked->listed)
        give_up("no memory");
    return NULL;
}

static const char *judge_file(struct asked *asked, const struct event *event)
{
    const struct listed listed = {files_find(event->text, event->text_size), event};
    const uint8_t bit = (uint8_t)(1 << listed.file % 8);

    if (listed.file == NO_FILE)
        return "no such name";
    if (event->is_text != !memchr(event->text, NO_UTF8, event->text_size))
        return "text for what is UTF-8, bytes for what is not";
    if (asked->listed[listed.file / 8] & bit &&
        !oracle_could_see(load.oracle, listed.file, asked->since, is_absent, NULL))
        return "each file once";
    asked->listed[listed.file / 8] |= bit;
    return oracle_saw(load.oracle, listed.file, asked->since, is_as_listed, &listed)
               ? NULL
               : "another size and time, or not this file";
}

/* Every file that was there throughout must have been listed. */
static const char *end_list(struct asked *asked)
{
    for (uint32_t file = 0; file < load.files; file++)
        if (!(asked->listed[file / 8] & 1 << file % 8) &&
            !oracle_saw(load.oracle, file, asked->since, is_absent, NULL)) {
            asked->about = ABOUT_FILE; /* so that it is told about */
            asked->file = file;
            return "a list that has this file, too";
        }
    free(asked->listed);
    asked->listed = NULL;
    return NULL;
}

/* ---- All of them ----------------------------------------------------------------------------- */

/* A part of an answer that comes in parts. */
static const char *judge_part(struct asked *asked, const struct event *event)
{
    switch (event->kind) {
    case EVENT_CONTENT:
        return begin_content(asked);
    case EVENT_BYTES:
        return compare_content(asked, event);
    case EVENT_LIST:
        return begin_list(asked);
    case EVENT_FILE:
        return judge_file(asked, event);
    case EVENT_END:
        return asked->method == GET ? end_content(asked) : end_list(asked);
    case EVENT_NOTHING:
    case EVENT_BROKEN:
    case EVENT_OK:
    case EVENT_SIZE:
    case EVENT_EXISTS:
    case EVENT_ERROR:
        break;
    }
    return "an answer";
}

const char *judge(struct asked *asked, const struct event *event, bool *ret_over)
{
    const char *problem;

    *ret_over = event->kind < EVENT_CONTENT || event->kind == EVENT_END;
    if (event->kind == EVENT_ERROR)
        return judge_error(asked, event);
    if (event->kind < EVENT_BYTES)
        asked->head = *event;
    problem = event->kind == EVENT_OK       ? judge_ok(asked)
              : event->kind == EVENT_SIZE   ? judge_size(asked)
              : event->kind == EVENT_EXISTS ? judge_exists(asked)
                                            : judge_part(asked, event);
    if (!problem && *ret_over)
        count_up(method_names[asked->method], event->kind != EVENT_EXISTS ? "ok"
                                              : event->number == 0        ? "false"
                                                                          : "true");
    return problem;
}
