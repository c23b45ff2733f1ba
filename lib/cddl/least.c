/* SPDX-License-Identifier: MIT */
/*
 * The smallest encoding of each type, and whether there is one: a type whose values each hold
 * another, without end, has none.
 */
#include <string.h>

#include "cddl/schema.h"

/* ---- Sizes ---- */

static uint64_t least_sum(uint64_t a, uint64_t b)
{
    return a > UINT32_MAX || b > UINT32_MAX
               ? (a == CDDL_ENDLESS || b == CDDL_ENDLESS ? CDDL_ENDLESS : UINT32_MAX)
               : a + b;
}

static uint64_t head_size(uint64_t argument)
{
    if (argument < 24)
        return 1;
    if (argument <= UINT8_MAX)
        return 2;
    if (argument <= UINT16_MAX)
        return 3;
    return argument <= UINT32_MAX ? 5 : 9;
}

static uint64_t least_of_int(const struct cddl_type *type)
{
    if ((int64_t)type->high >= 0)
        return 1; /* low is negative: 0 is one of them */
    return head_size(~type->high);
}

static uint64_t least_of_text(const char *text)
{
    return head_size(strlen(text)) + strlen(text);
}

static uint64_t least_of_members(const struct cddl_type *type)
{
    uint64_t least = 0, count = 0;

    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];

        if (member->optional)
            continue;
        count++;
        if (type->shape == CDDL_STRUCT)
            least = least_sum(least, least_of_text(member->name));
        least = least_sum(least, member->type->least);
        if (member->filled)
            least = least_sum(least, member->type->members[0].type->least);
    }
    return type->is_pair ? least : least_sum(least, head_size(count)); /* pairs have no head */
}

static uint64_t least_of_alternatives(const struct cddl_type *type)
{
    uint64_t least = CDDL_ENDLESS;

    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];
        uint64_t size = 0;

        if (member->type != NULL)
            size = member->type->least;
        if (type->shape == CDDL_SUM)
            size = least_sum(size, least_of_text(member->name) + (member->type != NULL));
        least = size < least ? size : least;
    }
    return least;
}

static uint64_t least_of(const struct cddl_type *type)
{
    if (type->incomplete)
        return 1;
    switch (type->shape) {
    case CDDL_UINT:
        return head_size(type->low);
    case CDDL_INT:
        return least_of_int(type);
    case CDDL_TEXT:
    case CDDL_BYTES:
        return type->low >= UINT32_MAX - 9 ? UINT32_MAX : head_size(type->low) + type->low;
    case CDDL_FLOAT:
        return 3; /* half precision */
    case CDDL_BOOL:
    case CDDL_ANYTHING:
    case CDDL_NIL:
    case CDDL_LIST:
    case CDDL_MAP:
        return 1;
    case CDDL_STRUCT:
    case CDDL_TUPLE:
        return least_of_members(type);
    case CDDL_SUM:
    case CDDL_CHOICE:
        return least_of_alternatives(type);
    }
    return CDDL_ENDLESS;
}

/* The least fixed point: what is still endless when nothing shrinks any more has no value. */
static void find_sizes(struct cddl_schema *schema)
{
    bool more = true;

    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        type->least = CDDL_ENDLESS;
    schema->unknown.least = 1;
    while (more) {
        more = false;
        for (struct cddl_type *type = schema->last_type; type != NULL; type = type->previous) {
            uint64_t least = least_of(type);

            more |= least < type->least;
            type->least = least;
        }
    }
}

/* ---- Tables that cannot be empty: an index needs an element that it names ---- */

static bool members_avoid(const struct cddl_type *type)
{
    for (unsigned i = 0; i < type->count; i++) {
        const struct cddl_member *member = &type->members[i];

        if (!member->optional && !member->type->avoids)
            return false;
        if (member->filled && !member->type->members[0].type->avoids)
            return false;
    }
    return true;
}

static bool an_alternative_avoids(const struct cddl_type *type)
{
    for (unsigned i = 0; i < type->count; i++)
        if (type->members[i].type == NULL || type->members[i].type->avoids)
            return true;
    return false;
}

/* Whether the type has a value in which no index into this table of an outer value stands. */
static bool avoids(const struct cddl_type *type, const struct cddl_type *table)
{
    if (type->incomplete)
        return true;
    if (type->least == CDDL_ENDLESS || type->table == table)
        return false;
    if (cddl_holds(type, table))
        return true;
    if (type->shape == CDDL_STRUCT || type->shape == CDDL_TUPLE)
        return members_avoid(type);
    if (type->shape == CDDL_SUM || type->shape == CDDL_CHOICE)
        return an_alternative_avoids(type);
    return true; /* lists and maps may be empty */
}

static void find_avoiding(struct cddl_schema *schema, const struct cddl_type *table)
{
    bool more = true;

    for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
        type->avoids = false;
    schema->unknown.avoids = true;
    while (more) {
        more = false;
        for (struct cddl_type *type = schema->last_type; type != NULL; type = type->previous) {
            if (type->avoids || !avoids(type, table))
                continue;
            type->avoids = true;
            more = true;
        }
    }
}

/* Marks the places of this table where it must have an element; whether there is a new one. */
static bool fill(struct cddl_schema *schema, const struct cddl_type *table)
{
    bool more = false;

    find_avoiding(schema, table);
    for (struct cddl_type *type = schema->types; type != NULL; type = type->next) {
        if (type->incomplete || type->least == CDDL_ENDLESS || !cddl_holds(type, table) ||
            members_avoid(type))
            continue;
        for (unsigned i = 0; i < type->count; i++) {
            struct cddl_member *member = &type->members[i];

            if (member->type != table || member->filled)
                continue;
            member->filled = true;
            more = true;
        }
    }
    return more;
}

/*
 * Each index and alternative is judged alone: where values end only if two of them agreed, none may
 * end, and the schema is accepted all the same.
 *
 * Sizes are too small, and some are not endless yet, while it is unknown which tables must have an
 * element; and what is endless is no way around an index. Each round finds more of both.
 */
void cddl_find_least(struct cddl_schema *schema)
{
    bool more = true;

    while (more) {
        more = false;
        find_sizes(schema);
        for (struct cddl_type *type = schema->types; type != NULL; type = type->next)
            if (type->is_table && !type->incomplete)
                more |= fill(schema, type);
    }
}
