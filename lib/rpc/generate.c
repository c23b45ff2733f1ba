/* SPDX-License-Identifier: MIT */
/*
 * Random values, made by an interpreter of schema tables.
 *
 * A budget of bytes says how long there is a choice. Once it is used up, or few levels are left,
 * lists are empty, what is optional is absent, and of arms the one is taken whose smallest encoding
 * is the smallest: since that is smaller than the sum's, recursion comes to its end.
 */
#include "rpc/generate.h"

#include <errno.h>
#include <string.h>

#include "rpc/encoder.h"
#include "rpc/generate_any.h"
#include "rpc/map.h"
#include "rpc/value.h"

#define FEW_LEVELS 4
#define TRIES      30 /* most, of which only the first is not frugal */

struct generation {
    struct valve_random *random;
    struct valve_arena *arena;
    size_t budget;
    unsigned levels;
    bool left_to_chance; /* whether a table is empty: another time it ends, perhaps */
};

/* A struct or tuple that is being made: its members may be tables, which indices count in. */
struct scope {
    const struct scope *outer;
    const struct valve_type *type;
    const void *value;
};

static int generate(struct generation *generation, const struct valve_type *type, void *value,
                    const struct scope *scope);

/* ---- Choices --------------------------------------------------------------------------------- */

uint64_t valve_random_next(struct valve_random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

uint64_t valve_random_below(struct valve_random *random, uint64_t bound)
{
    return valve_random_next(random) % bound; /* none of these bounds is large enough to matter */
}

static bool is_frugal(const struct generation *generation)
{
    return generation->budget == 0 || generation->levels < FEW_LEVELS;
}

static bool wants(struct generation *generation)
{
    return !is_frugal(generation) && valve_random_below(generation->random, 2) == 0;
}

static void spend(struct generation *generation, size_t size)
{
    generation->budget -= size < generation->budget ? size : generation->budget;
}

/* ---- Scalars --------------------------------------------------------------------------------- */

/* Of numbers from 0 to `span`: often the first or the last. */
static uint64_t choose_offset(struct generation *generation, uint64_t span)
{
    switch (valve_random_below(generation->random, 4)) {
    case 0:
        return 0;
    case 1:
        return span;
    default:
        return span == UINT64_MAX ? valve_random_next(generation->random)
                                  : valve_random_below(generation->random, span + 1);
    }
}

/* Numbers of two's complement do as well: the offset from `low` is what counts. */
static uint64_t choose_number(struct generation *generation, const struct valve_type *type)
{
    uint64_t number = valve_generate_number(generation->random);

    if (type->shape == VALVE_SHAPE_INT && valve_random_below(generation->random, 2) == 0)
        number = -number;
    if (number - type->low > type->high - type->low)
        number = type->low + choose_offset(generation, type->high - type->low);
    return number;
}

static size_t choose_size(struct generation *generation, const struct valve_type *type)
{
    static const size_t edges[] = {0, 1, 7, 23, 24, 100, 255, 256, 300};
    uint64_t least = type->low, most = type->high;
    size_t size = edges[valve_random_below(generation->random, sizeof edges / sizeof *edges)];

    if (size > generation->budget)
        size = 0;
    if (most - least < 512 && valve_random_below(generation->random, 3) == 0 &&
        most <= generation->budget)
        return (size_t)most;
    if (size < least)
        size = (size_t)least;
    return size > most ? (size_t)most : size;
}

static int generate_string(struct generation *generation, const struct valve_type *type,
                           void *value)
{
    size_t size = choose_size(generation, type);
    uint8_t *data = valve_arena_alloc(generation->arena, size, 1);

    if (data == NULL)
        return -ENOMEM;
    spend(generation, size);
    if (type->shape == VALVE_SHAPE_TEXT) {
        valve_generate_text(generation->random, (char *)data, size);
        *(struct valve_text *)value = (struct valve_text){(const char *)data, size};
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)valve_random_next(generation->random);
    *(struct valve_bytes *)value = (struct valve_bytes){data, size};
    return 0;
}

static int generate_any(struct generation *generation, void *value)
{
    size_t most = generation->budget < 200 ? generation->budget : 200;
    int r = valve_generate_any(generation->random, most, generation->levels, generation->arena,
                               value);

    if (r == 0)
        spend(generation, ((const struct valve_any *)value)->size);
    return r;
}

/* The length of a table in the innermost scope that has it: there it was chosen. */
static size_t table_count(const struct valve_type *table, const struct scope *scope)
{
    for (; scope != NULL; scope = scope->outer) {
        for (uint32_t i = 0; i < scope->type->count; i++)
            if (scope->type->members[i].type == table)
                return valve_get_list(valve_get_member(&scope->type->members[i], scope->value))
                    .count;
    }
    return 1;
}

static int generate_uint(struct generation *generation, const struct valve_type *type, void *value,
                         const struct scope *scope)
{
    uint64_t *number = value, count;

    *number = choose_number(generation, type);
    if ((type->flags & VALVE_TYPE_INDEX) == 0)
        return 0;
    count = table_count(type->members[0].type, scope);
    if (count <= type->low)
        return -ELOOP;
    count = count - 1 > type->high ? type->high + 1 : count;
    *number = type->low + valve_random_below(generation->random, count - type->low);
    return 0;
}

/* ---- What holds other values ----------------------------------------------------------------- */

static int generate_member(struct generation *generation, const struct valve_member *member,
                           void *value, const struct scope *scope)
{
    void *place = (uint8_t *)value + member->offset;
    void *box;

    if ((member->flags & VALVE_MEMBER_BOXED) != 0) {
        box = valve_arena_alloc(generation->arena, member->type->size, member->type->alignment);
        if (box == NULL)
            return -ENOMEM;
        memset(box, 0, member->type->size);
        memcpy(place, &box, sizeof box);
        place = box;
    }
    return generate(generation, member->type, place, scope);
}

static bool is_table(const struct valve_member *member)
{
    return (member->type->flags & VALVE_TYPE_TABLE) != 0;
}

/*
 * Before the indices: which optional members there are, and how long the tables will be. Near the
 * bottom an empty table may be the only way to an end, and may leave an index without a meaning.
 */
static void choose_members(struct generation *generation, const struct valve_type *type,
                           void *value)
{
    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *member = &type->members[i];
        struct valve_list list = {NULL, 1};

        if ((member->flags & VALVE_MEMBER_OPTIONAL) != 0)
            *(bool *)((uint8_t *)value + member->presence) = is_table(member) || wants(generation);
        if (!is_table(member))
            continue;
        if (!is_frugal(generation))
            list.count += valve_random_below(generation->random, 6);
        else if (generation->levels < 2 * FEW_LEVELS) {
            list.count = valve_random_below(generation->random, 2);
            generation->left_to_chance = true;
        }
        memcpy((uint8_t *)value + member->offset, &list, sizeof list);
    }
}

static int generate_members(struct generation *generation, const struct valve_type *type,
                            void *value, const struct scope *outer)
{
    const struct scope scope = {outer, type, value};
    int r = 0;

    choose_members(generation, type, value);
    for (uint32_t i = 0; i < type->count && r == 0; i++)
        if (valve_is_present(&type->members[i], value))
            r = generate_member(generation, &type->members[i], value, &scope);
    return r;
}

/* A table's length stands in it already. */
static int generate_list(struct generation *generation, const struct valve_type *type, void *value,
                         const struct scope *scope)
{
    const struct valve_type *item = type->members[0].type;
    struct valve_list list = valve_get_list(value);
    uint8_t *items;
    int r = 0;

    if ((type->flags & VALVE_TYPE_TABLE) == 0) {
        list.count = 0;
        while (list.count < 30 && wants(generation))
            list.count += 1 + valve_random_below(generation->random, 2);
    }
    if (list.count == 0)
        return 0;
    items = valve_arena_alloc(generation->arena, list.count * item->size, item->alignment);
    if (items == NULL)
        return -ENOMEM;
    memset(items, 0, list.count * item->size);
    list.items = items;
    memcpy(value, &list, sizeof list);
    for (size_t i = 0; i < list.count && r == 0; i++)
        r = generate(generation, item, items + i * item->size, scope);
    return r;
}

static bool is_new_key(const struct valve_type *entry, const struct valve_list *list)
{
    const struct valve_text *key = valve_map_key(entry, list->items, list->count);

    for (size_t i = 0; i < list->count; i++)
        if (valve_key_compare(valve_map_key(entry, list->items, i), key) == 0)
            return false;
    return true;
}

/* Entries in any order; one whose key was there is left out. */
static int generate_map(struct generation *generation, const struct valve_type *type, void *value,
                        const struct scope *scope)
{
    const struct valve_type *entry = valve_map_entry(type);
    size_t room = is_frugal(generation) ? 0 : (size_t)valve_random_below(generation->random, 6);
    struct valve_list list = {0};
    uint8_t *items;
    int r = 0;

    if (room == 0)
        return 0;
    items = valve_arena_alloc(generation->arena, room * entry->size, entry->alignment);
    if (items == NULL)
        return -ENOMEM;
    memset(items, 0, room * entry->size);
    list.items = items;
    for (size_t i = 0; i < room && r == 0; i++) {
        r = generate_member(generation, &entry->members[0], items + list.count * entry->size,
                            scope);
        if (r < 0 || !is_new_key(entry, &list))
            continue;
        r = generate_member(generation, &entry->members[1], items + list.count * entry->size,
                            scope);
        list.count++;
    }
    memcpy(value, &list, sizeof list);
    return r;
}

static unsigned smallest_arm(const struct valve_type *type)
{
    unsigned smallest = 0;
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < type->count; i++) {
        const struct valve_member *arm = &type->members[i];
        uint64_t size = arm->type == NULL ? 0 : arm->type->least;

        if (type->shape == VALVE_SHAPE_SUM)
            size += arm->name_size + (arm->type != NULL);
        if (size < least) {
            least = size;
            smallest = i;
        }
    }
    return smallest;
}

static int generate_arm(struct generation *generation, const struct valve_type *type, void *value,
                        const struct scope *scope)
{
    unsigned kind = is_frugal(generation)
                        ? smallest_arm(type)
                        : (unsigned)valve_random_below(generation->random, type->count);
    const struct valve_member *arm = &type->members[kind];
    int r;

    memcpy(value, &kind, sizeof kind);
    if (arm->type == NULL)
        return 0;
    if (type->shape == VALVE_SHAPE_CHOICE)
        return generate_member(generation, arm, value, scope);
    if (generation->levels == 0)
        return -ELOOP;
    generation->levels--;
    r = generate_member(generation, arm, value, scope);
    generation->levels++;
    return r;
}

/* An array or a map. */
static int generate_inside(struct generation *generation, const struct valve_type *type,
                           void *value, const struct scope *scope)
{
    int r;

    if (generation->levels == 0)
        return -ELOOP;
    generation->levels--;
    if (type->shape == VALVE_SHAPE_LIST)
        r = generate_list(generation, type, value, scope);
    else if (type->shape == VALVE_SHAPE_MAP)
        r = generate_map(generation, type, value, scope);
    else
        r = generate_members(generation, type, value, scope);
    generation->levels++;
    return r;
}

/* Into a zeroed value. */
static int generate(struct generation *generation, const struct valve_type *type, void *value,
                    const struct scope *scope)
{
    spend(generation, 1);
    switch ((unsigned)type->shape) {
    case VALVE_SHAPE_UINT:
        return generate_uint(generation, type, value, scope);
    case VALVE_SHAPE_INT:
        *(int64_t *)value = (int64_t)choose_number(generation, type);
        return 0;
    case VALVE_SHAPE_BOOL:
        *(bool *)value = valve_random_below(generation->random, 2) == 0;
        return 0;
    case VALVE_SHAPE_FLOAT:
        *(double *)value = valve_generate_float(generation->random);
        return 0;
    case VALVE_SHAPE_TEXT:
    case VALVE_SHAPE_BYTES:
        return generate_string(generation, type, value);
    case VALVE_SHAPE_ANY:
        return generate_any(generation, value);
    case VALVE_SHAPE_NIL:
        return 0;
    case VALVE_SHAPE_SUM:
    case VALVE_SHAPE_CHOICE:
        return generate_arm(generation, type, value, scope);
    default:
        return generate_inside(generation, type, value, scope);
    }
}

int valve_generate(const struct valve_type *type, struct valve_random *random,
                   const struct valve_generate_limits *limits, struct valve_arena *arena,
                   void *ret_value)
{
    struct generation generation = {.random = random, .arena = arena, .budget = limits->size};
    int r = -ELOOP;

    for (unsigned tries = 0; r == -ELOOP && tries < TRIES; tries++) {
        size_t size;

        if (tries > 1 && !generation.left_to_chance)
            break; /* it is too shallow even for the frugal */
        generation.left_to_chance = false;
        memset(ret_value, 0, type->size);
        generation.levels = limits->max_depth;
        r = generate(&generation, type, ret_value, NULL);
        if (r == 0)
            r = valve_encoded_size(type, ret_value, limits->max_depth, &size);
        generation.budget = 0;
    }
    return r;
}
