/* SPDX-License-Identifier: MIT */
/*
 * What all shapes share in decoding: refusals that say where, and the way to input and memory.
 */
#include "rpc/decoding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpc/utf8.h"

#define PATH_ROOM 80 /* bytes of a message that the path may take */
#define NAME_ROOM 48 /* and a name that came over the wire */

/* ---- Refusals ------------------------------------------------------------------------------ */

/* Appends the path, outermost step first; returns its new length, less than `room`. */
static size_t write_path(const struct valve_step *step, char *text, size_t room)
{
    size_t used;
    int length;

    if (step == NULL)
        return 0;
    used = write_path(step->outer, text, room);
    if (step->name == NULL)
        length = snprintf(text + used, room - used, "[%zu]", step->index);
    else
        length = snprintf(text + used, room - used, "%s%.*s", used > 0 ? "." : "",
                          (int)step->name_size, step->name);
    return (size_t)length < room - used ? used + (size_t)length : room - 1;
}

/* "PATH: words", or the words alone at the top. */
static void complain(const struct valve_decoding *decoding, const char *format, va_list arguments)
{
    struct valve_error *error = decoding->error;
    char whole[2 * PATH_ROOM]; /* more than is shown, so that valve_escape() marks the cut */
    size_t used = 0;

    if (decoding->path != NULL) {
        used = write_path(decoding->path, whole, sizeof whole);
        used = valve_escape(whole, used, error->text, PATH_ROOM);
        used += (size_t)snprintf(error->text + used, sizeof error->text - used, ": ");
    }
    vsnprintf(error->text + used, sizeof error->text - used, format, arguments);
}

int valve_refuse(const struct valve_decoding *decoding, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    complain(decoding, format, arguments);
    va_end(arguments);
    return -EBADMSG;
}

int valve_refuse_head(const struct valve_decoding *decoding, const char *expected,
                      const struct valve_head *head)
{
    return valve_refuse(decoding, "expected %s, found %s", expected, valve_head_describe(head));
}

int valve_refuse_name(const struct valve_decoding *decoding, const char *before,
                      const struct valve_text *name, const char *after)
{
    char escaped[NAME_ROOM];

    valve_escape(name->data, name->size, escaped, sizeof escaped);
    return valve_refuse(decoding, "%s \"%s\"%s", before, escaped, after);
}

int valve_refuse_memory(const struct valve_decoding *decoding)
{
    valve_refuse(decoding, "the value takes more memory than a message may");
    return -ENOMEM;
}

/* ---- Input and memory ---------------------------------------------------------------------- */

int valve_take_body(struct valve_decoding *decoding, const struct valve_head *head,
                    const uint8_t **ret_data)
{
    const uint8_t *data;

    if (valve_cursor_body(&decoding->cursor, head->argument, &data) < 0)
        return valve_refuse(decoding, "not well-formed");
    if (head->major == VALVE_MAJOR_TEXT &&
        !valve_utf8_valid((const char *)data, (size_t)head->argument))
        return valve_refuse(decoding, "text that is not UTF-8");
    *ret_data = data;
    return 0;
}

int valve_take_text(struct valve_decoding *decoding, const struct valve_head *head,
                    struct valve_text *ret_text)
{
    const uint8_t *data = NULL;
    int r = valve_take_body(decoding, head, &data);

    if (r == 0)
        *ret_text = (struct valve_text){(const char *)data, (size_t)head->argument};
    return r;
}

int valve_take_key(struct valve_decoding *decoding, struct valve_text *ret_key)
{
    struct valve_head head;
    int r = valve_take_head(decoding, &head);

    if (r < 0)
        return r;
    if (head.major != VALVE_MAJOR_TEXT || head.indefinite)
        return valve_refuse_head(decoding, "text as key", &head);
    return valve_take_text(decoding, &head, ret_key);
}

int valve_take_memory(struct valve_decoding *decoding, const struct valve_type *type, size_t count,
                      void **ret_memory)
{
    size_t size;
    void *memory;

    if (__builtin_mul_overflow(count, (size_t)type->size, &size))
        return valve_refuse_memory(decoding);
    memory = valve_arena_alloc(decoding->arena, size, type->alignment);
    if (memory == NULL)
        return valve_refuse_memory(decoding);
    memset(memory, 0, size);
    *ret_memory = memory;
    return 0;
}

uint32_t valve_find_member(const struct valve_type *type, const struct valve_text *name,
                           uint32_t first)
{
    for (uint32_t i = 0; i < type->count; i++) {
        uint32_t index = first + i < type->count ? first + i : first + i - type->count;
        const struct valve_member *member = &type->members[index];

        if (member->name_size == name->size && memcmp(member->name, name->data, name->size) == 0)
            return index;
    }
    return type->count;
}
