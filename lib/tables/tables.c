/* SPDX-License-Identifier: MIT */
/*
 * From the types of a schema to tables, by the rules that a C compiler lays out structs by.
 *
 * In SERVICE.c the compiler finds sizes and offsets. Here they are computed, for the members that
 * lib/cddl/emit_types.c writes, in the order in which it writes them.
 */
#include "tables/tables.h"

#include <string.h>

/* How a list or a map lies in memory, whatever its elements. */
struct list {
    const void *items;
    size_t count;
};

/* What a piece of memory takes; of a struct or union, as far as it has members. */
struct extent {
    uint32_t size;
    uint32_t alignment;
};

#define EXTENT(type) ((struct extent){sizeof(type), _Alignof(type)})

/* ---- Layout ---------------------------------------------------------------------------------- */

static struct extent extent_of_scalar(enum cddl_shape shape)
{
    switch ((unsigned)shape) {
    case CDDL_UINT:
        return EXTENT(uint64_t);
    case CDDL_INT:
        return EXTENT(int64_t);
    case CDDL_BOOL:
        return EXTENT(bool);
    case CDDL_FLOAT:
        return EXTENT(double);
    case CDDL_TEXT:
        return EXTENT(struct valve_text);
    case CDDL_BYTES:
        return EXTENT(struct valve_bytes);
    case CDDL_ANYTHING:
        return EXTENT(struct valve_any);
    default: /* nil: C holds nothing */
        return (struct extent){0, 1};
    }
}

static uint32_t align_up(uint32_t size, uint32_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

/* Appends a member to a struct; returns its offset. */
static uint32_t append(struct extent *whole, struct extent member)
{
    uint32_t offset = align_up(whole->size, member.alignment);

    whole->size = offset + member.size;
    if (member.alignment > whole->alignment)
        whole->alignment = member.alignment;
    return offset;
}

/* Lays a member over the others of a union. */
static void overlay(struct extent *whole, struct extent member)
{
    if (member.size > whole->size)
        whole->size = member.size;
    if (member.alignment > whole->alignment)
        whole->alignment = member.alignment;
}

static struct extent extent_of_member(const struct valve_member *member)
{
    if ((member->flags & VALVE_MEMBER_BOXED) != 0)
        return EXTENT(const void *);
    if (member->type == NULL)
        return (struct extent){0, 1};
    return (struct extent){member->type->size, member->type->alignment};
}

static bool is_void(const struct valve_member *member)
{
    return member->type == NULL || member->type->shape == VALVE_SHAPE_NIL;
}

/* `members` in the order of the C struct: each behind its bool, if it is optional. */
static struct extent lay_out_fields(struct valve_member *members, unsigned count)
{
    struct extent whole = {0, 1};

    for (struct valve_member *member = members; member < members + count; member++) {
        if ((member->flags & VALVE_MEMBER_OPTIONAL) != 0)
            member->presence = append(&whole, EXTENT(bool));
        if (!is_void(member))
            member->offset = append(&whole, extent_of_member(member));
    }
    return whole;
}

/* An enum, and behind it a union of what the arms hold. */
static struct extent lay_out_arms(struct valve_member *members, unsigned count)
{
    struct extent whole = EXTENT(unsigned), arms = {0, 1};
    uint32_t offset;

    for (unsigned i = 0; i < count; i++)
        overlay(&arms, extent_of_member(&members[i]));
    arms.size = align_up(arms.size, arms.alignment);
    offset = append(&whole, arms);
    for (unsigned i = 0; i < count; i++)
        if (!is_void(&members[i]))
            members[i].offset = offset;
    return whole;
}

/* ---- Members --------------------------------------------------------------------------------- */

struct builder {
    const struct cddl_schema *schema;
    struct valve_type *types; /* in the order of the schema's */
};

/* NULL for what is no type, or one that nothing is of. */
static const struct valve_type *table_of(const struct valve_type *types,
                                         const struct cddl_type *type)
{
    return type == NULL || type->number == 0 ? NULL : &types[type->number - 1];
}

/* All but where it lies. */
static struct valve_member describe_member(const struct builder *builder,
                                           const struct cddl_member *member)
{
    const char *name = member->nameless ? "" : member->name;

    return (struct valve_member){
        .name = name,
        .name_size = (uint32_t)strlen(name),
        .type = table_of(builder->types, member->type),
        .flags = (member->optional ? VALVE_MEMBER_OPTIONAL : 0U) |
                 (member->boxed ? VALVE_MEMBER_BOXED : 0U),
    };
}

/* Members lie in the order of the schema; in a table they stand in the order they are sent in. */
static void sort_members(const struct builder *builder, const struct cddl_type *type,
                         struct valve_member *members)
{
    struct cddl_pool *pool = builder->schema->source->pool;
    const struct cddl_member **order = cddl_members_as_sent(pool, type);
    struct valve_member *written = cddl_pool_alloc(pool, type->count, sizeof(*written));

    memcpy(written, members, type->count * sizeof(*written));
    for (unsigned i = 0; i < type->count; i++)
        members[i] = written[order[i] - type->members];
}

/* What a list or a map consists of, or the table of an index. */
static struct valve_member describe_element(const struct builder *builder,
                                            const struct cddl_type *element)
{
    return (struct valve_member){
        .name = element->name,
        .name_size = (uint32_t)strlen(element->name),
        .type = table_of(builder->types, element),
    };
}

static struct extent add_members(const struct builder *builder, const struct cddl_type *type,
                                 struct valve_member *members)
{
    struct extent whole;

    if (cddl_is_sequence(type)) {
        members[0] = describe_element(builder, type->members[0].type);
        return EXTENT(struct list);
    }
    for (unsigned i = 0; i < type->count; i++)
        members[i] = describe_member(builder, &type->members[i]);
    if (type->shape == CDDL_SUM || type->shape == CDDL_CHOICE)
        return lay_out_arms(members, type->count);
    whole = lay_out_fields(members, type->count);
    sort_members(builder, type, members);
    return whole;
}

/* ---- Types ----------------------------------------------------------------------------------- */

static enum valve_shape shape_of(enum cddl_shape shape)
{
    static const enum valve_shape shapes[] = {
        [CDDL_UINT] = VALVE_SHAPE_UINT,     [CDDL_INT] = VALVE_SHAPE_INT,
        [CDDL_BOOL] = VALVE_SHAPE_BOOL,     [CDDL_FLOAT] = VALVE_SHAPE_FLOAT,
        [CDDL_TEXT] = VALVE_SHAPE_TEXT,     [CDDL_BYTES] = VALVE_SHAPE_BYTES,
        [CDDL_ANYTHING] = VALVE_SHAPE_ANY,  [CDDL_NIL] = VALVE_SHAPE_NIL,
        [CDDL_STRUCT] = VALVE_SHAPE_STRUCT, [CDDL_TUPLE] = VALVE_SHAPE_TUPLE,
        [CDDL_LIST] = VALVE_SHAPE_LIST,     [CDDL_MAP] = VALVE_SHAPE_MAP,
        [CDDL_SUM] = VALVE_SHAPE_SUM,       [CDDL_CHOICE] = VALVE_SHAPE_CHOICE,
    };

    return shapes[shape];
}

static uint32_t flags_of(const struct cddl_type *type)
{
    return (type->open ? VALVE_TYPE_OPEN : 0U) | (type->is_index ? VALVE_TYPE_INDEX : 0U) |
           (type->is_table ? VALVE_TYPE_TABLE : 0U) | (type->has_edges ? VALVE_TYPE_EDGES : 0U);
}

/* Members, if there are any. The types of those that are held by value must have been filled. */
static struct extent fill_members(const struct builder *builder, const struct cddl_type *type,
                                  struct valve_type *table)
{
    unsigned count = type->is_index ? 1 : type->count;
    struct valve_member *members;

    if (!cddl_is_compound(type) && !type->is_index)
        return extent_of_scalar(type->shape);
    members = cddl_pool_alloc(builder->schema->source->pool, count, sizeof(*members));
    table->members = members;
    table->count = count;
    if (!type->is_index)
        return add_members(builder, type, members);
    members[0] = describe_element(builder, type->table);
    return extent_of_scalar(type->shape);
}

static void fill_type(const struct builder *builder, const struct cddl_type *type)
{
    struct valve_type *table = &builder->types[type->number - 1];
    struct extent extent = fill_members(builder, type, table);

    extent.size = align_up(extent.size, extent.alignment);
    table->name = type->name;
    table->shape = shape_of(type->shape);
    table->flags = flags_of(type);
    table->size = extent.size;
    table->alignment = extent.alignment;
    table->least = (uint32_t)type->least;
    table->low = type->low;
    table->high = type->high;
}

/* In the order in which C needs them: what holds others by value comes after them. */
static void fill_types(const struct builder *builder)
{
    const struct cddl_schema *schema = builder->schema;

    for (const struct cddl_type *type = schema->types; type != NULL; type = type->next)
        if (!cddl_is_compound(type))
            fill_type(builder, type);
    for (const struct cddl_type *type = schema->definitions; type != NULL; type = type->then)
        fill_type(builder, type);
    for (const struct cddl_type *type = schema->types; type != NULL; type = type->next)
        if (type->message)
            fill_type(builder, type);
}

static unsigned count_methods(const struct cddl_schema *schema)
{
    unsigned count = 0;

    for (const struct cddl_method *method = schema->methods; method != NULL; method = method->next)
        count++;
    return count;
}

static void fill_methods(const struct builder *builder, struct valve_tables_method *methods)
{
    for (const struct cddl_method *method = builder->schema->methods; method != NULL;
         method = method->next)
        *methods++ = (struct valve_tables_method){
            .name = method->variant,
            .request = table_of(builder->types, method->request),
            .item = table_of(builder->types, method->item),
            .reply = table_of(builder->types, method->reply),
            .one_way = method->one_way,
        };
}

void valve_tables_build(const struct cddl_schema *schema, struct valve_tables *ret_tables)
{
    struct cddl_pool *pool = schema->source->pool;
    struct builder builder = {schema,
                              cddl_pool_alloc(pool, schema->type_count, sizeof(struct valve_type))};
    unsigned count = count_methods(schema);
    struct valve_tables_method *methods = cddl_pool_alloc(pool, count, sizeof(*methods));

    fill_types(&builder);
    fill_methods(&builder, methods);
    *ret_tables = (struct valve_tables){
        .schema = schema,
        .types = builder.types,
        .request = table_of(builder.types, schema->request),
        .methods = methods,
        .method_count = count,
    };
}

/* ---- Finding --------------------------------------------------------------------------------- */

const struct valve_type *valve_tables_find_rule(const struct valve_tables *tables, const char *name)
{
    for (const struct cddl_rule *rule = tables->schema->rules; rule != NULL; rule = rule->next) {
        const struct cddl_type *type = rule->node->type;

        if (strcmp(rule->name, name) == 0)
            return type == NULL || type->exposed ? NULL : table_of(tables->types, type);
    }
    return NULL;
}

const struct valve_tables_method *valve_tables_find_method(const struct valve_tables *tables,
                                                           const char *name, size_t size)
{
    for (unsigned i = 0; i < tables->method_count; i++)
        if (strlen(tables->methods[i].name) == size &&
            memcmp(tables->methods[i].name, name, size) == 0)
            return &tables->methods[i];
    return NULL;
}
