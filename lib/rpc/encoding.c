/* SPDX-License-Identifier: MIT */
/*
 * What all shapes share in encoding: refusals, and the last of the room.
 */
#include "rpc/encoding.h"

#include <errno.h>

uint8_t *valve_encoding_refuse(struct valve_encoding *encoding, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    valve_refuse_v(&encoding->refusal, -EINVAL, format, arguments);
    va_end(arguments);
    return NULL;
}

uint8_t *valve_encoding_refuse_depth(struct valve_encoding *encoding)
{
    valve_refuse_depth(&encoding->refusal, encoding->max_levels);
    return NULL;
}

uint8_t *valve_encoding_refuse_null(struct valve_encoding *encoding, const struct valve_type *type)
{
    return valve_encoding_refuse(encoding, "a null pointer in place of %s", type->name);
}

uint8_t *valve_encoding_refuse_kind(struct valve_encoding *encoding, const struct valve_type *type,
                                    unsigned kind)
{
    return valve_encoding_refuse(encoding, "%u is no kind of %s", kind, type->name);
}

uint8_t *valve_encoding_in_member(struct valve_encoding *encoding,
                                  const struct valve_member *member, size_t index)
{
    valve_refusal_member(&encoding->refusal, member, index);
    return NULL;
}

uint8_t *valve_put_head_tightly(struct valve_encoding *encoding, uint8_t *next,
                                enum valve_major major, uint64_t argument)
{
    size_t size = valve_head_length(argument);

    if (size > (size_t)(encoding->end - next))
        return valve_encoding_count(encoding, next, size);
    return next + valve_head_write(major, argument, next);
}
