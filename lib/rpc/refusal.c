/* SPDX-License-Identifier: MIT */
/*
 * Why a value or its bytes were refused: the path to the place, and the words.
 */
#include "rpc/refusal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rpc/utf8.h"

#define PATH_ROOM 96 /* bytes that a path may take in a message */
#define STEP_ROOM 56 /* and one step of it: a name, and what stands around it */

void valve_refuse_v(struct valve_refusal *refusal, int result, const char *format,
                    va_list arguments)
{
    refusal->result = result;
    if (refusal->error != NULL)
        vsnprintf(refusal->error->text, sizeof refusal->error->text, format, arguments);
}

void valve_refuse(struct valve_refusal *refusal, int result, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    valve_refuse_v(refusal, result, format, arguments);
    va_end(arguments);
}

void valve_refuse_uint(struct valve_refusal *refusal, int result, const struct valve_type *type,
                       uint64_t found)
{
    valve_refuse(refusal, result, "expected %" PRIu64 " to %" PRIu64 ", found %" PRIu64, type->low,
                 type->high, found);
}

void valve_refuse_int(struct valve_refusal *refusal, int result, const struct valve_type *type,
                      int64_t found)
{
    valve_refuse(refusal, result, "expected %" PRId64 " to %" PRId64 ", found %" PRId64,
                 (int64_t)type->low, (int64_t)type->high, found);
}

void valve_refuse_size(struct valve_refusal *refusal, int result, const struct valve_type *type,
                       uint64_t found)
{
    if (type->high == UINT64_MAX)
        valve_refuse(refusal, result, "expected at least %" PRIu64 " bytes, found %" PRIu64,
                     type->low, found);
    else
        valve_refuse(refusal, result, "expected %" PRIu64 " to %" PRIu64 " bytes, found %" PRIu64,
                     type->low, type->high, found);
}

void valve_refuse_depth(struct valve_refusal *refusal, unsigned levels)
{
    valve_refuse(refusal, -ELOOP, "nested deeper than %u levels", levels);
}

const char *valve_show_name(const struct valve_text *name, char text[VALVE_NAME_ROOM])
{
    valve_escape(name->data, name->size, text, VALVE_NAME_ROOM);
    return text;
}

/* ---- The path, from the inside out ----------------------------------------------------------- */

void valve_refusal_step(struct valve_refusal *refusal, struct valve_step step)
{
    size_t number = refusal->steps++;

    if (number < VALVE_STEPS_KEPT)
        refusal->inner[number] = step;
    else
        refusal->outer[number % VALVE_STEPS_KEPT] = step;
}

void valve_refusal_member(struct valve_refusal *refusal, const struct valve_member *member,
                          size_t index)
{
    valve_refusal_step(refusal, (struct valve_step){member->name_size > 0 ? member->name : NULL,
                                                    member->name_size, index});
}

/* ---- The path in words ----------------------------------------------------------------------- */

/* Names that cannot be taken for something else stand as they are, others in quotes. */
static bool is_plain(const struct valve_step *step)
{
    for (size_t i = 0; i < step->name_size; i++) {
        unsigned char byte = (unsigned char)step->name[i];

        if (byte < 0x80 && !isalnum(byte) && byte != '_' && byte != '-')
            return false;
    }
    return step->name_size > 0;
}

/* What stands for a step, counted from the inside; 0: it was forgotten. */
static size_t write_step(const struct valve_refusal *refusal, size_t number, char text[STEP_ROOM])
{
    bool is_inner = number < VALVE_STEPS_KEPT;
    const struct valve_step *step = is_inner ? &refusal->inner[number]
                                             : &refusal->outer[number % VALVE_STEPS_KEPT];
    struct valve_text name = {step->name, step->name_size};
    char shown[VALVE_NAME_ROOM];

    if (!is_inner && number + VALVE_STEPS_KEPT < refusal->steps)
        return 0;
    if (step->name == NULL)
        return (size_t)snprintf(text, STEP_ROOM, "[%zu]", step->index);
    return (size_t)snprintf(text, STEP_ROOM, is_plain(step) ? ".%s" : "[\"%s\"]",
                            valve_show_name(&name, shown));
}

/* How many of the innermost `left` steps find room. */
static size_t find_end(const struct valve_refusal *refusal, size_t left, size_t room)
{
    char text[STEP_ROOM];
    size_t number = 0;

    for (; number < left; number++) {
        size_t size = write_step(refusal, number, text);

        if (size == 0 || size > room)
            break;
        room -= size;
    }
    return number;
}

/* Writes the steps from the one before `left` inwards, as far as they find room. */
static size_t write_steps(const struct valve_refusal *refusal, size_t *left, char *text,
                          size_t room)
{
    size_t used = 0;

    for (; *left > 0; --*left) {
        char step[STEP_ROOM];
        size_t size = write_step(refusal, *left - 1, step);

        if (size == 0 || size > room - used)
            break;
        memcpy(text + used, step, size);
        used += size;
    }
    return used;
}

/* The beginning and the end of the path, and dots for what does not fit between. */
static size_t write_path(const struct valve_refusal *refusal, char text[PATH_ROOM])
{
    static const char dots[] = {'.', '.', '.'};
    size_t first = refusal->steps;
    size_t used = write_steps(refusal, &first, text, PATH_ROOM / 2);
    size_t end = find_end(refusal, first, PATH_ROOM - used - sizeof dots);
    char next[STEP_ROOM];

    if (end < first) {
        memcpy(text + used, dots, sizeof dots);
        used += sizeof dots;
        if (end > 0 && write_step(refusal, end - 1, next) > 0 && next[0] == '.')
            used--; /* a name brings the last dot itself */
    }
    return used + write_steps(refusal, &end, text + used, PATH_ROOM - used);
}

int valve_refusal_end(struct valve_refusal *refusal)
{
    struct valve_error words;
    char path[PATH_ROOM];
    size_t size, skip;

    if (refusal->steps == 0 || refusal->error == NULL)
        return refusal->result;
    size = write_path(refusal, path);
    skip = path[0] == '.' ? 1 : 0; /* what joins a name to the one before */
    words = *refusal->error;
    snprintf(refusal->error->text, sizeof refusal->error->text, "%.*s: %.*s", (int)(size - skip),
             path + skip, (int)(sizeof words.text - PATH_ROOM - 3), words.text);
    return refusal->result;
}
