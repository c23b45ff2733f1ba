/* SPDX-License-Identifier: MIT */
/*
 * Reading C values by their type's table.
 */
#ifndef VALVE_RPC_VALUE_H
#define VALVE_RPC_VALUE_H

#include <string.h>

#include "valve.h"

/* How a list or a map lies in memory, whatever its elements. */
struct valve_list {
    const uint8_t *items;
    size_t count;
};

static inline struct valve_list valve_get_list(const void *value)
{
    struct valve_list list;

    memcpy(&list, value, sizeof list);
    return list;
}

/* Which arm of a sum or choice it is. */
static inline unsigned valve_get_kind(const void *value)
{
    unsigned kind;

    memcpy(&kind, value, sizeof kind);
    return kind;
}

/* The value of a member, through its pointer where it is boxed: that may be NULL. */
static inline const void *valve_get_member(const struct valve_member *member, const void *value)
{
    const void *place = (const uint8_t *)value + member->offset;

    if ((member->flags & VALVE_MEMBER_BOXED) != 0)
        memcpy(&place, place, sizeof place);
    return place;
}

static inline bool valve_is_present(const struct valve_member *member, const void *value)
{
    return (member->flags & VALVE_MEMBER_OPTIONAL) == 0 ||
           *(const bool *)((const uint8_t *)value + member->presence);
}

#endif
