/* SPDX-License-Identifier: MIT */
/*
 * Graphs: the indices in a value, and the tables that they count in.
 *
 * An index counts in the table that the nearest struct or tuple around it has as a member. Where
 * none has it, the value is a part of something, and the whole judges the index: valve-cddl
 * proves that what travels as a whole has the tables of its indices. The walk follows types only
 * that hold indices, and goes no deeper than the value does.
 */
#include "rpc/edges.h"

#include <inttypes.h>

#include "rpc/map.h"
#include "rpc/value.h"

/* A struct or tuple around what is looked at. */
struct holder {
    const struct holder *outer; /* NULL: none */
    const struct valve_type *type;
    const void *value;
};

struct walk {
    int result;
    struct valve_refusal *refusal;
};

static bool check(const struct walk *walk, const struct valve_type *type, const void *value,
                  const struct holder *holder);

/* ---- Indices --------------------------------------------------------------------------------- */

/* The member that is the table, in the nearest holder that has it; or NULL. */
static const struct valve_member *find_table(const struct holder **holder,
                                             const struct valve_type *table)
{
    for (; *holder != NULL; *holder = (*holder)->outer) {
        const struct valve_type *type = (*holder)->type;

        for (uint32_t i = 0; i < type->count; i++) {
            if (type->members[i].type == table)
                return &type->members[i];
        }
    }
    return NULL;
}

static bool check_index(const struct walk *walk, const struct valve_type *type, uint64_t index,
                        const struct holder *holder)
{
    const struct valve_type *table = type->members[0].type;
    const struct valve_member *member = find_table(&holder, table);
    size_t count = 0;

    if (member == NULL)
        return true;
    if (valve_is_present(member, holder->value))
        count = valve_get_list(valve_get_member(member, holder->value)).count;
    if (index < count)
        return true;
    valve_refuse(walk->refusal, walk->result, "index %" PRIu64 " is outside of %s, which has %zu",
                 index, member->name_size > 0 ? member->name : table->name, count);
    return false;
}

/* ---- What holds them ------------------------------------------------------------------------- */

static bool has_edges(const struct valve_type *type)
{
    return type != NULL && (type->flags & VALVE_TYPE_EDGES) != 0;
}

/* A struct or tuple, which may hold tables itself. */
static bool check_members(const struct walk *walk, const struct valve_type *type, const void *value,
                          const struct holder *outer)
{
    struct holder holder = {outer, type, value};

    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];

        if (!has_edges(member->type) || !valve_is_present(member, value))
            continue;
        if (!check(walk, member->type, valve_get_member(member, value), &holder)) {
            valve_refusal_member(walk->refusal, member, i);
            return false;
        }
    }
    return true;
}

static bool check_items(const struct walk *walk, const struct valve_type *item,
                        struct valve_list list, const struct holder *holder)
{
    for (size_t i = 0; i < list.count; i++) {
        if (!check(walk, item, list.items + i * item->size, holder)) {
            valve_refusal_step(walk->refusal, (struct valve_step){.index = i});
            return false;
        }
    }
    return true;
}

/* The values of a map. Its entries are tuples in memory only. */
static bool check_entries(const struct walk *walk, const struct valve_type *entry,
                          struct valve_list list, const struct holder *holder)
{
    const struct valve_member *member = &entry->members[1];

    for (size_t i = 0; i < list.count; i++) {
        const struct valve_text *key = valve_map_key(entry, list.items, i);
        const void *value = valve_get_member(member, list.items + i * entry->size);

        if (!check(walk, member->type, value, holder)) {
            valve_refusal_step(walk->refusal, (struct valve_step){key->data, key->size, 0});
            return false;
        }
    }
    return true;
}

/* A sum or choice; the arms of a choice are no part of the path. */
static bool check_arm(const struct walk *walk, const struct valve_type *type, const void *value,
                      const struct holder *holder)
{
    const struct valve_member *arm = &type->members[valve_get_kind(value)];

    if (!has_edges(arm->type) || check(walk, arm->type, valve_get_member(arm, value), holder))
        return true;
    if (type->shape == VALVE_SHAPE_SUM)
        valve_refusal_member(walk->refusal, arm, 0);
    return false;
}

static bool check(const struct walk *walk, const struct valve_type *type, const void *value,
                  const struct holder *holder)
{
    switch (type->shape) {
    case VALVE_SHAPE_UINT:
        return check_index(walk, type, *(const uint64_t *)value, holder);
    case VALVE_SHAPE_STRUCT:
    case VALVE_SHAPE_TUPLE:
        return check_members(walk, type, value, holder);
    case VALVE_SHAPE_LIST:
        return check_items(walk, type->members[0].type, valve_get_list(value), holder);
    case VALVE_SHAPE_MAP:
        return check_entries(walk, valve_map_entry(type), valve_get_list(value), holder);
    case VALVE_SHAPE_SUM:
    case VALVE_SHAPE_CHOICE:
        return check_arm(walk, type, value, holder);
    case VALVE_SHAPE_INT:
    case VALVE_SHAPE_BOOL:
    case VALVE_SHAPE_FLOAT:
    case VALVE_SHAPE_TEXT:
    case VALVE_SHAPE_BYTES:
    case VALVE_SHAPE_ANY:
    case VALVE_SHAPE_NIL:
        break;
    }
    return true; /* these hold no indices */
}

bool valve_edges_check(const struct valve_type *type, const void *value, int result,
                       struct valve_refusal *refusal)
{
    struct walk walk = {result, refusal};

    return check(&walk, type, value, NULL);
}
